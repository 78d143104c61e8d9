//! EP: prunes channels by the entropy of their values on the training set.

use scour_core::{DatasetFacts, Description, Method, Parameters, Source, Stream, stream_seed};
use scour_models::{Model, Pass, Tap};
use scour_torch::{BatchNormMode, channels_last};
use scour_train::{DefenderView, Defense, Outcome, Progress, TrainError, random_part};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor, no_grad};

use crate::batch_norms::{BatchNormLayer, batch_norms};
use crate::outliers::{prune_outliers, published_u};

/// Width of the histogram's bins, in standard deviations.
const BIN: f64 = 0.1;

/// Images a batch; it changes nothing but speed.
const BATCH: usize = 256;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct EntropyPruning {
    /// Standard deviations below the mean at which channels are pruned; by data set where not given.
    #[parameter(default = 3.0, published = 3.0, min = 0, unit = "standard deviations")]
    u: f64,
    /// Training images that the entropies are computed from.
    #[parameter(default = 256, published = 256, min = 2, unit = "images")]
    images: usize,
}

impl Method for EntropyPruning {
    const DESCRIPTION: Description = Description {
        name: "ep",
        title: "EP",
        family: "pruning",
        summary: "Prunes channels whose values on the training set fall into two groups, one of them from the \
                  poisoned images.",
        source: Source {
            paper: "Zheng et al., 2022, Pre-activation Distributions Expose Backdoor Neurons",
            section: "section 4.2",
            link: "https://proceedings.neurips.cc/paper_files/paper/2022/hash/76917808731dae9e6d62c2a7a6afb542-Abstract-Conference.html",
            values: "BackdoorBench's configuration",
        },
        idea: "A channel that responds to a trigger has two distributions of values on a poisoned training set, so \
               that the entropy of its standardised values is low.",
        formula: r#"For `images` random training images, in eval mode and as they are, each channel of a BatchNorm layer's input is
reduced to its largest value over the image and standardised over the images. The histogram of a layer has bins of
0.1 from its lowest to its highest such value; a channel whose values keep to few of them has a low entropy. Channels
whose entropy lies more than u * std below the mean of their layer lose scale and shift."#,
        departures: &[
            "A channel that gives the same for every image has no distribution: it gets the mean entropy of its \
             layer.",
            "The benchmark drops the values at the ends of the range and those in the last, partial bin; here all \
             count.",
        ],
        cost: "One evaluation of a few training images.",
        ..Description::EMPTY
    };

    fn defaults(facts: &DatasetFacts) -> Self {
        Self { u: published_u(facts, 4.0), ..Self::default() }
    }

    fn published_for(facts: &DatasetFacts) -> Self {
        Self { u: published_u(facts, 4.0), ..Self::published() }
    }
}

/// Largest values of each BatchNorm layer's input, f32 [images, channels] a layer, batch by batch.
struct Largest<'a> {
    layers: &'a [BatchNormLayer],
    values: Vec<Vec<Tensor>>,
}

impl Tap for Largest<'_> {
    fn output(&mut self, _: &str, output: Tensor) -> Tensor {
        output
    }

    fn batch_norm_input(&mut self, name: &str, input: &Tensor) {
        if let Some(i) = self.layers.iter().position(|layer| layer.name == name) {
            self.values[i].push(input.amax([2i64, 3].as_slice(), false).to_device(Device::Cpu));
        }
    }
}

/// Entropy in nats of each channel of a layer from its values [images][channels]; `None` for a channel whose values
/// are all the same.
fn entropies(values: &[Vec<f64>]) -> Vec<Option<f64>> {
    let (images, channels) = (values.len() as f64, values.first().map_or(0, Vec::len));
    let standardised: Vec<Option<Vec<f64>>> = (0..channels)
        .map(|channel| {
            let own = || values.iter().map(|row| row[channel]);
            let mean = own().sum::<f64>() / images;
            let deviation = (own().map(|value| (value - mean).powi(2)).sum::<f64>() / (images - 1.0)).sqrt();
            (deviation > 1e-6 * mean.abs().max(1e-6))
                .then(|| own().map(|value| (value - mean) / deviation).collect())
        })
        .collect();
    let lowest = standardised.iter().flatten().flatten().copied().fold(f64::INFINITY, f64::min);
    let entropy = |values: &Vec<f64>| {
        let mut bins = std::collections::BTreeMap::<usize, f64>::new();
        for value in values {
            *bins.entry(((value - lowest) / BIN) as usize).or_default() += 1.0;
        }
        -bins.values().map(|count| count / images * (count / images).ln()).sum::<f64>()
    };
    standardised.iter().map(|values| values.as_ref().map(entropy)).collect()
}

/// A score that is high where the entropy is low, one a channel.
fn scores(entropies: &[Option<f64>]) -> Vec<f64> {
    let known: Vec<f64> = entropies.iter().copied().flatten().collect();
    let mean = known.iter().sum::<f64>() / known.len().max(1) as f64;
    entropies.iter().map(|entropy| -entropy.unwrap_or(mean)).collect()
}

impl Defense for EntropyPruning {
    fn needs_training_set(&self) -> bool {
        true
    }

    fn run(&self, model: &Model, view: &DefenderView) -> Result<Outcome, TrainError> {
        let seed = stream_seed(view.seed, Stream::Defense, 0);
        let (seen, _) = random_part(&view.training()?.images, self.images, seed);
        let layers = batch_norms(model);
        model.state().to_channels_last();
        let mut largest = Largest { layers: &layers, values: layers.iter().map(|_| vec![]).collect() };
        let total = seen.len().div_ceil(BATCH) as u64;
        for (done, batch) in seen.batches(BATCH).enumerate() {
            let input = channels_last(&view.preprocess.normalise(&batch.pixels));
            let _ = no_grad(|| model.forward(&input, &mut Pass::tapped(BatchNormMode::Eval, &mut largest)));
            let done = done as u64 + 1;
            view.reporter.progress(Progress { step: "entropies", done, total, ..Progress::default() });
            if view.reporter.interrupted() {
                return Err(TrainError::Interrupted);
            }
        }
        let of_layer = |batches: &Vec<Tensor>| {
            let values = Tensor::cat(batches, 0).to_kind(Kind::Double);
            Vec::<Vec<f64>>::try_from(values)
                .map(|values| scores(&entropies(&values)))
                .map_err(|error| TrainError::Method(error.to_string()))
        };
        let scores = largest.values.iter().map(of_layer).collect::<Result<Vec<_>, _>>()?;
        prune_outliers(&layers, &scores, (self.u, f64::NEG_INFINITY), "ep", view)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{View, coloured, entry_of, facts, poison, resolve, trained, values};
    use serde_json::json;

    /// Columns to rows.
    fn rows<const N: usize>(columns: &[[f64; N]]) -> Vec<Vec<f64>> {
        (0..N).map(|row| columns.iter().map(|column| column[row]).collect()).collect()
    }

    #[test]
    fn entropies_are_those_of_a_layers_histogram() {
        // Two bins of two values: ln 2. Four values, each in a bin of its own: ln 4. Always the same: none.
        let found = entropies(&rows(&[[1.0, 5.0, 1.0, 5.0], [1.0, 2.0, 3.0, 4.0], [7.0; 4]]));
        assert!((found[0].unwrap() - 2f64.ln()).abs() < 1e-9, "{found:?}");
        assert!((found[1].unwrap() - 4f64.ln()).abs() < 1e-9, "{found:?}");
        assert_eq!(found[2], None);
        // A scale or a shift of a channel changes nothing.
        assert_eq!(found[0], entropies(&rows(&[[0.0, 80.0, 0.0, 80.0], [1.0, 2.0, 3.0, 4.0]]))[0]);
    }

    #[test]
    fn low_entropies_score_high_and_constant_channels_like_the_others() {
        assert_eq!(scores(&[Some(1.0), Some(3.0), None]), [-1.0, -3.0, -2.0]);
        assert_eq!(scores(&[None, None]), [0.0, 0.0]);
    }

    #[test]
    fn a_channel_that_separates_poisoned_images_from_clean_ones_is_pruned() {
        let (model, mut view) = (trained(16), View::new(8));
        view.training.images = coloured(240);
        // One channel of the first layer sees the block alone, which is 255 where other images have 219 at most.
        poison(&view.training.images);
        let planted = |value: f64| {
            let filter = model.state().get("conv1.weight").unwrap().get(3);
            no_grad(|| {
                let _ = filter.shallow_clone().fill_(0.0);
                let _ = filter.select(1, 1).select(1, 1).fill_(value);
            });
        };
        planted(1.0);
        let outcome = view.defend(entry_of("ep"), &json!({"images": 240, "u": 2.0}), &model).unwrap();
        let table = view.table("ep.csv");
        let first: Vec<&Vec<String>> =
            table.iter().filter(|row| row[0] == "layer1.0.bn1" && row[3] == "true").collect();
        assert!(first.iter().any(|row| row[1] == "3"), "{first:?}");
        let of = |name: &str| values(model.state().get(name).unwrap())[3];
        assert_eq!((of("layer1.0.bn1.weight"), of("layer1.0.bn1.bias")), (0.0, 0.0));
        let pruned = table.iter().filter(|row| row[3] == "true").count();
        assert_eq!(outcome.details["pruned_channels"], pruned);
        assert!(pruned < table.len() / 10, "{pruned}");
    }

    #[test]
    fn impossible_parameters_are_refused() {
        for (params, field) in [(json!({"images": 1}), "`images`"), (json!({"u": -1}), "`u`")] {
            let error = resolve("ep", &params, &facts("signs")).unwrap_err();
            assert!(error.to_string().contains(field), "{error}");
        }
    }
}
