use tch::Tensor;

use crate::shim;

/// Adam with PyTorch's update rule, without weight decay: m <- b1 m + (1 - b1) g; v <- b2 v + (1 - b2) g^2;
/// w <- w - lr * (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + 1e-8). One fused call for all parameters.
///
/// AMSGrad (Reddi et al., 2018) uses the elementwise maximum of all v so far instead of v.
pub struct Adam {
    parameters: Vec<Tensor>,
    means: Vec<Tensor>,
    squares: Vec<Tensor>,
    largest: Option<Vec<Tensor>>,
    betas: (f64, f64),
    steps: u64,
}

impl Adam {
    /// An optimizer of these parameters: handles that share memory with the network's tensors.
    pub fn new(parameters: Vec<Tensor>, betas: (f64, f64)) -> Self {
        let zeros = || parameters.iter().map(|p| p.detach().zeros_like()).collect();
        let (means, squares) = (zeros(), zeros());
        Self { parameters, means, squares, largest: None, betas, steps: 0 }
    }

    /// The same with AMSGrad.
    pub fn amsgrad(parameters: Vec<Tensor>, betas: (f64, f64)) -> Self {
        let mut adam = Self::new(parameters, betas);
        adam.largest = Some(adam.squares.iter().map(Tensor::zeros_like).collect());
        adam
    }

    /// Clears the gradients, computes those of `loss` and takes a step.
    pub fn minimise(&mut self, loss: &Tensor, lr: f64) {
        self.drop_gradients();
        loss.backward();
        self.step(lr);
    }

    /// Takes a step along the current gradients of the parameters, and keeps these gradients.
    pub fn step(&mut self, lr: f64) {
        self.steps += 1;
        let Self { parameters, means, squares, largest, betas, steps } = self;
        let largest = largest.as_deref_mut();
        shim::adam_step(parameters, means, squares, largest, lr, *betas, 1e-8, *steps);
    }

    /// Clears the gradients.
    pub fn drop_gradients(&mut self) {
        shim::drop_gradients(&mut self.parameters);
    }

    /// What a checkpoint must hold: the moments, the number of steps, and the gradients that have not been cleared.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        let mut state = self.moments();
        let gradients = self.parameters.iter().map(Tensor::grad).enumerate().filter(|(_, g)| g.defined());
        state.extend(gradients.map(|(i, gradient)| (format!("gradient.{i}"), gradient)));
        state.push(("steps".into(), Tensor::from(self.steps as i64)));
        state
    }

    /// Every moment with its name in `state`.
    fn moments(&self) -> Vec<(String, Tensor)> {
        let parts = [
            ("mean", Some(&self.means)),
            ("square", Some(&self.squares)),
            ("largest", self.largest.as_ref()),
        ];
        let named = |(part, own): (&str, Option<&Vec<Tensor>>)| -> Vec<(String, Tensor)> {
            let own = own.into_iter().flatten().enumerate();
            own.map(|(i, tensor)| (format!("{part}.{i}"), tensor.shallow_clone())).collect()
        };
        parts.into_iter().flat_map(named).collect()
    }

    /// Checks that [`Adam::restore`] can load `state`; the error names a tensor that is missing or has another shape.
    pub fn check(&self, state: &[(String, Tensor)]) -> Result<(), String> {
        let fits = |name: &str, size: Vec<i64>| match find(state, name)?.size() {
            found if found == size => Ok(()),
            found => Err(format!("`{name}` is {found:?}, not {size:?}")),
        };
        fits("steps", vec![])?;
        for (name, own) in self.moments() {
            fits(&name, own.size())?;
        }
        for (i, parameter) in self.parameters.iter().enumerate() {
            let name = format!("gradient.{i}");
            if find(state, &name).is_ok() {
                fits(&name, parameter.size())?;
            }
        }
        Ok(())
    }

    /// Loads what [`Adam::state`] returned. On an error, which names a tensor that is missing or has another shape,
    /// nothing is changed.
    pub fn restore(&mut self, state: &[(String, Tensor)]) -> Result<(), String> {
        self.check(state)?;
        for (name, mut own) in self.moments() {
            let saved = find(state, &name)?;
            tch::no_grad(|| own.copy_(&saved.to_device(own.device())));
        }
        self.steps = find(state, "steps")?.int64_value(&[]) as u64;
        self.drop_gradients();
        for (i, parameter) in self.parameters.iter().enumerate() {
            if let Ok(gradient) = find(state, &format!("gradient.{i}")) {
                // tch cannot set a gradient directly, but the gradient of sum(w * g) with respect to w is g.
                (parameter * gradient.to_device(parameter.device())).sum(tch::Kind::Float).backward();
            }
        }
        Ok(())
    }
}

fn find<'a>(state: &'a [(String, Tensor)], name: &str) -> Result<&'a Tensor, String> {
    let found = state.iter().find(|(other, _)| other == name);
    found.map(|(_, tensor)| tensor).ok_or_else(|| format!("`{name}` is missing"))
}

impl Drop for Adam {
    /// Clears the gradients, so that a later backward pass does not add to them.
    fn drop(&mut self) {
        self.drop_gradients();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Kind;

    fn values(tensor: &Tensor) -> Vec<f32> {
        Vec::<f32>::try_from(tensor.detach()).unwrap()
    }

    fn near(tensor: &Tensor, expected: &[f32]) -> bool {
        values(tensor).iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5)
    }

    #[test]
    fn steps_equal_those_computed_by_hand() {
        // L = a . w, so the gradient is a: 2 and -0.5. The first step is lr times its sign.
        let w = Tensor::from_slice(&[1f32, 1.0]).set_requires_grad(true);
        let untouched = Tensor::from_slice(&[7f32]).set_requires_grad(true);
        let mut adam = Adam::new(vec![w.shallow_clone(), untouched.shallow_clone()], (0.5, 0.9));
        let loss = |a: &[f32]| (Tensor::from_slice(a) * &w).sum(Kind::Float);
        adam.minimise(&loss(&[2.0, -0.5]), 0.1);
        assert!(near(&w, &[0.9, 1.1]));
        // The second gradients are 0 and -0.5. First weight: m = 0.5, corrected 0.5 / 0.75; v = 0.36, corrected
        // 0.36 / 0.19: 0.6666667 / 1.3764944 = 0.4843220. Second weight: the corrected moments are g and g^2, so that
        // the step is lr times the sign again.
        adam.minimise(&loss(&[0.0, -0.5]), 0.1);
        assert!(near(&w, &[0.9 - 0.048_432_2, 1.2]), "{:?}", values(&w));
        assert_eq!(values(&untouched), [7.0], "a parameter without a gradient does not change");
    }

    #[test]
    fn amsgrad_keeps_the_largest_second_moment() {
        let w = Tensor::from_slice(&[1f32]).set_requires_grad(true);
        let mut adam = Adam::amsgrad(vec![w.shallow_clone()], (0.5, 0.5));
        let loss = |a: f64| (&w * a).sum(Kind::Float);
        adam.minimise(&loss(2.0), 0.1);
        assert!(near(&w, &[0.9]));
        // m = 0.5, corrected 0.5 / 0.75; v = 1, the maximum is still 2, corrected 2 / 0.75: 0.6666667 / 1.6329932.
        adam.minimise(&loss(-0.0), 0.1);
        assert!(near(&w, &[0.9 - 0.040_824_8]), "{:?}", values(&w));
        assert!(adam.state().iter().any(|(name, tensor)| name == "largest.0" && values(tensor) == [2.0]));
    }

    #[test]
    fn gradients_accumulate_until_they_are_cleared() {
        let w = Tensor::from_slice(&[0f32]).set_requires_grad(true);
        let mut adam = Adam::new(vec![w.shallow_clone()], (0.5, 0.9));
        for _ in 0..2 {
            (&w * 3.0).sum(Kind::Float).backward();
            adam.step(0.1);
        }
        assert_eq!(values(&w.grad()), [6.0]);
        let state = adam.state().into_iter().map(|(name, tensor)| (name, tensor.copy())).collect::<Vec<_>>();
        adam.drop_gradients();
        adam.restore(&state).unwrap();
        assert_eq!(values(&w.grad()), [6.0]);
        drop(adam);
        assert!(!w.grad().defined());
    }

    #[test]
    fn a_restored_optimizer_takes_the_same_steps() {
        let w = Tensor::from_slice(&[1f32, -3.0]).set_requires_grad(true);
        let loss = || w.square().sum(Kind::Float);
        let mut adam = Adam::new(vec![w.shallow_clone()], (0.9, 0.999));
        adam.minimise(&loss(), 0.1);
        let (at, state) = (w.detach().copy(), adam.state());
        let state: Vec<_> = state.iter().map(|(name, tensor)| (name.clone(), tensor.copy())).collect();
        adam.minimise(&loss(), 0.1);
        let uninterrupted = values(&w);
        tch::no_grad(|| w.shallow_clone().copy_(&at));
        let mut resumed = Adam::new(vec![w.shallow_clone()], (0.9, 0.999));
        resumed.restore(&state).unwrap();
        resumed.minimise(&loss(), 0.1);
        assert_eq!(values(&w), uninterrupted);
    }

    #[test]
    fn a_state_that_does_not_fit_is_refused_and_changes_nothing() {
        let w = Tensor::from_slice(&[1f32, -3.0]).set_requires_grad(true);
        let mut adam = Adam::new(vec![w.shallow_clone()], (0.9, 0.999));
        adam.minimise(&w.square().sum(Kind::Float), 0.1);
        let copies = |adam: &Adam| -> Vec<_> {
            adam.state().into_iter().map(|(name, tensor)| (name, tensor.copy())).collect()
        };
        let before = copies(&adam);
        // All numbers differ, so that loading any part of it would be noticed.
        let other: Vec<_> = before.iter().map(|(name, tensor)| (name.clone(), tensor + 5)).collect();
        for (name, reason) in [
            ("mean.0", "`mean.0` is missing"),
            ("square.0", "`square.0` is missing"),
            ("steps", "`steps` is missing"),
        ] {
            let without: Vec<_> =
                other.iter().filter(|(own, _)| own != name).map(|(n, t)| (n.clone(), t.copy())).collect();
            assert_eq!(adam.restore(&without).unwrap_err(), reason);
        }
        for name in ["square.0", "gradient.0", "steps"] {
            let mut misshapen: Vec<_> = other.iter().map(|(n, t)| (n.clone(), t.copy())).collect();
            misshapen
                .iter_mut()
                .filter(|(own, _)| own == name)
                .for_each(|(_, t)| *t = Tensor::zeros([3], (Kind::Float, tch::Device::Cpu)));
            assert!(adam.restore(&misshapen).unwrap_err().contains(&format!("`{name}` is [3]")));
        }
        assert_eq!(copies(&adam), before);
        adam.restore(&other).unwrap();
        assert_ne!(copies(&adam), before);
    }
}
