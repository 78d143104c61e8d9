//! The two losses of shared adversarial unlearning, from logits [n, classes] of the model and of the original.

use scour_models::Model;
use scour_torch::channels_last;
use scour_train::{ImageSet, Preprocess};
use tch::{Kind, Reduction, Tensor, no_grad};

/// What is known of a batch before it is perturbed.
pub(super) struct Clean {
    /// Normalised images.
    pub(super) input: Tensor,
    /// True classes, i64 [n].
    pub(super) labels: Tensor,
    /// The model's predictions, i64 [n].
    pub(super) own: Tensor,
    /// The original's predictions, i64 [n].
    pub(super) theirs: Tensor,
}

impl Clean {
    pub(super) fn new(model: &Model, original: &Model, preprocess: &Preprocess, batch: &ImageSet) -> Self {
        let input = channels_last(&preprocess.normalise(&batch.pixels));
        let class = |model: &Model| no_grad(|| model.evaluate(&input).argmax(1, false));
        let (own, theirs) = (class(model), class(original));
        Self { input, labels: batch.labels.shallow_clone(), own, theirs }
    }
}

/// What the search minimises: weights (a, s) give a * L_adv + s * L_sh; `None` once every perturbation is shared.
///
/// L_adv = -(1 / 2n) * the cross-entropies of both models, each over the images whose class it has not yet changed.
/// L_sh = (1 / n) * the Jensen-Shannon divergence of their softmaxes over the images that are not yet shared.
/// Shared is an image whose class both models changed, to the same one.
pub(super) fn search_loss(
    logits: &Tensor,
    original: &Tensor,
    clean: &Clean,
    (adversarial, shared): (f64, f64),
) -> Option<Tensor> {
    let count = clean.labels.numel() as f64;
    let (now, then) = (logits.argmax(1, false), original.argmax(1, false));
    let (held, original_held) = (now.eq_tensor(&clean.own), then.eq_tensor(&clean.theirs));
    let apart = held.logical_or(&original_held).logical_or(&now.ne_tensor(&then));
    if apart.any().int64_value(&[]) == 0 {
        return None;
    }
    let over = |values: Tensor, which: &Tensor| (values * which.to_kind(logits.kind())).sum(None::<Kind>);
    let ce = |logits: &Tensor| {
        logits.cross_entropy_loss(&clean.labels, None::<Tensor>, Reduction::None, -100, 0.0)
    };
    let change = (over(ce(logits), &held) + over(ce(original), &original_held)) / (-2.0 * count);
    let difference = over(divergence(logits, original), &apart) / count;
    Some(change * adversarial + difference * shared)
}

/// The shared adversarial risk: (1 / 2n) * the sum of -ln(1e-6 + min(1 - p, 0.999)) - ln(1 + 1e-6 - max(p, 0.001)) over
/// the images that the original takes for a class t that is neither the true one nor the one it gave before; p is
/// the probability that the model gives t.
pub(super) fn shared_risk(logits: &Tensor, original: &Tensor, clean: &Clean) -> Tensor {
    let count = clean.labels.numel() as f64;
    let then = original.argmax(1, false);
    let fooled = then.ne_tensor(&clean.labels).logical_and(&then.ne_tensor(&clean.theirs));
    let p = logits.softmax(1, None::<Kind>).gather(1, &then.unsqueeze(1), false).squeeze_dim(1);
    let (left, right): (Tensor, Tensor) = (1.0 - &p, 1.0 + 1e-6 - p.clamp_min(0.001));
    let risk = -(left.clamp_max(0.999) + 1e-6).log() - right.log();
    (risk * fooled.to_kind(logits.kind())).sum(None::<Kind>) / (2.0 * count)
}

/// Jensen-Shannon divergence of two softmaxes, [n]; probabilities are at least 1e-8.
fn divergence(a: &Tensor, b: &Tensor) -> Tensor {
    let probabilities = |logits: &Tensor| logits.softmax(1, None::<Kind>).clamp_min(1e-8);
    let (p, q) = (probabilities(a), probabilities(b));
    let middle = ((&p + &q) / 2.0).log();
    let half =
        |p: &Tensor| (p * (p.log() - &middle)).sum_dim_intlist([1i64].as_slice(), false, None::<Kind>) * 0.5;
    half(&p) + half(&q)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    /// Logits whose softmax is these probabilities.
    fn rows(probabilities: &[[f64; 3]]) -> Tensor {
        Tensor::from_slice(&probabilities.concat()).log().reshape([-1, 3])
    }

    fn clean(labels: &[i64], own: &[i64], theirs: &[i64]) -> Clean {
        let [labels, own, theirs] = [labels, own, theirs].map(Tensor::from_slice);
        Clean { input: Tensor::zeros([1], (Kind::Float, Device::Cpu)), labels, own, theirs }
    }

    #[test]
    fn the_search_loss_is_the_one_computed_by_hand() {
        // Image 0 is shared (0 -> 1 by both); 1 is changed by the original only; 2 is changed by both, not alike.
        let own = rows(&[[0.2, 0.7, 0.1], [0.6, 0.3, 0.1], [0.1, 0.8, 0.1]]);
        let theirs = rows(&[[0.3, 0.6, 0.1], [0.2, 0.5, 0.3], [0.2, 0.2, 0.6]]);
        let clean = clean(&[0, 0, 0], &[0, 0, 0], &[0, 0, 0]);
        let js = |p: [f64; 3], q: [f64; 3]| {
            let kl = |a: [f64; 3], b: [f64; 3]| {
                (0..3).map(|c| a[c] * (2.0 * a[c] / (a[c] + b[c])).ln()).sum::<f64>()
            };
            0.5 * kl(p, q) + 0.5 * kl(q, p)
        };
        let value = |weights| search_loss(&own, &theirs, &clean, weights).unwrap().double_value(&[]);
        // Only image 1 keeps its class, for the model: L_adv is of that image alone.
        assert!((value((1.0, 0.0)) - 0.6f64.ln() / 6.0).abs() < 1e-9);
        let apart = js([0.6, 0.3, 0.1], [0.2, 0.5, 0.3]) + js([0.1, 0.8, 0.1], [0.2, 0.2, 0.6]);
        assert!((value((0.0, 1.0)) - apart / 3.0).abs() < 1e-9);
        assert!((value((0.01, 1.0)) - 0.01 * value((1.0, 0.0)) - value((0.0, 1.0))).abs() < 1e-12);
    }

    #[test]
    fn the_search_ends_when_everything_is_shared() {
        let logits = rows(&[[0.1, 0.8, 0.1]]);
        assert!(search_loss(&logits, &logits, &clean(&[0], &[0], &[0]), (1.0, 1.0)).is_none());
        assert!(search_loss(&logits, &logits, &clean(&[0], &[1], &[0]), (1.0, 1.0)).is_some());
    }

    #[test]
    fn the_shared_risk_counts_images_that_change_the_originals_class() {
        let own = rows(&[[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6], [0.0001, 0.0001, 0.9998]]);
        let theirs = rows(&[[0.1, 0.8, 0.1], [0.8, 0.1, 0.1], [0.1, 0.1, 0.8], [0.1, 0.1, 0.8]]);
        // 0 counts (t = 1, p = 0.3). 1: the true class. 2: what the original said before. 3 counts, p at its limits.
        let clean = clean(&[0, 0, 0, 0], &[0, 0, 0, 0], &[0, 1, 2, 0]);
        let first = -(0.7f64 + 1e-6).ln() - (1.0 + 1e-6 - 0.3f64).ln();
        let last = -2.0 * (0.0002f64 + 1e-6).ln();
        let found = shared_risk(&own, &theirs, &clean).double_value(&[]);
        assert!((found - (first + last) / 8.0).abs() < 1e-7, "{found}");
        let certain = rows(&[[1.0, 1e-9, 1e-9]]);
        let changed = rows(&[[0.1, 0.8, 0.1]]);
        let limited = shared_risk(&certain, &changed, &self::clean(&[0], &[0], &[0])).double_value(&[]);
        let expected = (-(0.999f64 + 1e-6).ln() - (1.0 + 1e-6 - 0.001f64).ln()) / 2.0;
        assert!((limited - expected).abs() < 1e-9, "{limited}");
    }
}
