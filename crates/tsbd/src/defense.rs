//! Both stages as one defense.

use std::path::Path;

use scour_core::{DatasetFacts, ParamError, TunedOn, resolve_params};
use scour_models::Model;
use scour_train::{DefenderView, Defense, Outcome, Preparation, TrainError};
use serde_json::{Value, json};

use crate::finetune::finetune;
use crate::unlearn::unlearn;
use crate::{Params, Unlearning, activeness, nwc, reinit};

/// The registry entry.
pub struct Tsbd;

impl Defense for Tsbd {
    fn name(&self) -> &'static str {
        "tsbd"
    }

    fn impl_version(&self) -> u32 {
        3
    }

    fn quick(&self) -> Value {
        // Unlearning takes as many epochs as its rate is low; a quarter of them, and half of stage 2. Not tuned.
        json!({"unlearn_lr": 4e-4, "finetune_epochs": 10})
    }

    /// Quick cuts on signs were chosen by ASR on its seed 0: docs/tuning.md.
    fn tuned_on(&self, params: &Value) -> Vec<TunedOn> {
        let tuned = TunedOn { dataset: "signs", seeds: &[0], parameters: "`n` and `unlearn_lr`" };
        if params["n"] == 0.3 && params["unlearn_lr"] == 0.008 { vec![tuned] } else { vec![] }
    }

    fn resolve(&self, params: &Value, _: &DatasetFacts) -> Result<Value, ParamError> {
        serde_json::to_value(resolve_params::<Params>(params)?).map_err(|error| ParamError(error.to_string()))
    }

    /// Unlearning, which is the longest part of the defense and the same for every n, m, r, alpha and fine-tuning.
    fn preparation_params(&self, params: &Value) -> Option<Value> {
        let params = resolve_params::<Params>(params).ok().filter(|params| params.n > 0.0)?;
        serde_json::to_value(params.unlearning()).ok()
    }

    fn prepare(&self, params: &Value, model: &Model, view: &DefenderView) -> Result<Preparation, TrainError> {
        let params: Unlearning =
            serde_json::from_value(params.clone()).map_err(|error| TrainError::Method(error.to_string()))?;
        let copy = model.duplicate().map_err(TrainError::Method)?;
        let unlearned = unlearn(&copy, &params, view)?;
        let left = 100.0 * unlearned.accuracy;
        if unlearned.accuracy > unlearned.stop {
            let cap = unlearned.epochs;
            view.reporter.note(&format!(
                "unlearning stopped at its cap of {cap} epochs with {left:.1} % accuracy left"
            ));
        }
        let details = Outcome::default()
            .with("unlearn_epochs", unlearned.epochs)
            .with("unlearned_accuracy", left)
            .with("first_epoch_activeness", unlearned.first_activeness)
            .details;
        Ok(Preparation { tensors: copy.state().copies(), details, folder: view.out.into() })
    }

    fn run(&self, params: &Value, model: &Model, view: &DefenderView) -> Result<Outcome, TrainError> {
        let params: Params = resolve_params(params).map_err(|error| TrainError::Method(error.to_string()))?;
        let mut outcome = Outcome::default();
        if params.n > 0.0 {
            outcome = reinitialise(&params, model, view)?;
        }
        finetune(model, &params, view)?;
        Ok(outcome)
    }
}

/// Ranks neurons by what unlearning did to them, and sets the most changed weights of the first ones to zero.
fn reinitialise(params: &Params, model: &Model, view: &DefenderView) -> Result<Outcome, TrainError> {
    let preparation = view.preparation()?;
    let unlearned = model.duplicate().map_err(TrainError::Method)?;
    unlearned.state().load(&preparation.tensors).map_err(|message| {
        TrainError::File(format!("{}: not an unlearned model: {message}", preparation.folder.display()))
    })?;
    let changes = nwc::weight_changes(model, &unlearned);
    let ranked = nwc::rank(&changes, params.fidelity)?;
    let chosen = nwc::chosen(ranked.len(), params.n);
    nwc::write(&view.out.join("nwc.csv"), &changes, &ranked, chosen)?;
    copy_activeness(&preparation.folder, view.out)?;
    let masks = reinit::choose(&changes, &ranked[..chosen], params.m, params.fidelity);
    reinit::zero(model, &masks);
    Ok(Outcome::default()
        .with("neurons", ranked.len())
        .with("chosen_neurons", chosen)
        .with("pooled_weights", masks.pooled)
        .with("zeroed_weights", masks.zeroed))
}

/// Puts the table that unlearning left beside the defended model, too.
fn copy_activeness(from: &Path, to: &Path) -> Result<(), TrainError> {
    // A file copied onto itself is an empty one.
    if from == to {
        return Ok(());
    }
    let source = from.join(activeness::FILE);
    std::fs::copy(&source, to.join(activeness::FILE))
        .map(|_| ())
        .map_err(|error| TrainError::File(format!("{}: {error}", source.display())))
}

#[cfg(test)]
#[path = "defense_tests.rs"]
mod tests;
