//! The pair of generators, and what they put on images.

use scour_core::{Fidelity, Stream, stream_seed};
use scour_torch::{BatchNormMode, NumberFormat, Random, with_autocast};
use scour_train::{Preprocess, Trigger};
use tch::{Device, Kind, Tensor, no_grad};

use super::generator::Generator;
use crate::normalisation;
use crate::tensors::prefixed;
use crate::to_bytes::to_bytes;

/// Pattern and mask generator with the normalisation they work in; shared by the trigger and the training.
pub(crate) struct Networks {
    /// Three channels: what is put on.
    pub(crate) pattern: Generator,
    /// One channel: where.
    pub(crate) mask: Generator,
    /// The data set's.
    pub(crate) preprocess: Preprocess,
    /// Whether values are squashed once or twice.
    pub(crate) fidelity: Fidelity,
}

/// From any value to 0..1.
fn squash(z: &Tensor) -> Tensor {
    z.tanh() / (2.0 + 1e-7) + 0.5
}

impl Networks {
    /// Freshly initialised generators with `width` channels in their first blocks.
    pub(crate) fn new(
        preprocess: &Preprocess,
        fidelity: Fidelity,
        width: i64,
        seed: u64,
        device: Device,
    ) -> Self {
        let mut random = Random::new(stream_seed(seed, Stream::Trigger, 0));
        let pattern = Generator::new(&mut random, device, width, 3);
        let mask = Generator::new(&mut random, device, width, 1);
        Self { pattern, mask, preprocess: preprocess.clone(), fidelity }
    }

    fn generate(
        &self,
        generator: &Generator,
        x: &Tensor,
        mode: BatchNormMode,
        format: NumberFormat,
    ) -> Tensor {
        let z = with_autocast(format, x.device(), || generator.forward(x, mode)).to_kind(Kind::Float);
        match self.fidelity {
            Fidelity::Corrected => squash(&z),
            Fidelity::Benchmark => squash(&z.tanh()),
        }
    }

    /// Normalised patterns [n, 3, h, w] for normalised images of that shape.
    pub(crate) fn patterns(&self, x: &Tensor, mode: BatchNormMode, format: NumberFormat) -> Tensor {
        self.preprocess.normalise(&(self.generate(&self.pattern, x, mode, format) * 255.0))
    }

    /// Masks [n, 1, h, w], close to 0 or 1, for normalised images [n, 3, h, w].
    pub(crate) fn masks(&self, x: &Tensor, mode: BatchNormMode, format: NumberFormat) -> Tensor {
        squash(&(self.generate(&self.mask, x, mode, format) * 20.0 - 10.0))
    }
}

/// x + (pattern - x) * mask.
pub(crate) fn put_on(x: &Tensor, pattern: &Tensor, mask: &Tensor) -> Tensor {
    x + (pattern - x) * mask
}

/// The trigger, made by both generators in eval mode and fp32.
pub(crate) struct Generated(pub(crate) std::rc::Rc<Networks>);

impl Trigger for Generated {
    fn apply(&self, images: &Tensor) -> Tensor {
        no_grad(|| {
            let networks = &self.0;
            let x = networks.preprocess.normalise(images);
            let (mode, format) = (BatchNormMode::Eval, NumberFormat::Fp32);
            let triggered =
                put_on(&x, &networks.patterns(&x, mode, format), &networks.masks(&x, mode, format));
            to_bytes(networks.fidelity, &networks.preprocess.denormalise(&triggered))
        })
    }

    fn tensors(&self) -> Vec<(String, Tensor)> {
        let mut tensors = normalisation::tensors(&self.0.preprocess);
        for (prefix, generator) in [(PATTERN, &self.0.pattern), (MASK, &self.0.mask)] {
            tensors.extend(prefixed(prefix, generator.state().snapshot()));
        }
        tensors
    }
}

/// What the names of the pattern generator's tensors begin with.
pub(crate) const PATTERN: &str = "pattern.";
/// What the names of the mask generator's tensors begin with.
pub(crate) const MASK: &str = "mask.";
