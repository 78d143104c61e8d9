//! The polarizer's loss, from logits [n, classes] of clean and of perturbed images.

use tch::{Kind, Tensor, no_grad};

/// lambda1 to lambda4.
pub(super) type Weights = [f64; 4];

/// Classes i64 [n] of a batch's images.
pub(super) struct Seen<'a> {
    /// The true ones.
    pub(super) labels: &'a Tensor,
    /// Those that the model gives without a perturbation.
    pub(super) given: &'a Tensor,
    /// Those that the perturbation aims at.
    pub(super) aim: &'a Tensor,
}

/// The class with the highest logit apart from the true one.
pub(super) fn likeliest_wrong(logits: &Tensor, labels: &Tensor) -> Tensor {
    no_grad(|| logits.detach().scatter_value(1, &labels.unsqueeze(1), f64::NEG_INFINITY).argmax(1, false))
}

/// lambda1 CE(clean, labels) + lambda2 CE(attacked, given) + lambda3 G(s) + lambda4 G(aim), with s the likeliest wrong
/// class of the perturbed image and G(c) = mean of -ln(1.0001 - p_c + 1e-12), p the softmax of the perturbed one.
pub(super) fn polarizer_loss(clean: &Tensor, attacked: &Tensor, seen: &Seen, weights: Weights) -> Tensor {
    let ce = |logits: &Tensor, labels: &Tensor| logits.log_softmax(1, None::<Kind>).nll_loss(labels);
    let p = attacked.softmax(1, None::<Kind>);
    let give_up = |classes: &Tensor| {
        let left: Tensor = 1.0001 - p.gather(1, &classes.unsqueeze(1), false).squeeze_dim(1) + 1e-12;
        -left.log().mean(None::<Kind>)
    };
    let likeliest = likeliest_wrong(attacked, seen.labels);
    ce(clean, seen.labels) * weights[0]
        + ce(attacked, seen.given) * weights[1]
        + give_up(&likeliest) * weights[2]
        + give_up(seen.aim) * weights[3]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_term_is_the_one_computed_by_hand() {
        let rows = |p: &[f64]| Tensor::from_slice(p).log().reshape([-1, 3]);
        let clean = rows(&[0.5, 0.3, 0.2, 0.1, 0.1, 0.8]);
        let attacked = rows(&[0.2, 0.7, 0.1, 0.25, 0.15, 0.6]);
        let [labels, given, aim] = [[0i64, 2], [1, 2], [2, 1]].map(|classes| Tensor::from_slice(&classes));
        let seen = Seen { labels: &labels, given: &given, aim: &aim };
        let value = |weights| polarizer_loss(&clean, &attacked, &seen, weights).double_value(&[]);
        let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        near(value([1.0, 0.0, 0.0, 0.0]), -(0.5f64.ln() + 0.8f64.ln()) / 2.0);
        near(value([0.0, 1.0, 0.0, 0.0]), -(0.7f64.ln() + 0.6f64.ln()) / 2.0);
        // Likeliest wrong: class 1 with 0.7 and class 0 with 0.25.
        let give_up = |a: f64, b: f64| -((1.0001 - a).ln() + (1.0001 - b).ln()) / 2.0;
        near(value([0.0, 0.0, 1.0, 0.0]), give_up(0.7, 0.25));
        near(value([0.0, 0.0, 0.0, 1.0]), give_up(0.1, 0.15));
        let mixed = [1.0, 0.4, 0.4, 0.4];
        let sum =
            (0..4).map(|i| mixed[i] * value(std::array::from_fn(|j| f64::from(u8::from(i == j))))).sum();
        near(value(mixed), sum);
        assert_eq!(Vec::<i64>::try_from(likeliest_wrong(&clean, &labels)).unwrap(), [1, 0]);
    }
}
