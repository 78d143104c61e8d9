//! The defense: unlearning as its preparation, then reinitialisation and fine-tuning.

use std::path::Path;

use scour_core::TunedOn;
use scour_models::Model;
use scour_train::{DefenderView, Defense, Outcome, Preparation, Ranking, TrainError};

use crate::finetune::finetune;
use crate::params::OF_UNLEARNING;
use crate::unlearn::unlearn;
use crate::{NeuronShare, Tsbd, activeness, auto_share, choice, nwc};

impl Defense for Tsbd {
    /// The values for signs were chosen by their ASR on seed 0: see docs/tuning.md.
    fn tuned_on(&self) -> Vec<TunedOn> {
        let tuned = TunedOn { dataset: "signs", seeds: &[0], parameters: "`n` and `unlearn_lr`" };
        if self.n == NeuronShare::Fixed(0.3) && self.unlearn_lr == 0.008 { vec![tuned] } else { vec![] }
    }

    /// Unlearning: the longest part of the defense, and independent of n, m, r, alpha and fine-tuning.
    fn preparation(&self) -> Option<&'static [&'static str]> {
        self.n.needs_unlearning().then_some(OF_UNLEARNING)
    }

    fn prepare(&self, model: &Model, view: &DefenderView) -> Result<Preparation, TrainError> {
        let copy = model.duplicate().map_err(TrainError::Method)?;
        let unlearned = unlearn(&copy, self, view)?;
        let accuracy = 100.0 * unlearned.accuracy;
        if unlearned.accuracy > unlearned.stop {
            view.reporter.note(&format!(
                "unlearning reached its limit of {} epochs at an accuracy of {accuracy:.1} %",
                unlearned.epochs
            ));
        }
        let details = Outcome::default()
            .with("unlearn_epochs", unlearned.epochs)
            .with("unlearned_accuracy", accuracy)
            .with("first_epoch_activeness", unlearned.first_activeness)
            .details;
        Ok(Preparation { tensors: copy.state().snapshot(), details, folder: view.out.into() })
    }

    /// By neuron weight change.
    fn ranks_neurons(&self) -> bool {
        self.n.needs_unlearning()
    }

    fn rank(&self, model: &Model, view: &DefenderView) -> Result<Ranking, TrainError> {
        let changes = unlearning_changes(model, view)?;
        Ranking::new(nwc::scores(&changes)?)
    }

    fn run(&self, model: &Model, view: &DefenderView) -> Result<Outcome, TrainError> {
        let mut outcome = Outcome::default();
        if self.n.needs_unlearning() {
            outcome = reinitialise(self, model, view)?;
        }
        finetune(model, self, view)?;
        Ok(outcome)
    }
}

/// The weight changes between the model and its unlearned copy, which is the preparation.
fn unlearning_changes(model: &Model, view: &DefenderView) -> Result<Vec<nwc::LayerChange>, TrainError> {
    let unlearned = view.preparation()?.unlearned(model)?;
    Ok(nwc::weight_changes(model, &unlearned))
}

/// Ranks neurons by their weight change, and sets the most changed weights of the first ones to zero; the variants of
/// [`choice`] choose others.
fn reinitialise(params: &Tsbd, model: &Model, view: &DefenderView) -> Result<Outcome, TrainError> {
    let changes = unlearning_changes(model, view)?;
    let ranked = choice::in_order(params.neurons, nwc::rank(&changes, params.fidelity)?, view.seed);
    let (share, outcome) = match params.n {
        NeuronShare::Fixed(share) => (share, Outcome::default()),
        NeuronShare::Auto => auto_share::choose(params, model, &changes, &ranked, view)?,
    };
    let chosen = nwc::chosen(ranked.len(), share);
    nwc::write(&view.out.join("nwc.csv"), &changes, &ranked, chosen)?;
    copy_activeness(&view.preparation()?.folder, view.out)?;
    let masks = choice::reinitialise(model, params, &changes, &ranked, chosen, view.seed);
    Ok(outcome
        .with("neurons", ranked.len())
        .with("chosen_neurons", chosen)
        .with("pooled_weights", masks.pooled)
        .with("zeroed_weights", masks.zeroed))
}

/// Copies the activeness table of the preparation to the folder of the defended model.
fn copy_activeness(from: &Path, to: &Path) -> Result<(), TrainError> {
    // Copying a file onto itself would empty it.
    if from == to {
        return Ok(());
    }
    let source = from.join(activeness::FILE);
    std::fs::copy(&source, to.join(activeness::FILE))
        .map(|_| ())
        .map_err(|error| TrainError::of_file(&source, &error))
}

#[cfg(test)]
#[path = "defense_tests.rs"]
mod tests;
