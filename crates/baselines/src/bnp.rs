//! BNP: prunes channels whose input on clean images is distributed differently from BatchNorm's running statistics.

mod divergence;

use scour_core::{DatasetFacts, Description, Method, Parameters, Source, TunedOn};
use scour_models::Model;
use scour_train::{DefenderView, Defense, Outcome, Ranking, TrainError};
use serde::{Deserialize, Serialize};

use crate::batch_norms::batch_norms;
use crate::outliers::{prune_outliers, published_u};
use crate::rankings::by_distance;
use crate::tuned;
use divergence::{divergences, noise};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Bnp {
    /// Standard deviations above the mean at which channels are pruned; by data set where not given.
    #[parameter(default = 3.0, published = 3.0, min = 0, unit = "standard deviations")]
    u: f64,
    /// A channel is pruned only if its divergence is this many times what random fluctuation explains.
    #[parameter(default = 1.0, published = 0.0, min = 0)]
    noise: f64,
    /// Images a step of the training that running statistics come from, as far as the defender knows; by data set where
    /// not given.
    #[parameter(default = 128, published = 128, min = 1, unit = "images")]
    train_batch: usize,
}

impl Method for Bnp {
    const DESCRIPTION: Description = Description {
        name: "bnp",
        title: "BNP",
        family: "pruning",
        summary: "Prunes channels whose input on clean images is distributed differently from what it was in \
                  training.",
        source: Source {
            paper: "Zheng et al., 2022, Pre-activation Distributions Expose Backdoor Neurons",
            section: "section 4.1",
            link: "https://proceedings.neurips.cc/paper_files/paper/2022/hash/76917808731dae9e6d62c2a7a6afb542-Abstract-Conference.html",
            values: "BackdoorBench's configuration",
        },
        idea: "Training on poisoned images leaves its mark in BatchNorm's running statistics, and clean images show \
               it.",
        formula: r#"With mean m1 and variance v1 of a channel's input over the clean set, m2 and v2 the running ones, and both taken for
normal distributions, the score is their divergence KL(1, 2) = (ln(v2 / v1) + (v1 + (m1 - m2)^2) / v2 - 1) / 2.
Channels whose score is above mean + u * std of their layer, and above `noise` times the divergence that random
fluctuation explains, lose scale and shift.

One pass over the clean set in eval mode, fp32, under training augmentation, since running statistics are of
augmented images. 1e-5, by which the layers themselves keep dead channels from dividing by 0, is added to both
variances."#,
        departures: &[
            "A channel is pruned only where its divergence is also `noise` times what random fluctuation explains; \
             `noise: 0` is the published rule.",
            "The benchmark halves only the second term of the divergence, and its statistics are those of a last \
             batch of poisoned training images, which overwrite the clean ones: neither is offered here, as the first \
             is no divergence and a defender does not have the second.",
        ],
        measured: r#"The rule knows no scale: where nothing diverges, as in a clean model, it prunes the channels that fluctuated most,
and where these lie in the first layers the model breaks (a clean one on signs fell from 98.8 to 78.7, its divergences
all below 0.008, where those of BadNets' channels are 0.1 to 0.24). This is why `noise` is not 0 by default. ACC/ASR
of CIFAR-10 at width 16, one seed, by noise 0, 1, 3, 10, of models that are reported (docs/tuning.md): BadNets
72.4/1.5, 75.3/2.4, 76.3/15.9, 76.4/19.9; Blended 67.0/2.6, 75.7/1.9, 76.5/1.6, 76.6/25.3.

It rests on the clean set being augmented as the training set was. WaNet and BppAttack bring an augmentation of their own,
with rotations and grey instead of black around the image: already the first layer's divergences are 0.1 on average
(CIFAR-10, width 16; 0.0001 under BadNets), 0.0002 if the clean images are augmented in the attacker's way, warped or
not. What BNP prunes there are channels of detail, and the model loses accuracy and keeps the backdoor."#,
        cost: "One evaluation of the clean set.",
        ..Description::EMPTY
    };

    fn defaults(facts: &DatasetFacts) -> Self {
        Self { u: published_u(facts, 4.0), train_batch: usual_batch(facts), ..Self::default() }
    }

    fn published_for(facts: &DatasetFacts) -> Self {
        Self { u: published_u(facts, 4.0), train_batch: usual_batch(facts), ..Self::published() }
    }
}

/// The batch size of the data set's own recipe, which a defender assumes who does not know that of the training.
fn usual_batch(facts: &DatasetFacts) -> usize {
    if facts.name == "signs" { 64 } else { 128 }
}

impl Defense for Bnp {
    fn tuned_on(&self) -> Vec<TunedOn> {
        tuned::on("cifar10", "`noise`", self.noise != 0.0).into_iter().collect()
    }

    fn ranks_neurons(&self) -> bool {
        true
    }

    fn rank(&self, model: &Model, view: &DefenderView) -> Result<Ranking, TrainError> {
        let layers = batch_norms(model);
        by_distance(&layers, &divergences(model, &layers, view)?)
    }

    fn run(&self, model: &Model, view: &DefenderView) -> Result<Outcome, TrainError> {
        let layers = batch_norms(model);
        let scores = divergences(model, &layers, view)?;
        let least = self.noise * noise(view.clean.len(), self.train_batch);
        let outcome = prune_outliers(&layers, &scores, (self.u, least), "bnp", view)?;
        Ok(outcome.with("least_divergence", least))
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{View, entry_of, facts, fresh, resolve, trained, values};
    use serde_json::json;
    use tch::no_grad;

    #[test]
    fn the_training_had_batches_of_the_data_sets_recipe_by_default() {
        let of = |name: &str, params| resolve("bnp", &params, &facts(name)).unwrap()["train_batch"].clone();
        assert_eq!((of("cifar10", json!({})), of("signs", json!({}))), (json!(128), json!(64)));
        assert_eq!(of("signs", json!({"train_batch": 32})), 32);
        let published = (entry_of("bnp").published)(&facts("tiny_imagenet"));
        assert_eq!(published, *json!({"u": 4.0, "noise": 0.0, "train_batch": 128}).as_object().unwrap());
        let least = |batch: u32| {
            let (model, view) = (fresh(2, 1), View::new(50));
            let params = json!({"noise": 2.0, "train_batch": batch});
            view.defend(entry_of("bnp"), &params, &model).unwrap().details["least_divergence"]
                .as_f64()
                .unwrap()
        };
        assert!((least(64) - 2.0 * (1.0 / 50.0 + 1.0 / 1216.0)).abs() < 1e-12);
        assert!(least(16) > least(64));
    }

    #[test]
    fn random_fluctuation_is_not_pruned_and_the_published_rule_has_no_such_bound() {
        let (model, view) = (trained(16), View::new(96));
        let before = model.state().snapshot();
        let run = |noise: f64| {
            let copy = model.duplicate().unwrap();
            let outcome = view.defend(entry_of("bnp"), &json!({"u": 2.0, "noise": noise}), &copy).unwrap();
            (outcome.details["pruned_channels"].as_u64().unwrap(), copy.state().snapshot())
        };
        assert!(run(0.0).0 > 0);
        let (pruned, after) = run(1e6);
        assert_eq!(pruned, 0);
        assert!(before.iter().zip(after).all(|(a, b)| a.1 == b.1));
    }

    #[test]
    fn a_channel_that_training_saw_otherwise_is_pruned_and_statistics_stay() {
        let (model, view) = (trained(4), View::new(96));
        // Layer 4 has 32 channels, enough to lie 3 deviations off.
        let planted = model.state().get("layer4.0.bn2.running_mean").unwrap();
        let _ = no_grad(|| planted.get(9).g_add_scalar_(20.0));
        let before = model.state().snapshot();
        let outcome = view.defend(entry_of("bnp"), &json!({}), &model).unwrap();
        let get = |name: &str| values(model.state().get(name).unwrap())[9];
        assert_eq!((get("layer4.0.bn2.weight"), get("layer4.0.bn2.bias")), (0.0, 0.0));
        for ((name, before), (_, after)) in before.iter().zip(model.state().snapshot()) {
            let may_change = name.contains("bn") && (name.ends_with("weight") || name.ends_with("bias"));
            assert!(may_change || *before == after, "{name}");
        }
        let table = view.table("bnp.csv");
        assert!(table.iter().any(|row| row[..2] == ["layer4.0.bn2", "9"] && row[3] == "true"));
        let pruned = table.iter().filter(|row| row[3] == "true").count();
        assert_eq!(outcome.details["channels"], table.len());
        assert_eq!(outcome.details["pruned_channels"], pruned);
        assert!(pruned < table.len() / 10, "{pruned}");
    }
}
