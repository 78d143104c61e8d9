use scour_core::{DatasetFacts, Entry, Resolved, entry};
use scour_train::{ImageSet, Silent};
use serde_json::{Value, json};
use tch::Tensor;

use super::*;
use crate::testing::{Stage, TestReporter, coloured, model, same};

#[path = "defense_tests/vgg.rs"]
mod vgg;

const ENTRY: Entry<dyn Defense> = entry!(Tsbd);

fn resolved(given: &Value) -> Resolved<dyn Defense> {
    ENTRY.resolve("tsbd", given, &DatasetFacts::default()).unwrap()
}

/// The parameters that go into the key of the preparation, if there is one.
fn shared(given: &Value) -> Option<Value> {
    let Resolved { method, config } = resolved(given);
    method.preparation().map(|names| config.only(names).params)
}

/// Runs preparation and defense on copies of `start`. With `stop_after`, each run is interrupted after so many epochs and
/// repeated until it finishes. Returns the defended model, its outcome and the tables of the defense stage.
fn defend(
    start: &Model,
    clean: &ImageSet,
    given: &Value,
    stop_after: Option<u64>,
) -> (Model, Outcome, String) {
    let part = || ImageSet { pixels: clean.pixels.shallow_clone(), labels: clean.labels.shallow_clone() };
    let (first, second) = (Stage::new(part()), Stage::new(part()));
    let defense = resolved(given).method;
    let reporter = || stop_after.map_or_else(TestReporter::default, TestReporter::stopping_after);
    let mut interruptions = 0;
    let mut until_done = |run: &mut dyn FnMut(&TestReporter) -> Result<(), TrainError>| {
        loop {
            match run(&reporter()) {
                Err(TrainError::Interrupted) => interruptions += 1,
                other => break other.unwrap(),
            }
        }
    };
    let mut preparation = None;
    if let Some(own) = shared(given) {
        let own = (ENTRY.read)(&own).unwrap();
        until_done(&mut |reporter| {
            // A new worker starts from the stored model.
            preparation = Some(first.with(reporter, |view| own.prepare(&start.duplicate().unwrap(), view))?);
            Ok(())
        });
    }
    let mut defended = None;
    until_done(&mut |reporter| {
        let model = start.duplicate().unwrap();
        let outcome = second.with(reporter, |view| {
            defense.run(&model, &DefenderView { preparation: preparation.as_ref(), ..*view })
        })?;
        defended = Some((model, outcome));
        Ok(())
    });
    assert_eq!(stop_after.is_some(), interruptions > 0);
    let (model, mut outcome) = defended.unwrap();
    outcome.details.extend(preparation.map(|preparation| preparation.details).unwrap_or_default());
    let read = |name: &str| std::fs::read_to_string(second.out().join(name)).unwrap_or_default();
    (model, outcome, read("activeness.csv") + &read("nwc.csv"))
}

#[test]
fn a_defense_that_is_interrupted_at_any_epoch_ends_like_an_uninterrupted_one() {
    let (start, clean) = (model(), coloured(37));
    let given = json!({
        "batch_size": 16, "unlearn_lr": 0.004, "unlearn_epochs": 5, "stop_acc": 0.0, "fidelity": "benchmark",
        "finetune_epochs": 3, "n": 0.3,
    });
    let (expected, outcome, tables) = defend(&start, &clean, &given, None);
    assert_eq!(outcome.details["unlearn_epochs"], 5);
    assert_eq!(tables.matches("mean").count(), 5);
    for epochs in [1, 2, 3] {
        let (resumed, resumed_outcome, resumed_tables) = defend(&start, &clean, &given, Some(epochs));
        assert!(same(&resumed, &expected), "interrupted every {epochs} epochs");
        assert_eq!((resumed_outcome.details, resumed_tables), (outcome.details.clone(), tables.clone()));
    }
}

#[test]
fn auto_tries_shares_and_continues_after_interruptions() {
    let (start, clean) = (model(), coloured(200));
    let given = |n: Value| {
        json!({
            "n": n, "batch_size": 100, "unlearn_lr": 0.004, "unlearn_epochs": 1, "stop_acc": 0.0,
            "fidelity": "corrected", "finetune_epochs": 1,
        })
    };
    let (expected, outcome, tables) = defend(&start, &clean, &given(json!("auto")), None);
    let details = &outcome.details;
    assert_eq!(details["held_out_images"], 40);
    let tried = details["held_out_accuracy"].as_object().unwrap();
    let chosen = details["n"].as_f64().unwrap();
    assert!(tried.len() == 5 && tried.contains_key(&chosen.to_string()), "{tried:?}");
    // The defended model is that of the chosen share on the whole clean set.
    let (fixed, _, fixed_tables) = defend(&start, &clean, &given(json!(chosen)), None);
    assert!(same(&expected, &fixed));
    assert_eq!(tables, fixed_tables);
    let (resumed, resumed_outcome, _) = defend(&start, &clean, &given(json!("auto")), Some(2));
    assert!(same(&resumed, &expected), "interrupted every 2 epochs");
    assert_eq!(resumed_outcome.details, outcome.details);
}

#[test]
fn auto_refuses_a_clean_set_that_is_too_small_to_choose_on() {
    let (start, stage) = (model(), Stage::new(coloured(199)));
    let defense = resolved(&json!({"n": "auto", "batch_size": 40})).method;
    let message = stage.with(&Silent, |view| {
        let copy = start.duplicate().unwrap();
        let preparation = Preparation { tensors: copy.state().snapshot(), ..Preparation::default() };
        let view = DefenderView { preparation: Some(&preparation), ..*view };
        defense.run(&copy, &view).unwrap_err().to_string()
    });
    assert!(message.contains("at least 200 clean images; here are 199"), "{message}");
}

#[test]
fn a_checkpoint_that_is_damaged_or_of_other_settings_is_not_resumed() {
    let (start, clean) = (model(), coloured(24));
    let own = |lr: f64| {
        let given = json!({"unlearn_lr": lr, "unlearn_epochs": 3, "stop_acc": 0, "batch_size": 12});
        shared(&given).unwrap()
    };
    let stage = Stage::new(clean);
    let run = |params: &Value, reporter: &TestReporter| {
        let defense = (ENTRY.read)(params).unwrap();
        stage.with(reporter, |view| defense.prepare(&start, view))
    };
    let values = |preparation: &Preparation| -> Vec<Tensor> {
        preparation.tensors.iter().map(|(_, tensor)| tensor.copy()).collect()
    };
    let uninterrupted = values(&run(&own(0.002), &TestReporter::default()).unwrap());
    assert!(run(&own(0.001), &TestReporter::stopping_after(1)).is_err());
    let reporter = TestReporter::default();
    assert_eq!(
        values(&run(&own(0.002), &reporter).unwrap()),
        uninterrupted,
        "the checkpoint has another rate"
    );
    assert!(reporter.notes.borrow()[0].contains("other settings"), "{:?}", reporter.notes);
    assert!(run(&own(0.002), &TestReporter::stopping_after(1)).is_err());
    let file = stage.scratch().join("unlearning.safetensors");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    let reporter = TestReporter::default();
    assert_eq!(values(&run(&own(0.002), &reporter).unwrap()), uninterrupted, "the checkpoint is truncated");
    assert!(reporter.notes.borrow()[0].contains("unlearning.safetensors is damaged"), "{:?}", reporter.notes);
}

#[test]
fn settings_share_unlearning_unless_a_parameter_of_unlearning_differs() {
    let of = |given: Value| shared(&given);
    let default = of(json!({}));
    assert_eq!(
        default,
        Some(json!({
            "batch_size": 256, "unlearn_lr": 1e-4, "unlearn_epochs": 1000, "momentum": 0.9, "stop_acc": 0.1,
            "fidelity": "corrected",
        }))
    );
    for (field, other) in [
        ("n", json!(0.5)),
        ("m", json!(0.1)),
        ("neurons", json!("random")),
        ("zeroed", json!("all")),
        ("r", json!(1)),
        ("alpha", json!(0)),
        ("norm_scope", json!("global")),
        ("finetune_lr", json!(0.1)),
        ("finetune_epochs", json!(3)),
    ] {
        assert_eq!(of(json!({field: other})), default, "{field}");
    }
    for (field, other) in [
        ("batch_size", json!(16)),
        ("unlearn_lr", json!(1)),
        ("unlearn_epochs", json!(2)),
        ("momentum", json!(0)),
        ("stop_acc", json!(0)),
        ("fidelity", json!("benchmark")),
    ] {
        assert_ne!(of(json!({field: other})), default, "{field}");
    }
    assert_eq!(of(json!({"n": 0})), None, "nothing is unlearned");
}

#[test]
fn with_both_stages_off_the_model_does_not_change() {
    let (start, clean) = (model(), coloured(20));
    let (defended, outcome, tables) = defend(&start, &clean, &json!({"n": 0, "finetune_epochs": 0}), None);
    assert!(same(&defended, &start) && outcome.details.is_empty() && tables.is_empty());
    // The model is unlearned and its neurons are ranked, but no weight of the chosen neurons is zeroed.
    let given =
        json!({"m": 0, "finetune_epochs": 0, "unlearn_epochs": 1, "unlearn_lr": 0.01, "batch_size": 10});
    let (defended, outcome, _) = defend(&start, &clean, &given, None);
    assert!(same(&defended, &start));
    assert_eq!(
        (&outcome.details["zeroed_weights"], &outcome.details["unlearn_epochs"]),
        (&json!(0), &json!(1))
    );
}

/// If whole layers are zero, the gradients of the layers before and after them are exactly zero.
#[test]
fn a_model_with_zeroed_layers_stays_finite() {
    let (start, clean) = (model(), coloured(24));
    for scope in ["per_tensor", "global"] {
        let given = json!({
            "n": 1, "m": 1, "norm_scope": scope, "finetune_epochs": 2, "unlearn_epochs": 1, "batch_size": 12,
        });
        let (defended, outcome, _) = defend(&start, &clean, &given, None);
        assert_eq!(outcome.details["zeroed_weights"], outcome.details["pooled_weights"]);
        assert!(defended.state().is_finite(), "{scope}");
    }
}

/// The smallest clean sets: one image, one class, a last batch of one image.
#[test]
fn clean_sets_of_one_image_or_one_class_can_be_used() {
    let start = model();
    let given = json!({"batch_size": 4, "unlearn_epochs": 2, "unlearn_lr": 0.001, "finetune_epochs": 1});
    for indices in [vec![0i64], vec![0, 3, 6, 9, 12], vec![0, 1, 2, 3, 4]] {
        let clean = coloured(15).select(&Tensor::from_slice(&indices));
        let (defended, outcome, _) = defend(&start, &clean, &given, None);
        assert!(defended.state().is_finite(), "{indices:?}");
        assert!(outcome.details["unlearn_epochs"].as_u64() >= Some(1));
    }
}

#[test]
fn a_missing_preparation_and_one_of_another_model_are_errors() {
    let (start, stage) = (model(), Stage::new(coloured(6)));
    let run = |preparation: Option<&Preparation>| {
        let defense = resolved(&json!({})).method;
        stage.with(&Silent, |view| defense.run(&start, &DefenderView { preparation, ..*view }))
    };
    assert!(run(None).unwrap_err().to_string().contains("no preparation"));
    let foreign = Preparation { tensors: vec![("a".into(), Tensor::from(1.0))], ..Preparation::default() };
    let message = run(Some(&foreign)).unwrap_err().to_string();
    assert!(message.contains("not an unlearned model") && message.contains("`a`"), "{message}");
}

#[test]
fn values_that_were_chosen_on_reported_cells_have_a_note() {
    let notes = |given: Value| -> Vec<String> {
        resolved(&given).method.tuned_on().iter().map(|tuned| tuned.note("signs", 0)).collect()
    };
    assert!(notes(json!({"n": 0.3, "unlearn_lr": 0.008}))[0].contains("`n` and `unlearn_lr`"));
    assert!(
        notes(json!({})).is_empty()
            && notes(json!({"n": 0.3})).is_empty()
            && notes(ENTRY.quick().into()).is_empty()
    );
}

/// The neurons with `selected` in `nwc.csv`.
fn selected(table: &str) -> Vec<&str> {
    table.lines().filter_map(|line| line.strip_suffix(",true")).collect()
}

#[test]
fn variants_choose_other_neurons_or_other_weights_of_the_same_neurons() {
    let (start, clean) = (model(), coloured(30));
    let run = |given: Value| {
        let mut all = json!({
            "n": 0.3, "m": 0.5, "finetune_epochs": 0, "unlearn_epochs": 2, "unlearn_lr": 0.005, "batch_size": 10,
        });
        all.as_object_mut().unwrap().extend(given.as_object().unwrap().clone());
        defend(&start, &clean, &all, None)
    };
    let (method, of_method, table) = run(json!({}));
    let count = |outcome: &Outcome, name: &str| outcome.details[name].as_u64().unwrap();

    let (v1, of_v1, v1_table) = run(json!({"zeroed": "all"}));
    assert_eq!(selected(&v1_table), selected(&table), "the same neurons");
    assert_eq!(
        count(&of_v1, "zeroed_weights"),
        count(&of_v1, "pooled_weights"),
        "whole neurons, whatever m is"
    );
    let (v2, of_v2, v2_table) = run(json!({"zeroed": "random"}));
    assert_eq!(selected(&v2_table), selected(&table));
    assert_eq!(count(&of_v2, "zeroed_weights"), count(&of_method, "zeroed_weights"), "as many weights");
    let (random, of_random, random_table) = run(json!({"neurons": "random"}));
    assert_eq!(selected(&random_table).len(), selected(&table).len(), "as many neurons");
    assert_ne!(selected(&random_table), selected(&table));
    assert_eq!(count(&of_random, "chosen_neurons"), count(&of_method, "chosen_neurons"));

    let models = [&method, &v1, &v2, &random];
    for (i, first) in models.iter().enumerate() {
        assert!(models[i + 1..].iter().all(|second| !same(first, second)));
    }
    let (again, ..) = run(json!({"neurons": "random"}));
    assert!(same(&again, &random), "the seed decides");
}
