//! How far a channel's input on clean images diverges from BatchNorm's running statistics.

use scour_core::{Stream, stream_seed};
use scour_models::{Model, Pass, Tap};
use scour_torch::{BatchNormMode, Random};
use scour_train::{DefenderView, Progress, TrainError, augmented};
use tch::{Device, Kind, Tensor, no_grad};

use crate::batch_norms::BatchNormLayer;

/// Images a batch; it changes nothing but speed.
const BATCH: usize = 256;

/// What BatchNorm adds to variances.
const EPSILON: f64 = 1e-5;

/// The divergence that is to be expected of a channel that no attack changed.
///
/// Of two estimates of one normal distribution, from n1 and n2 values, the mean divergence is s = 1/n1 + 1/n2 (s / 2 by the
/// means and s / 2 by the variances). The pixels of an image are not independent, so n1 is the number of clean images;
/// running statistics of momentum 0.1 weigh as much as (2 - 0.1) / 0.1 = 19 batches.
pub(super) fn noise(clean: usize, train_batch: usize) -> f64 {
    1.0 / clean as f64 + 1.0 / (19.0 * train_batch as f64)
}

/// Sums over the BatchNorm layers' inputs, one entry a layer, f64 [channels] each.
struct Sums<'a> {
    layers: &'a [BatchNormLayer],
    count: Vec<f64>,
    sum: Vec<Tensor>,
    squares: Vec<Tensor>,
}

impl<'a> Sums<'a> {
    fn new(layers: &'a [BatchNormLayer]) -> Self {
        let zeros =
            || layers.iter().map(|layer| layer.running_mean.to_kind(Kind::Double).zeros_like()).collect();
        Self { layers, count: vec![0.0; layers.len()], sum: zeros(), squares: zeros() }
    }

    /// Mean and unbiased variance of each channel of layer `i`.
    fn moments(&self, i: usize) -> (Tensor, Tensor) {
        let mean = &self.sum[i] / self.count[i];
        let variance = (&self.squares[i] - mean.square() * self.count[i]) / (self.count[i] - 1.0);
        (mean, variance.clamp_min(0.0))
    }
}

impl Tap for Sums<'_> {
    fn output(&mut self, _: &str, output: Tensor) -> Tensor {
        output
    }

    fn batch_norm_input(&mut self, name: &str, input: &Tensor) {
        let Some(i) = self.layers.iter().position(|layer| layer.name == name) else { return };
        let over = |tensor: &Tensor| tensor.sum_dim_intlist([0i64, 2, 3].as_slice(), false, Kind::Double);
        let channels = input.size()[1];
        self.count[i] += (input.numel() as i64 / channels) as f64;
        self.sum[i] += over(input);
        self.squares[i] += over(&input.to_kind(Kind::Double).square());
    }
}

/// KL(1, 2) of normal distributions, element by element.
fn divergence((mean_1, var_1): (&Tensor, &Tensor), (mean_2, var_2): (&Tensor, &Tensor)) -> Tensor {
    let (var_1, var_2) = (var_1 + EPSILON, var_2 + EPSILON);
    ((&var_2 / &var_1).log() + (&var_1 + (mean_1 - mean_2).square()) / &var_2 - 1.0) / 2.0
}

/// The divergence of each channel of each layer, 0 or more.
pub(super) fn divergences(
    model: &Model,
    layers: &[BatchNormLayer],
    view: &DefenderView,
) -> Result<Vec<Vec<f64>>, TrainError> {
    model.state().to_channels_last();
    let mut sums = Sums::new(layers);
    let mut augmentation = Random::new(stream_seed(view.seed, Stream::Augment, 0));
    let total = view.clean.len().div_ceil(BATCH) as u64;
    for (done, batch) in view.clean.batches(BATCH).enumerate() {
        let input = augmented(&batch.pixels, view.preprocess, &mut augmentation);
        let _ = no_grad(|| model.forward(&input, &mut Pass::tapped(BatchNormMode::Eval, &mut sums)));
        let done = done as u64 + 1;
        view.reporter.progress(Progress { step: "distributions", done, total, ..Progress::default() });
        if view.reporter.interrupted() {
            return Err(TrainError::Interrupted);
        }
    }
    let of_layer = |(i, layer): (usize, &BatchNormLayer)| {
        let double = |tensor: &Tensor| tensor.to_kind(Kind::Double);
        let (mean, variance) = sums.moments(i);
        let running = (&double(&layer.running_mean), &double(&layer.running_var));
        let divergence = divergence((&mean, &variance), running).to_device(Device::Cpu);
        Vec::<f64>::try_from(divergence).map_err(|error| TrainError::Method(error.to_string()))
    };
    layers.iter().enumerate().map(of_layer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch_norms::batch_norms;
    use crate::testing::{View, fresh};
    use scour_train::Preprocess;

    #[test]
    fn the_divergence_is_that_of_two_normal_distributions() {
        let row =
            |values: &[f64]| Tensor::from_slice(values) - Tensor::from_slice(&[0.0, EPSILON, 0.0, EPSILON]);
        // ln(4) / 2 + (1 + 1) / 8 - 1/2 = 0.44315, and 0 where both are the same.
        for (numbers, expected) in [([1.0, 1.0, 0.0, 4.0], 0.443_147_180_6), ([2.0, 3.0, 2.0, 3.0], 0.0)] {
            let part = |i| row(&numbers).get(i);
            let found = divergence((&part(0), &part(1)), (&part(2), &part(3))).double_value(&[]);
            assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        }
    }

    #[test]
    fn the_noise_is_the_mean_divergence_of_two_estimates_of_one_distribution() {
        let (clean, batch, channels) = (100, 64, 400);
        let mut random = Random::new(5);
        let mut estimate = |count: i64| {
            let values = random.normal(&[count, channels], Device::Cpu).to_kind(Kind::Double);
            let dim = [0i64];
            (
                values.mean_dim(dim.as_slice(), false, Kind::Double),
                values.var_dim(dim.as_slice(), true, false),
            )
        };
        let (a, b) = (estimate(clean), estimate(19 * batch));
        let mean = divergence((&a.0, &a.1), (&b.0, &b.1)).mean(Kind::Double).double_value(&[]);
        let expected = noise(clean as usize, batch as usize);
        assert!((mean / expected - 1.0).abs() < 0.15, "{mean} {expected}");
    }

    #[test]
    fn moments_are_those_of_all_images_over_several_batches() {
        let (model, mut view) = (fresh(2, 1), View::new(300));
        view.preprocess = Preprocess { padding: 0, horizontal_flip: false, ..view.preprocess };
        let layers = batch_norms(&model);
        let scores = divergences(&model, &layers, &view.of()).unwrap();
        // The first layer sees the first convolution of all images; fresh running statistics are 0 and 1.
        let input = view.preprocess.normalise(&view.clean.pixels);
        let weight = model.state().get("conv1.weight").unwrap();
        let input = no_grad(|| input.conv2d(weight, None::<&Tensor>, [1, 1], [1, 1], [1, 1], 1));
        let mean = input.mean_dim([0i64, 2, 3].as_slice(), false, Kind::Double);
        let variance = input.var_dim([0i64, 2, 3].as_slice(), true, false).to_kind(Kind::Double);
        let expected = divergence((&mean, &variance), (&mean.zeros_like(), &mean.ones_like()));
        for (found, expected) in scores[0].iter().zip(Vec::<f64>::try_from(expected).unwrap()) {
            assert!((found - expected).abs() < 1e-4 * expected.abs().max(1.0), "{found} {expected}");
        }
    }
}
