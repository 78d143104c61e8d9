//! What holds for every baseline: one row each.

use std::cell::Cell;

use scour_core::{Entry, Measured, Parameter};
use scour_models::Model;
use scour_torch::NumberFormat;
use scour_train::{DefenderView, Defense, TrainError};
use serde_json::{Value, json};
use tch::Tensor;

use super::BASELINES;
use crate::testing::{View, clean_accuracy, coloured, facts, fresh, fresh_of, resolve, trained};

#[path = "registry_tests/vgg.rs"]
mod vgg;

/// What a defense does to the running statistics of the model's own BatchNorm layers.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Statistics {
    Moves,
    Keeps,
}
use Statistics::{Keeps, Moves};

/// What a baseline's tests need to know of it.
struct Row {
    name: &'static str,
    /// Parameters that make it quick.
    quick: &'static str,
    /// One value that must be refused.
    refused: &'static str,
    /// What happens to the statistics.
    statistics: Statistics,
    /// Parameters by which it does nothing, or why it has none.
    without_strength: Result<&'static str, &'static str>,
}

/// One row a baseline.
const ROWS: &[Row] = &[
    Row {
        name: "ft",
        quick: r#"{"epochs": 2, "batch_size": 16}"#,
        refused: r#"{"lr": 0}"#,
        statistics: Moves,
        without_strength: Ok(r#"{"epochs": 0}"#),
    },
    Row {
        name: "fp",
        quick: r#"{"epochs": 2, "batch_size": 16}"#,
        refused: r#"{"step": 2}"#,
        statistics: Moves,
        without_strength: Ok(r#"{"step": 0, "epochs": 0}"#),
    },
    Row {
        name: "nad",
        quick: r#"{"teacher_epochs": 1, "epochs": 2, "batch_size": 16, "beta1": 5, "beta2": 5}"#,
        refused: r#"{"power": 0}"#,
        statistics: Moves,
        without_strength: Ok(r#"{"epochs": 0}"#),
    },
    // No class can stand out so far: the model stays as it is.
    Row {
        name: "nc",
        quick: r#"{"inversion_epochs": 2, "outlier": 1e9}"#,
        refused: r#"{"stamped": 1}"#,
        statistics: Keeps,
        without_strength: Ok(r#"{"inversion_epochs": 1, "outlier": 1e-9, "epochs": 0}"#),
    },
    Row {
        name: "anp",
        quick: r#"{"iterations": 4, "batch_size": 16}"#,
        refused: r#"{"holdout": 1}"#,
        statistics: Keeps,
        without_strength: Ok(r#"{"iterations": 0}"#),
    },
    Row {
        name: "clp",
        quick: "{}",
        refused: r#"{"u": -1}"#,
        statistics: Keeps,
        without_strength: Ok(r#"{"u": 1e9}"#),
    },
    Row {
        name: "i_bau",
        quick: r#"{"rounds": 2, "batch_size": 16}"#,
        refused: r#"{"share": 2}"#,
        statistics: Keeps,
        without_strength: Ok(r#"{"rounds": 0}"#),
    },
    Row {
        name: "rnp",
        quick: r#"{"batch_size": 16, "unlearn_epochs": 2, "recover_epochs": 2, "recover_lr": 0.05}"#,
        refused: r#"{"images": 1}"#,
        statistics: Keeps,
        without_strength: Ok(r#"{"unlearn_epochs": 1, "recover_epochs": 0}"#),
    },
    Row {
        name: "ft_sam",
        quick: r#"{"epochs": 2, "batch_size": 16, "rho": 0.1, "lr": 0.005}"#,
        refused: r#"{"smoothing": 1}"#,
        statistics: Moves,
        without_strength: Ok(r#"{"epochs": 0}"#),
    },
    Row {
        name: "npd",
        quick: r#"{"warm_up_epochs": 1, "epochs": 2, "batch_size": 16}"#,
        refused: r#"{"norm": -1}"#,
        statistics: Keeps,
        without_strength: Ok(r#"{"warm_up_epochs": 0, "epochs": 0}"#),
    },
    Row {
        name: "sau",
        quick: r#"{"epochs": 2, "batch_size": 16}"#,
        refused: r#"{"steps": 0}"#,
        statistics: Keeps,
        without_strength: Ok(r#"{"epochs": 0}"#),
    },
    Row {
        name: "bnp",
        quick: "{}",
        refused: r#"{"u": -1}"#,
        statistics: Keeps,
        without_strength: Ok(r#"{"u": 1e9}"#),
    },
    Row {
        name: "ep",
        quick: "{}",
        refused: r#"{"images": 1}"#,
        statistics: Keeps,
        without_strength: Ok(r#"{"u": 1e9}"#),
    },
    Row {
        name: "ss",
        quick: "{}",
        refused: r#"{"remove": 1}"#,
        statistics: Moves,
        without_strength: Err("it trains a new model, from other weights, even where it removes no image"),
    },
    Row {
        name: "strip",
        quick: r#"{"overlays": 2}"#,
        refused: r#"{"overlays": 0}"#,
        statistics: Moves,
        without_strength: Err("it trains a new model, from other weights, even where it removes no image"),
    },
    Row {
        name: "abl",
        quick: r#"{"isolation_epochs": 2, "finetune_epochs": 6, "unlearn_epochs": 2, "batch_size": 16, "lr": 0.05, "isolate": 0.05}"#,
        refused: r#"{"isolate": 1}"#,
        statistics: Moves,
        without_strength: Err("it trains a new model from the first epoch on"),
    },
];

/// Every baseline with its row's name, parameters, refused value and statistics.
fn rows() -> impl Iterator<Item = (&'static Entry<dyn Defense>, &'static str, Value, Value, Statistics)> {
    let value = |text: &str| -> Value { serde_json::from_str(text).unwrap() };
    let row = move |(entry, row): (&'static Entry<dyn Defense>, &Row)| {
        (entry, row.name, value(row.quick), value(row.refused), row.statistics)
    };
    BASELINES.iter().zip(ROWS).map(row)
}

#[test]
fn every_baseline_has_a_row() {
    let names: Vec<&str> = BASELINES.iter().map(|defense| defense.name()).collect();
    assert_eq!(names, ROWS.iter().map(|row| row.name).collect::<Vec<_>>());
}

#[test]
fn the_quick_profile_sets_what_there_is_on_every_data_set() {
    for (entry, name, ..) in rows() {
        for dataset in ["signs", "cifar10", "gtsrb", "tiny_imagenet"] {
            let defaults = resolve(name, &json!({}), &facts(dataset)).unwrap();
            let quick = resolve(name, &entry.quick().into(), &facts(dataset)).unwrap();
            for (parameter, value) in &entry.quick() {
                assert_eq!(&quick[parameter], value, "{name} on {dataset}: {parameter}");
                let fewer = !value.is_u64() || value.as_u64() < defaults[parameter].as_u64();
                assert!(fewer, "{name} on {dataset}: {parameter} {value} of {}", defaults[parameter]);
            }
        }
    }
}

#[test]
fn an_oracle_is_asked_where_parameters_say_so_and_only_there() {
    let (mut asking, asked) = (vec![], Cell::new(0));
    // Accuracy never falls, so that all that can be pruned is.
    let oracle = |_: &Model| {
        asked.set(asked.get() + 1);
        Measured { acc: 80.0, asr: Some(f64::from(100 - asked.get())), ra: None }
    };
    let view = View::new(48);
    let run = |defense: &dyn Defense, given: bool| {
        let given: Option<scour_train::Oracle> = if given { Some(&oracle) } else { None };
        let model = trained(4);
        defense.run(&model, &DefenderView { oracle: given, ..view.of() }).map(|outcome| outcome.details)
    };
    for (entry, name, mut params, ..) in rows() {
        let resolve = |params: &Value| entry.resolve(name, params, &facts("signs"));
        assert!(!resolve(&params).unwrap().method.is_oracle(), "{name}");
        params["choose"] = "oracle".into();
        let Ok(resolved) = resolve(&params) else { continue };
        let defense = resolved.method.as_ref();
        assert!(defense.is_oracle(), "{name}");
        let message = run(defense, false).unwrap_err().to_string();
        assert!(message.contains("test set"), "{name}: {message}");
        asked.set(0);
        let details = run(defense, true).unwrap();
        assert!(asked.get() > 5, "{name}: {details:?}");
        let found =
            details.get("threshold").or(details.get("pruned_features")).and_then(Value::as_f64).unwrap();
        let expected = if name == "fp" { 31.0 } else { 0.9 };
        assert!((found - expected).abs() < 1e-9, "{name}: {found}");
        asking.push(name);
    }
    assert_eq!(asking, ["fp", "anp"]);
}

#[test]
fn parameters_are_filled_in_once_and_the_impossible_is_refused_by_name() {
    for (_, name, params, refused, _) in rows() {
        let all = resolve(name, &params, &facts("signs")).unwrap();
        assert_eq!(all, resolve(name, &all, &facts("signs")).unwrap(), "{name}: resolved twice");
        for bad in [json!({"nonsense": 1}), refused] {
            let message = resolve(name, &bad, &facts("signs")).unwrap_err().to_string();
            let field = bad.as_object().unwrap().keys().next().unwrap();
            assert!(message.contains(&format!("`{field}`")) && !message.contains('\n'), "{name}: {message}");
        }
    }
}

#[test]
fn every_baseline_describes_itself() {
    for entry in BASELINES {
        let (name, described) = (entry.name(), entry.description);
        let source = described.source;
        for text in [
            described.title,
            described.family,
            described.summary,
            described.idea,
            described.formula,
            described.cost,
            source.paper,
            source.section,
            source.link,
            source.values,
        ] {
            assert!(!text.is_empty(), "{name}");
        }
    }
}

/// The defaults on a data set where this parameter has its general default.
fn defaults_with(defaults: &Value, parameter: &Parameter) -> Value {
    let mut expected = defaults.clone();
    if let Some(value) = expected.get_mut(parameter.name) {
        *value = parameter.default.clone();
    }
    expected
}

#[test]
fn every_parameter_is_described_and_every_choice_is_accepted() {
    for entry in BASELINES {
        let (name, parameters) = (entry.name(), (entry.parameters)());
        let defaults = resolve(name, &json!({}), &facts("signs")).unwrap();
        let fields: Vec<&String> = defaults.as_object().unwrap().keys().collect();
        let described = |field: &String| parameters.iter().any(|parameter| parameter.name == field);
        assert!(fields.into_iter().all(described), "{name}");
        for parameter in &parameters {
            // In the identity, or left out of it at its default.
            let given = json!({parameter.name: parameter.default});
            assert_eq!(
                resolve(name, &given, &facts("signs")).unwrap(),
                defaults_with(&defaults, parameter),
                "{name}"
            );
        }
        for parameter in &parameters {
            for choice in parameter.choices {
                let value = choice.parse::<bool>().map_or_else(|_| json!(choice), |flag| json!(flag));
                let given = json!({parameter.name: value});
                assert!(resolve(name, &given, &facts("signs")).is_ok(), "{name}: {given}");
            }
        }
        for dataset in ["signs", "cifar10", "gtsrb", "tiny_imagenet"] {
            let published = Value::Object((entry.published)(&facts(dataset)));
            assert_eq!(resolve(name, &published, &facts(dataset)).unwrap(), published, "{name} on {dataset}");
        }
    }
}

/// By the tables in docs/tuning.md: the defenses of which a row of seed 0 was chosen by ASR, as its default, in the quick
/// profile and in signs-all.yaml.
#[test]
fn what_was_chosen_on_reported_cells_says_so() {
    let tuned = |dataset: &str, given: &dyn Fn(&Entry<dyn Defense>) -> Value| -> Vec<&str> {
        let says = |entry: &&Entry<dyn Defense>| {
            let resolved = entry.resolve(entry.name(), &given(entry), &facts(dataset)).unwrap();
            resolved.method.tuned_on().iter().any(|tuned| !tuned.note(dataset, 0).is_empty())
        };
        BASELINES.iter().filter(says).map(Entry::name).collect()
    };
    let default = |_: &Entry<dyn Defense>| json!({});
    let quick = |entry: &Entry<dyn Defense>| Value::Object(entry.quick());
    assert_eq!(tuned("cifar10", &default), ["rnp", "bnp"]);
    assert_eq!(tuned("cifar10", &quick), ["i_bau", "rnp", "ft_sam", "sau", "bnp"]);
    assert_eq!(tuned("signs", &quick), ["i_bau", "sau"]);
    let published = |entry: &Entry<dyn Defense>| Value::Object((entry.published)(&facts("cifar10")));
    assert!(tuned("cifar10", &published).is_empty());
    let signs_all = |entry: &Entry<dyn Defense>| match entry.name() {
        "anp" => json!({"iterations": 15, "batch_size": 100, "lr": 0.4}),
        "ft_sam" => json!({"epochs": 5, "batch_size": 64, "lr": 0.05}),
        _ => json!({}),
    };
    assert_eq!(tuned("signs", &signs_all), ["anp", "ft_sam"]);
}

fn same(a: &[(String, Tensor)], b: &[(String, Tensor)]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && a.1 == b.1)
}

/// Running statistics of the model's own layers.
fn statistics(state: &[(String, Tensor)]) -> Vec<(String, Tensor)> {
    let running = |name: &str| name.contains(".running_") || name.contains(".num_batches");
    let own = state.iter().filter(|(name, _)| running(name) && !name.contains("inserted"));
    own.map(|(name, tensor)| (name.clone(), tensor.shallow_clone())).collect()
}

/// A run on a copy of the model with a last batch that is not full: the model that it leaves.
fn run(entry: &Entry<dyn Defense>, params: &Value, model: &Model, format: NumberFormat) -> Model {
    let (name, copy) = (entry.name(), model.duplicate().unwrap());
    let mut view = View::new(37);
    view.format = format;
    let outcome = view.defend(entry, params, &copy).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(view.watch.reports.get() > 0, "{name}: nothing was reported");
    let left = outcome.model.unwrap_or(copy);
    assert!(left.state().is_finite(), "{name}");
    left
}

#[test]
fn every_baseline_keeps_a_clean_model_working_and_repeats_exactly() {
    let (clean, untrained) = (trained(4), fresh(4, 3));
    for (entry, name, params, _, moves) in rows() {
        let check = |model: &Model, format| {
            let left = run(entry, &params, model, format);
            let kept = same(&statistics(&left.state().snapshot()), &statistics(&model.state().snapshot()));
            assert_eq!(if kept { Keeps } else { Moves }, moves, "{name}: running statistics, {format:?}");
            left
        };
        let works = |left: &Model| {
            let known = clean_accuracy(left, &coloured(30));
            assert!(known >= 66.0, "{name}: only {known} % are known afterwards");
        };
        let [first, again] = [(); 2].map(|()| check(&clean, NumberFormat::Fp32));
        assert!(same(&first.state().snapshot(), &again.state().snapshot()), "{name}: one seed, one model");
        works(&first);
        works(&check(&clean, NumberFormat::Bf16));
        check(&untrained, NumberFormat::Fp32);
    }
}

#[test]
fn without_strength_every_baseline_leaves_the_model_bit_for_bit() {
    let model = trained(4);
    for (entry, row) in BASELINES.iter().zip(ROWS) {
        let name = row.name;
        let view = View::new(37);
        let copy = model.duplicate().unwrap();
        let params = serde_json::from_str(row.without_strength.unwrap_or("{}")).unwrap();
        let outcome = view.defend(entry, &params, &copy).unwrap_or_else(|error| panic!("{name}: {error}"));
        let left = outcome.model.as_ref().unwrap_or(&copy);
        // Running statistics are among the state.
        let unchanged = same(&left.state().snapshot(), &model.state().snapshot());
        assert_eq!(unchanged, row.without_strength.is_ok(), "{name}");
    }
}

/// Clean sets as small and as one-sided as they can be, by the images of [`coloured`] that are in them.
const SMALL: &[(&str, &[i64])] = &[
    ("one image", &[0]),
    ("two images of one class", &[0, 3]),
    ("two images of two classes", &[0, 1]),
    ("one class", &[1, 4, 7, 10, 13, 16]),
    ("no image of class 2", &[0, 1, 3, 4, 6, 7]),
    ("a last batch of one image", &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]),
];

#[test]
fn a_small_or_one_sided_clean_set_is_worked_with_or_refused_in_a_line() {
    // Of 8x8 pixels a single one reaches the last layers: BatchNorm cannot normalise one image of it.
    for size in [16, 8] {
        let model = fresh_of(4, 3, size);
        for (entry, name, params, ..) in rows() {
            for (what, images) in SMALL {
                let mut view = View::new(20);
                view.shrink(size);
                view.clean = view.clean.select(&Tensor::from_slice(images));
                view.training.images = view.training.images.first(40);
                let copy = model.duplicate().unwrap();
                let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    view.defend(entry, &params, &copy).map_err(|error| error.to_string())
                }));
                let found = found.unwrap_or_else(|_| panic!("{name}: {what} of {size} pixels: a panic"));
                match found {
                    Ok(outcome) => {
                        let left = outcome.model.unwrap_or(copy);
                        assert!(left.state().is_finite(), "{name}: {what} of {size} pixels");
                    }
                    Err(message) => {
                        assert!(!message.contains('\n') && message.len() < 200, "{name}: {what}: {message}");
                    }
                }
            }
        }
    }
}

#[test]
fn every_baseline_stops_when_asked() {
    let model = trained(4);
    for (entry, name, params, _, _) in rows() {
        for reports in [0, 1] {
            let view = View::new(37).stopping_after(reports);
            let stopped = view.defend(entry, &params, &model.duplicate().unwrap());
            assert!(
                matches!(stopped, Err(TrainError::Interrupted)),
                "{name}: continues after {reports} reports"
            );
        }
    }
}
