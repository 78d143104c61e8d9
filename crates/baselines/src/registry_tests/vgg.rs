//! Every baseline on VGG19-BN, whose layers have other names and which has dropout.

use scour_models::ModelSpec;
use scour_torch::Random;
use tch::Device;

use super::*;
use crate::testing::{CLASSES, fit_to};

/// A network for the enlarged images of [`view`], trained on them.
fn vgg() -> Model {
    let params = json!({"width": 2});
    let spec = ModelSpec { name: "vgg19_bn".into(), params, classes: CLASSES as u32, size: 32 };
    let model = Model::new(&spec, Device::Cpu, 1).unwrap();
    fit_to(&model, &view().training.images);
    model
}

fn view() -> View {
    let mut view = View::new(21);
    view.training.images = view.training.images.first(48);
    view.enlarge();
    view
}

#[test]
fn every_baseline_works_on_vgg19_bn_and_repeats_exactly() {
    let model = vgg();
    for (entry, name, params, _, moves) in rows() {
        let run = || {
            let (view, copy) = (view(), model.duplicate().unwrap());
            let outcome =
                view.defend(entry, &params, &copy).unwrap_or_else(|error| panic!("{name}: {error}"));
            let left = outcome.model.unwrap_or(copy);
            assert!(left.state().is_finite(), "{name}");
            left.state().snapshot()
        };
        let left = run();
        assert!(same(&left, &run()), "{name}: one seed, one model");
        let kept = same(&statistics(&left), &statistics(&model.state().snapshot()));
        assert_eq!(if kept { Keeps } else { Moves }, moves, "{name}: running statistics");
    }
}

#[test]
fn every_ranking_is_of_outputs_of_vgg19_bn() {
    let model = vgg();
    let mut ranking = vec![];
    for (entry, name, params, ..) in rows() {
        let defense = entry.resolve(name, &params, &facts("signs")).unwrap().method;
        if !defense.ranks_neurons() {
            continue;
        }
        let ranked = defense.rank(&model, &view().of()).unwrap();
        let mut sizes = std::collections::HashMap::new();
        let mut tap = |name: &str, output: Tensor| {
            sizes.insert(name.to_string(), output.size()[1] as usize);
            output
        };
        let x = Random::new(1).normal(&[2, 3, 32, 32], Device::Cpu);
        let mode = scour_torch::BatchNormMode::Eval;
        let _ = model.forward(&x, &mut scour_models::Pass::tapped(mode, &mut tap));
        for layer in &ranked.layers {
            assert_eq!(sizes.get(&layer.module), Some(&layer.scores.len()), "{name}: {}", layer.module);
        }
        ranking.push((name, ranked.layers.len()));
    }
    assert_eq!(ranking, [("fp", 1), ("anp", 16), ("clp", 16), ("rnp", 16), ("bnp", 16)]);
}

#[test]
fn the_benchmarks_own_places_exist_too() {
    let model = vgg();
    for name in ["fp", "ss", "clp"] {
        let (_, _, mut params, ..) = rows().find(|row| row.1 == name).unwrap();
        params["fidelity"] = "benchmark".into();
        let (view, copy) = (view(), model.duplicate().unwrap());
        view.defend(crate::testing::entry_of(name), &params, &copy)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}
