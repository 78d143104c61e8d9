//! Parameters of defenses: defaults that depend on the data set, and range checks that several share.

use scour_core::{Check, DatasetFacts, ParamError, Recipe, Schedule, resolve_params};
use scour_train::TrainError;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// `params` over `defaults`, checked: what `Defense::resolve` returns.
pub(crate) fn resolve<P: DeserializeOwned + Serialize + Check>(
    defaults: &P,
    params: &Value,
) -> Result<Value, ParamError> {
    let write = |params: &P| serde_json::to_value(params).map_err(|error| ParamError(error.to_string()));
    let mut merged = write(defaults)?;
    match (merged.as_object_mut(), params.as_object()) {
        (Some(merged), Some(given)) => merged.extend(given.clone()),
        _ => merged = params.clone(),
    }
    write(&resolve_params::<P>(&merged)?)
}

/// The parameters that [`resolve`] returned.
pub(crate) fn read<P: DeserializeOwned + Serialize + Check>(params: &Value) -> Result<P, TrainError> {
    resolve_params(params).map_err(|error| TrainError::Method(error.to_string()))
}

/// How the published experiments fine-tune all weights on a data set: 100 epochs with a cosine, and on Tiny ImageNet 200
/// epochs that lower the rate on a plateau of the loss.
pub(crate) fn fine_tuning(facts: &DatasetFacts) -> (u32, Schedule) {
    if facts.name == "tiny_imagenet" { (200, Schedule::Plateau) } else { (100, Schedule::Cosine) }
}

/// What is wrong with a recipe of which no epochs are allowed, too: the defense then leaves its training out.
pub(crate) fn recipe(recipe: Recipe) -> Result<(), ParamError> {
    let (epochs, cosine_epochs) = (recipe.epochs.max(1), recipe.cosine_epochs.max(1));
    let problem = Recipe { epochs, cosine_epochs, ..recipe }.problem();
    problem.map_or(Ok(()), |problem| Err(ParamError(problem)))
}

/// SGD over the whole clean set with a cosine as long as the training, as fine-tuning goes in all baselines.
pub(crate) fn cosine(epochs: u32, batch_size: usize, lr: f64, momentum: f64, weight_decay: f64) -> Recipe {
    let schedule = Schedule::Cosine;
    Recipe {
        epochs,
        batch_size,
        lr,
        momentum,
        weight_decay,
        schedule,
        cosine_epochs: epochs,
        train_pictures: 0,
    }
}

/// Each must be above 0 and finite.
pub(crate) fn positive(fields: &[(&str, f64)]) -> Result<(), ParamError> {
    refuse(fields, |value| value > 0.0 && value.is_finite(), "be above 0")
}

/// Each must be at least 0 and finite.
pub(crate) fn not_negative(fields: &[(&str, f64)]) -> Result<(), ParamError> {
    refuse(fields, |value| value >= 0.0 && value.is_finite(), "be at least 0")
}

/// Each must be in [0, 1).
pub(crate) fn below_one(fields: &[(&str, f64)]) -> Result<(), ParamError> {
    refuse(fields, |value| (0.0..1.0).contains(&value), "be in [0, 1)")
}

/// Each must be in [0, 1].
pub(crate) fn shares(fields: &[(&str, f64)]) -> Result<(), ParamError> {
    refuse(fields, |value| (0.0..=1.0).contains(&value), "be in [0, 1]")
}

fn refuse(fields: &[(&str, f64)], fits: fn(f64) -> bool, must: &str) -> Result<(), ParamError> {
    match fields.iter().find(|(_, value)| !fits(*value)) {
        Some((name, value)) => Err(ParamError(format!("`{name}` must {must}, not {value}"))),
        None => Ok(()),
    }
}

/// Each must be at least 1: numbers of epochs, steps, pictures.
pub(crate) fn counts(fields: &[(&str, usize)]) -> Result<(), ParamError> {
    match fields.iter().find(|(_, value)| *value == 0) {
        Some((name, _)) => Err(ParamError(format!("`{name}` must be at least 1"))),
        None => Ok(()),
    }
}

/// `name`, a number of pictures that BatchNorm takes statistics of, must be at least 2.
pub(crate) fn more_than_one(name: &str, value: usize) -> Result<(), ParamError> {
    if value >= 2 {
        return Ok(());
    }
    Err(ParamError(format!(
        "`{name}` must be at least 2, since BatchNorm needs more than one picture, not {value}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Serialize, Deserialize, Default)]
    #[serde(deny_unknown_fields, default)]
    struct Params {
        lr: f64,
        epochs: usize,
    }

    impl Check for Params {
        fn check(&self) -> Result<(), ParamError> {
            positive(&[("lr", self.lr)])?;
            counts(&[("epochs", self.epochs)])
        }
    }

    #[test]
    fn given_values_win_over_the_data_sets_and_bad_ones_are_named() {
        let defaults = Params { lr: 0.5, epochs: 3 };
        assert_eq!(resolve(&defaults, &json!({"epochs": 7})).unwrap(), json!({"lr": 0.5, "epochs": 7}));
        let message = |params| resolve(&defaults, &params).unwrap_err().to_string();
        assert_eq!(message(json!({"lr": -1.0})), "`lr` must be above 0, not -1");
        assert_eq!(message(json!({"epochs": 0})), "`epochs` must be at least 1");
        assert!(message(json!({"epoch": 1})).contains("did you mean `epochs`?"));
        assert!(message(json!("fast")).contains("invalid"));
    }

    #[test]
    fn ranges_end_where_they_should() {
        for (value, fitting) in [
            (-0.1, [false, false, false, false]),
            (0.0, [false, true, true, true]),
            (1.0, [true, true, false, true]),
            (1.1, [true, true, false, false]),
            (f64::INFINITY, [false; 4]),
            (f64::NAN, [false; 4]),
        ] {
            let found =
                [positive, not_negative, below_one, shares].map(|check| check(&[("x", value)]).is_ok());
            assert_eq!(found, fitting, "{value}");
        }
        assert!(more_than_one("batch_size", 1).is_err() && more_than_one("batch_size", 2).is_ok());
    }
}
