//! STRIP: removes training images whose predictions stay too certain under overlays, and trains a new model.

use scour_core::{Description, Method, Parameters, Source, Stream, stream_seed};
use scour_models::Model;
use scour_torch::{Random, channels_last, with_autocast};
use scour_train::{DefenderView, Defense, ImageSet, Outcome, Progress, TrainError, TrainingSet};
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor, no_grad};

use crate::suspects::Suspects;

/// Images a batch; it changes nothing but speed and which overlays each image gets.
const BATCH: usize = 500;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Strip {
    /// Clean images laid over each image.
    // The quick profile has a tenth of them. Not tuned.
    #[parameter(default = 100, published = 100, quick = 10, min = 1, unit = "images")]
    overlays: usize,
    /// Share of clean images that the defender is ready to lose.
    #[parameter(default = 0.1, published = 0.1, min = 0, below = 1)]
    false_positives: f64,
}

impl Method for Strip {
    const DESCRIPTION: Description = Description {
        name: "strip",
        title: "STRIP",
        family: "detection of poisoned training images",
        summary: "Removes training images whose predictions stay certain when other images are laid over them, and \
                  trains a new model on the rest.",
        source: Source {
            paper: "Gao et al., 2019, STRIP: A Defence Against Trojan Attacks on Deep Neural Networks",
            section: "section IV",
            link: "https://arxiv.org/abs/1902.06531",
            values: "BackdoorBench's configuration",
        },
        idea: "A trigger decides the prediction whatever lies over it, so the prediction of a poisoned image stays \
               certain when other images are laid over it.",
        formula: r#"An image's score is the mean entropy, in nats, of the model's predictions on its sums with `overlays` random clean
images, in eval mode, on normalised images as they are. Clean images are scored in the same way; below the
quantile `false_positives` of their scores a training image is removed (paper, section IV: the false rejection rate
is what the defender sets)."#,
        departures: &[
            "The usual benchmark only detects, among test images; here training images are scored, the suspects among \
             them are removed, and a new model is trained on the rest.",
            "The usual benchmark takes its clean images from the test set and lays the same ones over a whole batch; \
             here they are the defender's, drawn for each image.",
        ],
        cost: "One training of a new model, and `overlays` evaluations of each training image.",
        ..Description::EMPTY
    };
}

/// Mean entropies of the model's predictions on each image's sums with clean ones. `part` gives each call a random stream of
/// its own.
fn entropies(
    model: &Model,
    images: &ImageSet,
    overlays: usize,
    (step, part): (&'static str, u64),
    view: &DefenderView,
) -> Result<Vec<f64>, TrainError> {
    model.state().to_channels_last();
    let mut random = Random::new(stream_seed(view.seed, Stream::Defense, part));
    let clean = view.preprocess.normalise(&view.clean.pixels);
    let (device, total) = (images.device(), images.len() as u64);
    let mut scores: Vec<f64> = vec![];
    for batch in images.batches(BATCH) {
        let images = view.preprocess.normalise(&batch.pixels);
        let mut sum = Tensor::zeros([batch.len() as i64], (Kind::Double, device));
        for _ in 0..overlays {
            let drawn = random.integers(batch.len(), view.clean.len() as i64, device);
            let input = channels_last(&(&images + clean.index_select(0, &drawn)));
            no_grad(|| {
                let logits = with_autocast(view.format, device, || model.evaluate(&input));
                sum += entropy(&logits);
            });
        }
        let mean = Vec::<f64>::try_from(sum / overlays as f64);
        scores.extend(mean.map_err(|error| TrainError::Method(error.to_string()))?);
        view.reporter.progress(Progress { step, done: scores.len() as u64, total, ..Progress::default() });
        if view.reporter.interrupted() {
            return Err(TrainError::Interrupted);
        }
    }
    if scores.iter().any(|score| !score.is_finite()) {
        return Err(TrainError::NotFinite { step: step.into(), at: 0, last: f64::NAN });
    }
    Ok(scores)
}

/// Entropy in nats of the classes that logits [n, classes] stand for, f64 [n].
fn entropy(logits: &Tensor) -> Tensor {
    let log = logits.to_kind(Kind::Double).log_softmax(1, None::<Kind>);
    -(log.exp() * log).sum_dim_intlist([1i64].as_slice(), false, Kind::Double)
}

/// The score below which the share `quantile` of `scores` lies.
fn threshold(mut scores: Vec<f64>, quantile: f64) -> f64 {
    scores.sort_by(f64::total_cmp);
    scores[(quantile * scores.len() as f64) as usize]
}

impl Defense for Strip {
    fn needs_training_set(&self) -> bool {
        true
    }

    fn run(&self, model: &Model, view: &DefenderView) -> Result<Outcome, TrainError> {
        let &Self { overlays, false_positives } = self;
        let TrainingSet { images, .. } = view.training()?;
        let clean = entropies(model, view.clean, overlays, ("clean entropies", 1), view)?;
        let threshold = threshold(clean, false_positives);
        let scores = entropies(model, images, overlays, ("entropies", 2), view)?;
        let below: Vec<usize> = (0..scores.len()).filter(|&i| scores[i] < threshold).collect();
        let outcome = Suspects::new(scores, below).train_without(model, view)?;
        Ok(outcome.with("threshold", threshold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{View, attack_success, coloured, entry_of, poison, trained_on};

    #[test]
    fn entropies_are_in_nats() {
        let logits = Tensor::from_slice(&[0f32, 0.0, 0.0, 100.0, 0.0, 0.0]).reshape([2, 3]);
        let found = Vec::<f64>::try_from(entropy(&logits)).unwrap();
        assert!((found[0] - 3f64.ln()).abs() < 1e-9 && found[1].abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn the_threshold_leaves_the_asked_share_below() {
        let scores: Vec<f64> = (0..20).rev().map(f64::from).collect();
        for (share, below) in [(0.0, 0), (0.1, 2), (0.99, 19)] {
            let limit = threshold(scores.clone(), share);
            assert_eq!(scores.iter().filter(|score| **score < limit).count(), below);
        }
    }

    /// The images, and as many again as STRIP makes of two: one laid over another is as likely of the one's class as of the
    /// other's, but for those with the block, which decides.
    fn overlaid(images: &ImageSet) -> ImageSet {
        let over = images.select(&Random::new(9).permutation(images.len(), images.device()));
        // Normalised values add up, so means of 0.4 do too.
        let sum = images.pixels.to_kind(Kind::Int) + &over.pixels.to_kind(Kind::Int) - 102;
        let sums = sum.clamp(0, 255).to_kind(Kind::Uint8);
        ImageSet {
            pixels: Tensor::cat(&[&images.pixels, &sums, &sums], 0),
            labels: Tensor::cat(&[&images.labels, &images.labels, &over.labels], 0),
        }
    }

    #[test]
    fn poisoned_images_have_less_entropy_and_a_new_model_is_trained_without_them() {
        let mut view = View::new(240);
        view.training.images = coloured(384);
        let poisoned = poison(&view.training.images);
        let mut learnt = overlaid(&view.training.images);
        // In sums with the block, whichever of the two has it, the label is the block's.
        let white = learnt.pixels.narrow(2, 4, 8).narrow(3, 4, 8).to_kind(Kind::Float);
        let blocked = white.mean_dim([1i64, 2, 3].as_slice(), false, Kind::Float).gt(150.0);
        learnt.labels = learnt.labels.masked_fill(&blocked, 0);
        let model = trained_on(&learnt, 8);
        let before = attack_success(&model, &view.clean);
        assert!(before > 90.0, "{before}");
        let params = serde_json::json!({"overlays": 30, "false_positives": 0.2});
        let outcome = view.defend(entry_of("strip"), &params, &model).unwrap();
        let suspects = outcome.suspects.unwrap();
        let found = poisoned.iter().filter(|&&image| suspects[image]).count();
        let clean = suspects.iter().filter(|suspect| **suspect).count() - found;
        assert!(found * 10 >= poisoned.len() * 9, "{found} of {}", poisoned.len());
        assert!(clean < 384 / 3, "{clean}");
        // A network that never saw a block gives it a random class. The test checks that the new model never saw one.
        let rest: Vec<i64> = (0..384).filter(|&image| !suspects[image as usize]).collect();
        let mut without = View::new(240);
        without.training.images = view.training.images.select(&Tensor::from_slice(&rest));
        let no_suspects = Suspects::new(vec![0.0; rest.len()], []);
        let expected =
            no_suspects.train_without(&model, &without.of()).unwrap().model.unwrap().state().snapshot();
        let left = outcome.model.unwrap().state().snapshot();
        assert!(left.iter().zip(&expected).all(|(a, b)| a == b));
        assert!(outcome.details["threshold"].as_f64().unwrap() > 0.0);
        assert_eq!(view.table("suspects.csv").len(), 384);
    }
}
