//! Training images that a defense holds to be poisoned, and what becomes of the model without them.

use scour_core::{Stream, stream_seed};
use scour_models::Model;
use scour_train::{DefenderView, Fit, ImageSet, Outcome, StandardBatches, TrainError, TrainingSet, fit};
use tch::Tensor;

/// Verdicts on training images.
pub(crate) struct Suspects {
    /// The score of each image, by which suspects are chosen.
    scores: Vec<f64>,
    /// One an image.
    verdicts: Vec<bool>,
}

impl Suspects {
    /// The images with the indices `selected` are the suspects.
    pub(crate) fn new(scores: Vec<f64>, selected: impl IntoIterator<Item = usize>) -> Self {
        let mut verdicts = vec![false; scores.len()];
        selected.into_iter().for_each(|index| verdicts[index] = true);
        Self { scores, verdicts }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.verdicts.iter().filter(|verdict| **verdict).count()
    }

    /// The suspects, or the others, with memory of their own.
    pub(crate) fn part(&self, images: &ImageSet, suspected: bool) -> ImageSet {
        let picked: Vec<i64> = (0..self.verdicts.len())
            .filter(|&index| self.verdicts[index] == suspected)
            .map(|index| index as i64)
            .collect();
        images.select(&Tensor::from_slice(&picked).to_device(images.device()))
    }

    /// Writes `suspects.csv`: a row an image, with its index, label, score and verdict.
    pub(crate) fn write(&self, images: &ImageSet, view: &DefenderView) -> Result<(), TrainError> {
        let path = view.out.join("suspects.csv");
        let file = |error: csv::Error| TrainError::of_file(&path, &error.into());
        let mut writer = csv::Writer::from_path(&path).map_err(file)?;
        writer.write_record(["image", "label", "score", "suspect"]).map_err(file)?;
        for (image, label) in images.classes().into_iter().enumerate() {
            let score = self.scores[image].to_string();
            let verdict = self.verdicts[image].to_string();
            writer.write_record([&image.to_string(), &label.to_string(), &score, &verdict]).map_err(file)?;
        }
        writer.flush().map_err(|error| TrainError::of_file(&path, &error))
    }

    /// The outcome of a defense that trained `model` in place of the attacked one.
    pub(crate) fn outcome(self, model: Model) -> Outcome {
        let (images, count) = (self.verdicts.len(), self.count());
        let outcome = Outcome { model: Some(model), suspects: Some(self.verdicts), ..Outcome::default() };
        outcome.with("images", images).with("suspects", count)
    }

    /// A new network of the model's kind, trained on the images that are not suspects by the recipe of the attacked
    /// one: other initial weights, another order. Its training keeps checkpoints.
    pub(crate) fn train_without(self, model: &Model, view: &DefenderView) -> Result<Outcome, TrainError> {
        let TrainingSet { images, recipe } = view.training()?;
        self.write(images, view)?;
        let rest = self.part(images, false);
        let new_model = untrained(model, view)?;
        let options = Fit {
            recipe,
            drop_last: true,
            format: view.format,
            seed: stream_seed(view.seed, Stream::Defense, 0),
            scratch: Some(view.scratch),
            step: "training a new model",
            reporter: view.reporter,
        };
        let summary = fit(&new_model, &rest, &mut StandardBatches(view.preprocess), &options)?;
        let last = summary.losses.last().copied().unwrap_or(f64::NAN);
        Ok(self.outcome(new_model).with("last_loss", last))
    }
}

/// A network of the model's kind that has learnt nothing; not the one that the attacked model started from.
pub(crate) fn untrained(model: &Model, view: &DefenderView) -> Result<Model, TrainError> {
    let seed = stream_seed(stream_seed(view.seed, Stream::Defense, 0), Stream::Init, 0);
    let new_model = Model::new(&model.spec, model.device(), seed).map_err(TrainError::Method)?;
    new_model.state().to_channels_last();
    Ok(new_model)
}

/// Indices of the `count` highest scores among `candidates`; of equal ones the first.
pub(crate) fn highest(scores: &[f64], mut candidates: Vec<usize>, count: usize) -> Vec<usize> {
    candidates.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    candidates.truncate(count);
    candidates
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{View, numbered};

    #[test]
    fn the_highest_are_taken_and_of_equal_ones_the_first() {
        let scores = [1.0, 5.0, 3.0, 5.0, 5.0];
        assert_eq!(highest(&scores, (0..5).collect(), 2), [1, 3]);
        assert_eq!(highest(&scores, vec![0, 2, 4], 2), [4, 2]);
        assert!(highest(&scores, vec![], 2).is_empty());
    }

    #[test]
    fn parts_and_the_table_show_the_suspects() {
        let (view, images) = (View::new(1), numbered(4));
        let suspects = Suspects::new(vec![0.5, 0.25, 0.0, 2.0], [3, 0]);
        assert_eq!(suspects.count(), 2);
        assert_eq!(suspects.part(&images, true).classes(), [0, 3]);
        assert_eq!(suspects.part(&images, false).classes(), [1, 2]);
        suspects.write(&images, &view.of()).unwrap();
        let table = view.table("suspects.csv");
        assert_eq!(table[0], ["0", "0", "0.5", "true"]);
        assert_eq!(table[1], ["1", "1", "0.25", "false"]);
        assert_eq!(table.len(), 4);
    }
}
