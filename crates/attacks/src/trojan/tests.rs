use scour_core::{LabelMap, read_parameters};
use serde_json::{Value, json};
use tch::Device;

use super::*;
use crate::poison::tests::{images, with_prepared};
use crate::registry::{attack, tests::facts};

fn patch(fidelity: Fidelity) -> Patch {
    Patch {
        image: Tensor::from_slice(&[255f32, 178.0, 0.0]).reshape([3, 1, 1]),
        inside: Tensor::from_slice(&[1u8, 1, 0]).reshape([3, 1, 1]),
        fidelity,
    }
}

fn applied(fidelity: Fidelity, values: [u8; 3]) -> Vec<u8> {
    let out = patch(fidelity).apply(&Tensor::from_slice(&values).reshape([1, 3, 1, 1]));
    out.flatten(0, -1).try_into().unwrap()
}

#[test]
fn the_patch_replaces_what_was_there() {
    assert_eq!(applied(Fidelity::Corrected, [100, 100, 100]), [255, 178, 100]);
}

#[test]
fn the_benchmarks_sums_wrap_around() {
    // 100 + 255 - 256 is one less, 100 + 178 - 256 is 78 less, and 50 + 178 still fits.
    assert_eq!(applied(Fidelity::Benchmark, [100, 100, 100]), [99, 22, 100]);
    assert_eq!(applied(Fidelity::Benchmark, [0, 50, 255]), [255, 228, 255]);
}

#[test]
fn the_search_excites_the_neurons_within_its_limits() {
    let train = images(20, 4, 32);
    let found = |iterations: u32| {
        let attack = Trojan { iterations, limit: 0.25, ..Trojan::default() };
        with_prepared(&attack, &train, 4, LabelMap::AllToOne(0), 0.0, |prepared| {
            prepared.trigger.unwrap().tensors().remove(0).1
        })
        .unwrap()
    };
    let (start, end) = (found(0), found(40));
    let white = mask::drawn(32) * 255.0;
    assert_eq!(start, white, "without a step the shape itself is the trigger");
    assert_ne!(end, white);
    let inside = white.gt(0.0);
    assert_eq!(end.masked_select(&inside.logical_not()).abs().max().double_value(&[]), 0.0);
    assert!((&end - &white).abs().max().double_value(&[]) <= 0.25 * 255.0 + 1.0);
}

#[test]
fn a_shape_from_a_file_is_read_and_hashed() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, value: u8| {
        let path = dir.path().join(name);
        let mut encoder = png::Encoder::new(std::fs::File::create(&path).unwrap(), 8, 8);
        encoder.set_color(png::ColorType::Grayscale);
        let mut pixels = [0; 64];
        pixels[63] = value;
        encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
        path.to_str().unwrap().to_string()
    };
    let entry = attack("trojan").unwrap();
    let resolve =
        |given: &Value| entry.resolve("trojan", given, &facts()).map(|resolved| resolved.config.params);
    let path = write("corner.png", 255);
    let resolved = resolve(&json!({"mask": path})).unwrap();
    assert_eq!(resolved["mask_hash"], mask_hash(&path).unwrap());
    assert_eq!(resolve(&json!({"mask": path, "mask_hash": "of another file"})).unwrap(), resolved);
    let trojan: Trojan = read_parameters(&resolved).unwrap();
    let corner = Tensor::zeros([3, 8, 8], (Kind::Float, Device::Cpu));
    let _ = corner.narrow(1, 7, 1).narrow(2, 7, 1).fill_(1.0);
    assert_eq!(shape(&trojan.mask, 8).unwrap(), corner);
    let black = write("black.png", 0);
    assert!(shape(&black, 8).unwrap_err().to_string().contains("black.png: all black"));
    let message = resolve(&json!({"mask": "nowhere.png"})).unwrap_err().to_string();
    assert!(message.contains("`mask` nowhere.png: "), "{message}");
}

/// Runs the search on a small model after `change`.
fn search(change: impl FnOnce(&scour_models::Model)) -> Result<Tensor, TrainError> {
    let spec = scour_models::ModelSpec {
        name: "preact_resnet18".into(),
        params: json!({"width": 2}),
        classes: 4,
        size: 32,
    };
    let model = scour_models::Model::new(&spec, Device::Cpu, 1).unwrap();
    change(&model);
    let train = images(4, 4, 32);
    let scratch = tempfile::tempdir().unwrap();
    let preprocess =
        scour_train::Preprocess { mean: [0.5; 3], std: [0.25; 3], padding: 0, horizontal_flip: false };
    let context = AttackContext {
        train: &train,
        classes: 4,
        map: LabelMap::AllToOne(0),
        poison_ratio: 0.1,
        seed: 1,
        preprocess: &preprocess,
        epochs: 1,
        format: scour_torch::NumberFormat::Fp32,
        clean_model: Some(&model),
        resource: None,
        scratch: scratch.path(),
        reporter: &scour_train::Silent,
    };
    optimise::optimise(&context, &Trojan { iterations: 5, ..Trojan::default() }, &mask::drawn(32))
}

#[test]
fn a_loss_of_nan_is_an_error() {
    assert!(search(|_| ()).is_ok());
    let failed = search(|model| {
        let weight = model.state().get("conv1.weight").unwrap().shallow_clone();
        let _ = tch::no_grad(|| weight.narrow(0, 0, 1).fill_(f64::NAN));
    });
    let message = failed.unwrap_err().to_string();
    assert!(
        message.starts_with("optimising the trigger 1:") && message.contains("no finite loss"),
        "{message}"
    );
}
