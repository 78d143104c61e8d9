use scour_core::Precision;
use tch::{Device, Kind, Tensor};

use crate::*;

fn parameter(values: &[f32]) -> Tensor {
    Tensor::from_slice(values).set_requires_grad(true)
}

fn values(tensor: &Tensor) -> Vec<f32> {
    Vec::<f32>::try_from(tensor.detach()).unwrap()
}

#[test]
fn fused_sgd_steps_equal_those_computed_by_hand() {
    // L = w^2 / 2, so g = w. lr 0.1, momentum 0.9, weight decay 0.5: g' = 1.5 w.
    let w = parameter(&[2.0, -4.0]);
    let untouched = parameter(&[7.0]);
    let mut sgd = Sgd::new(vec![w.shallow_clone(), untouched.shallow_clone()], 0.9, 0.5);
    let loss = || w.square().sum(Kind::Float) * 0.5;
    sgd.minimise(&loss(), 0.1);
    // buf = 3, -6; w = 1.7, -3.4.
    assert!(values(&w).iter().zip([1.7, -3.4]).all(|(a, b)| (a - b).abs() < 1e-6));
    sgd.minimise(&loss(), 0.1);
    // g' = 2.55; buf = 0.9 * 3 + 2.55 = 5.25; w = 1.7 - 0.525.
    assert!(values(&w).iter().zip([1.175, -2.35]).all(|(a, b)| (a - b).abs() < 1e-6));
    assert_eq!(values(&untouched), [7.0], "a parameter without a gradient does not change");
}

#[test]
fn nesterov_steps_equal_those_computed_by_hand() {
    let w = parameter(&[2.0]);
    let mut sgd = Sgd::new(vec![w.shallow_clone()], 0.5, 0.0).nesterov();
    // g = 2, buf = 2, w = 2 - 0.1 (2 + 0.5 * 2); then g = 1.7, buf = 2.7, w = 1.7 - 0.1 (1.7 + 1.35).
    for expected in [1.7, 1.395] {
        sgd.minimise(&(w.square().sum(Kind::Float) * 0.5), 0.1);
        assert!((values(&w)[0] - expected).abs() < 1e-6, "{:?}", values(&w));
    }
}

#[test]
fn without_momentum_a_step_is_lr_times_the_gradient() {
    let w = parameter(&[2.0]);
    let mut sgd = Sgd::new(vec![w.shallow_clone()], 0.0, 0.0);
    for expected in [1.8, 1.62] {
        sgd.minimise(&(w.square().sum(Kind::Float) * 0.5), 0.1);
        assert!((values(&w)[0] - expected).abs() < 1e-6, "{:?}", values(&w));
    }
}

#[test]
fn a_step_along_given_gradients_equals_the_fused_one() {
    let steps = |given: bool, nesterov: bool| {
        let w = parameter(&[1.0, 2.0, -3.0]);
        let mut sgd = Sgd::new(vec![w.shallow_clone()], 0.9, 0.01);
        if nesterov {
            sgd = sgd.nesterov();
        }
        for _ in 0..3 {
            let loss = w.square().sum(Kind::Float);
            if given {
                let gradients = Tensor::run_backward(&[loss], &[&w], false, false);
                sgd.step_along(&gradients, 0.05);
            } else {
                sgd.minimise(&loss, 0.05);
            }
        }
        values(&w)
    };
    for nesterov in [false, true] {
        let pairs = steps(true, nesterov).into_iter().zip(steps(false, nesterov));
        assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-6), "{nesterov}");
    }
}

#[test]
fn a_restored_optimizer_takes_the_same_steps() {
    let w = parameter(&[1.0]);
    let loss = || w.square().sum(Kind::Float);
    let mut sgd = Sgd::new(vec![w.shallow_clone()], 0.5, 0.0);
    sgd.minimise(&loss(), 0.1);
    let (at, momenta) = (w.detach().copy(), sgd.momenta().iter().map(Tensor::copy).collect::<Vec<_>>());
    sgd.minimise(&loss(), 0.1);
    let uninterrupted = values(&w);
    tch::no_grad(|| w.shallow_clone().copy_(&at));
    let mut resumed = Sgd::new(vec![w.shallow_clone()], 0.5, 0.0);
    let other = [Tensor::from_slice(&[8f32, 9.0])];
    assert_eq!(resumed.restore(&[]).unwrap_err(), "0 momentum buffers for 1 parameters");
    assert_eq!(resumed.restore(&other).unwrap_err(), "momentum 0 is [2], not [1]");
    assert_eq!(values(&resumed.momenta()[0]), [0.0], "buffers that do not fit change nothing");
    resumed.restore(&momenta).unwrap();
    resumed.minimise(&loss(), 0.1);
    assert_eq!(values(&w), uninterrupted);
}

#[test]
fn autocast_computes_in_bf16_only_inside_its_scope() {
    let a = Random::new(1).normal(&[8, 8], Device::Cpu);
    let inside = with_autocast(NumberFormat::Bf16, Device::Cpu, || a.matmul(&a));
    let outside = a.matmul(&a);
    assert_eq!((inside.kind(), outside.kind()), (Kind::BFloat16, Kind::Float));
    assert_eq!(with_autocast(NumberFormat::Fp32, Device::Cpu, || a.matmul(&a)), outside);
    assert!((inside.to_kind(Kind::Float) - &outside).abs().max().double_value(&[]) < 0.2);
    let (without, after) = with_autocast(NumberFormat::Bf16, Device::Cpu, || {
        (without_autocast(Device::Cpu, || a.matmul(&a)), a.matmul(&a))
    });
    assert_eq!(without, outside);
    assert_eq!((without.kind(), after.kind()), (Kind::Float, Kind::BFloat16));
    assert_eq!(without_autocast(Device::Cpu, || a.matmul(&a)), outside);
}

#[test]
fn on_a_cpu_tf32_becomes_fp32_and_bf16_stays() {
    let of = |precision| resolve_precision(precision, Device::Cpu);
    assert_eq!(of(Precision::Fp32), NumberFormat::Fp32);
    assert_eq!(of(Precision::Tf32), NumberFormat::Fp32);
    assert_eq!(of(Precision::Bf16), NumberFormat::Bf16);
    assert_ne!(of(Precision::Auto), NumberFormat::Tf32);
}

#[test]
fn tf32_is_off_unless_it_is_allowed() {
    use crate::shim::{Tf32, full_precision, gpu_flags};
    let tf32 = || [gpu_flags()[0], gpu_flags()[1]];
    full_precision();
    assert_eq!(tf32(), [false; 2]);
    {
        let _allowed = Tf32::allow(true);
        assert_eq!(tf32(), [true; 2]);
        {
            let _full = Tf32::allow(false);
            assert_eq!(tf32(), [false; 2]);
        }
        assert_eq!(tf32(), [true; 2]);
        full_precision();
        assert_eq!(tf32(), [true; 2], "parsing another device changes nothing");
    }
    assert_eq!(tf32(), [false; 2]);
    deterministic_algorithms(false);
    assert!(!gpu_flags()[2], "new tensors are not filled");
}

#[test]
fn peak_memory_is_reported_for_a_gpu_only() {
    assert_eq!(gpu_peak_memory_mib(Device::Cpu), None);
    assert_eq!(gpu_peak_memory_mib(Device::Cuda(99)), None, "there is no such GPU");
    if tch::Cuda::is_available() {
        let _four_mib = Tensor::zeros([1_048_576], (Kind::Float, Device::Cuda(0)));
        assert!(gpu_peak_memory_mib(Device::Cuda(0)).unwrap() >= 4);
    }
}

#[test]
fn channels_last_changes_the_layout_and_no_value() {
    let x = Random::new(1).normal(&[2, 3, 4, 5], Device::Cpu);
    let last = channels_last(&x);
    assert_eq!((last.stride(), last.size()), (vec![60, 1, 15, 3], x.size()));
    assert_eq!(last, x);
    assert_eq!(contiguous(&last).stride(), x.stride());
    let mut state = State::default();
    let handle = state.add("w".into(), x.copy(), true);
    state.to_channels_last();
    assert_eq!(handle.stride(), [60, 1, 15, 3], "a layer's handle has the new layout");
    assert!(handle.requires_grad());
}

#[test]
fn layers_start_with_pytorchs_values() {
    let mut state = State::default();
    let norm = BatchNorm::new(&mut state, "bn", Device::Cpu, 3);
    assert_eq!(values(&norm.weight), [1.0; 3]);
    assert_eq!(values(&norm.bias), [0.0; 3]);
    let conv = Conv2d::new(&mut state, "c", &mut Random::new(1), Device::Cpu, (4, 50), 3, 1, 1, true);
    let bound = 1.0 / 6.0;
    assert!(conv.weight.abs().max().double_value(&[]) <= bound);
    assert!(conv.weight.abs().max().double_value(&[]) > 0.98 * bound);
    let trained = state.entries().iter().filter(|entry| entry.trainable).count();
    assert_eq!((state.entries().len(), trained), (7, 4));
}

#[test]
fn checkpoints_are_read_as_saved_and_errors_name_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.safetensors");
    let tensors = vec![
        ("w".to_string(), channels_last(&Random::new(1).normal(&[2, 3, 4, 4], Device::Cpu))),
        ("n".to_string(), Tensor::from(7i64)),
        ("u".to_string(), Tensor::from_slice(&[1u8, 255])),
        ("empty".to_string(), Tensor::zeros([0, 3], (Kind::Float, Device::Cpu))),
    ];
    save_tensors(&path, &tensors, &[("key", "k".into())]).unwrap();
    let loaded = load_tensors(&path, Device::Cpu).unwrap();
    for (name, tensor) in &tensors {
        let (_, found) = loaded.iter().find(|(other, _)| other == name).unwrap();
        assert_eq!((found, found.kind()), (tensor, tensor.kind()), "{name}");
    }
    assert_eq!(read_metadata(&path).unwrap()["key"], "k");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
    let message = load_tensors(&path, Device::Cpu).unwrap_err().to_string();
    assert!(message.contains("a.safetensors") && !message.contains('\n'), "{message}");
    assert!(load_tensors(&dir.path().join("none"), Device::Cpu).is_err());
    let mut state = State::default();
    let _ = state.add("w".into(), Tensor::zeros([2], (Kind::Float, Device::Cpu)), true);
    assert!(state.load(&tensors[..1]).unwrap_err().contains("`w` is [2, 3, 4, 4]"));
    assert!(state.load(&[]).unwrap_err().contains("`w` is missing"));
    assert!(state.load(&tensors[1..2]).unwrap_err().contains("`n` is not a tensor"));
}

#[test]
fn the_same_content_gives_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let w = ("w".to_string(), Random::new(1).normal(&[2, 3], Device::Cpu));
    let n = ("n".to_string(), Tensor::from(7i64));
    let one = |(name, tensor): &(String, Tensor)| (name.clone(), tensor.shallow_clone());
    // A quotation mark, a line break and a letter beyond ASCII.
    let metadata = ["key", "size", "mean", "std", "params", "classes", "a \" quote"]
        .map(|name| (name, format!("{name}\n\u{e9}")));
    let save = |name: &str, tensors: &[(String, Tensor)], metadata: &[(&str, String)]| {
        let path = dir.path().join(name);
        save_tensors(&path, tensors, metadata).unwrap();
        (std::fs::read(&path).unwrap(), path)
    };
    let (first, path) = save("a", &[one(&w), one(&n)], &metadata);
    let mut reversed = metadata.clone();
    reversed.reverse();
    assert_eq!(save("b", &[one(&n), one(&w)], &reversed).0, first);
    assert_eq!(first[..8], 272u64.to_le_bytes(), "the length of the header");
    let header = concat!(
        r#"{"__metadata__":{"a \" quote":"a \" quote\né","classes":"classes\né","key":"key\né","mean":"mean\né","#,
        r#""params":"params\né","size":"size\né","std":"std\né"},"#,
        r#""n":{"dtype":"I64","shape":[],"data_offsets":[0,8]},"#,
        r#""w":{"dtype":"F32","shape":[2,3],"data_offsets":[8,32]}}"#,
    );
    assert_eq!(std::str::from_utf8(&first[8..280]).unwrap().trim_end(), header);
    assert_eq!(first.len(), 280 + 32);
    let read = read_metadata(&path).unwrap();
    assert!(read.len() == 7 && metadata.iter().all(|(name, value)| read[*name] == *value));
    let names = |path| load_tensors(path, Device::Cpu).unwrap().into_iter().map(|(name, _)| name);
    assert_eq!(names(&path).collect::<Vec<_>>(), ["n", "w"], "in the file's order");
    // A file without tensors and metadata, and one with metadata only.
    let (bare, path) = save("c", &[], &[]);
    assert_eq!((bare.len(), names(&path).count()), (16, 0));
    let (_, path) = save("d", &[], &metadata[..1]);
    assert_eq!(read_metadata(&path).unwrap()["key"], "key\n\u{e9}");
}

#[test]
fn a_narrow_shortcut_equals_the_convolution_with_stride() {
    let mut state = State::default();
    let conv = Conv2d::new(&mut state, "c", &mut Random::new(1), Device::Cpu, (4, 6), 1, 2, 0, false);
    for size in [8, 7] {
        let x = Random::new(2).normal(&[5, 4, size, size], Device::Cpu).set_requires_grad(true);
        let gradients = |y: &Tensor| {
            Tensor::run_backward(&[y.square().sum(Kind::Float)], &[&x, &conv.weight], false, false)
        };
        let strided = x.conv2d(&conv.weight, None::<&Tensor>, [2, 2], [0, 0], [1, 1], 1);
        let found = conv.forward(&x);
        assert_eq!(found.size(), strided.size());
        let near = |a: &Tensor, b: &Tensor| (a - b).abs().max().double_value(&[]) < 1e-4;
        assert!(near(&found, &strided));
        assert!(gradients(&found).iter().zip(gradients(&strided)).all(|(a, b)| near(a, &b)));
    }
}
