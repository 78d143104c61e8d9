//! EP (Zheng et al., 2022, "Pre-activation Distributions Expose Backdoor Neurons"): prunes channels whose input falls
//! into few distinct values.
//!
//! Of each BatchNorm channel's input the maximum over a picture is taken, standardised over the pictures. Counted in
//! bins of width `bin` over the range of all channels of the layer, its shares p have the entropy -sum p ln p.
//! Channels below mean - u * std of their layer lose scale and shift.
//!
//! The paper and the benchmark look at training pictures of which some carry the trigger, so that a backdoor channel
//! has two groups of values and little entropy. A defender who was handed a finished model has no such pictures: here
//! the clean set is looked at, in eval mode and without augmentation, which is another and a weaker method, and its
//! rows are to be read as such. Every value is counted; the benchmark leaves out those on the edges of bins and those
//! of the last bin.

use scour_core::{Check, DatasetFacts, ParamError, Stream, resolve_params, stream_seed};
use scour_models::{Model, Pass, Tap};
use scour_torch::{BatchNormMode, channels_last};
use scour_train::{DefenderView, Defense, Outcome, Progress, TrainError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::{Device, Kind, Tensor, no_grad};

use crate::batch_norms::{BatchNormLayer, batch_norms};
use crate::clean_pictures::random_part;
use crate::outliers::{Side, prune_outliers, published_u};
use crate::params::{at_least, not_negative, positive, read_params, write_params};

/// The registry entry.
pub(crate) struct Ep;

/// Pictures a batch; it changes nothing but speed.
const BATCH: usize = 256;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// Standard deviations below the mean at which channels are pruned; filled in by data set.
    u: Option<f64>,
    /// Clean pictures looked at, as far as there are so many.
    pictures: usize,
    /// Width of the bins, in standard deviations of a channel.
    bin: f64,
}

impl Default for Params {
    fn default() -> Self {
        Self { u: None, pictures: 256, bin: 0.1 }
    }
}

impl Check for Params {
    fn check(&self) -> Result<(), ParamError> {
        at_least("pictures", self.pictures, 2)?;
        positive("bin", self.bin)?;
        self.u.map_or(Ok(()), |u| not_negative("u", u))
    }
}

/// Maxima over places of what the BatchNorm layers are fed: for each layer its batches, f32 [n, channels].
struct Peaks<'a> {
    layers: &'a [BatchNormLayer],
    batches: Vec<Vec<Tensor>>,
}

impl Tap for Peaks<'_> {
    fn output(&mut self, _: &str, output: Tensor) -> Tensor {
        output
    }

    fn batch_norm_input(&mut self, name: &str, input: &Tensor) {
        if let Some(i) = self.layers.iter().position(|layer| layer.name == name) {
            self.batches[i].push(input.amax([2i64, 3].as_slice(), false));
        }
    }
}

/// The entropy, in nats, of each channel of `peaks` [pictures, channels].
fn entropies(peaks: &Tensor, bin: f64) -> Result<Vec<f64>, TrainError> {
    let peaks = peaks.to_device(Device::Cpu).to_kind(Kind::Double);
    let (pictures, channels) = (peaks.size()[0], peaks.size()[1]);
    let mean = peaks.mean_dim(0, true, None::<Kind>);
    // A channel that never changes has one value: the clamp only keeps 0 / 0 out.
    let deviation = peaks.std_dim(0, true, true).clamp_min(f64::MIN_POSITIVE);
    let standardised = (peaks - mean) / deviation;
    let bins = ((&standardised - standardised.min()) / bin).floor();
    let bins = Vec::<f64>::try_from(bins.transpose(0, 1).contiguous().view(-1));
    let bins = bins.map_err(|error| TrainError::Method(error.to_string()))?;
    let entropy = |values: &[f64]| {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        let shares = values.chunk_by(|a, b| a == b).map(|same| same.len() as f64 / pictures as f64);
        shares.map(|share| share * (1.0 / share).ln()).sum::<f64>()
    };
    assert_eq!(bins.len() as i64, pictures * channels);
    Ok(bins.chunks(pictures as usize).map(entropy).collect())
}

/// The entropy of each channel of each layer.
fn layer_entropies(
    model: &Model,
    layers: &[BatchNormLayer],
    params: &Params,
    view: &DefenderView,
) -> Result<Vec<Vec<f64>>, TrainError> {
    model.state().to_channels_last();
    let (pictures, _) = random_part(view.clean, params.pictures, stream_seed(view.seed, Stream::Defense, 0));
    let mut peaks = Peaks { layers, batches: layers.iter().map(|_| vec![]).collect() };
    let total = pictures.len().div_ceil(BATCH) as u64;
    for (done, batch) in pictures.batches(BATCH).enumerate() {
        let input = channels_last(&view.preprocess.normalise(&batch.pictures));
        let _ = no_grad(|| model.forward(&input, &mut Pass::tapped(BatchNormMode::Eval, &mut peaks)));
        let done = done as u64 + 1;
        view.reporter.progress(Progress { step: "distributions", done, total, ..Progress::default() });
        if view.reporter.interrupted() {
            return Err(TrainError::Interrupted);
        }
    }
    peaks.batches.iter().map(|batches| entropies(&Tensor::cat(batches, 0), params.bin)).collect()
}

impl Defense for Ep {
    fn name(&self) -> &'static str {
        "ep"
    }

    fn resolve(&self, params: &Value, facts: &DatasetFacts) -> Result<Value, ParamError> {
        let mut params: Params = resolve_params(params)?;
        params.u = params.u.or(Some(published_u(facts, 4.0)));
        write_params(&params)
    }

    fn run(&self, params: &Value, model: &Model, view: &DefenderView) -> Result<Outcome, TrainError> {
        let params: Params = read_params(params)?;
        view.reporter.note("ep looks at the clean set, where its paper has poisoned training pictures");
        let layers = batch_norms(model);
        let scores = layer_entropies(model, &layers, &params, view)?;
        let u = params.u.unwrap_or(3.0);
        prune_outliers(&layers, &scores, u, Side::Low, &view.out.join("ep.csv"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{View, trained, values};
    use serde_json::json;

    #[test]
    fn entropies_are_those_one_computes_by_hand() {
        // Columns: evenly spread; two groups; one value; three alike and one far off, which is 1.5 deviations away.
        let rows = [[0.0, 0.0, 7.0, 0.0], [1.0, 0.0, 7.0, 0.0], [2.0, 9.0, 7.0, 0.0], [3.0, 9.0, 7.0, 1.0]];
        let peaks = Tensor::from_slice(rows.as_flattened()).reshape([4, 4]).to_kind(Kind::Float);
        let found = entropies(&peaks, 0.1).unwrap();
        let expected = [4f64.ln(), 2f64.ln(), 0.0, 0.562_335_144_6];
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9), "{found:?}");
        // The range is that of the whole layer, -1.16 to 1.5 of columns 0 and 3: bins of 1.4 part -1.16, -0.39, 0.39,
        // 1.16 after the third of them.
        let wide = entropies(&peaks, 1.4).unwrap();
        assert!((wide[0] - 2f64.ln()).abs() < 1e-9 && wide[1] == wide[0] && wide[2] == 0.0, "{wide:?}");
    }

    #[test]
    fn a_channel_without_entropy_is_pruned_and_statistics_stay() {
        let (model, view) = (trained(4), View::new(96));
        // A constant input has no entropy at all: no other channel of 32 is near.
        let planted = model.state().get("layer4.0.conv1.weight").unwrap();
        let _ = no_grad(|| planted.get(9).zero_());
        let before = model.state().copies();
        let params = Ep.resolve(&json!({}), &view.facts()).unwrap();
        assert_eq!(params["u"], 3.0);
        let outcome = Ep.run(&params, &model, &view.of()).unwrap();
        let get = |name: &str| values(model.state().get(name).unwrap())[9];
        assert_eq!((get("layer4.0.bn2.weight"), get("layer4.0.bn2.bias")), (0.0, 0.0));
        for ((name, before), (_, after)) in before.iter().zip(model.state().copies()) {
            let may_change = name.contains("bn") && (name.ends_with("weight") || name.ends_with("bias"));
            assert!(may_change || *before == after, "{name}");
        }
        let table = view.table("ep.csv");
        let planted = table.iter().find(|row| row[..2] == ["layer4.0.bn2", "9"]).unwrap();
        assert_eq!(planted[2..], ["0", "true"]);
        let pruned = table.iter().filter(|row| row[3] == "true").count();
        assert_eq!(outcome.details["pruned_channels"], pruned);
        assert!(pruned < table.len() / 10, "{pruned}");
    }
}
