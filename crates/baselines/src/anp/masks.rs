//! Trains masks on BatchNorm channels against noise that raises the loss.

use scour_core::{Stream, stream_seed};
use scour_models::Model;
use scour_torch::Random;
use scour_train::{DefenderView, ImageSet, Progress, TrainError, augmented};
use tch::Tensor;

use super::Anp;
use crate::batchnorm_mask::BatchNormMask;

/// Trains masks on `data` and returns them, one number in 0..1 a channel of each BatchNorm layer. fp32.
pub(super) fn train_masks(
    model: &Model,
    params: &Anp,
    data: &ImageSet,
    view: &DefenderView,
) -> Result<Vec<Vec<f64>>, TrainError> {
    model.state().to_channels_last();
    let mut mask = BatchNormMask::new(model, params.momentum);
    let seed = stream_seed(view.seed, Stream::Defense, 1);
    let stream = |stream| Random::new(stream_seed(seed, stream, 0));
    let (mut order, mut augmentation) = (stream(Stream::Order), stream(Stream::Augment));
    let mut draw = stream(Stream::Defense);
    let every = data.len().div_ceil(params.batch_size) as u32;
    let mut last = f64::NAN;
    for iteration in 1..=params.iterations {
        let indices = order.integers(params.batch_size, data.len() as i64, data.device());
        let batch = data.select(&indices);
        let input = augmented(&batch.pixels, view.preprocess, &mut augmentation);
        let mut noise = mask.noise(params.eps, &mut draw);
        for _ in 0..params.steps {
            let loss = mask.logits(&input, Some(&noise)).cross_entropy_for_logits(&batch.labels);
            noise.ascend(&loss, params.eps / f64::from(params.steps));
        }
        // One after the other, so that only one pass is in memory.
        let plain = mask.logits(&input, None).cross_entropy_for_logits(&batch.labels) * params.alpha;
        let of_plain = mask.gradients(&plain);
        let noisy = mask.logits(&input, Some(&noise)).cross_entropy_for_logits(&batch.labels);
        let noisy = noisy * (1.0 - params.alpha);
        let gradients: Vec<Tensor> =
            of_plain.iter().zip(mask.gradients(&noisy)).map(|(plain, noisy)| plain + noisy).collect();
        mask.descend(&gradients, params.lr);
        if iteration % every == 0 || iteration == params.iterations {
            let loss = (plain + noisy).double_value(&[]);
            if !loss.is_finite() {
                return Err(TrainError::NotFinite { step: "masks".into(), at: iteration.into(), last });
            }
            last = loss;
            let (done, total) = (u64::from(iteration), u64::from(params.iterations));
            view.reporter.progress(Progress { step: "masks", done, total, loss: Some(loss), accuracy: None });
        }
        if view.reporter.interrupted() {
            return Err(TrainError::Interrupted);
        }
    }
    mask.scores()
}
