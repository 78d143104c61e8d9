use tch::Tensor;

use crate::shim::{self, SgdStep};

/// SGD with momentum and L2 penalty, with PyTorch's update rule: g <- g + wd * w; buf <- momentum * buf + g (in the first
/// step buf <- g); w <- w - lr * buf, or with Nesterov's momentum w <- w - lr * (g + momentum * buf). One fused call for
/// all parameters.
pub struct Sgd {
    parameters: Vec<Tensor>,
    momenta: Vec<Tensor>,
    momentum: f64,
    weight_decay: f64,
    nesterov: bool,
    first: bool,
}

impl Sgd {
    /// An optimizer of these parameters: handles that share memory with the model's tensors.
    pub fn new(parameters: Vec<Tensor>, momentum: f64, weight_decay: f64) -> Self {
        let momenta = parameters.iter().map(|p| p.detach().zeros_like()).collect();
        Self { parameters, momenta, momentum, weight_decay, nesterov: false, first: true }
    }

    /// The same optimizer with Nesterov's momentum.
    #[must_use]
    pub fn nesterov(mut self) -> Self {
        self.nesterov = true;
        self
    }

    /// Clears the gradients, computes those of `loss` and takes a step.
    pub fn minimise(&mut self, loss: &Tensor, lr: f64) {
        self.differentiate(loss);
        self.step(lr);
    }

    /// Clears the gradients and computes those of `loss`, without a step.
    pub fn differentiate(&mut self, loss: &Tensor) {
        shim::drop_gradients(&mut self.parameters);
        loss.backward();
    }

    /// Takes a step along the current gradients of the parameters.
    pub fn step(&mut self, lr: f64) {
        let Self { momentum, weight_decay, nesterov, first, .. } = *self;
        let step = SgdStep { lr, momentum, weight_decay, nesterov, first };
        shim::sgd_step(&mut self.parameters, &mut self.momenta, &step);
        self.first = false;
    }

    /// Takes a step along the given gradients: one for each parameter, in the same order.
    pub fn step_along(&mut self, gradients: &[Tensor], lr: f64) {
        assert_eq!(gradients.len(), self.parameters.len(), "one gradient for each parameter");
        tch::no_grad(|| {
            for ((p, m), g) in self.parameters.iter_mut().zip(&mut self.momenta).zip(gradients) {
                let g = g + &*p * self.weight_decay;
                let _ = m.g_mul_scalar_(self.momentum);
                let _ = m.g_add_(&g);
                let along = if self.nesterov { g + &*m * self.momentum } else { m.shallow_clone() };
                let _ = p.g_add_(&(along * -lr));
            }
        });
        self.first = false;
    }

    /// The momentum buffers, which a checkpoint must hold.
    pub fn momenta(&self) -> &[Tensor] {
        &self.momenta
    }

    /// Checks that [`Sgd::restore`] can load these buffers; the error names a wrong number or a wrong shape.
    pub fn check(&self, momenta: &[Tensor]) -> Result<(), String> {
        if momenta.len() != self.momenta.len() {
            return Err(format!("{} momentum buffers for {} parameters", momenta.len(), self.momenta.len()));
        }
        for (i, (own, saved)) in self.momenta.iter().zip(momenta).enumerate() {
            if own.size() != saved.size() {
                return Err(format!("momentum {i} is {:?}, not {:?}", saved.size(), own.size()));
            }
        }
        Ok(())
    }

    /// Loads momentum buffers: one for each parameter, in the same order. On an error nothing is changed.
    pub fn restore(&mut self, momenta: &[Tensor]) -> Result<(), String> {
        self.check(momenta)?;
        tch::no_grad(|| {
            for (own, saved) in self.momenta.iter_mut().zip(momenta) {
                own.copy_(&saved.to_device(own.device()));
            }
        });
        self.first = false;
        Ok(())
    }
}

impl Drop for Sgd {
    /// Clears the gradients, so that a later backward pass does not add to them.
    fn drop(&mut self) {
        shim::drop_gradients(&mut self.parameters);
    }
}
