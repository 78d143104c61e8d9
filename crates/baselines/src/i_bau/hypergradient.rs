//! The gradient of an outer loss through the solution of an inner minimisation.
//!
//! With Phi(delta, theta) = delta - rate * d inner / d delta, one step of the inner minimisation, the hypergradient at a
//! perturbation delta is d outer / d theta + (d Phi / d theta)^T v, where (I - (d Phi / d delta)^T) v is
//! d outer / d delta. v is the limit of v <- (d Phi / d delta)^T v + d outer / d delta (Grazzi et al., 2020), of which a
//! few steps are taken.

use tch::{Kind, Tensor};

/// A change of v below this, in its L2 norm, ends the series.
const STEADY: f64 = 1e-10;

/// A scalar whose gradient with respect to the parameters of `outer` and `inner` is the hypergradient. Both must be
/// functions of `delta`, which has to require a gradient; `steps` is the number of terms of the series.
pub(super) fn surrogate(outer: &Tensor, inner: &Tensor, delta: &Tensor, rate: f64, steps: u32) -> Tensor {
    let slope = Tensor::run_backward(&[inner], &[delta], true, true).remove(0);
    let phi = delta - slope * rate;
    let direct = Tensor::run_backward(&[outer], &[delta], true, false).remove(0).detach();
    let mut v = direct.zeros_like();
    for _ in 0..steps {
        let along = (&phi * &v).sum(None::<Kind>);
        let next = Tensor::run_backward(&[along], &[delta], true, false).remove(0).detach() + &direct;
        let change = (&next - &v).square().sum(Kind::Double).sqrt().double_value(&[]);
        v = next;
        if change < STEADY {
            break;
        }
    }
    outer + (phi * v).sum(None::<Kind>)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(values: [f64; 2]) -> Tensor {
        Tensor::from_slice(&values).set_requires_grad(true)
    }

    /// inner = delta^T H delta / 2 - delta . sin(theta) with H = [[2, 0.5], [0.5, 1]].
    fn inner(delta: &Tensor, theta: &Tensor) -> Tensor {
        let h = Tensor::from_slice(&[2.0, 0.5, 0.5, 1.0]).reshape([2, 2]);
        (h.mv(delta) * delta).sum(Kind::Double) * 0.5 - (delta * theta.sin()).sum(Kind::Double)
    }

    /// Where the inner loss is least: H^-1 sin(theta).
    fn minimiser(theta: [f64; 2]) -> [f64; 2] {
        let (a, b) = (theta[0].sin(), theta[1].sin());
        [(a - 0.5 * b) / 1.75, (2.0 * b - 0.5 * a) / 1.75]
    }

    fn outer(delta: &Tensor, theta: &Tensor) -> Tensor {
        (delta.cos() * theta).sum(Kind::Double) + theta.prod(Kind::Double)
    }

    fn hypergradient(theta: [f64; 2], steps: u32) -> Vec<f64> {
        let (delta, theta) = (pair(minimiser(theta)), pair(theta));
        let scalar = surrogate(&outer(&delta, &theta), &inner(&delta, &theta), &delta, 0.3, steps);
        Tensor::run_backward(&[scalar], &[&theta], false, false).remove(0).try_into().unwrap()
    }

    #[test]
    fn with_many_terms_it_is_the_gradient_through_the_inner_minimum() {
        let theta = [0.7, -0.4];
        let whole = |theta: [f64; 2]| outer(&pair(minimiser(theta)), &pair(theta)).double_value(&[]);
        let found = hypergradient(theta, 1000);
        let plain = {
            let (delta, theta) = (pair(minimiser(theta)).detach(), pair(theta));
            Vec::<f64>::try_from(&Tensor::run_backward(&[outer(&delta, &theta)], &[&theta], false, false)[0])
                .unwrap()
        };
        for i in 0..2 {
            let nudged = |by: f64| {
                let mut theta = theta;
                theta[i] += by;
                whole(theta)
            };
            let expected = (nudged(1e-5) - nudged(-1e-5)) / 2e-5;
            assert!((found[i] - expected).abs() < 1e-8, "{i}: {} {expected}", found[i]);
            assert!(
                (plain[i] - expected).abs() > 1e-2,
                "{i}: without the inner minimisation it would be the same"
            );
        }
    }

    #[test]
    fn with_one_term_v_is_the_outer_slope() {
        let theta = [0.7, -0.4];
        let delta = minimiser(theta);
        // d Phi / d theta = 0.3 cos(theta); d outer / d delta = -sin(delta) theta.
        let found = hypergradient(theta, 1);
        for i in 0..2 {
            let direct = delta[i].cos() + theta[1 - i];
            let expected = direct - 0.3 * theta[i].cos() * delta[i].sin() * theta[i];
            assert!((found[i] - expected).abs() < 1e-12, "{i}: {} {expected}", found[i]);
        }
    }
}
