//! ABL, anti-backdoor learning: isolates images that are learnt easily and unlearns them.

mod stage;

use scour_core::{DatasetFacts, Description, Method, Parameters, Source};
use scour_models::Model;
use scour_torch::channels_last;
use scour_train::{DefenderView, Defense, ImageSet, Outcome, TrainError, TrainingSet};
use serde::{Deserialize, Serialize};
use tch::{Kind, Reduction, Tensor, no_grad};

use crate::suspects::{Suspects, highest, untrained};
use stage::Stage;

/// Images a batch where losses are measured; it changes nothing but speed.
const BATCH: usize = 500;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AntiBackdoorLearning {
    /// Passes over the training set before the isolation.
    // The quick profile has a fifth of these passes and fewer of the next ones. Not tuned.
    #[parameter(default = 20, published = 20, quick = 4, min = 1, unit = "epochs")]
    isolation_epochs: u32,
    /// Loss below which a batch's loss is raised.
    #[parameter(default = 0.5, published = 0.5, min = 0)]
    gamma: f64,
    /// Share of the training set that is isolated.
    #[parameter(default = 0.01, published = 0.01, min = 0, below = 1)]
    isolate: f64,
    /// Passes over the images that are not isolated.
    #[parameter(default = 60, published = 60, quick = 8, min = 1, unit = "epochs")]
    finetune_epochs: u32,
    /// Passes over the isolated images.
    #[parameter(default = 20, published = 20, unit = "epochs")]
    unlearn_epochs: u32,
    /// Learning rate of isolation and fine-tuning.
    #[parameter(default = 0.01, published = 0.01, above = 0)]
    lr: f64,
    /// Learning rate of unlearning.
    #[parameter(default = 1e-4, published = 1e-4, above = 0)]
    unlearn_lr: f64,
    /// Images a step.
    #[parameter(default = 128, published = 128, min = 2, unit = "images")]
    batch_size: usize,
    /// SGD momentum (Nesterov's).
    #[parameter(default = 0.9, published = 0.9, min = 0, below = 1)]
    momentum: f64,
    /// L2 penalty.
    #[parameter(default = 1e-4, published = 1e-4, min = 0, below = 1)]
    weight_decay: f64,
}

impl Method for AntiBackdoorLearning {
    const DESCRIPTION: Description = Description {
        name: "abl",
        title: "ABL",
        family: "training on poisoned data",
        summary: "Trains a new model on the poisoned training set, isolates the images whose loss falls fastest, and \
                  unlearns them.",
        source: Source {
            paper: "Li et al., 2021, Anti-Backdoor Learning: Training Clean Models on Poisoned Data",
            section: "section 3, eq. 5",
            link: "https://arxiv.org/abs/2110.11571",
            values: "BackdoorBench's configuration",
        },
        idea: "Poisoned images are learnt faster than clean ones. A training that pushes low losses up again leaves \
               only them with a low loss, so that they can be isolated and unlearnt.",
        formula: r#"1. Isolation: a new network is trained without augmentation for 20 epochs. Where a batch's loss L falls below gamma =
   0.5 it is raised again: sign(L - gamma) L (paper, eq. 5; the benchmark's flooding abs(L - gamma) + gamma has the same
   gradient). Images whose loss stays low all the same are learnt easily. The share `isolate` of the images with the
   lowest losses, in eval mode, is set apart.
2. Fine-tuning on the rest under training augmentation, 60 epochs, for the last third at a tenth of the rate.
3. Unlearning: the cross-entropy on the isolated images is raised, 20 epochs at 1e-4.

SGD with Nesterov's momentum 0.9, weight decay 1e-4, rate 0.01, batches of 128; on Tiny ImageNet 40, 120 and 4 epochs."#,
        measured: r#"Unlearning has no end but its epochs, and is as good as the isolation: where that finds poisoned images it takes the
backdoor, and where there are none, as on a clean model, it makes the model wrong about what it knew best. Two ways to
be gentler were tried and keep the backdoor: ending where the isolated images' loss is that of guessing, which a
batch's own statistics reach at once, since they take out what all of it has in common; and BatchNorm in eval mode,
where the loss of a learnt trigger is so near 0 that it has no gradient to climb."#,
        cost: "A training of a new model of 80 epochs.",
        ..Description::EMPTY
    };

    fn defaults(facts: &DatasetFacts) -> Self {
        Self::default().for_dataset(&facts.name)
    }

    fn published_for(facts: &DatasetFacts) -> Self {
        Self::published().for_dataset(&facts.name)
    }
}

impl AntiBackdoorLearning {
    /// With the values that the data set has of its own.
    fn for_dataset(self, name: &str) -> Self {
        match name {
            "tiny_imagenet" => Self { isolation_epochs: 40, finetune_epochs: 120, unlearn_epochs: 4, ..self },
            _ => self,
        }
    }
}

/// Raises a batch's loss where it is below `gamma`.
fn local_ascent(loss: &Tensor, gamma: f64) -> Tensor {
    (loss.detach() - gamma).sign() * loss
}

/// Cross-entropy of each image as it is: eval mode, fp32.
fn losses(model: &Model, images: &ImageSet, view: &DefenderView) -> Result<Vec<f64>, TrainError> {
    let mut all: Vec<f64> = vec![];
    for batch in images.batches(BATCH) {
        let losses = no_grad(|| {
            let logits = model.evaluate(&channels_last(&view.preprocess.normalise(&batch.pixels)));
            logits.cross_entropy_loss(&batch.labels, None::<&Tensor>, Reduction::None, -100, 0.0)
        });
        let losses = Vec::<f64>::try_from(losses.to_kind(Kind::Double));
        all.extend(losses.map_err(|error| TrainError::Method(error.to_string()))?);
        if view.reporter.interrupted() {
            return Err(TrainError::Interrupted);
        }
    }
    Ok(all)
}

impl Defense for AntiBackdoorLearning {
    fn needs_training_set(&self) -> bool {
        true
    }

    fn run(&self, model: &Model, view: &DefenderView) -> Result<Outcome, TrainError> {
        let TrainingSet { images, .. } = view.training()?;
        let new_model = untrained(model, view)?;
        let isolation = Stage {
            images,
            name: "isolation",
            epochs: self.isolation_epochs,
            part: 0,
            augment: false,
            objective: &|loss| local_ascent(loss, self.gamma),
            lr: &|_| self.lr,
        };
        isolation.run(&new_model, self, view)?;
        let losses = losses(&new_model, images, view)?;
        let count = (self.isolate * images.len() as f64) as usize;
        let lowest: Vec<f64> = losses.iter().map(|loss| -loss).collect();
        let suspects = Suspects::new(losses, highest(&lowest, (0..images.len()).collect(), count));
        suspects.write(images, view)?;
        let [isolated, rest] = [true, false].map(|suspected| suspects.part(images, suspected));
        let fine_tuning = Stage {
            images: &rest,
            name: "fine-tuning",
            epochs: self.finetune_epochs,
            part: 1,
            augment: true,
            objective: &|loss| loss.shallow_clone(),
            lr: &|epoch| if 3 * epoch < 2 * self.finetune_epochs { self.lr } else { 0.1 * self.lr },
        };
        let finetune_loss = fine_tuning.run(&new_model, self, view)?;
        let unlearning = Stage {
            images: &isolated,
            name: "unlearning",
            epochs: if isolated.len() < 2 { 0 } else { self.unlearn_epochs },
            part: 2,
            augment: true,
            objective: &|loss| -loss,
            lr: &|_| self.unlearn_lr,
        };
        let unlearn_loss = unlearning.run(&new_model, self, view)?;
        let outcome = suspects.outcome(new_model);
        Ok(outcome.with("finetune_loss", finetune_loss).with("unlearn_loss", unlearn_loss))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{View, attack_success, coloured, entry_of, fresh, poison};
    use scour_torch::Random;
    use serde_json::json;
    use tch::Device;

    #[test]
    fn below_gamma_the_loss_is_raised_and_above_it_lowered() {
        for (value, slope) in [(0.75f64, 1.0), (0.25, -1.0)] {
            let loss = Tensor::from(value).set_requires_grad(true);
            local_ascent(&loss, 0.5).backward();
            assert_eq!(loss.grad().double_value(&[]), slope);
        }
    }

    #[test]
    fn losses_are_of_single_images() {
        let (model, view) = (fresh(2, 1), View::new(1));
        let images = coloured(7);
        let found = losses(&model, &images, &view.of()).unwrap();
        let logits = model.evaluate(&view.preprocess.normalise(&images.pixels));
        for (i, found) in found.iter().enumerate() {
            let log = logits.get(i as i64).log_softmax(0, Kind::Float);
            let expected = -log.double_value(&[images.labels.int64_value(&[i as i64])]);
            assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        }
    }

    #[test]
    fn what_is_learnt_easily_is_isolated_and_unlearnt() {
        let mut view = View::new(8);
        let images = &mut view.training.images;
        *images = coloured(384);
        // Labels that do not follow from the images, but for those with the block.
        images.labels = Random::new(5).integers(384, 3, Device::Cpu);
        let poisoned = poison(images);
        let params = |unlearn_epochs: u32| {
            json!({
                "isolation_epochs": 3, "finetune_epochs": 3, "unlearn_epochs": unlearn_epochs, "batch_size": 16,
                "lr": 0.05, "unlearn_lr": 0.002, "isolate": 0.1,
            })
        };
        let run = |unlearn_epochs: u32| {
            let outcome = view.defend(entry_of("abl"), &params(unlearn_epochs), &fresh(4, 2)).unwrap();
            (outcome.suspects.unwrap(), outcome.model.unwrap())
        };
        let (suspects, model) = run(8);
        let count = suspects.iter().filter(|suspect| **suspect).count();
        assert_eq!(count, suspects.len() / 10);
        let found = poisoned.iter().filter(|&&image| suspects[image]).count();
        assert!(found * 10 >= count * 9, "{found} of {count}");
        let (before, after) =
            (attack_success(&run(0).1, &coloured(90)), attack_success(&model, &coloured(90)));
        assert!(before > 90.0 && after < 50.0, "{before} {after}");
    }
}
