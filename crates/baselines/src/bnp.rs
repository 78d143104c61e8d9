//! BNP: prunes channels whose input on clean images is distributed differently from BatchNorm's running statistics.

use scour_core::{DatasetFacts, Description, Method, Parameters, Source, Stream, TunedOn, stream_seed};
use scour_models::{Model, Pass, Tap};
use scour_torch::{BatchNormMode, Random};
use scour_train::{DefenderView, Defense, Outcome, Progress, TrainError, augmented};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor, no_grad};

use crate::batch_norms::{BatchNormLayer, batch_norms};
use crate::outliers::{prune_outliers, published_u};
use crate::tuned;

/// Images a batch; it changes nothing but speed.
const BATCH: usize = 256;

/// What BatchNorm adds to variances.
const EPSILON: f64 = 1e-5;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Bnp {
    /// Standard deviations above the mean at which channels are pruned; by data set where not given.
    #[parameter(default = 3.0, published = 3.0, min = 0, unit = "standard deviations")]
    u: f64,
    /// How many times the divergence that chance alone explains a channel's must be, for it to be pruned.
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
        formula: r#"Training on poisoned images leaves its mark in BatchNorm's running statistics. With mean m1 and variance v1 of a
channel's input over the clean set, m2 and v2 the running ones, and both taken for normal distributions, the score
is their divergence KL(1, 2) = (ln(v2 / v1) + (v1 + (m1 - m2)^2) / v2 - 1) / 2. Channels above mean + u * std of
their layer lose scale and shift.

One pass over the clean set in eval mode, fp32, under training augmentation, since running statistics are of
augmented images. 1e-5, by which the layers themselves keep dead channels from dividing by 0, is added to both
variances. The benchmark halves only the second term, and its statistics are those of a last batch of poisoned
training images, which overwrite the clean ones: neither is offered here, as the first is no divergence and a
defender does not have the second."#,
        departures: &[
            "A channel is pruned only where its divergence is also `noise` times what random fluctuation explains; \
             `noise: 0` is the published rule.",
            "The benchmark halves only the second term of the divergence, and its statistics are those of a last \
             batch of poisoned training images, which overwrite the clean ones: neither is offered here, as the first \
             is no divergence and a defender does not have the second.",
        ],
        measured: r#"The rule knows no scale: where nothing diverges, as in a clean model, it prunes the channels that chance has moved most,
and where these lie in the first layers the model breaks (a clean one on signs fell from 98.8 to 78.7, its divergences
all below 0.008, where those of BadNets' channels are 0.1 to 0.24). A channel is therefore pruned only where its
divergence is also `noise` times what chance explains (1); `noise: 0` is the published rule. ACC/ASR of CIFAR-10 at width
16, one seed, by noise 0, 1, 3, 10, of models that are reported (docs/tuning.md): BadNets 72.4/1.5, 75.3/2.4, 76.3/15.9, 76.4/19.9; Blended 67.0/2.6, 75.7/1.9, 76.5/1.6,
76.6/25.3.

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
        Self { noise: 0.0, ..Self::defaults(facts) }
    }
}

/// The batch size of the data set's own recipe: what a defender takes the training to have had who was not told.
fn usual_batch(facts: &DatasetFacts) -> usize {
    if facts.name == "signs" { 64 } else { 128 }
}

/// The divergence that is to be expected of a channel that nobody touched.
///
/// Of two estimates of one normal distribution, from n1 and n2 values, the mean divergence is s = 1/n1 + 1/n2 (s / 2 by the
/// means and s / 2 by the variances). The pixels of an image are not independent, so n1 is the number of clean images;
/// running statistics of momentum 0.1 weigh as much as (2 - 0.1) / 0.1 = 19 batches.
fn noise(clean: usize, train_batch: usize) -> f64 {
    1.0 / clean as f64 + 1.0 / (19.0 * train_batch as f64)
}

/// Sums of what the BatchNorm layers are fed, one entry a layer, f64 [channels] each.
struct Sums<'a> {
    layers: &'a [BatchNormLayer],
    count: Vec<f64>,
    sum: Vec<Tensor>,
    squares: Vec<Tensor>,
}

impl<'a> Sums<'a> {
    fn new(layers: &'a [BatchNormLayer]) -> Self {
        let zeros =
            || layers.iter().map(|layer| layer.running_mean.to_kind(Kind::Double).zeros_like()).collect();
        Self { layers, count: vec![0.0; layers.len()], sum: zeros(), squares: zeros() }
    }

    /// Mean and unbiased variance of each channel of layer `i`.
    fn moments(&self, i: usize) -> (Tensor, Tensor) {
        let mean = &self.sum[i] / self.count[i];
        let variance = (&self.squares[i] - mean.square() * self.count[i]) / (self.count[i] - 1.0);
        (mean, variance.clamp_min(0.0))
    }
}

impl Tap for Sums<'_> {
    fn output(&mut self, _: &str, output: Tensor) -> Tensor {
        output
    }

    fn batch_norm_input(&mut self, name: &str, input: &Tensor) {
        let Some(i) = self.layers.iter().position(|layer| layer.name == name) else { return };
        let over = |tensor: &Tensor| tensor.sum_dim_intlist([0i64, 2, 3].as_slice(), false, Kind::Double);
        let channels = input.size()[1];
        self.count[i] += (input.numel() as i64 / channels) as f64;
        self.sum[i] += over(input);
        self.squares[i] += over(&input.to_kind(Kind::Double).square());
    }
}

/// KL(1, 2) of normal distributions, element by element.
fn divergence((mean_1, var_1): (&Tensor, &Tensor), (mean_2, var_2): (&Tensor, &Tensor)) -> Tensor {
    let (var_1, var_2) = (var_1 + EPSILON, var_2 + EPSILON);
    ((&var_2 / &var_1).log() + (&var_1 + (mean_1 - mean_2).square()) / &var_2 - 1.0) / 2.0
}

/// The divergence of each channel of each layer.
fn divergences(
    model: &Model,
    layers: &[BatchNormLayer],
    view: &DefenderView,
) -> Result<Vec<Vec<f64>>, TrainError> {
    model.state().to_channels_last();
    let mut sums = Sums::new(layers);
    let mut augmentation = Random::new(stream_seed(view.seed, Stream::Augment, 0));
    let total = view.clean.len().div_ceil(BATCH) as u64;
    for (done, batch) in view.clean.batches(BATCH).enumerate() {
        let input = augmented(&batch.pixels, view.preprocess, &mut augmentation);
        let _ = no_grad(|| model.forward(&input, &mut Pass::tapped(BatchNormMode::Eval, &mut sums)));
        let done = done as u64 + 1;
        view.reporter.progress(Progress { step: "distributions", done, total, ..Progress::default() });
        if view.reporter.interrupted() {
            return Err(TrainError::Interrupted);
        }
    }
    let of_layer = |(i, layer): (usize, &BatchNormLayer)| {
        let double = |tensor: &Tensor| tensor.to_kind(Kind::Double);
        let (mean, variance) = sums.moments(i);
        let running = (&double(&layer.running_mean), &double(&layer.running_var));
        let divergence = divergence((&mean, &variance), running).to_device(Device::Cpu);
        Vec::<f64>::try_from(divergence).map_err(|error| TrainError::Method(error.to_string()))
    };
    layers.iter().enumerate().map(of_layer).collect()
}

impl Defense for Bnp {
    fn tuned_on(&self) -> Vec<TunedOn> {
        tuned::on("cifar10", "`noise`", self.noise != 0.0).into_iter().collect()
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
    use super::*;
    use crate::testing::{View, entry_of, facts, fresh, resolve, trained, values};
    use scour_train::Preprocess;
    use serde_json::json;

    #[test]
    fn the_divergence_is_that_of_two_normal_distributions() {
        let row =
            |values: &[f64]| Tensor::from_slice(values) - Tensor::from_slice(&[0.0, EPSILON, 0.0, EPSILON]);
        // ln(4) / 2 + (1 + 1) / 8 - 1/2 = 0.44315, and 0 where both are the same.
        for (numbers, expected) in [([1.0, 1.0, 0.0, 4.0], 0.443_147_180_6), ([2.0, 3.0, 2.0, 3.0], 0.0)] {
            let part = |i| row(&numbers).get(i);
            let found = divergence((&part(0), &part(1)), (&part(2), &part(3))).double_value(&[]);
            assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        }
    }

    #[test]
    fn the_noise_is_the_mean_divergence_of_two_estimates_of_one_distribution() {
        let (clean, batch, channels) = (100, 64, 400);
        let mut random = Random::new(5);
        let mut estimate = |count: i64| {
            let values = random.normal(&[count, channels], Device::Cpu).to_kind(Kind::Double);
            let dim = [0i64];
            (
                values.mean_dim(dim.as_slice(), false, Kind::Double),
                values.var_dim(dim.as_slice(), true, false),
            )
        };
        let (a, b) = (estimate(clean), estimate(19 * batch));
        let mean = divergence((&a.0, &a.1), (&b.0, &b.1)).mean(Kind::Double).double_value(&[]);
        let expected = noise(clean as usize, batch as usize);
        assert!((mean / expected - 1.0).abs() < 0.15, "{mean} {expected}");
    }

    #[test]
    fn the_training_had_batches_of_the_data_sets_recipe_unless_told() {
        let of = |name: &str, params| resolve("bnp", &params, &facts(name)).unwrap()["train_batch"].clone();
        assert_eq!((of("cifar10", json!({})), of("signs", json!({}))), (json!(128), json!(64)));
        assert_eq!(of("signs", json!({"train_batch": 32})), 32);
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
    fn what_chance_explains_is_not_pruned_and_the_published_rule_has_no_such_bound() {
        let (model, view) = (trained(16), View::new(96));
        let before = model.state().copies();
        let run = |noise: f64| {
            let copy = model.duplicate().unwrap();
            let outcome = view.defend(entry_of("bnp"), &json!({"u": 2.0, "noise": noise}), &copy).unwrap();
            (outcome.details["pruned_channels"].as_u64().unwrap(), copy.state().copies())
        };
        assert!(run(0.0).0 > 0);
        let (pruned, after) = run(1e6);
        assert_eq!(pruned, 0);
        assert!(before.iter().zip(after).all(|(a, b)| a.1 == b.1));
    }

    #[test]
    fn moments_are_those_of_all_images_over_several_batches() {
        let (model, mut view) = (fresh(2, 1), View::new(300));
        view.preprocess = Preprocess { padding: 0, horizontal_flip: false, ..view.preprocess };
        let layers = batch_norms(&model);
        let scores = divergences(&model, &layers, &view.of()).unwrap();
        // The first layer sees the first convolution of all images; fresh running statistics are 0 and 1.
        let input = view.preprocess.normalise(&view.clean.pixels);
        let weight = model.state().get("conv1.weight").unwrap();
        let input = no_grad(|| input.conv2d(weight, None::<&Tensor>, [1, 1], [1, 1], [1, 1], 1));
        let mean = input.mean_dim([0i64, 2, 3].as_slice(), false, Kind::Double);
        let variance = input.var_dim([0i64, 2, 3].as_slice(), true, false).to_kind(Kind::Double);
        let expected = divergence((&mean, &variance), (&mean.zeros_like(), &mean.ones_like()));
        for (found, expected) in scores[0].iter().zip(Vec::<f64>::try_from(expected).unwrap()) {
            assert!((found - expected).abs() < 1e-4 * expected.abs().max(1.0), "{found} {expected}");
        }
    }

    #[test]
    fn a_channel_that_training_saw_otherwise_is_pruned_and_statistics_stay() {
        let (model, view) = (trained(4), View::new(96));
        // Layer 4 has 32 channels, enough to lie 3 deviations off.
        let planted = model.state().get("layer4.0.bn2.running_mean").unwrap();
        let _ = no_grad(|| planted.get(9).g_add_scalar_(20.0));
        let before = model.state().copies();
        let outcome = view.defend(entry_of("bnp"), &json!({}), &model).unwrap();
        let get = |name: &str| values(model.state().get(name).unwrap())[9];
        assert_eq!((get("layer4.0.bn2.weight"), get("layer4.0.bn2.bias")), (0.0, 0.0));
        for ((name, before), (_, after)) in before.iter().zip(model.state().copies()) {
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
