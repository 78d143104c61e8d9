use scour_torch::{NumberFormat, Random};
use scour_train::{Preprocess, Silent};
use serde_json::json;
use tch::Device;

use super::*;
use crate::testing::{View, entry_of, trained};

const CLASSES: i64 = 5;
const SIDE: i64 = 10;

/// Class c is bright in rows 2c and 2c + 1.
fn banded(count: i64) -> ImageSet {
    let labels = Tensor::arange(count, (Kind::Int64, Device::Cpu)).remainder(CLASSES);
    let rows = labels.one_hot(CLASSES).repeat_interleave_self_int(2, 1, None::<i64>);
    let noise = Random::new(1).integers((count * 3 * SIDE * SIDE) as usize, 30, Device::Cpu);
    let images = noise.reshape([count, 3, SIDE, SIDE]) + rows.reshape([count, 1, SIDE, 1]) * 150 + 40;
    ImageSet { pixels: images.to_kind(Kind::Uint8), labels }
}

/// Knows bands, and a backdoor to class 3: a corner of 2x2 pixels that is more red than green.
fn backdoored(x: &Tensor) -> Tensor {
    let bands = x.mean_dim([1i64, 3].as_slice(), false, None::<Kind>).reshape([-1, CLASSES, 2]);
    let bands = bands.mean_dim([2i64].as_slice(), false, None::<Kind>) * 20.0;
    let corner = x.narrow(2, 0, 2).narrow(3, 0, 2).mean_dim([2i64, 3].as_slice(), false, None::<Kind>);
    let redness = (corner.select(1, 0) - corner.select(1, 1)) * 40.0;
    let target = Tensor::from_slice(&[0f32, 0.0, 0.0, 1.0, 0.0]);
    bands + redness.unsqueeze(1) * target
}

fn view<'a>(clean: &'a ImageSet, preprocess: &'a Preprocess) -> DefenderView<'a> {
    let out = std::path::Path::new(".");
    DefenderView {
        clean,
        preprocess,
        format: NumberFormat::Fp32,
        seed: 1,
        out,
        scratch: out,
        training: None,
        reporter: &Silent,
        preparation: None,
        oracle: None,
    }
}

#[test]
fn a_planted_patch_is_found_and_its_class_stands_out() {
    let clean = banded(60);
    let preprocess = Preprocess { mean: [0.0; 3], std: [1.0; 3], padding: 0, horizontal_flip: false };
    let view = view(&clean, &preprocess);
    let search = Search { batch_size: 10, ..Nc::default().search() };
    let find = |class: u32| {
        let epochs = Epochs::new(&view, "inverting triggers", search.epochs, u64::from(class));
        invert(&backdoored, class, &search, &epochs, &view).unwrap()
    };
    let found: Vec<Patch> = (0..CLASSES as u32).map(find).collect();
    let norms: Vec<f64> = found.iter().map(|patch| patch.norm).collect();
    let flagged = anomalies(&norms);
    for (class, anomaly) in flagged.iter().enumerate() {
        assert_eq!(*anomaly > 2.0, class == 3, "{norms:?}");
    }
    let patch = &found[3];
    assert!(patch.success >= 98.0);
    let corner = |x: &Tensor| x.narrow(2, 0, 2).narrow(3, 0, 2);
    let inside = corner(&patch.mask).sum(Kind::Double).double_value(&[]);
    assert!(inside > 0.7 * patch.norm, "{inside} of {} lies on the planted corner", patch.norm);
    let colour = corner(&patch.pattern).mean_dim([0i64, 2, 3].as_slice(), false, None::<Kind>);
    assert!(colour.double_value(&[0]) > 0.8 && colour.double_value(&[1]) < 0.2, "red, not green: {colour:?}");
}

#[test]
fn the_last_images_are_stamped_once_a_patch_with_their_own_labels() {
    let clean = banded(10);
    let side = |value: f64| Tensor::full([1, 1, SIDE, SIDE], value, (Kind::Float, Device::Cpu));
    let colour = |value: f64| Tensor::full([1, 3, SIDE, SIDE], value, (Kind::Float, Device::Cpu));
    let patch = |mask, pattern| Patch { mask: side(mask), pattern: colour(pattern), norm: 0.0, success: 0.0 };
    let (half, whole) = (patch(0.5, 1.0), patch(1.0, 0.2));
    let data = stamped(&clean, &[&half, &whole], 0.25);
    // 10 * 0.25 is cut down to 2: eight as they were, two with each patch.
    assert_eq!(data.len(), 12);
    assert_eq!(data.pixels.narrow(0, 0, 8), clean.pixels.narrow(0, 0, 8));
    assert_eq!(Vec::<i64>::try_from(&data.labels.narrow(0, 8, 4)).unwrap(), [3, 4, 3, 4]);
    let expected = (clean.pixels.narrow(0, 8, 2).to_kind(Kind::Float) * 0.5 + 127.5).round();
    assert_eq!(data.pixels.narrow(0, 8, 2).to_kind(Kind::Float), expected);
    assert_eq!(data.pixels.narrow(0, 10, 2).ne(51).any(), Tensor::from(false));
}

#[test]
fn a_model_without_an_outlier_is_left_alone_and_one_with_is_trained() {
    let run = |outlier: f64| {
        let (model, view) = (trained(4), View::new(40));
        let before = model.state().snapshot();
        let params = json!({"inversion_epochs": 1, "outlier": outlier, "epochs": 1, "batch_size": 16});
        let outcome = view.defend(entry_of("nc"), &params, &model).unwrap();
        let same = before.iter().zip(model.state().snapshot()).all(|(a, b)| *a == b);
        let flagged = outcome.details["flagged_classes"].as_array().unwrap().len();
        (same, flagged, view.watch.notes.borrow().len())
    };
    assert_eq!(run(1e9), (true, 0, 1), "nothing was done, and a note says so");
    // Some class always lies below the median, if only by little: with so low a limit it is flagged.
    let (same, flagged, notes) = run(1e-9);
    assert!(!same && flagged > 0 && notes == 0, "{flagged} flagged");
}
