//! `n: auto`: the share of reinitialised neurons, chosen by clean accuracy alone.
//!
//! The more neurons are reinitialised, the less of a backdoor is left, and the more fine-tuning has to repair. A defender
//! cannot see the first, but can measure the second. A fifth of the clean set is held out; for each candidate a copy of
//! the model is reinitialised and fine-tuned on the rest. Chosen is the largest share whose model is as accurate on the
//! held-out images as the best one, within one standard error of that accuracy (the "one standard error" rule of
//! cross-validation: Breiman et al., 1984, Classification and Regression Trees, section 3.4.3). The rule has no threshold to
//! tune. The defense then starts again from the attacked model, with the chosen share and the whole clean set.

use scour_core::{Stream, accuracy, stream_seed};
use scour_models::Model;
use scour_train::{DefenderView, Outcome, TrainError, predictions, random_part};

use crate::finetune::finetune;
use crate::nwc::{LayerChange, Neuron};
use crate::{Tsbd, choice, nwc};

/// The shares that are tried, all of them: accuracy does not fall evenly, and a good share may come after a worse one. The
/// first is the paper's.
const CANDIDATES: [f64; 5] = [0.15, 0.3, 0.45, 0.6, 0.75];

/// One of so many clean images is held out.
const HELD_OUT: usize = 5;

/// With fewer held-out images one standard error of an accuracy of 75 % is more than six points.
const FEWEST_HELD_OUT: usize = 40;

/// A tried share and its accuracy on the held-out images, in percent.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Trial {
    share: f64,
    accuracy: f64,
}

/// Tries the candidates and returns the chosen share, with the values to record.
pub(crate) fn choose(
    params: &Tsbd,
    model: &Model,
    changes: &[LayerChange],
    ranked: &[Neuron],
    view: &DefenderView,
) -> Result<(f64, Outcome), TrainError> {
    let count = view.clean.len() / HELD_OUT;
    if count < FEWEST_HELD_OUT {
        return Err(TrainError::Method(format!(
            "`n: auto` holds out a fifth of the clean set and needs at least {} clean images; here are {}: make the clean \
             set larger, or give `n` a number",
            FEWEST_HELD_OUT * HELD_OUT,
            view.clean.len()
        )));
    }
    let (held_out, rest) = random_part(view.clean, count, stream_seed(view.seed, Stream::Defense, 2));
    let labels = held_out.classes();
    let measure = |share: f64| {
        let trial = model.duplicate().map_err(TrainError::Method)?;
        let chosen = nwc::chosen(ranked.len(), share);
        choice::reinitialise(&trial, params, changes, ranked, chosen, view.seed);
        let scratch = view.scratch.join(format!("n-{share}"));
        std::fs::create_dir_all(&scratch).map_err(|error| TrainError::of_file(&scratch, &error))?;
        finetune(&trial, params, &DefenderView { clean: &rest, scratch: &scratch, ..*view })?;
        let accuracy = accuracy(&predictions(&trial, &held_out.pixels, view.preprocess, None), &labels);
        view.reporter.note(&format!("n = {share}: {accuracy:.1} % of {count} held-out images"));
        Ok(Trial { share, accuracy })
    };
    let trials = CANDIDATES.into_iter().map(measure).collect::<Result<Vec<_>, TrainError>>()?;
    let share = chosen_of(&trials, count);
    let accuracies = trials.iter().map(|trial| (trial.share.to_string(), trial.accuracy.into()));
    let outcome = Outcome::default()
        .with("n", share)
        .with("held_out_images", count)
        .with("held_out_accuracy", accuracies.collect::<serde_json::Map<_, _>>());
    Ok((share, outcome))
}

/// The largest share whose accuracy is at least the best one less its standard error.
fn chosen_of(trials: &[Trial], images: usize) -> f64 {
    let best = trials.iter().map(|trial| trial.accuracy).fold(0.0, f64::max);
    let enough = trials.iter().filter(|trial| trial.accuracy >= best - standard_error(best, images));
    enough.map(|trial| trial.share).fold(0.0, f64::max)
}

/// The standard error of an accuracy in percent, measured on `images`. One hit and one miss are added, so that it is not 0
/// where every image is classified correctly.
fn standard_error(accuracy: f64, images: usize) -> f64 {
    let images = images as f64;
    let share = (accuracy / 100.0 * images + 1.0) / (images + 2.0);
    100.0 * (share * (1.0 - share) / images).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The chosen share of 0.1, 0.2, .. with these accuracies.
    fn chosen(accuracies: &[f64], images: usize) -> f64 {
        let trial =
            |(i, accuracy): (usize, &f64)| Trial { share: (i + 1) as f64 / 10.0, accuracy: *accuracy };
        chosen_of(&accuracies.iter().enumerate().map(trial).collect::<Vec<_>>(), images)
    }

    #[test]
    fn the_standard_error_is_that_of_a_share() {
        // sqrt(0.75 * 0.25 / 300) = 0.025, where two more images hardly matter.
        assert!((standard_error(75.0, 300) - 2.5).abs() < 0.01);
        // 101 of 102: sqrt(101 / 102 * 1 / 102 / 100).
        assert!((standard_error(100.0, 100) - 0.985_25).abs() < 1e-4);
    }

    #[test]
    fn the_largest_share_within_one_standard_error_of_the_best_is_chosen() {
        // Of 200 images at 75 % one standard error is 3.05 points.
        assert_eq!(chosen(&[75.0, 74.0, 72.0, 71.9], 200), 0.3);
        assert_eq!(chosen(&[75.0, 74.0, 73.0], 200), 0.3, "all are good enough");
        assert_eq!(chosen(&[75.0, 40.0, 74.0, 60.0], 200), 0.3, "a worse one before it does not matter");
        assert_eq!(chosen(&[72.5, 75.0, 71.0], 200), 0.2, "measured from the best, not from the first");
    }

    #[test]
    fn more_images_allow_a_smaller_difference() {
        assert_eq!(chosen(&[75.0, 73.0], 200), 0.2);
        assert_eq!(chosen(&[75.0, 73.0], 2000), 0.1);
    }
}
