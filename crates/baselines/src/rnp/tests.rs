use super::unlearn::clip_gradients;
use super::*;
use crate::testing::{View, clean_accuracy, entry_of, facts, method, resolve, trained, unsure, values};
use serde_json::{Value, json};
use tch::{Kind, Tensor, no_grad};

fn params(params: Value) -> Rnp {
    method("rnp", params)
}

#[test]
fn the_mask_of_a_channel_that_spoils_clean_images_falls_below_the_threshold() {
    let (model, view) = (trained(4), View::new(96));
    let get = |name: &str| model.state().get(name).unwrap();
    no_grad(|| {
        let _ = get("layer4.1.bn2.weight").get(5).fill_(-3.0);
        let linear = get("linear.weight");
        let towards = linear.get(0) - linear.mean_dim(0, false, None::<Kind>);
        let mut filters = get("layer4.1.conv2.weight").select(1, 5);
        filters.copy_(&(towards.sign() * 5.0).reshape([-1, 1, 1]).expand_as(&filters));
    });
    assert!(clean_accuracy(&model, &view.clean) < 70.0, "the planted channel names class 0 in its place");
    let before = model.state().snapshot();
    let params = params(json!({"batch_size": 32, "recover_epochs": 3, "recover_lr": 0.05}));
    let scores = recover(&model, &params, &view.clean, &view.of()).unwrap();
    assert!(before.iter().zip(model.state().snapshot()).all(|(a, b)| a.1 == b.1), "weights are frozen");
    let planted = scores[15][5];
    let below = scores.iter().flatten().filter(|score| **score <= planted).count();
    let channels = scores.iter().flatten().count();
    assert!(planted <= 0.7 && 20 * below <= channels, "{planted}, {below} of {channels} as low");
}

#[test]
fn unlearning_ends_where_the_model_guesses_and_clipping_makes_it_slower() {
    // A model that is sure of everything has no gradient to climb at first, and how long it stays there is random.
    let (view, start) = (View::new(96), unsure(4));
    let run = |value: Value| {
        let model = start.duplicate().unwrap();
        let done = unlearn(&model, &params(value), &view.clean, &view.of()).unwrap();
        (done, clean_accuracy(&model, &view.clean))
    };
    let (done, _) = run(json!({"batch_size": 16, "unlearn_lr": 0.1}));
    let guessing = f64::from(start.spec.classes).ln();
    assert!(done.epochs < 20 && (done.accuracy <= 20.0 || done.loss >= guessing), "{done:?}");
    let (slow, _) = run(json!({"batch_size": 16, "unlearn_lr": 0.1, "clip": 1e-6, "unlearn_epochs": 2}));
    assert!(slow.epochs == 2 && slow.accuracy > 80.0 && slow.loss < guessing, "{slow:?}");
    // So few epochs that the loss, which nothing holds, stays finite.
    let benchmark = json!({
        "batch_size": 16, "unlearn_lr": 0.02, "clip": 1e-6, "fidelity": "benchmark", "unlearn_epochs": 4,
    });
    let (far, _) = run(benchmark);
    assert!(far.accuracy < 60.0, "its clip has no effect: {far:?}");
    assert!(far.epochs == 4 || far.accuracy <= 20.0, "only a low accuracy over an epoch ends it: {far:?}");
    assert!(far.loss > 2.0 * guessing, "guessing does not: {far:?}");
}

#[test]
fn only_scales_of_pruned_channels_change() {
    let (model, view) = (trained(4), View::new(96));
    let before = model.state().snapshot();
    let accuracy = clean_accuracy(&model, &view.clean);
    let params = json!({"batch_size": 32, "recover_epochs": 4, "images": 64});
    let outcome = view.defend(entry_of("rnp"), &params, &model).unwrap();
    assert_eq!(outcome.details["images"], 64);
    let threshold = outcome.details["threshold"].as_f64().unwrap_or(-1.0);
    // Checked on a third of the images, so a little more than a tenth may be lost over all of them.
    assert!(clean_accuracy(&model, &view.clean) > 0.85 * accuracy);
    let table = view.table("rnp.csv");
    let mut pruned = 0;
    for ((name, before), (_, after)) in before.iter().zip(model.state().snapshot()) {
        let Some(layer) = name.strip_suffix(".weight").filter(|layer| layer.contains("bn")) else {
            assert_eq!(*before, after, "{name}");
            continue;
        };
        let rows = table.iter().filter(|row| row[0] == layer);
        for ((before, after), row) in values(before).into_iter().zip(values(&after)).zip(rows) {
            let selected = row[3] == "true";
            assert_eq!(selected, row[2].parse::<f64>().unwrap() <= threshold, "{row:?}");
            assert_eq!(after, if selected { 0.0 } else { before }, "{row:?}");
            pruned += usize::from(selected);
        }
    }
    assert_eq!(outcome.details["pruned_channels"], pruned);
    let published = json!({"batch_size": 32, "recover_epochs": 4, "images": 64, "fidelity": "benchmark"});
    let outcome = view.defend(entry_of("rnp"), &published, &trained(4)).unwrap();
    assert_eq!(outcome.details["threshold"], 0.7);
}

#[test]
fn gradients_are_limited_over_all_parameters_together() {
    let parameters = [1f32, 1.0].map(|value| Tensor::from_slice(&[value]).set_requires_grad(true));
    let differentiate = || (&parameters[0] * 3.0 + &parameters[1] * 4.0).sum(Kind::Float).backward();
    let gradients = || parameters.iter().map(|p| values(&p.grad())[0]).collect::<Vec<_>>();
    differentiate();
    clip_gradients(&parameters, 5.0);
    assert_eq!(gradients(), [3.0, 4.0]);
    clip_gradients(&parameters, 1.0);
    assert!((gradients()[0] - 0.6).abs() < 1e-6 && (gradients()[1] - 0.8).abs() < 1e-6);
}

#[test]
fn one_percent_of_the_images_is_the_default_and_the_impossible_is_refused() {
    let mut facts = facts("signs");
    let images = |facts: &DatasetFacts| {
        let published = (entry_of("rnp").published)(facts);
        assert_eq!(published["fidelity"], "benchmark");
        (resolve("rnp", &json!({}), facts).unwrap()["images"].clone(), published["images"].clone())
    };
    // The published share has no least number of images.
    assert_eq!(images(&facts), (json!(500), json!(30)));
    facts.train_per_class = vec![10; 3];
    assert_eq!(images(&facts), (json!(500), json!(2)));
    facts.train_per_class = vec![500; 200];
    assert_eq!(images(&facts), (json!(1000), json!(1000)));
    for (params, field) in [
        (json!({"threshold": 2}), "`threshold`"),
        (json!({"clip": 0}), "`clip`"),
        (json!({"images": 1}), "`images`"),
        (json!({"momentum": 1}), "`momentum`"),
    ] {
        let message = resolve("rnp", &params, &facts).unwrap_err().to_string();
        assert!(message.contains(field) && !message.contains('\n'), "{message}");
    }
}
