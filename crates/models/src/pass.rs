use scour_torch::BatchNormMode;
use tch::Tensor;

/// Sees the output of every named module on its way and may put another in its place.
pub trait Tap {
    /// `name` is the module's, such as `layer1.0.bn1`; `features` is the flattened input of the last layer.
    fn output(&mut self, name: &str, output: Tensor) -> Tensor;

    /// `input` [n, c, h, w] is what the BatchNorm layer `name` is about to normalise.
    fn batch_norm_input(&mut self, _name: &str, _input: &Tensor) {}
}

impl<F: FnMut(&str, Tensor) -> Tensor> Tap for F {
    fn output(&mut self, name: &str, output: Tensor) -> Tensor {
        self(name, output)
    }
}

/// How one forward pass is done.
pub struct Pass<'a> {
    /// What BatchNorm layers normalise with.
    pub batch_norm: BatchNormMode,
    /// The same for a polarizer's BatchNorm, where a defense has put one in.
    pub polarizer: BatchNormMode,
    tap: Option<&'a mut dyn Tap>,
}

impl<'a> Pass<'a> {
    /// A pass without a tap.
    pub fn new(batch_norm: BatchNormMode) -> Self {
        Self { batch_norm, polarizer: batch_norm, tap: None }
    }

    /// A pass that shows every module's output to `tap`.
    pub fn tapped(batch_norm: BatchNormMode, tap: &'a mut dyn Tap) -> Self {
        Self { batch_norm, polarizer: batch_norm, tap: Some(tap) }
    }

    /// What networks call with each module's output. `name` is made only where somebody listens.
    pub(crate) fn output(&mut self, name: impl FnOnce() -> String, output: Tensor) -> Tensor {
        match &mut self.tap {
            Some(tap) => tap.output(&name(), output),
            None => output,
        }
    }

    /// max(x, 0) of an output that came from [`Pass::output`], in the same memory where no tap may have kept that. What made
    /// `x` must not need it for its own gradient: a BatchNorm or a convolution does not.
    pub(crate) fn relu(&self, mut x: Tensor) -> Tensor {
        if self.tap.is_some() { x.relu() } else { x.relu_() }
    }

    /// The sum of two such outputs, likewise.
    pub(crate) fn sum(&self, mut x: Tensor, y: &Tensor) -> Tensor {
        if self.tap.is_some() { x + y } else { x.g_add_(y) }
    }

    /// What networks call with each BatchNorm layer's input.
    pub(crate) fn batch_norm_input(&mut self, name: impl FnOnce() -> String, input: &Tensor) {
        if let Some(tap) = &mut self.tap {
            tap.batch_norm_input(&name(), input);
        }
    }
}
