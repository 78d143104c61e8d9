//! Expected tensors and logits are those that `reference.py` printed with torchvision.

use scour_core::Entry;
use scour_torch::{BatchNormMode, Random, Zeros};
use serde_json::json;
use tch::{Kind, no_grad};

use super::*;
use crate::{Model, ModelSpec};

const CLASSES: u32 = 5;

fn model(width: i64, size: u32) -> Model {
    let spec = ModelSpec { name: "vgg19_bn".into(), params: json!({"width": width}), classes: CLASSES, size };
    Model::new(&spec, Device::Cpu, 1).unwrap()
}

/// `count` numbers in [-1, 1): see `numbers` in `reference.py`.
fn numbers(tensor: u32, count: usize) -> Vec<f32> {
    let start = tensor.wrapping_mul(2_246_822_519).wrapping_add(374_761_393);
    let number = |i: usize| {
        let mut h = (i as u32).wrapping_mul(2_654_435_761).wrapping_add(start);
        h ^= h >> 15;
        h = h.wrapping_mul(2_246_822_519);
        h ^= h >> 13;
        h = h.wrapping_mul(3_266_489_917);
        h ^= h >> 16;
        (h >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(number).collect()
}

/// The weights of `fill` in `reference.py`.
fn fill(model: &Model) {
    for (at, entry) in model.state().entries().iter().enumerate() {
        let (size, name) = (entry.tensor.size(), &entry.name);
        if entry.tensor.kind() == Kind::Int64 {
            continue;
        }
        let values = Tensor::from_slice(&numbers(at as u32, entry.tensor.numel())).reshape(&size);
        let values = if size.len() > 1 {
            values * (6.0 / size[1..].iter().product::<i64>() as f64).sqrt()
        } else if name.ends_with("running_var") || name.ends_with("weight") {
            values * 0.5 + 1.0
        } else {
            values * 0.1
        };
        no_grad(|| entry.tensor.shallow_clone().copy_(&values));
    }
}

fn images(size: i64) -> Tensor {
    Tensor::from_slice(&numbers(1000, (2 * 3 * size * size) as usize)).reshape([2, 3, size, size])
}

/// The largest difference between the logits of the network and those of a table: lines of an image size and a row.
fn largest_difference(width: i64, table: &str) -> f64 {
    let of_size = |size: u32| {
        let model = model(width, size);
        fill(&model);
        let rows = table.lines().filter_map(|line| line.strip_prefix(&format!("{size} ")));
        let expected: Vec<f64> =
            rows.flat_map(|row| row.split(' ').map(|value| value.parse().unwrap())).collect();
        let expected = Tensor::from_slice(&expected).reshape([2, i64::from(CLASSES)]);
        let found = no_grad(|| model.evaluate(&images(size.into())));
        (found.to_kind(Kind::Double) - expected).abs().max().double_value(&[])
    };
    of_size(32).max(of_size(64))
}

#[test]
fn logits_are_those_of_torchvision() {
    let difference = largest_difference(8, include_str!("logits.txt"));
    assert!(difference < 1e-4, "{difference}");
}

#[test]
#[ignore = "it takes 2 GB of memory: run it by hand after a change of the network"]
fn logits_of_the_full_network_are_those_of_torchvision() {
    let difference = largest_difference(64, include_str!("logits-full.txt"));
    assert!(difference < 1e-4, "{difference}");
}

#[test]
fn names_and_shapes_are_those_of_torchvision() {
    let entry: &Entry<dyn Architecture> = crate::architecture("vgg19_bn").unwrap();
    let mut state = State::default();
    (entry.read)(&json!({})).unwrap().build(10, &mut state, &mut Zeros, Device::Cpu);
    let line = |name: &str, size: Vec<i64>| {
        std::iter::once(name.to_string()).chain(size.iter().map(i64::to_string)).collect::<Vec<_>>().join(" ")
    };
    let found: Vec<String> = state.entries().iter().map(|e| line(&e.name, e.tensor.size())).collect();
    let expected: Vec<&str> = include_str!("tensors.txt").lines().collect();
    assert_eq!(found, expected);
    assert_eq!(state.parameter_count(), 139_622_218);
}

#[test]
fn tensors_start_as_in_torchvision() {
    let model = model(8, 32);
    let get = |name: &str| model.state().get(name).unwrap();
    let deviation = |name: &str| get(name).std(true).double_value(&[]);
    let near =
        |found: f64, expected: f64| assert!((found / expected - 1.0).abs() < 0.05, "{found} {expected}");
    // Variance 2 / (9 x 64).
    near(deviation("features.49.weight"), (2.0f64 / (9.0 * 64.0)).sqrt());
    near(deviation("classifier.0.weight"), 0.01);
    near(deviation("classifier.6.weight"), 0.01);
    for (name, value) in [
        ("features.0.bias", 0.0),
        ("features.1.weight", 1.0),
        ("features.1.bias", 0.0),
        ("features.1.running_var", 1.0),
        ("classifier.0.bias", 0.0),
        ("classifier.6.bias", 0.0),
    ] {
        assert!(get(name).eq(value).all().int64_value(&[]) == 1, "{name}");
    }
    assert_ne!(get("features.3.weight").get(0), get("features.3.weight").get(1));
}

#[test]
fn pooling_is_that_of_libtorch_for_every_size() {
    for size in [1i64, 2, 3, 7, 9] {
        let x = Random::new(1).normal(&[2, 3, size, size], Device::Cpu);
        let difference = (pooled(&x, 7) - x.adaptive_avg_pool2d([7, 7])).abs().max().double_value(&[]);
        assert!(difference < 1e-6, "{size}: {difference}");
    }
}

#[test]
fn images_that_vanish_are_refused() {
    let spec = ModelSpec { name: "vgg19_bn".into(), params: json!({"width": 2}), classes: 3, size: 31 };
    let message = Model::new(&spec, Device::Cpu, 1).unwrap_err();
    assert!(message.contains("31 pixels are too small: it needs 32"), "{message}");
    let facts = |size| DatasetFacts { size, ..DatasetFacts::default() };
    let entry = crate::architecture("vgg19_bn").unwrap();
    assert!(entry.resolve("vgg19_bn", &json!({}), &facts(31)).is_err());
    assert!(entry.resolve("vgg19_bn", &json!({}), &facts(32)).is_ok());
}

/// Whether each number of `after` is 0 or twice that of `before`, and the share that is not 0 of those that were not.
fn dropped(before: &Tensor, after: &Tensor) -> (bool, f64) {
    let (zero, double) = (after.eq(0.0), after.eq_tensor(&(before * 2.0)));
    let were = before.ne(0.0);
    let kept = were.logical_and(&after.ne(0.0)).sum(Kind::Double) / were.sum(Kind::Double);
    (zero.logical_or(&double).all().int64_value(&[]) == 1, kept.double_value(&[]))
}

#[test]
fn dropout_zeroes_or_doubles_in_train_mode_and_repeats_by_its_stream() {
    let model = model(8, 32);
    let x = Random::new(2).normal(&[16, 3, 32, 32], Device::Cpu);
    let pass = |mode: BatchNormMode, random: &mut Random| {
        let mut outputs = vec![];
        let mut tap = |name: &str, output: Tensor| {
            if name.starts_with("classifier") {
                outputs.push(output.shallow_clone());
            }
            output
        };
        let _ = model.forward(&x, &mut Pass::tapped(mode, &mut tap).with_dropout(random));
        outputs
    };
    let mut random = Random::new(3);
    let outputs = pass(BatchNormMode::TrainFrozen, &mut random);
    for at in [1, 4] {
        let (valid, kept) = dropped(&outputs[at], &outputs[at + 1]);
        assert!(valid && (kept - 0.5).abs() < 0.05, "classifier.{at}: {kept}");
    }
    assert_ne!(outputs, pass(BatchNormMode::TrainFrozen, &mut random), "another mask in each step");
    assert_eq!(
        outputs,
        pass(BatchNormMode::TrainFrozen, &mut Random::new(3)),
        "the same from the same stream"
    );
    let eval = pass(BatchNormMode::Eval, &mut Random::new(3));
    assert_eq!((&eval[1], &eval[4]), (&eval[2], &eval[5]), "off in eval mode");
    assert_eq!(eval[6], model.evaluate(&x));
    let off = model.forward(&x, &mut Pass::new(BatchNormMode::TrainFrozen));
    let normalised = pass(BatchNormMode::TrainFrozen, &mut Random::new(3));
    assert_ne!(normalised[6], off, "off without a stream");
    assert_eq!(normalised[0], outputs[0]);
}

#[test]
fn declared_places_exist_and_a_layer_can_be_inserted() {
    let model = model(2, 32);
    let x = Random::new(2).normal(&[3, 3, 32, 32], Device::Cpu);
    let extended = model.with_inserted_layer().unwrap();
    let difference = (model.evaluate(&x) - extended.evaluate(&x)).abs().max().double_value(&[]);
    assert!(difference > 0.0 && difference < 1e-3, "{difference}");
    assert_eq!(extended.inserted_parameters().len(), 3);
    let weight = extended.state().get("features.inserted.conv.weight").unwrap();
    assert_eq!(weight.size(), [16, 16, 1, 1]);
    assert_eq!(extended.main_convolutions().len(), 16);
    assert_eq!(model.layers().attention, ["features.38", "features.51"]);
    assert_eq!((model.min_batch(), model.layers().last_maps.as_str()), (1, "features.52"));
    assert_eq!(model.last_layer().unwrap().0.size(), [5, 128]);
}
