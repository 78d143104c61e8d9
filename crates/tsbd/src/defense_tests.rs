use scour_train::{ImageSet, Silent};
use tch::Tensor;

use super::*;
use crate::testing::{Stage, Watch, coloured, model, same};

fn params(value: &Value) -> Value {
    Tsbd.resolve(value, &DatasetFacts::default()).unwrap()
}

/// Both stages of work on a copy of `start`, each with a reporter of its own until it is not interrupted: the defended
/// model and what the second stage says.
fn defend(
    start: &Model,
    clean: &ImageSet,
    given: &Value,
    stop_after: Option<u64>,
) -> (Model, Outcome, String) {
    let part = || ImageSet { pictures: clean.pictures.shallow_clone(), labels: clean.labels.shallow_clone() };
    let (first, second) = (Stage::new(part()), Stage::new(part()));
    let params = params(given);
    let watch = || stop_after.map_or_else(Watch::default, Watch::stopping_after);
    let mut interruptions = 0;
    let mut until_done = |run: &mut dyn FnMut(&Watch) -> Result<(), TrainError>| {
        loop {
            match run(&watch()) {
                Err(TrainError::Interrupted) => interruptions += 1,
                other => break other.unwrap(),
            }
        }
    };
    let mut preparation = None;
    if let Some(own) = Tsbd.preparation_params(&params) {
        until_done(&mut |watch| {
            // A new worker: it starts from the stored model.
            preparation =
                Some(first.with(watch, |view| Tsbd.prepare(&own, &start.duplicate().unwrap(), view))?);
            Ok(())
        });
    }
    let mut left = None;
    until_done(&mut |watch| {
        let model = start.duplicate().unwrap();
        let outcome = second.with(watch, |view| {
            Tsbd.run(&params, &model, &DefenderView { preparation: preparation.as_ref(), ..*view })
        })?;
        left = Some((model, outcome));
        Ok(())
    });
    assert_eq!(stop_after.is_some(), interruptions > 0);
    let (model, mut outcome) = left.unwrap();
    outcome.details.extend(preparation.map(|preparation| preparation.details).unwrap_or_default());
    let read = |name: &str| std::fs::read_to_string(second.out().join(name)).unwrap_or_default();
    (model, outcome, read("activeness.csv") + &read("nwc.csv"))
}

#[test]
fn a_defense_that_was_stopped_at_any_epoch_ends_as_an_undisturbed_one() {
    let (start, clean) = (model(), coloured(37));
    let given = json!({
        "batch_size": 16, "unlearn_lr": 0.004, "unlearn_epochs": 5, "stop_acc": 0.0, "fidelity": "benchmark",
        "finetune_epochs": 3, "n": 0.3,
    });
    let (whole, outcome, tables) = defend(&start, &clean, &given, None);
    assert_eq!(outcome.details["unlearn_epochs"], 5);
    assert_eq!(tables.matches("mean").count(), 5);
    for epochs in [1, 2, 3] {
        let (stopped, its_outcome, its_tables) = defend(&start, &clean, &given, Some(epochs));
        assert!(same(&stopped, &whole), "stopped every {epochs} epochs");
        assert_eq!((its_outcome.details, its_tables), (outcome.details.clone(), tables.clone()));
    }
}

#[test]
fn a_state_that_is_damaged_or_of_other_settings_is_not_taken_up() {
    let (start, clean) = (model(), coloured(24));
    let own = |lr: f64| {
        let given = params(&json!({"unlearn_lr": lr, "unlearn_epochs": 3, "stop_acc": 0, "batch_size": 12}));
        Tsbd.preparation_params(&given).unwrap()
    };
    let stage = Stage::new(clean);
    let run = |params: &Value, watch: &Watch| stage.with(watch, |view| Tsbd.prepare(params, &start, view));
    let values = |preparation: &Preparation| -> Vec<Tensor> {
        preparation.tensors.iter().map(|(_, tensor)| tensor.copy()).collect()
    };
    let undisturbed = values(&run(&own(0.002), &Watch::default()).unwrap());
    assert!(run(&own(0.001), &Watch::stopping_after(1)).is_err());
    let watch = Watch::default();
    assert_eq!(values(&run(&own(0.002), &watch).unwrap()), undisturbed, "that state is of another rate");
    assert!(watch.notes.borrow()[0].contains("other settings"), "{:?}", watch.notes);
    assert!(run(&own(0.002), &Watch::stopping_after(1)).is_err());
    let file = stage.scratch().join("unlearning.safetensors");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    let watch = Watch::default();
    assert_eq!(values(&run(&own(0.002), &watch).unwrap()), undisturbed, "half of a file is none");
    assert!(watch.notes.borrow()[0].contains("unlearning.safetensors is damaged"), "{:?}", watch.notes);
}

#[test]
fn settings_share_unlearning_where_it_cannot_tell_them_apart() {
    let of = |given: Value| Tsbd.preparation_params(&params(&given));
    let plain = of(json!({}));
    assert_eq!(
        plain,
        Some(json!({
            "batch_size": 256, "unlearn_lr": 1e-4, "unlearn_epochs": 1000, "momentum": 0.9, "stop_acc": 0.1,
            "fidelity": "corrected",
        }))
    );
    for (field, other) in [
        ("n", json!(0.5)),
        ("m", json!(0.1)),
        ("r", json!(1)),
        ("alpha", json!(0)),
        ("norm_scope", json!("global")),
        ("finetune_lr", json!(0.1)),
        ("finetune_epochs", json!(3)),
    ] {
        assert_eq!(of(json!({field: other})), plain, "{field}");
    }
    for (field, other) in [
        ("batch_size", json!(16)),
        ("unlearn_lr", json!(1)),
        ("unlearn_epochs", json!(2)),
        ("momentum", json!(0)),
        ("stop_acc", json!(0)),
        ("fidelity", json!("benchmark")),
    ] {
        assert_ne!(of(json!({field: other})), plain, "{field}");
    }
    assert_eq!(of(json!({"n": 0})), None, "nothing is unlearnt");
}

#[test]
fn without_strength_the_model_stays_as_it_is() {
    let (start, clean) = (model(), coloured(20));
    let (left, outcome, tables) = defend(&start, &clean, &json!({"n": 0, "finetune_epochs": 0}), None);
    assert!(same(&left, &start) && outcome.details.is_empty() && tables.is_empty());
    // Unlearnt and ranked, but of the chosen neurons no weight is zeroed.
    let given =
        json!({"m": 0, "finetune_epochs": 0, "unlearn_epochs": 1, "unlearn_lr": 0.01, "batch_size": 10});
    let (left, outcome, _) = defend(&start, &clean, &given, None);
    assert!(same(&left, &start));
    assert_eq!(
        (&outcome.details["zeroed_weights"], &outcome.details["unlearn_epochs"]),
        (&json!(0), &json!(1))
    );
}

/// Where whole layers are zero, the gradients of what lies before and behind them are exactly zero.
#[test]
fn layers_zeroed_whole_leave_a_finite_model() {
    let (start, clean) = (model(), coloured(24));
    for scope in ["per_tensor", "global"] {
        let given = json!({
            "n": 1, "m": 1, "norm_scope": scope, "finetune_epochs": 2, "unlearn_epochs": 1, "batch_size": 12,
        });
        let (left, outcome, _) = defend(&start, &clean, &given, None);
        assert_eq!(outcome.details["zeroed_weights"], outcome.details["pooled_weights"]);
        assert!(left.state().is_finite(), "{scope}");
    }
}

/// One image, one class alone, a last batch of one image: a clean set as small as it may be.
#[test]
fn a_clean_set_of_one_image_or_one_class_is_worked_with() {
    let start = model();
    let given = json!({"batch_size": 4, "unlearn_epochs": 2, "unlearn_lr": 0.001, "finetune_epochs": 1});
    for indices in [vec![0i64], vec![0, 3, 6, 9, 12], vec![0, 1, 2, 3, 4]] {
        let clean = coloured(15).select(&Tensor::from_slice(&indices));
        let (left, outcome, _) = defend(&start, &clean, &given, None);
        assert!(left.state().is_finite(), "{indices:?}");
        assert!(outcome.details["unlearn_epochs"].as_u64() >= Some(1));
    }
}

#[test]
fn a_missing_or_foreign_preparation_is_named() {
    let (start, stage) = (model(), Stage::new(coloured(6)));
    let run = |preparation: Option<&Preparation>| {
        let params = params(&json!({}));
        stage.with(&Silent, |view| Tsbd.run(&params, &start, &DefenderView { preparation, ..*view }))
    };
    assert!(run(None).unwrap_err().to_string().contains("no preparation"));
    let foreign = Preparation { tensors: vec![("a".into(), Tensor::from(1.0))], ..Preparation::default() };
    let message = run(Some(&foreign)).unwrap_err().to_string();
    assert!(message.contains("not an unlearned model") && message.contains("`a`"), "{message}");
}

#[test]
fn what_was_chosen_on_reported_cells_says_so() {
    let notes = |given: Value| -> Vec<String> {
        Tsbd.tuned_on(&params(&given)).iter().map(|tuned| tuned.note("signs", 0)).collect()
    };
    assert!(notes(json!({"n": 0.3, "unlearn_lr": 0.008}))[0].contains("`n` and `unlearn_lr`"));
    assert!(
        notes(json!({})).is_empty() && notes(json!({"n": 0.3})).is_empty() && notes(Tsbd.quick()).is_empty()
    );
}
