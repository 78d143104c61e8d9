//! PreAct-ResNet18 as the backdoor literature uses it, and PreAct-ResNet10, which has half of its blocks.

use scour_core::{Description, Method, Parameters, Source};
use scour_torch::{BatchNorm, Conv2d, InitialWeights, Linear, State};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::inserted_layer::{INSERTED, InsertedLayer};
use crate::{Architecture, Layers, Network, NormalisedConvolution, Pass};

/// Groups of blocks at one resolution.
const LAYERS: usize = 4;

/// Two blocks in each layer, as in the literature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PreActResNet18 {
    /// Channels of the first layer; the others have twice, four and eight times as many.
    #[parameter(default = 64, published = 64, min = 1, max = 1024, unit = "channels")]
    width: i64,
}

/// One block in each layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PreActResNet10 {
    /// Channels of the first layer; the others have twice, four and eight times as many.
    #[parameter(default = 64, published = 64, min = 1, max = 1024, unit = "channels")]
    width: i64,
}

const FORMULA: &str = "A 3x3 convolution without BatchNorm, four layers of pre-activation blocks, no BatchNorm after the last \
                       block, mean pooling, one linear layer. A shortcut is a 1x1 convolution where stride or width change; it \
                       is fed the activated tensor relu(bn1(x)). Names and initialisation are PyTorch's.";

impl Method for PreActResNet18 {
    const DESCRIPTION: Description = Description {
        name: "preact_resnet18",
        title: "PreAct-ResNet18",
        family: "residual network",
        summary: "The network of the paper's experiments: 18 layers, 11,171,146 parameters for 10 classes.",
        source: Source {
            paper: "He et al., 2016, Identity Mappings in Deep Residual Networks",
            section: "section 3, Fig. 4(e)",
            link: "https://arxiv.org/abs/1603.05027",
            values: "BackdoorBench's configuration",
        },
        idea: "Residual blocks with BatchNorm and ReLU in front of each convolution, for images of 32 to 64 pixels.",
        formula: FORMULA,
        cost: "At width 16 a sixteenth of the work of width 64.",
        ..Description::EMPTY
    };
}

impl Method for PreActResNet10 {
    const DESCRIPTION: Description = Description {
        name: "preact_resnet10",
        title: "PreAct-ResNet10",
        family: "residual network",
        summary: "PreAct-ResNet18 with one block a layer: half the work, for first results on a CPU.",
        idea: "The same blocks as PreAct-ResNet18, one in each of the four layers. 4,900,426 parameters for 10 classes. No \
               published figures use it.",
        formula: FORMULA,
        cost: "Half of PreAct-ResNet18.",
        ..Description::EMPTY
    };
}

impl Architecture for PreActResNet18 {
    fn build(
        &self,
        classes: u32,
        state: &mut State,
        weights: &mut dyn InitialWeights,
        device: Device,
    ) -> Box<dyn Network> {
        Box::new(Net::new(2, self.width, classes, state, weights, device))
    }
}

impl Architecture for PreActResNet10 {
    fn build(
        &self,
        classes: u32,
        state: &mut State,
        weights: &mut dyn InitialWeights,
        device: Device,
    ) -> Box<dyn Network> {
        Box::new(Net::new(1, self.width, classes, state, weights, device))
    }
}

struct Net {
    conv1: Conv2d,
    blocks: Vec<Block>,
    linear: Linear,
}

impl Net {
    fn new(
        blocks_per_layer: usize,
        width: i64,
        classes: u32,
        state: &mut State,
        weights: &mut dyn InitialWeights,
        device: Device,
    ) -> Self {
        let conv1 = Conv2d::new(state, "conv1", weights, device, (3, width), 3, 1, 1, false);
        let mut blocks = vec![];
        let mut input = width;
        for layer in 0..LAYERS {
            let output = width << layer;
            for block in 0..blocks_per_layer {
                let stride = if layer > 0 && block == 0 { 2 } else { 1 };
                let name = format!("layer{}.{block}", layer + 1);
                blocks.push(Block::new(state, name, weights, device, (input, output), stride));
                input = output;
            }
        }
        let linear = Linear::new(state, "linear", weights, device, input, i64::from(classes));
        Self { conv1, blocks, linear }
    }
}

impl Network for Net {
    fn layers(&self) -> Layers {
        let mut main_convolutions = vec!["conv1".to_string()];
        let mut batch_norms = vec![];
        for block in &self.blocks {
            for part in ["1", "2"] {
                // The input of a block's first BatchNorm is a sum, to which the convolution before it leads on the main path.
                if let Some(convolution) = main_convolutions.last() {
                    let batch_norm = format!("{}.bn{part}", block.name);
                    batch_norms.push(NormalisedConvolution { batch_norm, convolution: convolution.clone() });
                }
                main_convolutions.push(format!("{}.conv{part}", block.name));
            }
        }
        Layers {
            main_convolutions,
            batch_norms,
            features: "features".into(),
            last: "linear".into(),
            last_maps: format!("layer{LAYERS}"),
            attention: ["layer3".into(), "layer4".into()],
            reduction: 8,
        }
    }

    fn insert_layer(&mut self, state: &mut State, device: Device) -> Result<(), String> {
        if let Some(block) = self.blocks.last_mut() {
            let channels = block.conv1.weight.size()[1];
            block.inserted = Some(InsertedLayer::new(state, &block.name, device, channels));
        }
        Ok(())
    }

    fn forward(&self, x: &Tensor, pass: &mut Pass) -> Tensor {
        let mut x = pass.output(|| "conv1".into(), self.conv1.forward(x));
        for (layer, blocks) in self.blocks.chunks(self.blocks.len() / LAYERS).enumerate() {
            for block in blocks {
                x = block.forward(&x, pass);
            }
            x = pass.output(|| format!("layer{}", layer + 1), x);
        }
        let features = x.mean_dim([2i64, 3].as_slice(), false, None::<Kind>);
        let features = pass.output(|| "features".into(), features);
        pass.output(|| "linear".into(), self.linear.forward(&features))
    }
}

struct Block {
    name: String,
    bn1: BatchNorm,
    conv1: Conv2d,
    bn2: BatchNorm,
    conv2: Conv2d,
    shortcut: Option<Conv2d>,
    /// In front of `conv1`.
    inserted: Option<InsertedLayer>,
}

impl Block {
    fn new(
        state: &mut State,
        name: String,
        weights: &mut dyn InitialWeights,
        device: Device,
        (input, output): (i64, i64),
        stride: i64,
    ) -> Self {
        let bn1 = BatchNorm::new(state, &format!("{name}.bn1"), device, input);
        let mut conv = |part: &str, channels, kernel, stride, state: &mut State| {
            Conv2d::new(
                state,
                &format!("{name}.{part}"),
                weights,
                device,
                channels,
                kernel,
                stride,
                kernel / 2,
                false,
            )
        };
        let conv1 = conv("conv1", (input, output), 3, stride, state);
        let bn2 = BatchNorm::new(state, &format!("{name}.bn2"), device, output);
        let conv2 = conv("conv2", (output, output), 3, 1, state);
        let shortcut =
            (stride != 1 || input != output).then(|| conv("shortcut.0", (input, output), 1, stride, state));
        Self { name, bn1, conv1, bn2, conv2, shortcut, inserted: None }
    }

    fn normalise(layer: &BatchNorm, name: impl Fn() -> String, x: &Tensor, pass: &mut Pass) -> Tensor {
        pass.batch_norm_input(&name, x);
        pass.output(&name, layer.forward(x, pass.batch_norm))
    }

    fn forward(&self, x: &Tensor, pass: &mut Pass) -> Tensor {
        let name = |part: &'static str| move || format!("{}.{part}", self.name);
        let normalised = Self::normalise(&self.bn1, name("bn1"), x, pass);
        let activated = pass.relu(normalised);
        let filtered = self
            .inserted
            .as_ref()
            .map(|layer| pass.output(name(INSERTED), layer.forward(&activated, pass.inserted)));
        let out = pass.output(name("conv1"), self.conv1.forward(filtered.as_ref().unwrap_or(&activated)));
        let normalised = Self::normalise(&self.bn2, name("bn2"), &out, pass);
        let out = pass.relu(normalised);
        let out = pass.output(name("conv2"), self.conv2.forward(&out));
        let shortcut = self.shortcut.as_ref().map(|conv| conv.forward(&activated));
        let added = match shortcut {
            Some(shortcut) => pass.output(name("shortcut.0"), shortcut),
            None => x.shallow_clone(),
        };
        let sum = pass.sum(out, &added);
        pass.output(|| self.name.clone(), sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Model, ModelSpec};
    use scour_torch::BatchNormMode;
    use scour_torch::Random;
    use serde_json::json;

    fn model(width: i64, classes: u32) -> Model {
        let spec =
            ModelSpec { name: "preact_resnet18".into(), params: json!({"width": width}), classes, size: 32 };
        Model::new(&spec, Device::Cpu, 1).unwrap()
    }

    #[test]
    fn preact_resnet10_has_the_described_names_and_number_of_parameters() {
        let spec = ModelSpec { name: "preact_resnet10".into(), params: json!({}), classes: 10, size: 32 };
        let model = Model::new(&spec, Device::Cpu, 1).unwrap();
        // 11,171,146 minus the second blocks: two convolutions of c x c x 3 x 3 and two BatchNorms of 2 c, c = 64 to 512.
        let second = |c: usize| 2 * (c * c * 9) + 2 * (2 * c);
        let expected = 11_171_146 - [64, 128, 256, 512].map(second).iter().sum::<usize>();
        assert_eq!((model.state().parameter_count(), expected), (4_900_426, 4_900_426));
        let names: Vec<String> = model.main_convolutions().into_iter().map(|(name, _)| name).collect();
        assert_eq!((names.len(), names[8].as_str()), (9, "layer4.0.conv2"));
        let mut layers = vec![];
        let mut tap = |name: &str, output: Tensor| {
            if name.starts_with("layer") && !name.contains('.') {
                layers.push((name.to_string(), output.size()[1]));
            }
            output
        };
        let x = Random::new(3).normal(&[2, 3, 32, 32], Device::Cpu);
        let _ = model.forward(&x, &mut Pass::tapped(BatchNormMode::Eval, &mut tap));
        let expected = [("layer1", 64), ("layer2", 128), ("layer3", 256), ("layer4", 512)];
        assert_eq!(layers, expected.map(|(name, channels)| (name.to_string(), channels)));
    }

    #[test]
    fn names_shapes_and_counts_are_those_of_the_reference_network() {
        let model = model(64, 10);
        assert_eq!(model.state().parameter_count(), 11_171_146);
        let names: Vec<&str> = model.state().entries().iter().map(|e| e.name.as_str()).collect();
        assert_eq!(names.len(), 102);
        assert_eq!(
            names[..8],
            [
                "conv1.weight",
                "layer1.0.bn1.weight",
                "layer1.0.bn1.bias",
                "layer1.0.bn1.running_mean",
                "layer1.0.bn1.running_var",
                "layer1.0.bn1.num_batches_tracked",
                "layer1.0.conv1.weight",
                "layer1.0.bn2.weight"
            ]
        );
        assert_eq!(names[100..], ["linear.weight", "linear.bias"]);
        let shortcuts: Vec<&&str> = names.iter().filter(|n| n.contains("shortcut")).collect();
        assert_eq!(shortcuts.len(), 3);
        let convolutions = model.main_convolutions();
        assert_eq!(convolutions.len(), 17);
        assert_eq!(convolutions.iter().map(|(_, w)| w.size()[0]).sum::<i64>(), 3904);
        assert_eq!(convolutions.iter().map(|(_, w)| w.numel()).sum::<usize>(), 10_987_200);
        assert!(
            model
                .state()
                .get("layer3.1.bn2.weight")
                .unwrap()
                .eq_tensor(&Tensor::ones([256], (Kind::Float, Device::Cpu)))
                .all()
                .int64_value(&[])
                == 1
        );
    }

    #[test]
    fn only_train_mode_updates_running_statistics() {
        let model = model(4, 10);
        let x = Random::new(2).normal(&[6, 3, 32, 32], Device::Cpu);
        let before = model.state().snapshot();
        let same = |a: &[(String, Tensor)], b: &[(String, Tensor)]| a.iter().zip(b).all(|(a, b)| a.1 == b.1);
        let eval = model.evaluate(&x);
        let frozen = model.forward(&x, &mut Pass::new(BatchNormMode::TrainFrozen));
        assert!(same(&before, &model.state().snapshot()), "eval and frozen passes change nothing");
        let trained = model.train(&x, &mut Random::new(0));
        assert_eq!(trained, frozen, "both modes use the batch's statistics");
        assert_ne!(eval, trained);
        let mean = model.state().get("layer1.0.bn1.running_mean").unwrap().copy();
        let input =
            x.conv2d(model.state().get("conv1.weight").unwrap(), None::<Tensor>, [1, 1], [1, 1], [1, 1], 1);
        let expected = input.mean_dim([0i64, 2, 3].as_slice(), false, None::<Kind>) * 0.1;
        assert!((mean - expected).abs().max().double_value(&[]) < 1e-6);
        let variance = model.state().get("layer1.0.bn1.running_var").unwrap().copy();
        let unbiased = input.var_dim([0i64, 2, 3].as_slice(), true, false) * 0.1 + 0.9;
        assert!((variance - unbiased).abs().max().double_value(&[]) < 1e-5);
        assert_eq!(model.state().get("layer1.0.bn1.num_batches_tracked").unwrap().int64_value(&[]), 1);
    }

    #[test]
    fn taps_receive_and_replace_outputs() {
        let model = model(4, 7);
        let x = Random::new(3).normal(&[2, 3, 32, 32], Device::Cpu);
        let mut seen = vec![];
        let mut tap = |name: &str, output: Tensor| {
            seen.push((name.to_string(), output.size()));
            if name == "features" { output * 0.0 } else { output }
        };
        let logits = model.forward(&x, &mut Pass::tapped(BatchNormMode::Eval, &mut tap));
        let bias = model.state().get("linear.bias").unwrap();
        assert_eq!(logits, bias.expand([2, 7], false));
        assert!(seen.contains(&("layer4.1.conv2".to_string(), vec![2, 32, 4, 4])));
        assert!(seen.contains(&("features".to_string(), vec![2, 32])));
    }

    /// Records the last output and the names of BatchNorm layers.
    struct Inputs {
        last: Tensor,
        seen: Vec<String>,
    }

    impl crate::Tap for Inputs {
        fn output(&mut self, _: &str, output: Tensor) -> Tensor {
            self.last = output.shallow_clone();
            output
        }

        fn batch_norm_input(&mut self, name: &str, input: &Tensor) {
            assert_eq!(*input, self.last, "the input of {name} is not the output before it");
            self.seen.push(name.into());
        }
    }

    #[test]
    fn taps_receive_the_inputs_of_batch_norm_layers() {
        let model = model(2, 3);
        let mut inputs = Inputs { last: Tensor::new(), seen: vec![] };
        let x = Random::new(3).normal(&[2, 3, 32, 32], Device::Cpu);
        let _ = model.forward(&x, &mut Pass::tapped(BatchNormMode::Eval, &mut inputs));
        assert_eq!(inputs.seen.len(), 16);
        assert_eq!(inputs.seen[..3], ["layer1.0.bn1", "layer1.0.bn2", "layer1.1.bn1"]);
    }
}
