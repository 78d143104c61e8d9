//! The gradient of L(theta) + lambda * ||grad L(theta)||, by a finite difference.
//!
//! g1 = grad L(theta), g2 = grad L(theta + r * g1 / ||g1||), g = (1 - alpha) g1 + alpha g2. To first order in r this is the
//! gradient for lambda = alpha r. With the norm taken tensor by tensor it is the gradient of
//! L + alpha r * sum over p of ||grad_p L||, where each tensor p is displaced by r * g1_p / ||g1_p||.

use scour_train::displaced_gradients;
use tch::{Kind, Tensor, no_grad};

use crate::NormScope;

/// The smallest norm that a gradient is divided by, so that a zero gradient gives a zero step. It is large enough that
/// r / `MIN_NORM` is finite in single precision.
const MIN_NORM: f64 = 1e-12;

/// g, one tensor for each parameter; the parameters keep their values. `loss` is called twice, or once if `alpha` is 0, and
/// must not change the model. A tensor whose gradient is zero is not displaced.
pub(crate) fn two_gradients(
    parameters: &[Tensor],
    mut loss: impl FnMut() -> Tensor,
    r: f64,
    alpha: f64,
    scope: NormScope,
) -> Vec<Tensor> {
    let g1 = Tensor::run_backward(&[loss()], parameters, false, false);
    if alpha == 0.0 {
        return g1;
    }
    // r * g1 / ||g1||
    let steps: Vec<Tensor> = no_grad(|| {
        let norm = |g: &Tensor| g.square().sum(Kind::Double).sqrt();
        let norms: Vec<Tensor> = match scope {
            NormScope::PerTensor => g1.iter().map(norm).collect(),
            NormScope::Global => {
                let total = Tensor::stack(&g1.iter().map(norm).collect::<Vec<_>>(), 0);
                let total = total.square().sum(Kind::Double).sqrt();
                g1.iter().map(|_| total.shallow_clone()).collect()
            }
        };
        let step = |(g, norm): (&Tensor, &Tensor)| g * (r / norm.clamp_min(MIN_NORM)).to_kind(g.kind());
        g1.iter().zip(&norms).map(step).collect()
    });
    let g2 = displaced_gradients(parameters, &steps, loss);
    no_grad(|| g1.iter().zip(&g2).map(|(g1, g2)| g1 * (1.0 - alpha) + g2 * alpha).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use scour_torch::Random;
    use tch::Device;

    #[test]
    fn on_a_quadratic_it_equals_the_result_by_hand() {
        // L = x^2 + 2 y^2 at (3, 1): g1 = (6, 4). Each parameter is a tensor of its own: both steps are r = 1.
        let parameters = [3.0, 1.0].map(|v| Tensor::from_slice(&[v]).set_requires_grad(true));
        let loss = || (parameters[0].square() + parameters[1].square() * 2.0).sum(Kind::Double);
        let values = |g: &[Tensor]| g.iter().map(|t| t.double_value(&[0])).collect::<Vec<_>>();
        let mixed = two_gradients(&parameters, loss, 1.0, 0.25, NormScope::PerTensor);
        assert_eq!(values(&mixed), [0.75 * 6.0 + 0.25 * 8.0, 0.75 * 4.0 + 0.25 * 8.0]);
        // Global: ||g1|| = sqrt(52), the steps are 6/sqrt(52) and 4/sqrt(52).
        let mixed = two_gradients(&parameters, loss, 1.0, 1.0, NormScope::Global);
        let (dx, dy) = (6.0 / 52f64.sqrt(), 4.0 / 52f64.sqrt());
        let expected = [2.0 * (3.0 + dx), 4.0 * (1.0 + dy)];
        assert!(values(&mixed).iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12));
        assert_eq!(values(&parameters), [3.0, 1.0], "the parameters are restored");
        let without_penalty = two_gradients(&parameters, loss, 1.0, 0.0, NormScope::Global);
        assert_eq!(values(&without_penalty), [6.0, 4.0]);
    }

    /// A least norm of 2.2e-308 would avoid 0 / 0 in double precision, but it is 0 in single precision.
    #[test]
    fn a_zero_gradient_gives_a_zero_step_and_no_nan_in_either_precision() {
        for kind in [Kind::Float, Kind::Double] {
            for scope in [NormScope::PerTensor, NormScope::Global] {
                let scalar = |value: f64| Tensor::from_slice(&[value]).to_kind(kind).set_requires_grad(true);
                let values = |loss: &dyn Fn(&[Tensor; 2]) -> Tensor| {
                    let parameters = [scalar(0.0), scalar(2.0)];
                    let mixed = two_gradients(&parameters, || loss(&parameters), 0.5, 0.7, scope);
                    mixed.iter().map(|g| g.double_value(&[0])).collect::<Vec<f64>>()
                };
                // x^2 + y at (0, 2), and x^2 y, whose gradients are all zero.
                let one = values(&|p| (p[0].square() + &p[1]).sum(kind));
                let both = values(&|p| (p[0].square() * &p[1]).sum(kind));
                assert_eq!((one, both), (vec![0.0, 1.0], vec![0.0, 0.0]), "{kind:?} {scope:?}");
            }
        }
    }

    /// The square of a gradient of 1e-30 is 0 in single precision.
    #[test]
    fn a_tiny_gradient_gives_a_finite_step() {
        let parameters = [Tensor::from_slice(&[1e-30f32]).set_requires_grad(true)];
        let loss = || parameters[0].square().sum(Kind::Float);
        let mixed = two_gradients(&parameters, loss, 0.05, 0.7, NormScope::PerTensor);
        assert!(mixed[0].double_value(&[0]).is_finite());
    }

    /// (g - g1) / (alpha r) approximates the gradient of the norm, which is compared with central differences of the norm.
    #[test]
    fn on_a_small_network_it_is_the_gradient_of_the_penalised_loss() {
        let double = |shape: &[i64], seed| {
            Random::new(seed).normal(shape, Device::Cpu).to_kind(Kind::Double).set_requires_grad(true)
        };
        let parameters = [double(&[4, 3], 1), double(&[4], 2), double(&[2, 4], 3)];
        let x = double(&[6, 3], 4).detach();
        let labels = Tensor::from_slice(&[0i64, 1, 1, 0, 1, 0]);
        let loss = || {
            let hidden = x.linear(&parameters[0], Some(&parameters[1])).tanh();
            // tch's cross-entropy computes in single precision, which is too coarse for differences.
            hidden.linear(&parameters[2], None::<&Tensor>).log_softmax(1, Kind::Double).nll_loss(&labels)
        };
        for scope in [NormScope::PerTensor, NormScope::Global] {
            let penalty = || {
                let gradients = Tensor::run_backward(&[loss()], &parameters, false, false);
                let squares: Vec<f64> =
                    gradients.iter().map(|g| g.square().sum(Kind::Double).double_value(&[])).collect();
                match scope {
                    NormScope::PerTensor => squares.iter().map(|s| s.sqrt()).sum::<f64>(),
                    NormScope::Global => squares.iter().sum::<f64>().sqrt(),
                }
            };
            let (r, alpha) = (1e-5, 0.5);
            let first = Tensor::run_backward(&[loss()], &parameters, false, false);
            let mixed = two_gradients(&parameters, loss, r, alpha, scope);
            for (p, parameter) in parameters.iter().enumerate() {
                let flat = parameter.detach().view(-1);
                for i in 0..flat.numel() as i64 {
                    let nudge = |by: f64| {
                        let _ = no_grad(|| flat.get(i).g_add_scalar_(by));
                    };
                    let h = 1e-5;
                    nudge(h);
                    let up = penalty();
                    nudge(-2.0 * h);
                    let down = penalty();
                    nudge(h);
                    let expected = (up - down) / (2.0 * h);
                    let found = ((&mixed[p] - &first[p]) / (alpha * r)).view(-1).double_value(&[i]);
                    assert!((found - expected).abs() < 1e-3, "{scope:?} {p} {i}: {found} {expected}");
                }
            }
        }
    }
}
