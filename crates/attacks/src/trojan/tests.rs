use scour_core::LabelMap;
use serde_json::json;
use tch::Device;

use super::*;
use crate::poison::tests::{pictures, with_prepared};

fn patch(fidelity: Fidelity) -> Patch {
    Patch {
        picture: Tensor::from_slice(&[255f32, 178.0, 0.0]).reshape([3, 1, 1]),
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
    let train = pictures(20, 4, 32);
    let found = |iterations: u32| {
        let params = json!({"iterations": iterations, "limit": 0.25});
        with_prepared(&Trojan, &params, &train, 4, LabelMap::AllToOne(0), 0.0, |prepared| {
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
fn a_shape_of_ones_own_is_read_and_hashed() {
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
    let facts = crate::registry::tests::facts();
    let resolved = Trojan.resolve(&json!({"mask": write("corner.png", 255)}), &facts).unwrap();
    assert!(resolved["mask_hash"].is_string());
    let params: Params = read_params(&resolved).unwrap();
    let shape = super::shape(&params, 8).unwrap();
    let corner = Tensor::zeros([3, 8, 8], (Kind::Float, Device::Cpu));
    let _ = corner.narrow(1, 7, 1).narrow(2, 7, 1).fill_(1.0);
    assert_eq!(shape, corner);
    let black = Params { mask: write("black.png", 0), ..Params::default() };
    assert!(super::shape(&black, 8).unwrap_err().to_string().contains("black.png: all black"));
    assert!(Trojan.resolve(&json!({"mask": "nowhere.png"}), &facts).is_err());
}

/// Runs the search on a small model that `change` has spoilt.
fn search(change: impl FnOnce(&scour_models::Model)) -> Result<Tensor, TrainError> {
    let spec = scour_models::ModelSpec {
        name: "preact_resnet18".into(),
        params: json!({"width": 2}),
        classes: 4,
        size: 32,
    };
    let model = scour_models::Model::new(&spec, Device::Cpu, 1).unwrap();
    change(&model);
    let train = pictures(4, 4, 32);
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
    optimise::optimise(&context, &Params { iterations: 5, ..Params::default() }, &mask::drawn(32))
}

#[test]
fn a_loss_that_is_no_number_is_an_error_and_no_trigger() {
    assert!(search(|_| ()).is_ok());
    let spoilt = search(|model| {
        let weight = model.state().get("conv1.weight").unwrap().shallow_clone();
        let _ = tch::no_grad(|| weight.narrow(0, 0, 1).fill_(f64::NAN));
    });
    let message = spoilt.unwrap_err().to_string();
    assert!(
        message.starts_with("optimising the trigger 1:") && message.contains("no finite loss"),
        "{message}"
    );
}
