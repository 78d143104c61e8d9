//! One smooth perturbation for all images: the sum of DeepFool's changes, smoothed after each update.

use scour_core::{Fidelity, LabelMap, Stream, stream_seed};
use scour_torch::Random;
use scour_train::{AttackContext, Progress, TrainError};
use tch::{Kind, Tensor, no_grad};

use super::Lf;
use super::deepfool::{Step, deepfool};
use super::smooth::smooth;
use crate::tensors::is_finite;

const STEP: &str = "finding the perturbation";
/// Images on which the share of fooled ones is measured.
const MEASURED: i64 = 500;
/// The search ends when the shares of so many passes in a row differ by less than `STEADY_SPREAD`.
const STEADY_PASSES: usize = 5;
const STEADY_SPREAD: f64 = 0.01;
/// How far one corrected step of DeepFool goes at most: the root mean square of the change, pixels in 0..1.
const LONGEST_STEP: f64 = 0.02;

struct Search<'a> {
    context: &'a AttackContext<'a>,
    attack: &'a Lf,
    logits: &'a dyn Fn(&Tensor) -> Tensor,
    /// Images to fool, f32 in 0..1.
    images: Tensor,
    /// The model's predictions for them, i64.
    classes: Tensor,
    /// The classes that they are to be moved to, i64.
    targets: Tensor,
}

/// The perturbation, f32 [1, 3, size, size] in 0..strength.
pub(super) fn universal_perturbation(context: &AttackContext, attack: &Lf) -> Result<Tensor, TrainError> {
    let model = context
        .clean_model
        .ok_or_else(|| TrainError::Method("lf: there is no clean model to search with".into()))?;
    let normalised = |x: &Tensor| model.evaluate(&context.preprocess.normalise(&(x * 255.0)));
    let raw = |x: &Tensor| model.evaluate(x);
    let logits: &dyn Fn(&Tensor) -> Tensor =
        if attack.fidelity == Fidelity::Corrected { &normalised } else { &raw };
    let mut random = Random::new(stream_seed(context.seed, Stream::Trigger, 0));
    let order = random.permutation(context.train.len(), context.device());
    let count = attack.images.min(context.train.len()) as i64;
    let float = |indices: &Tensor| context.train.pixels.index_select(0, indices).to_kind(Kind::Float) / 255.0;
    let images = float(&order.narrow(0, 0, count));
    let classes = predicted(logits, &images);
    let search =
        Search { context, attack, logits, targets: targets(context, attack, &classes), images, classes };
    let left = order.size()[0] - count;
    let measured = match attack.fidelity {
        // Images that the search does not see, as long as there are any.
        Fidelity::Corrected if left > 0 => float(&order.narrow(0, count, left.min(MEASURED))),
        Fidelity::Corrected => search.images.shallow_clone(),
        Fidelity::Benchmark => float(&order.narrow(0, 0, 1).zeros_like()),
    };
    search.run(&measured, &mut random)
}

fn predicted(logits: &dyn Fn(&Tensor) -> Tensor, images: &Tensor) -> Tensor {
    no_grad(|| {
        let classes: Vec<Tensor> =
            images.split(500, 0).iter().map(|batch| logits(batch).argmax(1, false)).collect();
        Tensor::cat(&classes, 0)
    })
}

fn targets(context: &AttackContext, attack: &Lf, classes: &Tensor) -> Tensor {
    match (attack.fidelity, context.map) {
        (Fidelity::Benchmark, _) => classes.zeros_like(),
        (_, LabelMap::AllToOne(target)) => classes.full_like(i64::from(target)),
        (_, LabelMap::AllToAll(shift)) => {
            (classes + i64::from(shift % context.classes)).remainder(i64::from(context.classes))
        }
    }
}

impl Search<'_> {
    fn run(&self, measured: &Tensor, random: &mut Random) -> Result<Tensor, TrainError> {
        let mut v = self.images.narrow(0, 0, 1).zeros_like();
        let before = self.classes_of_measured(measured, None);
        let mut shares: Vec<f64> = vec![];
        for pass in 0..self.attack.passes {
            v = self.one_pass(&v, random)?;
            let after = self.classes_of_measured(measured, Some(&v));
            if !is_finite(&v) {
                return Err(TrainError::NotFinite {
                    step: STEP.into(),
                    at: u64::from(pass) + 1,
                    last: f64::NAN,
                });
            }
            let fooled = after.ne_tensor(&before).to_kind(Kind::Double).mean(Kind::Double);
            shares.push(fooled.double_value(&[]));
            self.context.reporter.progress(Progress {
                step: STEP,
                done: u64::from(pass) + 1,
                total: u64::from(self.attack.passes),
                ..Progress::default()
            });
            if self.is_done(&shares) {
                break;
            }
        }
        if v.abs().max().double_value(&[]) > 0.0 {
            return Ok(v);
        }
        Err(TrainError::Method(format!(
            "lf: the clean model gives DeepFool nothing to change on {} images: train it longer, or take another \
             target label",
            self.images.size()[0]
        )))
    }

    fn is_done(&self, shares: &[f64]) -> bool {
        let Some(&last) = shares.last() else { return false };
        let recent = &shares[shares.len().saturating_sub(STEADY_PASSES)..];
        let spread = recent.iter().fold(0f64, |most, share| most.max((share - last).abs()));
        last >= self.attack.fooling_share || (recent.len() == STEADY_PASSES && spread < STEADY_SPREAD)
    }

    /// The classes that the model predicts for images with `v` on them. The benchmark adds it to normalised images
    /// here, though it searches on raw ones.
    fn classes_of_measured(&self, images: &Tensor, v: Option<&Tensor>) -> Tensor {
        let zero = images.narrow(0, 0, 1).zeros_like();
        let v = v.unwrap_or(&zero);
        match self.attack.fidelity {
            Fidelity::Corrected => predicted(self.logits, &(images + v).clamp(0.0, 1.0)),
            Fidelity::Benchmark => {
                let normalised = self.context.preprocess.normalise(&(images * 255.0));
                predicted(self.logits, &(normalised + v))
            }
        }
    }

    /// Goes through all images in a new order, some at a time.
    fn one_pass(&self, v: &Tensor, random: &mut Random) -> Result<Tensor, TrainError> {
        let order = random.permutation(self.images.size()[0] as usize, v.device());
        let at_once = match self.attack.fidelity {
            Fidelity::Corrected => self.attack.at_once as i64,
            Fidelity::Benchmark => 1,
        };
        let mut v = v.shallow_clone();
        for some in order.split(at_once, 0) {
            if self.context.reporter.interrupted() {
                return Err(TrainError::Interrupted);
            }
            let shown = self.shown(&(self.images.index_select(0, &some) + &v));
            let holds = predicted(self.logits, &shown).eq_tensor(&self.classes.index_select(0, &some));
            let unfooled = some.masked_select(&holds);
            if unfooled.numel() == 0 {
                continue;
            }
            let start = self.shown(&(self.images.index_select(0, &unfooled) + &v));
            let targets = self.targets.index_select(0, &unfooled);
            let step = match self.attack.fidelity {
                Fidelity::Corrected => Step::Bounded(LONGEST_STEP),
                Fidelity::Benchmark => Step::Published,
            };
            let found = deepfool(self.logits, &start, &targets, self.attack.iterations, step);
            v = no_grad(|| stretched(&smooth(&(&v + smooth(&found.sum_of_reached()))), self.attack.strength));
        }
        Ok(v)
    }

    /// An image with a perturbation as the model sees it: the corrected search knows that pixels end at 0 and 1.
    fn shown(&self, x: &Tensor) -> Tensor {
        match self.attack.fidelity {
            Fidelity::Corrected => x.clamp(0.0, 1.0),
            Fidelity::Benchmark => x.shallow_clone(),
        }
    }
}

/// Moved and scaled to lie in 0..strength. Where everything is equal there is nothing to scale: zeros.
fn stretched(v: &Tensor, strength: f64) -> Tensor {
    let (low, high) = (v.min(), v.max());
    let range = (&high - &low).double_value(&[]);
    if range <= 0.0 {
        return v.zeros_like();
    }
    (v - low) * (strength / range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretching_reaches_both_ends_and_survives_a_flat_field() {
        let v = Tensor::from_slice(&[-1f32, 0.0, 3.0]);
        let out: Vec<f32> = stretched(&v, 0.2).try_into().unwrap();
        for (found, expected) in out.iter().zip([0.0, 0.05, 0.2]) {
            assert!((found - expected).abs() < 1e-7);
        }
        assert_eq!(stretched(&v.zeros_like(), 0.2), v.zeros_like());
    }
}
