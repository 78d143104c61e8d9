use scour_torch::{BatchNormMode, Random};
use tch::Tensor;

/// Receives the output of every named module during a forward pass, and may replace it.
pub trait Tap {
    /// Returns `output`, or what replaces it. `name` is the module's name, such as `layer1.0.bn1`. Which
    /// modules methods look for, a network declares in its [`Layers`](crate::Layers).
    fn output(&mut self, name: &str, output: Tensor) -> Tensor;

    /// Receives the input [n, c, h, w] of the BatchNorm layer `name`.
    fn batch_norm_input(&mut self, _name: &str, _input: &Tensor) {}
}

impl<F: FnMut(&str, Tensor) -> Tensor> Tap for F {
    fn output(&mut self, name: &str, output: Tensor) -> Tensor {
        self(name, output)
    }
}

/// The settings of one forward pass.
pub struct Pass<'a> {
    /// Which statistics BatchNorm layers use.
    pub batch_norm: BatchNormMode,
    /// The same for the BatchNorm of an inserted layer.
    pub inserted: BatchNormMode,
    tap: Option<&'a mut dyn Tap>,
    dropout: Option<&'a mut Random>,
}

impl<'a> Pass<'a> {
    /// A pass without a tap and without dropout.
    pub fn new(batch_norm: BatchNormMode) -> Self {
        Self { batch_norm, inserted: batch_norm, tap: None, dropout: None }
    }

    /// A pass that gives every module's output to `tap`.
    pub fn tapped(batch_norm: BatchNormMode, tap: &'a mut dyn Tap) -> Self {
        Self { tap: Some(tap), ..Self::new(batch_norm) }
    }

    /// The same pass with dropout, whose masks are drawn from this stream. A pass in eval mode ignores it, as do networks
    /// without dropout, which leave the stream as it is.
    #[must_use]
    pub fn with_dropout(self, random: &'a mut Random) -> Self {
        Self { dropout: Some(random), ..self }
    }

    /// Dropout with probability one half: sets each number to 0 or doubles it. `x` as it is in a pass without a stream or in
    /// eval mode.
    pub(crate) fn drop_half(&mut self, x: Tensor) -> Tensor {
        match &mut self.dropout {
            Some(random) if self.batch_norm != BatchNormMode::Eval => {
                let kept = random.bits(&x.size(), x.device());
                x * kept * 2.0
            }
            _ => x,
        }
    }

    /// Networks call it with each module's output. `name` is called only if there is a tap.
    pub(crate) fn output(&mut self, name: impl FnOnce() -> String, output: Tensor) -> Tensor {
        match &mut self.tap {
            Some(tap) => tap.output(&name(), output),
            None => output,
        }
    }

    /// max(x, 0) of a result of [`Pass::output`], computed in place unless there is a tap, which may have kept `x`. `x` must be
    /// the output of a BatchNorm, a convolution or a linear layer: their backward passes do not need their outputs.
    pub(crate) fn relu(&self, mut x: Tensor) -> Tensor {
        if self.tap.is_some() { x.relu() } else { x.relu_() }
    }

    /// The sum of two such results, also in place unless there is a tap.
    pub(crate) fn sum(&self, mut x: Tensor, y: &Tensor) -> Tensor {
        if self.tap.is_some() { x + y } else { x.g_add_(y) }
    }

    /// Networks call it with each BatchNorm layer's input.
    pub(crate) fn batch_norm_input(&mut self, name: impl FnOnce() -> String, input: &Tensor) {
        if let Some(tap) = &mut self.tap {
            tap.batch_norm_input(&name(), input);
        }
    }
}
