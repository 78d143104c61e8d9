use scour_train::TrainError;
use serde_json::{Value, json};

use super::BASELINES;
use crate::testing::{View, fresh, trained};

/// One row a defense: name, parameters that make it quick, and whether running statistics of BatchNorm layers move.
const ROWS: &[(&str, &str, bool)] = &[
    ("ft", r#"{"epochs": 1}"#, true),
    ("fp", r#"{"epochs": 1}"#, true),
    ("anp", r#"{"iterations": 2, "batch_size": 16}"#, false),
    ("clp", "{}", false),
    ("rnp", r#"{"batch_size": 16, "unlearn_epochs": 2, "recover_epochs": 2}"#, false),
    ("bnp", "{}", false),
];

#[test]
fn every_baseline_has_a_row() {
    let names: Vec<&str> = BASELINES.iter().map(|defense| defense.name()).collect();
    assert_eq!(names, ROWS.iter().map(|row| row.0).collect::<Vec<_>>());
}

#[test]
fn every_baseline_keeps_to_the_rules() {
    let clean = trained(4);
    for (defense, (name, params, moves)) in BASELINES.iter().zip(ROWS) {
        let facts = View::new(1).facts();
        let params: Value = serde_json::from_str(params).unwrap();
        let params = defense.resolve(&params, &facts).unwrap();
        assert_eq!(params, defense.resolve(&params, &facts).unwrap(), "{name}: resolved twice");
        assert!(defense.resolve(&json!({"nonsense": 1}), &facts).is_err(), "{name}");
        // A clean model, one that knows nothing, and the first again; a batch that is not full, too.
        let runs = [clean.duplicate().unwrap(), fresh(2, 3), clean.duplicate().unwrap()];
        for model in &runs {
            let before = model.state().copies();
            let outcome = defense.run(&params, model, &View::new(37).of());
            outcome.unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(model.state().is_finite(), "{name}");
            let moved = before.iter().zip(model.state().copies()).any(|((name, before), (_, after))| {
                (name.contains(".running_") || name.contains(".num_batches")) && *before != after
            });
            assert_eq!(moved, *moves, "{name}: running statistics");
        }
        let repeated = runs[0].state().copies().into_iter().zip(runs[2].state().copies());
        assert!(repeated.into_iter().all(|(a, b)| a == b), "{name}: one seed, one model");
        let stopped = defense.run(&params, &clean.duplicate().unwrap(), &View::new(37).stopping().of());
        assert!(matches!(stopped, Err(TrainError::Interrupted)), "{name}: goes on when asked to stop");
    }
}
