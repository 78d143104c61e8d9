//! Both stages as one defense.

use scour_core::{DatasetFacts, ParamError, resolve_params};
use scour_models::Model;
use scour_train::{DefenderView, Defense, Outcome, TrainError};
use serde_json::{Value, json};

use crate::finetune::finetune;
use crate::unlearn::unlearn;
use crate::{Params, nwc, reinit};

/// The registry entry.
pub struct Tsbd;

impl Defense for Tsbd {
    fn name(&self) -> &'static str {
        "tsbd"
    }

    fn impl_version(&self) -> u32 {
        2
    }

    fn quick(&self) -> Value {
        // Unlearning takes as many epochs as its rate is low.
        json!({"unlearn_lr": 4e-4, "finetune_epochs": 10})
    }

    fn resolve(&self, params: &Value, _: &DatasetFacts) -> Result<Value, ParamError> {
        serde_json::to_value(resolve_params::<Params>(params)?).map_err(|error| ParamError(error.to_string()))
    }

    fn run(&self, params: &Value, model: &Model, view: &DefenderView) -> Result<Outcome, TrainError> {
        let params: Params = resolve_params(params).map_err(|error| TrainError::Method(error.to_string()))?;
        let mut outcome = Outcome::default();
        if params.n > 0.0 {
            outcome = stage_1(&params, model, view, outcome)?;
        }
        finetune(model, &params, view)?;
        Ok(outcome)
    }
}

/// Unlearn, rank, reinitialise.
fn stage_1(
    params: &Params,
    model: &Model,
    view: &DefenderView,
    outcome: Outcome,
) -> Result<Outcome, TrainError> {
    let copy = model.duplicate().map_err(TrainError::Method)?;
    let unlearned = unlearn(&copy, params, view)?;
    let changes = nwc::weight_changes(model, &copy);
    let ranked = nwc::rank(&changes, params.fidelity)?;
    let chosen = nwc::chosen(ranked.len(), params.n);
    nwc::write(&view.out.join("nwc.csv"), &changes, &ranked, chosen)?;
    let masks = reinit::choose(&changes, &ranked[..chosen], params.m, params.fidelity);
    reinit::zero(model, &masks);
    if unlearned.accuracy > unlearned.stop {
        view.reporter.note(&format!(
            "unlearning stopped at its cap of {} epochs with {:.1} % accuracy left",
            unlearned.epochs,
            100.0 * unlearned.accuracy
        ));
    }
    Ok(outcome
        .with("unlearn_epochs", unlearned.epochs)
        .with("unlearned_accuracy", 100.0 * unlearned.accuracy)
        .with("first_epoch_activeness", unlearned.first_activeness)
        .with("neurons", ranked.len())
        .with("chosen_neurons", chosen)
        .with("pooled_weights", masks.pooled)
        .with("zeroed_weights", masks.zeroed))
}
