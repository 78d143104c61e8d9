//! The gradient of a loss at parameters that are displaced by a step, which sharpness-aware methods use.

use tch::{Tensor, no_grad};

/// Gradients of `loss` at `parameters` + `steps` (same shapes, same order): one tensor for each parameter.
///
/// The parameters are restored exactly. `loss` is called once, must depend on every parameter, and must not change the
/// model.
pub fn displaced_gradients(
    parameters: &[Tensor],
    steps: &[Tensor],
    loss: impl FnOnce() -> Tensor,
) -> Vec<Tensor> {
    assert_eq!(parameters.len(), steps.len(), "one step for each parameter");
    let originals: Vec<Tensor> = no_grad(|| parameters.iter().map(|p| p.detach().copy()).collect());
    no_grad(|| {
        for (parameter, step) in parameters.iter().zip(steps) {
            let _ = parameter.shallow_clone().g_add_(step);
        }
    });
    let gradients = Tensor::run_backward(&[loss()], parameters, false, false);
    no_grad(|| {
        for (parameter, original) in parameters.iter().zip(&originals) {
            parameter.shallow_clone().copy_(original);
        }
    });
    gradients
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Kind;

    #[test]
    fn gradients_are_those_at_the_displaced_parameters_which_are_restored() {
        let parameters = [0.1, 3.0].map(|v| Tensor::from_slice(&[v]).set_requires_grad(true));
        let steps = [0.2, -1.0].map(|v| Tensor::from_slice(&[v]));
        let loss = || (parameters[0].square() + parameters[1].pow_tensor_scalar(3)).sum(Kind::Double);
        let gradients = displaced_gradients(&parameters, &steps, loss);
        // 2 * 0.3 and 3 * 2^2.
        assert!((gradients[0].double_value(&[0]) - 0.6).abs() < 1e-12);
        assert!((gradients[1].double_value(&[0]) - 12.0).abs() < 1e-12);
        assert_eq!([0, 1].map(|i| parameters[i].double_value(&[0])), [0.1, 3.0]);
    }
}
