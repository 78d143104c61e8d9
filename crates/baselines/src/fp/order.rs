//! The order in which features are pruned.

use scour_core::{Choice, ParameterType};
use scour_models::Model;
use scour_train::{DefenderView, TrainError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tch::{Kind, Tensor, no_grad};

use super::FinePruning;
use super::choose::means;

/// What features are ordered by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PruningOrder {
    /// The mean over the clean set, the lowest first: the published rule.
    #[default]
    Activation,
    /// TSBD's neuron weight change of the filters of the last convolution, the largest first.
    WeightChange,
}

impl ParameterType for PruningOrder {
    const CHOICES: &'static [&'static str] = &["activation", "weight_change"];
}

impl FinePruning {
    /// The defense whose preparation is the unlearned model; `None` if the order needs none.
    pub(super) fn unlearning(&self) -> Option<Choice> {
        let rate = self.unlearn_lr.map(|rate| ("unlearn_lr".to_string(), Value::from(rate)));
        let params = Value::Object(Map::from_iter(rate));
        (self.order == PruningOrder::WeightChange).then(|| Choice { params, ..Choice::named("tsbd") })
    }

    /// A number for each feature; the features with the lowest ones are pruned first. `features` is f32 [n, features].
    pub(super) fn scores(
        &self,
        features: &Tensor,
        model: &Model,
        view: &DefenderView,
    ) -> Result<Vec<f64>, TrainError> {
        let means = means(features)?;
        match self.order {
            PruningOrder::Activation => Ok(means),
            PruningOrder::WeightChange => {
                let changes = weight_changes(model, view)?;
                if changes.len() != means.len() {
                    return Err(TrainError::Method(format!(
                        "`order: weight_change` needs a network whose last layer has one input for each filter of the last \
                         convolution; this one has {} inputs and {} filters",
                        means.len(),
                        changes.len()
                    )));
                }
                Ok(changes.into_iter().map(|change| -change).collect())
            }
        }
    }
}

/// The sum of |W_unlearned - W| for each filter of the last convolution.
fn weight_changes(model: &Model, view: &DefenderView) -> Result<Vec<f64>, TrainError> {
    let unlearned = view.preparation()?.unlearned(model)?;
    let last = |model: &Model| model.main_convolutions().pop().map(|(_, weight)| weight);
    let (Some(before), Some(after)) = (last(model), last(&unlearned)) else {
        return Err(TrainError::Method("the network has no convolution".into()));
    };
    let change = no_grad(|| (after - before).abs().flatten(1, -1).sum_dim_intlist(1, false, Kind::Double));
    let changes = Vec::<f64>::try_from(change).map_err(|error| TrainError::Method(error.to_string()))?;
    match changes.iter().all(|change| change.is_finite()) {
        true => Ok(changes),
        false => Err(TrainError::NotFinite { step: "unlearning".into(), at: 0, last: f64::NAN }),
    }
}
