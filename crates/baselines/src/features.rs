//! What a network makes of images before its last layer.

use scour_models::{Model, Pass};
use scour_torch::{BatchNormMode, channels_last};
use scour_train::{DefenderView, ImageSet, Progress, TrainError};
use tch::{Tensor, no_grad};

/// Images a batch; it changes nothing but speed.
const BATCH: usize = 500;

/// Inputs of the last layer for these images as they are, f32 [n, features]: eval mode, fp32.
pub(crate) fn features(model: &Model, images: &ImageSet, view: &DefenderView) -> Result<Tensor, TrainError> {
    module_outputs(model, images, &model.layers().features, |batch| view.preprocess.normalise(batch), view)
}

/// Outputs of a module, flattened to f32 [n, numbers], for images that `prepare` turns from u8 [n, 3, h, w] into what
/// the network is fed: eval mode, fp32.
pub(crate) fn module_outputs(
    model: &Model,
    images: &ImageSet,
    module: &str,
    mut prepare: impl FnMut(&Tensor) -> Tensor,
    view: &DefenderView,
) -> Result<Tensor, TrainError> {
    model.state().to_channels_last();
    let mut batches: Vec<Tensor> = vec![];
    let total = images.len() as u64;
    for batch in images.batches(BATCH) {
        let input = channels_last(&prepare(&batch.pixels));
        let mut tap = |name: &str, output: Tensor| {
            if name == module {
                batches.push(output.flatten(1, -1));
            }
            output
        };
        let _ = no_grad(|| model.forward(&input, &mut Pass::tapped(BatchNormMode::Eval, &mut tap)));
        let done = ((batches.len() * BATCH) as u64).min(total);
        view.reporter.progress(Progress { step: "features", done, total, ..Progress::default() });
        if view.reporter.interrupted() {
            return Err(TrainError::Interrupted);
        }
    }
    Ok(Tensor::cat(&batches, 0))
}
