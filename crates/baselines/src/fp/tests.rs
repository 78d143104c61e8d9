use super::*;
use crate::most_pruned::MostPruned;
use crate::testing::{View, clean_accuracy, entry_of, facts, resolve, trained};
use scour_train::Preparation;
use serde_json::json;
use tch::{Kind, no_grad};

/// Features 0, 2 and 4 say which class an image has; 1 and 3 are dormant, 3 a little less.
fn planted() -> (LastLayer, Tensor, Tensor) {
    let labels = Tensor::from_slice(&[0i64, 1, 2, 0, 1, 2, 0, 0, 0, 0]);
    let one_hot = labels.one_hot(3).to_kind(Kind::Float);
    let features = Tensor::zeros([10, 5], (Kind::Float, tch::Device::Cpu));
    for (class, (feature, strength)) in [(0, 3.0), (2, 2.0), (4, 1.0)].into_iter().enumerate() {
        features.select(1, feature).copy_(&(one_hot.select(1, class as i64) * strength));
    }
    let _ = features.select(1, 3).fill_(0.01);
    let rows = [[1f32, 0.0, 0.0, 0.0, 0.0], [0.0, 9.0, 1.0, 9.0, 0.0], [0.0, 0.0, 0.0, 0.0, 1.0]];
    let weight = Tensor::from_slice(rows.as_flattened()).reshape([3, 5]);
    (LastLayer { weight, bias: Tensor::from_slice(&[0.1f32, 0.0, 0.0]) }, features, labels)
}

fn pruned(max_drop: f64, step: f64) -> (Vec<bool>, MostPruned) {
    pruned_by(FinePruning::default(), max_drop, step)
}

fn pruned_by(params: FinePruning, max_drop: f64, step: f64) -> (Vec<bool>, MostPruned) {
    let (layer, features, labels) = planted();
    let params = FinePruning { max_drop, step, ..params };
    let view = View::new(10);
    let accuracy = |mask: &Tensor| layer.accuracy(&features, &labels, mask);
    let scores = choose::means(&features).unwrap();
    let chosen = choose(&scores, &params, &view.of(), accuracy).unwrap();
    (chosen.pruned, chosen.search)
}

#[test]
fn the_dormant_are_pruned_and_it_stops_where_accuracy_falls() {
    // Means: 0 has 1.8, 1 none, 2 has 0.4, 3 has 0.01, 4 has 0.2. Without 4, class 2 (two of ten) is lost
    // to the bias, without 2 class 1.
    let (mask, search) = pruned(0.1, 0.2);
    assert_eq!(mask, [false, true, false, true, false]);
    assert_eq!((search.state, search.before, search.after), (Some(1), 100.0, 100.0));
    let (mask, search) = pruned(0.2, 0.2);
    assert_eq!(mask, [false, true, false, true, true]);
    assert_eq!(search.after, 80.0);
    // Two at a time: 2, then 4, which loses class 1 too.
    assert_eq!(pruned(0.2, 0.4).0, [false, true, false, true, false]);
    assert_eq!(pruned(1.0, 0.2).0, [false, true, true, true, true], "one feature is always left");
}

#[test]
fn the_benchmark_keeps_the_state_that_failed_and_prunes_one_less() {
    let of = |step| {
        let params = FinePruning { fidelity: Fidelity::Benchmark, ..FinePruning::default() };
        pruned_by(params, 0.1, step).0
    };
    // Order 1, 3, 4, 2, 0. By ones: none, 1, 1 and 3, then 4, which costs a fifth.
    assert_eq!(of(0.2), [false, true, false, true, true]);
    // By twos: one, then three.
    assert_eq!(of(0.4), [false, true, false, true, true]);
    assert_eq!(of(0.0), [false; 5]);
    assert_eq!(pruned(0.1, 0.0).0, [false; 5], "no step, nothing pruned");
}

#[test]
fn pruned_columns_stay_zero_in_fine_tuning_and_alone_change_without_it() {
    let view = View::new(48);
    let run = |epochs: u32| {
        let model = trained(4);
        // Whatever the network has learnt, nothing hangs on its four lowest features.
        let means = features(&model, &view.clean, &view.of()).unwrap().mean_dim(0, false, None::<Kind>);
        let lowest = means.argsort(0, false).narrow(0, 0, 4);
        let weight = model.state().get("linear.weight").unwrap();
        let _ = no_grad(|| weight.shallow_clone().index_fill_(1, &lowest, 1e-6));
        let before = model.state().snapshot();
        let outcome = view.defend(entry_of("fp"), &json!({"epochs": epochs}), &model).unwrap();
        let table = view.table("fp.csv");
        let mask: Vec<bool> = table.iter().map(|row| row[3] == "true").collect();
        let count = mask.iter().filter(|pruned| **pruned).count();
        assert_eq!(outcome.details["pruned_features"], count);
        assert!(count >= 4 && mask.len() == 32);
        (model, before, mask)
    };
    let (model, before, mask) = run(0);
    for ((name, before), (_, after)) in before.iter().zip(model.state().snapshot()) {
        assert_eq!(name == "linear.weight", *before != after, "{name}");
    }
    assert!(clean_accuracy(&model, &view.clean) >= 0.9 * 90.0);
    let (model, _, tuned_mask) = run(3);
    assert_eq!(tuned_mask, mask);
    let zero = model.state().get("linear.weight").unwrap().eq(0.0).all_dim(0, false);
    assert_eq!(Vec::<bool>::try_from(zero).unwrap(), mask);
}

/// The unlearned model of this one: filters 3 and 5 of the last convolution differ, 5 more.
fn unlearned(model: &Model) -> Preparation {
    let copy = model.duplicate().unwrap();
    let (_, weight) = copy.main_convolutions().pop().unwrap();
    for (filter, change) in [(3, 0.1), (5, 0.2)] {
        let _ = no_grad(|| weight.get(filter).g_add_scalar_(change));
    }
    Preparation { tensors: copy.state().snapshot(), ..Preparation::default() }
}

#[test]
fn by_weight_change_the_filters_that_unlearning_changed_most_are_pruned_first() {
    let view = View::new(48);
    let model = trained(4);
    let preparation = unlearned(&model);
    let defender = DefenderView { preparation: Some(&preparation), ..view.of() };
    let params = FinePruning { order: PruningOrder::WeightChange, ..FinePruning::default() };
    let features = features(&model, &view.clean, &defender).unwrap();
    let scores = params.scores(&features, &model, &defender).unwrap();
    assert_eq!(scores.len(), 32);
    let changed: Vec<usize> = (0..32).filter(|&filter| scores[filter] < 0.0).collect();
    assert_eq!(changed, [3, 5]);
    assert!(scores[5] < 1.9 * scores[3], "twice the change, times -1");
    let params = FinePruning { step: 1.0 / 32.0, max_drop: 1.0, ..params };
    let most =
        choose(&scores, &params, &view.of(), |mask| f64::from(u8::from(mask.get(5).int64_value(&[]) == 0)))
            .unwrap();
    assert!(most.pruned[5] && most.pruned[3]);
    // The order of activation needs no preparation, and the other one says that it has none.
    assert!(FinePruning::default().scores(&features, &model, &view.of()).is_ok());
    assert!(params.scores(&features, &model, &view.of()).unwrap_err().to_string().contains("no preparation"));
}

#[test]
fn impossible_parameters_are_refused() {
    let facts = facts("signs");
    for (params, field) in [
        (json!({"max_drop": 1.5}), "`max_drop`"),
        (json!({"step": 1.5}), "`step`"),
        (json!({"batch_size": 1}), "`batch_size`"),
        (json!({"lr": 0}), "`lr`"),
        (json!({"unlearn_lr": 0}), "`unlearn_lr`"),
        (json!({"order": "chance"}), "known: activation, weight_change"),
    ] {
        let message = resolve("fp", &params, &facts).unwrap_err().to_string();
        assert!(message.contains(field) && !message.contains('\n'), "{message}");
    }
}
