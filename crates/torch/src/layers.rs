//! Layers with PyTorch's initialisation and behaviour, their tensors named in a [`State`].

use tch::{Device, Kind, Tensor};

use crate::{InitialWeights, State};

/// Which statistics a BatchNorm layer normalises with, and whether it updates its running statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchNormMode {
    /// Uses the running statistics and does not update them: evaluation.
    Eval,
    /// Uses the batch's statistics and updates the running ones: training.
    Train,
    /// Uses the batch's statistics and does not update the running ones: computes the training loss without changing
    /// the model.
    TrainFrozen,
}

/// 3x3 or 1x1 convolution; weight [out, in, k, k], optional bias [out].
pub struct Conv2d {
    /// Filters.
    pub weight: Tensor,
    /// Bias.
    pub bias: Option<Tensor>,
    stride: i64,
    padding: i64,
}

impl Conv2d {
    /// PyTorch's default: weight and bias uniform in +-1/sqrt(in * k * k).
    #[expect(clippy::too_many_arguments, reason = "the customary parameters of a convolution")]
    pub fn new(
        state: &mut State,
        name: &str,
        weights: &mut dyn InitialWeights,
        device: Device,
        channels: (i64, i64),
        kernel: i64,
        stride: i64,
        padding: i64,
        bias: bool,
    ) -> Self {
        let (input, output) = channels;
        let bound = 1.0 / ((input * kernel * kernel) as f64).sqrt();
        let weight = weights.uniform(&[output, input, kernel, kernel], -bound, bound, device);
        let weight = state.add(format!("{name}.weight"), weight, true);
        let bias = bias.then(|| {
            state.add(format!("{name}.bias"), weights.uniform(&[output], -bound, bound, device), true)
        });
        Self { weight, bias, stride, padding }
    }

    /// A convolution of stride 1 that keeps the size of its maps, with this weight [out, in, k, k], k odd, and a bias of 0.
    pub fn with_weight(state: &mut State, name: &str, weight: Tensor) -> Self {
        let (bias, padding) = (zero_bias(&weight), weight.size()[2] / 2);
        let weight = state.add(format!("{name}.weight"), weight, true);
        Self { weight, bias: Some(state.add(format!("{name}.bias"), bias, true)), stride: 1, padding }
    }

    /// [n, in, h, w] to [n, out, h', w'].
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let (s, p) = (self.stride, self.padding);
        if self.is_narrow_shortcut() {
            // The same convolution, with stride 1 over only the pixels that it uses.
            let used = x.slice(2, None, None, s).slice(3, None, None, s);
            return used.conv2d(&self.weight, self.bias.as_ref(), [1, 1], [0, 0], [1, 1], 1);
        }
        x.conv2d(&self.weight, self.bias.as_ref(), [s, s], [p, p], [1, 1], 1)
    }

    /// Whether this is a 1x1 convolution with stride whose channels do not fill blocks of 16. On two or more threads of
    /// a CPU, the backward pass of libtorch 2.11 (oneDNN) then writes outside its memory for many batch sizes.
    fn is_narrow_shortcut(&self) -> bool {
        let size = self.weight.size();
        let filled = size[0] % 16 == 0 && size[1] % 16 == 0;
        size[2..] == [1, 1]
            && self.stride > 1
            && self.padding == 0
            && !filled
            && !self.weight.device().is_cuda()
    }
}

/// BatchNorm2d with eps 1e-5; weights start at 1 as in PyTorch (tch draws them at random).
pub struct BatchNorm {
    /// Scale (gamma).
    pub weight: Tensor,
    /// Shift (beta).
    pub bias: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
    batches: Tensor,
    momentum: f64,
}

impl BatchNorm {
    /// Scale 1, shift 0, running mean 0 and variance 1, momentum 0.1.
    pub fn new(state: &mut State, name: &str, device: Device, channels: i64) -> Self {
        Self::with_momentum(state, name, device, channels, 0.1)
    }

    /// The same as [`BatchNorm::new`] with another momentum of the running statistics.
    pub fn with_momentum(
        state: &mut State,
        name: &str,
        device: Device,
        channels: i64,
        momentum: f64,
    ) -> Self {
        let float = (Kind::Float, device);
        let mut add = |part: &str, tensor, trainable| state.add(format!("{name}.{part}"), tensor, trainable);
        Self {
            weight: add("weight", Tensor::ones([channels], float), true),
            bias: add("bias", Tensor::zeros([channels], float), true),
            running_mean: add("running_mean", Tensor::zeros([channels], float), false),
            running_var: add("running_var", Tensor::ones([channels], float), false),
            batches: add("num_batches_tracked", Tensor::zeros([] as [i64; 0], (Kind::Int64, device)), false),
            momentum,
        }
    }

    /// [n, c, h, w] to the same shape.
    pub fn forward(&self, x: &Tensor, mode: BatchNormMode) -> Tensor {
        let (weight, bias) = (Some(&self.weight), Some(&self.bias));
        let running = (Some(&self.running_mean), Some(&self.running_var));
        match mode {
            BatchNormMode::Eval => x.batch_norm(weight, bias, running.0, running.1, false, 0.0, 1e-5, true),
            BatchNormMode::Train => {
                let _ = self.batches.shallow_clone().g_add_scalar_(1);
                x.batch_norm(weight, bias, running.0, running.1, true, self.momentum, 1e-5, true)
            }
            BatchNormMode::TrainFrozen => x.batch_norm(weight, bias, None, None, true, 0.0, 1e-5, true),
        }
    }
}

/// Fully connected layer; weight [out, in], bias [out].
pub struct Linear {
    /// Weight.
    pub weight: Tensor,
    /// Bias.
    pub bias: Tensor,
}

impl Linear {
    /// PyTorch's default: weight and bias uniform in +-1/sqrt(in).
    pub fn new(
        state: &mut State,
        name: &str,
        weights: &mut dyn InitialWeights,
        device: Device,
        input: i64,
        output: i64,
    ) -> Self {
        let bound = 1.0 / (input as f64).sqrt();
        let weight = weights.uniform(&[output, input], -bound, bound, device);
        let bias = weights.uniform(&[output], -bound, bound, device);
        Self {
            weight: state.add(format!("{name}.weight"), weight, true),
            bias: state.add(format!("{name}.bias"), bias, true),
        }
    }

    /// A layer with this weight [out, in] and a bias of 0.
    pub fn with_weight(state: &mut State, name: &str, weight: Tensor) -> Self {
        let bias = zero_bias(&weight);
        Self {
            weight: state.add(format!("{name}.weight"), weight, true),
            bias: state.add(format!("{name}.bias"), bias, true),
        }
    }

    /// [n, in] to [n, out].
    pub fn forward(&self, x: &Tensor) -> Tensor {
        x.linear(&self.weight, Some(&self.bias))
    }
}

/// A bias of 0 for a weight [out, ..].
fn zero_bias(weight: &Tensor) -> Tensor {
    Tensor::zeros([weight.size()[0]], (weight.kind(), weight.device()))
}
