//! CLP, channel Lipschitzness pruning: prunes channels whose output can change most with their input.

use scour_core::{DatasetFacts, Description, Fidelity, Method, Parameters, Source};
use scour_models::Model;
use scour_train::{DefenderView, Defense, Outcome, Progress, Ranking, TrainError};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor, no_grad};

use crate::batch_norms::{BatchNormLayer, batch_norms};
use crate::outliers::{prune_outliers, published_u};
use crate::rankings::by_distance;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Clp {
    /// Standard deviations above the mean at which channels are pruned; 5 on Tiny ImageNet.
    #[parameter(default = 3.0, published = 3.0, min = 0, unit = "standard deviations")]
    u: f64,
    /// Corrected, or as in the benchmark.
    #[parameter(default = Fidelity::Corrected, published = Fidelity::Benchmark)]
    fidelity: Fidelity,
}

impl Method for Clp {
    const DESCRIPTION: Description = Description {
        name: "clp",
        title: "CLP",
        family: "pruning",
        summary: "Prunes channels whose output can change most with their input; it needs no image.",
        source: Source {
            paper: "Zheng et al., 2022, Data-free Backdoor Removal based on Channel Lipschitzness",
            section: "eq. 7, algorithm 1",
            link: "https://arxiv.org/abs/2208.03111",
            values: "BackdoorBench's configuration",
        },
        idea: "A small trigger must change the output of a channel that carries a backdoor by much, so that the Lipschitz \
               constant of such a channel is high.",
        formula: r#"With its BatchNorm folded in, channel k of a convolution has the filter W[k] gamma_k / sqrt(var_k). Reshaped to
[in, kh * kw], its largest singular value bounds the channel's Lipschitz constant. Channels above mean + u * std of
their layer lose scale and shift (the paper's Eq. 7 and algorithm 1).

Where blocks end in a sum, the BatchNorm after it is folded into the convolution of the main path; the shortcut is
ignored, as in the authors' experiments."#,
        departures: &[
            "The BatchNorm after a block with a 1x1 shortcut is folded into the block's last 3x3 convolution; with \
             `fidelity: benchmark`, into the shortcut.",
            "var_k is the running variance + 1e-5, as in the layer itself; with `fidelity: benchmark` it is the running \
             variance, and the bound of a dead channel is infinite.",
        ],
        cost: "No training and no image.",
        ..Description::EMPTY
    };

    fn defaults(facts: &DatasetFacts) -> Self {
        Self { u: published_u(facts, 5.0), ..Self::default() }
    }

    fn published_for(facts: &DatasetFacts) -> Self {
        Self { u: published_u(facts, 5.0), ..Self::published() }
    }
}

/// Each BatchNorm layer with the weight [out, in, kh, kw] of the convolution that it is folded into: the one that the network
/// declares or, in the benchmark's code, the one that is registered last before the layer.
fn pairs(model: &Model, fidelity: Fidelity) -> Result<Vec<(BatchNormLayer, Tensor)>, TrainError> {
    let convolutions: Vec<Option<Tensor>> = match fidelity {
        Fidelity::Corrected => {
            let declared = model.layers().batch_norms.iter();
            declared
                .map(|pair| Some(model.state().get(&format!("{}.weight", pair.convolution))?.shallow_clone()))
                .collect()
        }
        Fidelity::Benchmark => registered_before(model),
    };
    let with_convolution = |(layer, convolution): (BatchNormLayer, Option<Tensor>)| {
        let fitting = convolution.filter(|weight| weight.size()[0] == layer.weight.size()[0]);
        let weight = fitting.ok_or_else(|| {
            TrainError::Method(format!("clp: no convolution of its width comes before `{}`", layer.name))
        })?;
        Ok((layer, weight))
    };
    batch_norms(model).into_iter().zip(convolutions).map(with_convolution).collect()
}

/// For each BatchNorm layer the weight of the convolution, a shortcut or not, that is registered last before it.
fn registered_before(model: &Model) -> Vec<Option<Tensor>> {
    let mut last = None;
    let mut found = vec![];
    for entry in model.state().entries() {
        if entry.tensor.dim() == 4 {
            last = Some(&entry.tensor);
        }
        if entry.name.ends_with(".running_mean") {
            found.push(last.map(Tensor::shallow_clone));
        }
    }
    found
}

/// The bound of each channel, f64 [out] on the CPU.
fn lipschitz_bounds(layer: &BatchNormLayer, convolution: &Tensor, fidelity: Fidelity) -> Tensor {
    no_grad(|| {
        let double = |tensor: &Tensor| tensor.detach().to_device(Device::Cpu).to_kind(Kind::Double);
        let (out, input) = (convolution.size()[0], convolution.size()[1]);
        let (_, singular, _) = double(convolution).reshape([out, input, -1]).svd(true, false);
        let epsilon = if fidelity == Fidelity::Corrected { 1e-5 } else { 0.0 };
        let scale = double(&layer.weight) / (double(&layer.running_var) + epsilon).sqrt();
        singular.select(1, 0) * scale.abs()
    })
}

impl Clp {
    /// Every BatchNorm layer and the bounds of its channels.
    fn bounds(
        &self,
        model: &Model,
        view: &DefenderView,
    ) -> Result<(Vec<BatchNormLayer>, Vec<Vec<f64>>), TrainError> {
        let (mut layers, mut scores) = (vec![], vec![]);
        let pairs = pairs(model, self.fidelity)?;
        let total = pairs.len() as u64;
        for (layer, convolution) in pairs {
            let bounds = lipschitz_bounds(&layer, &convolution, self.fidelity);
            scores.push(Vec::<f64>::try_from(bounds).map_err(|error| TrainError::Method(error.to_string()))?);
            layers.push(layer);
            let done = layers.len() as u64;
            view.reporter.progress(Progress { step: "spectral norms", done, total, ..Progress::default() });
            if view.reporter.interrupted() {
                return Err(TrainError::Interrupted);
            }
        }
        Ok((layers, scores))
    }
}

impl Defense for Clp {
    fn ranks_neurons(&self) -> bool {
        true
    }

    fn rank(&self, model: &Model, view: &DefenderView) -> Result<Ranking, TrainError> {
        let (layers, scores) = self.bounds(model, view)?;
        by_distance(&layers, &scores)
    }

    fn run(&self, model: &Model, view: &DefenderView) -> Result<Outcome, TrainError> {
        let (layers, scores) = self.bounds(model, view)?;
        prune_outliers(&layers, &scores, (self.u, f64::NEG_INFINITY), "clp", view)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{View, entry_of, facts, fresh, resolve, values};
    use serde_json::{Value, json};

    /// Filter k of a convolution: the same two rows of in x 9, orthogonal, so that their lengths are the singular
    /// values: 5 and `longest`.
    fn plant(convolution: &Tensor, filter: i64, longest: f64) {
        no_grad(|| {
            let matrix = convolution.get(filter).reshape([-1, 9]).zeros_like();
            for (row, column, value) in [(0, 0, 3.0), (0, 1, 4.0), (1, 2, longest)] {
                let _ = matrix.get(row).get(column).fill_(value);
            }
            convolution.get(filter).copy_(&matrix.reshape([-1, 3, 3]));
        });
    }

    #[test]
    fn bounds_are_singular_values_with_the_batch_norm_folded_in() {
        let model = fresh(2, 1);
        let pairs = pairs(&model, Fidelity::Corrected).unwrap();
        let (layer, convolution) = &pairs[1];
        assert_eq!(layer.name, "layer1.0.bn2");
        plant(convolution, 0, 12.0);
        plant(convolution, 1, 0.5);
        no_grad(|| {
            layer.weight.shallow_clone().copy_(&Tensor::from_slice(&[-2f32, 3.0]));
            layer.running_var.shallow_clone().copy_(&Tensor::from_slice(&[4f32, 0.0]));
        });
        let bounds = |fidelity| Vec::<f64>::try_from(lipschitz_bounds(layer, convolution, fidelity)).unwrap();
        let corrected = bounds(Fidelity::Corrected);
        // 12 * 2 / sqrt(4 + 1e-5) and 5 * 3 / sqrt(1e-5); memory order makes no difference.
        assert!((corrected[0] - 24.0 / 4.000_01f64.sqrt()).abs() < 1e-9, "{corrected:?}");
        assert!((corrected[1] - 15.0 / 1e-5f64.sqrt()).abs() < 1e-6, "{corrected:?}");
        model.state().to_channels_last();
        assert_eq!(bounds(Fidelity::Corrected), corrected);
        let benchmark = bounds(Fidelity::Benchmark);
        assert!((benchmark[0] - 12.0).abs() < 1e-9 && benchmark[1].is_infinite(), "{benchmark:?}");
    }

    #[test]
    fn a_batch_norm_is_paired_with_the_main_path_or_with_what_is_registered_last() {
        let model = fresh(2, 1);
        let paired = |fidelity, batch_norm: &str| {
            let pairs = pairs(&model, fidelity).unwrap();
            assert_eq!(pairs.len(), 16);
            let (_, weight) = pairs.iter().find(|(layer, _)| layer.name == batch_norm).unwrap();
            let same = |tensor: &Tensor| tensor.data_ptr() == weight.data_ptr();
            model.state().entries().iter().find(|entry| same(&entry.tensor)).unwrap().name.clone()
        };
        for fidelity in [Fidelity::Corrected, Fidelity::Benchmark] {
            assert_eq!(paired(fidelity, "layer1.0.bn1"), "conv1.weight");
            assert_eq!(paired(fidelity, "layer1.1.bn1"), "layer1.0.conv2.weight");
            assert_eq!(paired(fidelity, "layer2.0.bn1"), "layer1.1.conv2.weight");
            assert_eq!(paired(fidelity, "layer2.0.bn2"), "layer2.0.conv1.weight");
        }
        assert_eq!(paired(Fidelity::Corrected, "layer3.1.bn1"), "layer3.0.conv2.weight");
        assert_eq!(paired(Fidelity::Benchmark, "layer3.1.bn1"), "layer3.0.shortcut.0.weight");
    }

    #[test]
    fn a_channel_with_a_large_bound_is_pruned_and_nothing_else_changes() {
        let (model, view) = (fresh(12, 1), View::new(4));
        let weight = model.state().get("layer2.0.conv1.weight").unwrap();
        let _ = no_grad(|| weight.get(7).g_mul_scalar_(50.0));
        let before = model.state().snapshot();
        let outcome = view.defend(entry_of("clp"), &json!({}), &model).unwrap();
        assert_eq!(values(model.state().get("layer2.0.bn2.weight").unwrap())[7], 0.0);
        for ((name, before), (_, after)) in before.iter().zip(model.state().snapshot()) {
            let may_change = name.contains("bn") && (name.ends_with("weight") || name.ends_with("bias"));
            assert!(may_change || *before == after, "{name}");
        }
        let table = view.table("clp.csv");
        assert_eq!(outcome.details["channels"], table.len());
        let pruned: Vec<&Vec<String>> = table.iter().filter(|row| row[3] == "true").collect();
        assert_eq!(outcome.details["pruned_channels"], pruned.len());
        assert!(pruned.iter().any(|row| row[..2] == ["layer2.0.bn2", "7"]), "{pruned:?}");
    }

    #[test]
    fn u_is_the_published_one_of_the_data_set_unless_given() {
        let mut facts = facts("signs");
        let u = |params: Value, facts: &DatasetFacts| resolve("clp", &params, facts).unwrap()["u"].clone();
        assert_eq!(u(json!({}), &facts), 3.0);
        facts.name = "tiny_imagenet".into();
        assert_eq!((u(json!({}), &facts), u(json!({"u": 2.5}), &facts)), (json!(5.0), json!(2.5)));
        assert!(resolve("clp", &json!({"u": -1}), &facts).unwrap_err().to_string().contains("`u`"));
    }
}
