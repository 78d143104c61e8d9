//! ANP, adversarial neuron pruning: prunes channels that small changes of weights turn into a backdoor.

mod masks;

use scour_core::{Description, Method, Parameters, Source, Stream, TunedOn, stream_seed};
use scour_models::Model;
use scour_train::{DefenderView, Defense, ImageSet, Outcome, Ranking, TrainError, random_part};
use serde::{Deserialize, Serialize};

use crate::chosen_on::ChosenOn;
use crate::mask_threshold::{Thresholds, prune_masked};
use crate::rankings::by_lowest_mask;
use crate::tuned;
use masks::train_masks;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Anp {
    /// Largest noise at the start, relative to scale and shift.
    #[parameter(default = 0.4, published = 0.4, above = 0)]
    eps: f64,
    /// Steps of the noise up the loss, of eps / `steps` each.
    #[parameter(default = 1, published = 1, min = 1, unit = "steps")]
    steps: u32,
    /// Weight of the loss without noise.
    #[parameter(default = 0.2, published = 0.2, min = 0, max = 1)]
    alpha: f64,
    /// Learning rate of the masks.
    #[parameter(default = 0.01, published = 0.01, quick = 0.1, above = 0)]
    lr: f64,
    /// Their SGD momentum.
    #[parameter(default = 0.9, published = 0.9, min = 0, below = 1)]
    momentum: f64,
    /// Steps of the masks. With 0 they stay whole, and nothing is pruned.
    // The quick profile has a twentieth of the steps, each ten times as long: half the published distance. Not tuned.
    #[parameter(default = 2000, published = 2000, quick = 100, unit = "steps")]
    iterations: u32,
    /// Images a step, drawn with replacement.
    #[parameter(default = 256, published = 256, min = 2, unit = "images")]
    batch_size: usize,
    /// Share of the clean set that is kept for choosing the threshold.
    #[parameter(default = 0.2, published = 0.0, min = 0, below = 1)]
    holdout: f64,
    /// Share of the clean accuracy that pruning may cost.
    #[parameter(default = 0.1, published = 0.1, min = 0, max = 1)]
    max_drop: f64,
    /// Distance of the thresholds that are tried.
    #[parameter(default = 0.05, published = 0.05, min = 1e-3, max = 1)]
    threshold_step: f64,
    /// The highest threshold.
    #[parameter(default = 0.9, published = 0.9, min = 0, max = 1)]
    max_threshold: f64,
    /// What decides the threshold: clean images, or the test set, which no defender has.
    #[parameter(default = ChosenOn::Clean, published = ChosenOn::Oracle)]
    choose: ChosenOn,
}

impl Method for Anp {
    const DESCRIPTION: Description = Description {
        name: "anp",
        title: "ANP",
        family: "pruning",
        summary: "Prunes the channels by which small changes of the weights can bring the backdoor out.",
        source: Source {
            paper: "Wu and Wang, 2021, Adversarial Neuron Pruning Purifies Backdoored Deep Models",
            section: "section 4, algorithm 1",
            link: "https://arxiv.org/abs/2110.14430",
            values: "BackdoorBench's configuration",
        },
        idea: "Neurons that carry a backdoor are sensitive to small changes of their weights: under such changes the \
               model predicts the target class for clean images too.",
        formula: r#"All weights stay as they are; masks on BatchNorm channels are trained. At each step
noise on scales and shifts, drawn from [-eps, eps], climbs the loss by `steps` steps of eps / `steps` along its
gradient's sign; masks then descend alpha L + (1 - alpha) L(noise). Channels whose mask ends at or below a threshold
lose their scale and keep their shift, in the model as it was.

Masks are trained on the clean set without the share `holdout`. On that share thresholds 0, `threshold_step`, .. are
tried up to `max_threshold` for as long as clean accuracy falls by no more than the share `max_drop`; the highest
such threshold is used. With `holdout: 0` all images serve for both."#,
        departures: &[
            "The threshold is the highest that keeps clean accuracy on a held-out share of the clean set. The benchmark \
             takes, of all thresholds at which test accuracy changes by less than the share `max_drop`, the one of lowest \
             test ASR: `choose: oracle`, whose rows are marked.",
            "A fifth of the clean set is held out for that; the benchmark trains masks on all of it (`holdout: 0`).",
        ],
        cost: "2,000 steps, each with two gradients.",
        ..Description::EMPTY
    };
}

impl Anp {
    /// The held-out share of the clean set, and the rest, on which masks are trained.
    fn split(&self, view: &DefenderView) -> (ImageSet, ImageSet) {
        let held_out = (view.clean.len() as f64 * self.holdout) as usize;
        random_part(view.clean, held_out, stream_seed(view.seed, Stream::Defense, 0))
    }

    fn thresholds(&self) -> Thresholds {
        Thresholds { step: self.threshold_step, highest: self.max_threshold, max_drop: self.max_drop }
    }
}

impl Defense for Anp {
    fn is_oracle(&self) -> bool {
        self.choose.is_oracle()
    }

    fn tuned_on(&self) -> Vec<TunedOn> {
        tuned::on("signs", "`lr` and `batch_size`", self.lr == 0.4).into_iter().collect()
    }

    fn ranks_neurons(&self) -> bool {
        true
    }

    fn rank(&self, model: &Model, view: &DefenderView) -> Result<Ranking, TrainError> {
        let (_, train) = self.split(view);
        by_lowest_mask(model, &train_masks(model, self, &train, view)?)
    }

    fn run(&self, model: &Model, view: &DefenderView) -> Result<Outcome, TrainError> {
        let (held_out, train) = self.split(view);
        let scores = train_masks(model, self, &train, view)?;
        let checked_on = if held_out.is_empty() { view.clean } else { &held_out };
        let (threshold, outcome) = match self.choose.oracle(view)? {
            Some(oracle) => self.thresholds().choose_by_oracle(model, &scores, oracle, view)?,
            None => self.thresholds().choose(model, &scores, checked_on, view)?,
        };
        prune_masked(model, &scores, threshold, view, "anp.csv", outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{CLASSES, View, clean_accuracy, entry_of, facts, resolve, unsure, values};
    use scour_models::Pass;
    use scour_torch::BatchNormMode;
    use serde_json::json;
    use tch::{Kind, Tensor, no_grad};

    /// A channel that is silent on every image, but leads to a wrong class once noise raises its scale and its shift: as far
    /// below 0 as its highest value lies above it, and a little more. Noise of eps 0.3, one step up the loss included, can
    /// take three fifths of the shift, and values above a third of the highest come through, unless the mask is low. It is
    /// the channel that varies most, and the class is the one on whose own images it is lowest. Returns the channel and its
    /// shift.
    fn plant(model: &Model, view: &View) -> (i64, f64) {
        let get = |name: &str| model.state().get(name).unwrap();
        no_grad(|| {
            let channel = get("layer4.1.bn2.running_var").argmax(0, false).int64_value(&[]);
            let _ = get("layer4.1.bn2.bias").get(channel).fill_(0.0);
            let _ = get("layer4.1.bn2.weight").get(channel).fill_(1.0);
            let (mut highest, mut of_images) = (0f64, vec![]);
            for mode in [BatchNormMode::Eval, BatchNormMode::TrainFrozen] {
                let mut tap = |name: &str, output: Tensor| {
                    if name == "layer4.1.bn2" {
                        let own = output.select(1, channel).flatten(1, -1).amax([1i64].as_slice(), false);
                        highest = highest.max(own.max().double_value(&[]));
                        of_images = values(&own);
                    }
                    output
                };
                let input = view.preprocess.normalise(&view.clean.pixels);
                let _ = model.forward(&input, &mut Pass::tapped(mode, &mut tap));
            }
            let labels = view.clean.classes();
            let of_class = |class: &u32| -> f64 {
                labels
                    .iter()
                    .zip(&of_images)
                    .filter(|(label, _)| *label == class)
                    .map(|(_, value)| value)
                    .sum()
            };
            let class = (0..CLASSES as u32).min_by(|a, b| of_class(a).total_cmp(&of_class(b))).unwrap();
            let shift = -1.1 * highest;
            let _ = get("layer4.1.bn2.bias").get(channel).fill_(shift);
            let linear = get("linear.weight");
            let towards = linear.get(i64::from(class)) - linear.mean_dim(0, false, None::<Kind>);
            let mut filters = get("layer4.1.conv2.weight").select(1, channel);
            // Ten times any weight of its own: what noise does to other channels is little beside it.
            filters.copy_(&(towards.sign() * 30.0).reshape([-1, 1, 1]).expand_as(&filters));
            (channel, shift)
        })
    }

    #[test]
    fn the_mask_of_a_silent_channel_that_noise_wakes_is_among_the_lowest() {
        let (model, view) = (unsure(4), View::new(96));
        let (channel, shift) = plant(&model, &view);
        let name = channel.to_string();
        assert!(clean_accuracy(&model, &view.clean) > 90.0, "the planted channel is silent");
        let before = model.state().snapshot();
        // Many short steps, each with another draw of noise, some of which wake the channel; so little noise that other
        // channels hardly matter.
        let params = json!({"iterations": 40, "batch_size": 32, "lr": 0.002, "eps": 0.3});
        let outcome = view.defend(entry_of("anp"), &params, &model).unwrap();
        let table = view.table("anp.csv");
        let score = |row: &[String]| row[2].parse::<f64>().unwrap();
        let planted = table.iter().find(|row| row[..2] == ["layer4.1.bn2", name.as_str()]).unwrap();
        let below = table.iter().filter(|row| score(row) <= score(planted)).count();
        assert!(below <= 3, "{below} of {} are as low as {planted:?}", table.len());
        assert_eq!(planted[3], "true");
        // What is pruned loses its scale, keeps its shift, and nothing else changes.
        let pruned = table.iter().filter(|row| row[3] == "true").count();
        assert_eq!(outcome.details["pruned_channels"], pruned);
        assert_eq!(values(model.state().get("layer4.1.bn2.weight").unwrap())[channel as usize], 0.0);
        assert_eq!(
            values(model.state().get("layer4.1.bn2.bias").unwrap())[channel as usize],
            f64::from(shift as f32)
        );
        for ((name, before), (_, after)) in before.iter().zip(model.state().snapshot()) {
            let scale = name.contains("bn") && name.ends_with(".weight");
            assert!(scale || *before == after, "{name}");
        }
        assert!(clean_accuracy(&model, &view.clean) > 80.0);
    }

    #[test]
    fn impossible_parameters_are_refused() {
        let facts = facts("signs");
        for (params, field) in [
            (json!({"eps": 0}), "`eps`"),
            (json!({"alpha": 1.1}), "`alpha`"),
            (json!({"holdout": 1}), "`holdout`"),
            (json!({"steps": 0}), "`steps`"),
            (json!({"batch_size": 1}), "`batch_size`"),
            (json!({"threshold_step": 0}), "`threshold_step`"),
        ] {
            let message = resolve("anp", &params, &facts).unwrap_err().to_string();
            assert!(message.contains(field) && !message.contains('\n'), "{message}");
        }
    }
}
