use scour_torch::channels_last;
use serde_json::json;
use tch::{Kind, Tensor};

use super::loss::likeliest_wrong;
use super::training::perturbation;
use super::*;
use crate::adversarial::perturbed;
use crate::testing::{View, coloured, entry_of, facts, preprocess, resolve, trained};

#[test]
fn only_the_polarizer_changes_and_a_reloaded_model_gives_equal_logits() {
    let (model, view) = (trained(4), View::new(40));
    let before = model.state().snapshot();
    for moving in [false, true] {
        let params = json!({"warm_up_epochs": 1, "epochs": 1, "batch_size": 16, "moving_statistics": moving});
        let outcome = view.defend(entry_of("npd"), &params, &model).unwrap();
        let polarized = outcome.model.unwrap();
        assert!(
            before.iter().zip(model.state().snapshot()).all(|(a, b)| *a == b),
            "the given model has changed"
        );
        assert!(
            before.iter().zip(polarized.state().snapshot()).all(|(a, b)| *a == b),
            "the network around it has changed"
        );
        let fresh = model.with_inserted_layer().unwrap();
        for (now, start) in polarized.state().entries().iter().zip(fresh.state().entries()).skip(before.len())
        {
            assert_ne!(now.tensor, start.tensor, "{} has not changed", now.name);
        }
        let batches = polarized.state().get("layer4.1.inserted.bn.num_batches_tracked").unwrap();
        // 40 images are 3 batches; the second part moves statistics where `moving_statistics` is set.
        assert_eq!(batches.int64_value(&[]), if moving { 6 } else { 3 });
        assert!(polarized.state().parameters().iter().all(Tensor::requires_grad));
        let file = tempfile::tempdir().unwrap().path().join("model.safetensors");
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        scour_torch::save_tensors(&file, &polarized.state().snapshot(), &[]).unwrap();
        let tensors = scour_torch::load_tensors(&file, model.device()).unwrap();
        std::fs::remove_dir_all(file.parent().unwrap()).unwrap();
        let loaded = Model::from_tensors(&model.spec, &tensors, model.device()).unwrap();
        loaded.state().to_channels_last();
        let x = channels_last(&preprocess().normalise(&coloured(6).pixels));
        assert_eq!(loaded.evaluate(&x), polarized.evaluate(&x));
    }
}

#[test]
fn perturbations_go_towards_their_aim_within_their_norm() {
    let (model, view) = (trained(4), View::new(12));
    let (clean, preprocess) = (&view.clean, &view.preprocess);
    let logits = |x: &Tensor| model.evaluate(x);
    let before = logits(&preprocess.normalise(&clean.pixels));
    let aim = likeliest_wrong(&before, &clean.labels);
    let params = Npd { norm: 1.5, ..Npd::default() };
    let delta = perturbation(&params, &view.of(), clean, &aim, logits);
    let norms = delta.square().sum_dim_intlist([1i64, 2, 3].as_slice(), false, Kind::Double).sqrt();
    assert!(norms.max().double_value(&[]) < 1.5001 && norms.min().double_value(&[]) > 0.0);
    let loss = |logits: &Tensor| logits.cross_entropy_for_logits(&aim).double_value(&[]);
    let after = logits(&perturbed(preprocess, &clean.pixels, &delta, true));
    assert!(loss(&after) < loss(&before), "{} {}", loss(&after), loss(&before));
}

#[test]
fn data_sets_have_their_published_values() {
    let value = |name: &str, field: &str| resolve("npd", &json!({}), &facts(name)).unwrap()[field].clone();
    assert_eq!((value("cifar10", "norm"), value("cifar10", "lambda3")), (json!(3.0), json!(0.4)));
    assert_eq!((value("gtsrb", "norm"), value("gtsrb", "lambda4")), (json!(5.0), json!(0.5)));
    assert_eq!(
        (value("tiny_imagenet", "warm_up_epochs"), value("tiny_imagenet", "lambda2")),
        (json!(0), json!(1.0))
    );
}

#[test]
fn a_message_reports_statistics_that_are_frozen_too_early() {
    // 400 images in batches of 128 are four steps an epoch.
    let of = |warm_up_epochs, epochs, moving_statistics| {
        let params = Npd { warm_up_epochs, epochs, moving_statistics, ..Npd::default() };
        settled(&params, 400)
    };
    assert!((of(2, 5, false) - (1.0 - 0.9f64.powi(8))).abs() < 1e-12);
    assert!((of(0, 5, true) - (1.0 - 0.9f64.powi(20))).abs() < 1e-12);
    let view = View::new(40);
    let notes = |warm_up: u32| {
        let params = json!({"warm_up_epochs": warm_up, "epochs": 1, "batch_size": 16});
        view.watch.notes.borrow_mut().clear();
        view.defend(entry_of("npd"), &params, &trained(4)).unwrap();
        view.watch.notes.borrow().len()
    };
    assert_eq!((notes(1), notes(8)), (1, 0));
}
