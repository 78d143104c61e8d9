use tch::Tensor;

use crate::shim::{self, SgdStep};

/// SGD with momentum and L2 penalty as PyTorch has it: g <- g + wd * w; buf <- momentum * buf + g (first step:
/// buf <- g); w <- w - lr * buf, or with Nesterov's momentum w <- w - lr * (g + momentum * buf). One fused call for all
/// parameters.
pub struct Sgd {
    parameters: Vec<Tensor>,
    momenta: Vec<Tensor>,
    momentum: f64,
    weight_decay: f64,
    nesterov: bool,
    first: bool,
}

impl Sgd {
    /// Over these parameters (handles, the same memory as the model's).
    pub fn new(parameters: Vec<Tensor>, momentum: f64, weight_decay: f64) -> Self {
        let momenta = parameters.iter().map(|p| p.detach().zeros_like()).collect();
        Self { parameters, momenta, momentum, weight_decay, nesterov: false, first: true }
    }

    /// With Nesterov's momentum.
    #[must_use]
    pub fn nesterov(mut self) -> Self {
        self.nesterov = true;
        self
    }

    /// Forgets the gradients, computes those of `loss` and takes a step.
    pub fn minimise(&mut self, loss: &Tensor, lr: f64) {
        self.differentiate(loss);
        self.step(lr);
    }

    /// Forgets the gradients and computes those of `loss`, without a step.
    pub fn differentiate(&mut self, loss: &Tensor) {
        shim::drop_gradients(&mut self.parameters);
        loss.backward();
    }

    /// A step along the gradients that the parameters hold now.
    pub fn step(&mut self, lr: f64) {
        let Self { momentum, weight_decay, nesterov, first, .. } = *self;
        let step = SgdStep { lr, momentum, weight_decay, nesterov, first };
        shim::sgd_step(&mut self.parameters, &mut self.momenta, &step);
        self.first = false;
    }

    /// A step along the given gradients, one a parameter, in order.
    pub fn step_along(&mut self, gradients: &[Tensor], lr: f64) {
        assert_eq!(gradients.len(), self.parameters.len(), "one gradient a parameter");
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

    /// The momentum buffers, to be kept with a half-way checkpoint.
    pub fn momenta(&self) -> &[Tensor] {
        &self.momenta
    }

    /// What keeps [`Sgd::restore`] from taking these buffers up: another number of them, or another shape.
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

    /// Takes momentum buffers up again: one a parameter, in order, or none at all.
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
    /// Gradients go with the optimizer, so that nothing after it adds to them.
    fn drop(&mut self) {
        shim::drop_gradients(&mut self.parameters);
    }
}
