//! Training of a network with dropout.

use super::*;

fn vgg(seed: u64) -> Model {
    let spec = ModelSpec { name: "vgg19_bn".into(), params: json!({"width": 4}), classes: CLASSES, size: 32 };
    Model::new(&spec, Device::Cpu, seed).unwrap()
}

/// Images of 32 pixels, each pixel of the smaller ones four times.
fn enlarged(count: i64) -> ImageSet {
    let ImageSet { pixels, labels } = coloured(count);
    let twice = |pixels: Tensor, dim| pixels.repeat_interleave_self_int(2, dim, None::<i64>);
    ImageSet { pixels: twice(twice(pixels, 2), 3), labels }
}

#[test]
fn a_training_with_dropout_repeats_exactly_and_can_be_interrupted() {
    let data = enlarged(64);
    let run = |model: Model, seed, scratch: Option<&Path>, reporter: &dyn Reporter| {
        let summary = train(&model, &data, &recipe(4), NumberFormat::Fp32, seed, scratch, reporter);
        summary.map(|summary| (model, summary.losses))
    };
    let (first, losses) = run(vgg(1), 3, None, &Silent).unwrap();
    let (again, same_losses) = run(vgg(1), 3, None, &Silent).unwrap();
    assert!(same(&first, &again) && losses == same_losses);
    assert!(!same(&first, &run(vgg(1), 4, None, &Silent).unwrap().0), "another seed gives another model");
    let scratch = tempfile::tempdir().unwrap();
    let stop = StopAfter(2, RefCell::new(0));
    let stopped = run(vgg(1), 3, Some(scratch.path()), &stop);
    assert!(matches!(stopped, Err(TrainError::Interrupted)));
    let (resumed, resumed_losses) = run(vgg(9), 3, Some(scratch.path()), &Silent).unwrap();
    assert!(same(&first, &resumed) && losses == resumed_losses);
}
