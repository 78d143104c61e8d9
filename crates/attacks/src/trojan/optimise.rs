//! The colours of the trigger: those that excite a few neurons of a clean model most.

use scour_core::{Fidelity, Stream, stream_seed};
use scour_models::{Model, Pass};
use scour_torch::{BatchNormMode, Random};
use scour_train::{AttackContext, Progress, TrainError};
use tch::{Kind, Tensor, no_grad};

use super::Trojan;
use crate::tensors::is_finite;

const STEP: &str = "optimising the trigger";
/// Outputs of the benchmark's head, which no data set's model fits, so that it stays as initialised.
const RANDOM_OUTPUTS: i64 = 1000;
/// Early stopping of the corrected search: steps in a row without a lower loss.
const STEPS_WITHOUT_GAIN: u32 = 100;
/// Below this loss the neurons have reached the goal.
const REACHED: f64 = 1e-3;

/// The trigger, f32 [3, size, size] in 0..1, from its shape (see `mask::drawn`); zero outside of it.
pub(super) fn optimise(
    context: &AttackContext,
    attack: &Trojan,
    shape: &Tensor,
) -> Result<Tensor, TrainError> {
    let model = context
        .clean_model
        .ok_or_else(|| TrainError::Method("trojan: there is no clean model to search with".into()))?;
    let shape = shape.to_device(context.device()).unsqueeze(0);
    let inside = shape.gt(0.0).to_kind(Kind::Float);
    let neurons = neurons(context, attack, model)?;
    let corrected = attack.fidelity == Fidelity::Corrected;
    let feed = |a: &Tensor| {
        let shown = a * &inside;
        if corrected { context.preprocess.normalise(&(shown * 255.0)) } else { shown }
    };
    let (mut a, mut best, mut best_loss, mut best_at) = (shape.copy(), shape.copy(), f64::INFINITY, 0);
    for step in 0..attack.iterations {
        let x = a.detach().set_requires_grad(true);
        let excitation = features(model, &feed(&x))?.index_select(1, &neurons);
        let loss = (excitation - attack.goal).square().sum(Kind::Float);
        let slope = Tensor::run_backward(&[&loss], &[&x], false, false).remove(0);
        let value = loss.double_value(&[]);
        // The sign of NaN is 0: the search would not move, and return the colours that it began with.
        if !value.is_finite() || !is_finite(&slope) {
            return Err(TrainError::NotFinite {
                step: STEP.into(),
                at: u64::from(step) + 1,
                last: best_loss,
            });
        }
        if value < best_loss {
            (best, best_loss, best_at) = (a.shallow_clone(), value, step);
        }
        if value < REACHED || (corrected && step - best_at >= STEPS_WITHOUT_GAIN) {
            break;
        }
        a = no_grad(|| {
            let moved = &a - slope.sign() * attack.step - &shape;
            (moved.clamp(-attack.limit, attack.limit) + &shape).clamp(0.0, 1.0)
        });
        if (step + 1) % 100 == 0 {
            let (done, total) = (u64::from(step) + 1, u64::from(attack.iterations));
            let progress = Progress { step: STEP, done, total, loss: Some(value), accuracy: None };
            context.reporter.progress(progress);
            if context.reporter.interrupted() {
                return Err(TrainError::Interrupted);
            }
        }
    }
    let found = if corrected { best } else { a };
    Ok((found * inside).squeeze_dim(0))
}

/// Input of the model's last layer, f32 [n, features], in eval mode.
fn features(model: &Model, x: &Tensor) -> Result<Tensor, TrainError> {
    let (mut seen, module) = (None, &model.layers().features);
    let mut tap = |name: &str, output: Tensor| {
        if name == module {
            seen = Some(output.shallow_clone());
        }
        output
    };
    let _ = model.forward(x, &mut Pass::tapped(BatchNormMode::Eval, &mut tap));
    seen.ok_or_else(|| {
        TrainError::Method(format!(
            "trojan: {} shows no `{module}`, the input of its last layer: take another model",
            model.spec.name
        ))
    })
}

/// The neurons before the last layer whose outgoing weights are largest in sum, i64.
fn neurons(context: &AttackContext, attack: &Trojan, model: &Model) -> Result<Tensor, TrainError> {
    let head = head(model)?;
    let head = match attack.fidelity {
        Fidelity::Corrected => head,
        Fidelity::Benchmark => {
            let inputs = head.size()[1];
            let bound = 1.0 / (inputs as f64).sqrt();
            Random::new(stream_seed(context.seed, Stream::Trigger, 0)).uniform(
                &[RANDOM_OUTPUTS, inputs],
                -bound,
                bound,
                context.device(),
            )
        }
    };
    Ok(strongest(&head, attack.neurons))
}

/// Weight of the model's last layer, [classes, features].
fn head(model: &Model) -> Result<Tensor, TrainError> {
    model
        .last_layer()
        .map(|(weight, _)| weight.detach())
        .ok_or_else(|| TrainError::Method("trojan: the model has no fully connected layer at its end".into()))
}

fn strongest(head: &Tensor, count: i64) -> Tensor {
    let sums = head.abs().sum_dim_intlist([0i64].as_slice(), false, Kind::Float);
    sums.topk(count.min(sums.numel() as i64), 0, true, true).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_neurons_with_the_largest_weights_are_picked() {
        let head = Tensor::from_slice(&[1f32, -5.0, 2.0, 0.0, 1.0, -2.5]).reshape([2, 3]);
        // Sums of absolute values by neuron: 1, 6, 4.5.
        assert_eq!(Vec::<i64>::try_from(strongest(&head, 2)).unwrap(), [1, 2]);
        assert_eq!(strongest(&head, 9).size(), [3]);
    }
}
