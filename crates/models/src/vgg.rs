//! VGG19-BN: torchvision's `vgg19_bn`, whose width is a parameter.

use scour_core::{DatasetFacts, Description, Method, ParamError, Parameters, Source};
use scour_torch::{BatchNorm, Conv2d, InitialWeights, Linear, State};
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use crate::inserted_layer::{INSERTED, InsertedLayer};
use crate::{Architecture, Layers, Network, NormalisedConvolution, Pass};

/// Convolutions of each of the five groups (configuration E of the paper), and their channels in multiples of the width.
const GROUPS: [(usize, i64); 5] = [(2, 1), (2, 2), (4, 4), (4, 8), (4, 8)];
/// Each group ends by halving the side of its maps.
const MIN_SIZE: u32 = 1 << GROUPS.len();
/// Height and width of the maps that the fully connected layers are given.
const POOLED: i64 = 7;
/// Outputs of each hidden fully connected layer, in multiples of the width: 4,096 at width 64.
const HIDDEN: i64 = 64;
/// The hidden fully connected layers' places in `classifier`, where ReLU and dropout follow each, and the last layer's.
const HIDDEN_LAYERS: [usize; 2] = [0, 3];
const LAST: &str = "classifier.6";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Vgg19Bn {
    /// Channels of the first group; the others have twice, four, eight and eight times as many, and the hidden fully
    /// connected layers 64 times as many.
    #[parameter(default = 64, published = 64, min = 1, max = 256, unit = "channels")]
    width: i64,
}

impl Method for Vgg19Bn {
    const DESCRIPTION: Description = Description {
        name: "vgg19_bn",
        title: "VGG19-BN",
        family: "plain convolutional network",
        summary: "The second network of the usual benchmark: 19 layers, 139,622,218 parameters for 10 classes.",
        source: Source {
            paper: "Simonyan and Zisserman, 2015, Very Deep Convolutional Networks for Large-Scale Image Recognition",
            section: "section 2, table 1, configuration E",
            link: "https://arxiv.org/abs/1409.1556",
            values: "torchvision's vgg19_bn, which BackdoorBench uses",
        },
        idea: "Convolutions of 3x3 pixels one after another, without shortcuts, and three fully connected layers, which have 86 % \
               of the parameters. Images need at least 32x32 pixels.",
        formula: r#"Sixteen 3x3 convolutions with bias in groups of 2, 2, 4, 4 and 4, each followed by BatchNorm and ReLU; a 2x2 max
pooling after each group; adaptive mean pooling to 7x7; two fully connected layers, each with ReLU and dropout of one
half, and a last one. Maps of a 32x32 image are 1x1 after the last group, so that all 7x7 places get the same values.

Names are torchvision's, and so is the initialisation: convolutions from a normal distribution of variance 2 / (9 out),
linear layers of standard deviation 0.01, and a bias of 0.

Dropout draws from a random stream of its own for each epoch, in passes in train mode of trainings that change the weights,
of attacked models as of defenses.

What methods look for in it: TSBD's neurons are the filters of the sixteen convolutions; FP, SS and Trojan use the input of
the last layer; NAD compares maps after the last ReLU of the fourth and of the fifth group, in front of the pooling; NPD
inserts its layer in front of the last convolution."#,
        departures: &[
            "Dropout is off while ANP and RNP train their masks, which are the only variables there, and while perturbations and \
             triggers are sought; the usual benchmark has it on in the first case.",
            "NAD compares maps at two places, as on PreAct-ResNet18, while the usual benchmark compares only the pooled maps \
             at the end, which are a single place for a 32x32 image.",
        ],
        cost: "At width 64, 1.7 GB of memory for weights, gradients and momentum, and 1.1 GB for a checkpoint. At width 16 a \
               sixteenth of that and of the work.",
        ..Description::EMPTY
    };

    fn check(&self, facts: &DatasetFacts) -> Result<(), ParamError> {
        if facts.size >= MIN_SIZE {
            return Ok(());
        }
        Err(ParamError(format!(
            "vgg19_bn needs images of at least {MIN_SIZE} pixels; these have {}",
            facts.size
        )))
    }
}

impl Architecture for Vgg19Bn {
    fn build(
        &self,
        classes: u32,
        state: &mut State,
        weights: &mut dyn InitialWeights,
        device: Device,
    ) -> Box<dyn Network> {
        Box::new(Net::new(self.width, classes, state, weights, device))
    }

    fn min_size(&self) -> u32 {
        MIN_SIZE
    }
}

/// A convolution with its BatchNorm and ReLU, at the places `at`, `at + 1` and `at + 2` of `features`.
struct Unit {
    at: usize,
    conv: Conv2d,
    norm: BatchNorm,
    /// Whether the group's max pooling, at `at + 3`, follows.
    ends_group: bool,
    /// In front of the convolution.
    inserted: Option<InsertedLayer>,
}

struct Net {
    units: Vec<Unit>,
    hidden: Vec<Linear>,
    last: Linear,
}

fn module(at: usize) -> String {
    format!("features.{at}")
}

impl Net {
    fn new(
        width: i64,
        classes: u32,
        state: &mut State,
        weights: &mut dyn InitialWeights,
        device: Device,
    ) -> Self {
        let (mut units, mut at, mut input) = (vec![], 0, 3);
        for (convolutions, multiple) in GROUPS {
            for convolution in 1..=convolutions {
                let (output, ends_group) = (width * multiple, convolution == convolutions);
                let deviation = (2.0 / (9 * output) as f64).sqrt();
                let weight = weights.normal(&[output, input, 3, 3], deviation, device);
                let conv = Conv2d::with_weight(state, &module(at), weight);
                let norm = BatchNorm::new(state, &module(at + 1), device, output);
                units.push(Unit { at, conv, norm, ends_group, inserted: None });
                at += if ends_group { 4 } else { 3 };
                input = output;
            }
        }
        let mut linear = |name: &str, input: i64, output: i64| {
            let weight = weights.normal(&[output, input], 0.01, device);
            Linear::with_weight(state, name, weight)
        };
        let mut input = input * POOLED * POOLED;
        let mut hidden = vec![];
        for at in HIDDEN_LAYERS {
            hidden.push(linear(&format!("classifier.{at}"), input, width * HIDDEN));
            input = width * HIDDEN;
        }
        Self { units, hidden, last: linear(LAST, input, i64::from(classes)) }
    }
}

impl Network for Net {
    fn layers(&self) -> Layers {
        let pair = |unit: &Unit| NormalisedConvolution {
            batch_norm: module(unit.at + 1),
            convolution: module(unit.at),
        };
        let ends: Vec<usize> = self.units.iter().filter(|unit| unit.ends_group).map(|unit| unit.at).collect();
        Layers {
            main_convolutions: self.units.iter().map(|unit| module(unit.at)).collect(),
            batch_norms: self.units.iter().map(pair).collect(),
            features: "classifier.5".into(),
            last: LAST.into(),
            last_maps: module(ends[4] + 3),
            attention: [module(ends[3] + 2), module(ends[4] + 2)],
            reduction: MIN_SIZE / 2,
        }
    }

    fn insert_layer(&mut self, state: &mut State, device: Device) -> Result<(), String> {
        if let Some(unit) = self.units.last_mut() {
            let channels = unit.conv.weight.size()[1];
            unit.inserted = Some(InsertedLayer::new(state, "features", device, channels));
        }
        Ok(())
    }

    fn forward(&self, x: &Tensor, pass: &mut Pass) -> Tensor {
        let mut x = x.shallow_clone();
        for unit in &self.units {
            x = unit.forward(&x, pass);
        }
        let mut x = pass.output(|| "avgpool".into(), pooled(&x, POOLED)).flatten(1, -1);
        for (layer, at) in self.hidden.iter().zip(HIDDEN_LAYERS) {
            let name = |offset| move || format!("classifier.{}", at + offset);
            let output = pass.output(name(0), layer.forward(&x));
            let activated = pass.relu(output);
            let activated = pass.output(name(1), activated);
            let dropped = pass.drop_half(activated);
            x = pass.output(name(2), dropped);
        }
        pass.output(|| LAST.into(), self.last.forward(&x))
    }
}

impl Unit {
    fn forward(&self, x: &Tensor, pass: &mut Pass) -> Tensor {
        let name = |offset| move || module(self.at + offset);
        let filtered = self
            .inserted
            .as_ref()
            .map(|layer| pass.output(|| format!("features.{INSERTED}"), layer.forward(x, pass.inserted)));
        let out = pass.output(name(0), self.conv.forward(filtered.as_ref().unwrap_or(x)));
        pass.batch_norm_input(name(1), &out);
        let out = pass.output(name(1), self.norm.forward(&out, pass.batch_norm));
        let activated = pass.relu(out);
        let activated = pass.output(name(2), activated);
        if !self.ends_group {
            return activated;
        }
        pass.output(name(3), activated.max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], false))
    }
}

/// Adaptive mean pooling of [n, c, h, w] to [n, c, side, side]. As products with matrices, since the backward pass of
/// libtorch's own operation adds up in another order each time on a GPU.
fn pooled(x: &Tensor, side: i64) -> Tensor {
    let size = x.size();
    let means = |length: i64| {
        let mut rows = vec![0f32; (side * length) as usize];
        for place in 0..side {
            let (start, end) = (place * length / side, ((place + 1) * length + side - 1) / side);
            for at in start..end {
                rows[(place * length + at) as usize] = 1.0 / (end - start) as f32;
            }
        }
        Tensor::from_slice(&rows).reshape([side, length]).to_device(x.device()).to_kind(x.kind())
    };
    // Along the width and then along the height, each as a single product.
    let narrowed = x.matmul(&means(size[3]).tr());
    narrowed.transpose(2, 3).matmul(&means(size[2]).tr()).transpose(2, 3)
}

#[cfg(test)]
mod tests;
