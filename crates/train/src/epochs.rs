//! Epochs of a defense over the clean set: augmented batches, progress, and a check for interruption after each.

use scour_core::{Stream, stream_seed};
use scour_torch::{Random, channels_last};
use tch::{Kind, Tensor, no_grad};

use crate::{DefenderView, ImageSet, Preprocess, Progress, TrainError};

/// A network's training input: augmented, normalised images, f32 [n, 3, size, size], channels-last. `images` is u8 of the
/// same shape.
pub fn augmented(images: &Tensor, preprocess: &Preprocess, random: &mut Random) -> Tensor {
    channels_last(&preprocess.normalise(&preprocess.augment(images, random)))
}

/// One part of a defense that trains on the clean set for several epochs.
pub struct Epochs<'a> {
    view: &'a DefenderView<'a>,
    data: &'a ImageSet,
    step: &'static str,
    total: u32,
    seed: u64,
    last: f64,
}

impl<'a> Epochs<'a> {
    /// `step` names the work; `part` numbers the parts of one defense, so that each has its own random streams.
    pub fn new(view: &'a DefenderView<'a>, step: &'static str, total: u32, part: u64) -> Self {
        let seed = stream_seed(view.seed, Stream::Defense, part);
        Self { view, data: view.clean, step, total, seed, last: f64::NAN }
    }

    /// Trains on `data`, a part of the clean set, instead of all of it.
    #[must_use]
    pub fn over(self, data: &'a ImageSet) -> Self {
        Self { data, ..self }
    }

    /// Images in an epoch.
    pub fn images(&self) -> usize {
        self.data.len()
    }

    /// The images in a new order each epoch, in batches of `size`, the last one smaller.
    pub fn batches(&self, epoch: u32, size: usize) -> impl Iterator<Item = ImageSet> + use<'a> {
        let data = self.data;
        let order = self.stream(Stream::Order, epoch).permutation(data.len(), data.device());
        order.split(size as i64, 0).into_iter().map(move |indices| data.select(&indices))
    }

    /// The same batches as training input (see [`augmented`]), each with its labels i64 [n].
    pub fn augmented(&self, epoch: u32, size: usize) -> impl Iterator<Item = (Tensor, Tensor)> + use<'a> {
        let preprocess = self.view.preprocess;
        let mut augmentation = self.augmentation(epoch);
        self.batches(epoch, size)
            .map(move |batch| (augmented(&batch.pixels, preprocess, &mut augmentation), batch.labels))
    }

    /// Like [`Epochs::augmented`], but with the images in the order of the set, which is the same in each epoch.
    /// `augmentation` is the epoch's stream, which [`Epochs::augmentation`] returns.
    pub fn in_order<'r>(
        &'r self,
        size: usize,
        augmentation: &'r mut Random,
    ) -> impl Iterator<Item = (Tensor, Tensor)> + use<'a, 'r> {
        let preprocess = self.view.preprocess;
        self.data
            .batches(size)
            .map(move |batch| (augmented(&batch.pixels, preprocess, augmentation), batch.labels))
    }

    /// The random stream of an epoch's augmentation.
    pub fn augmentation(&self, epoch: u32) -> Random {
        self.stream(Stream::Augment, epoch)
    }

    /// The random stream of an epoch's dropout, for networks that have it.
    pub fn dropout(&self, epoch: u32) -> Random {
        self.stream(Stream::Dropout, epoch)
    }

    /// The random stream of everything in an epoch but the order, the augmentation and the dropout.
    pub fn random(&self, epoch: u32) -> Random {
        self.stream(Stream::Defense, epoch)
    }

    fn stream(&self, stream: Stream, epoch: u32) -> Random {
        Random::new(stream_seed(self.seed, stream, u64::from(epoch)))
    }

    /// Ends an epoch, counted from 0: [`Epochs::report`], then [`Epochs::check_interrupted`].
    pub fn ended(&mut self, epoch: u32, tally: &Tally) -> Result<(), TrainError> {
        self.report(epoch, tally.loss(), tally.accuracy())?;
        self.check_interrupted()
    }

    /// Reports progress, or returns an error if the mean loss is not finite; `accuracy` in percent.
    pub fn report(&mut self, epoch: u32, loss: f64, accuracy: f64) -> Result<(), TrainError> {
        let done = u64::from(epoch) + 1;
        if !loss.is_finite() {
            return Err(TrainError::NotFinite { step: self.step.into(), at: done, last: self.last });
        }
        self.last = loss;
        self.view.reporter.progress(Progress {
            step: self.step,
            done,
            total: u64::from(self.total),
            loss: Some(loss),
            accuracy: Some(accuracy),
        });
        Ok(())
    }

    /// Sets the last finite loss of a loop that is resumed.
    #[must_use]
    pub fn resumed(self, last: f64) -> Self {
        Self { last, ..self }
    }

    /// Returns [`TrainError::Interrupted`] if the work is to stop.
    pub fn check_interrupted(&self) -> Result<(), TrainError> {
        if self.view.reporter.interrupted() { Err(TrainError::Interrupted) } else { Ok(()) }
    }

    /// The last finite mean loss.
    pub fn last_loss(&self) -> f64 {
        self.last
    }
}

/// Mean loss and accuracy of an epoch. The sums are on the device, so that no step waits for a GPU.
#[derive(Default)]
pub struct Tally {
    sums: Option<(Tensor, Tensor)>,
    seen: usize,
}

impl Tally {
    /// Adds a batch: its mean loss, logits [n, classes] and labels [n].
    pub fn add(&mut self, loss: &Tensor, logits: &Tensor, labels: &Tensor) {
        no_grad(|| {
            let count = labels.numel();
            let loss = loss.to_kind(Kind::Double) * count as f64;
            let hits = logits.argmax(1, false).eq_tensor(labels).sum(Kind::Int64);
            self.sums = Some(match self.sums.take() {
                Some((losses, all)) => (losses + loss, all + hits),
                None => (loss, hits),
            });
            self.seen += count;
        });
    }

    /// Mean loss over the images; NaN before the first batch.
    pub fn loss(&self) -> f64 {
        self.sums.as_ref().map_or(f64::NAN, |(losses, _)| losses.double_value(&[]) / self.seen as f64)
    }

    /// Accuracy in percent.
    pub fn accuracy(&self) -> f64 {
        let hits = self.sums.as_ref().map_or(0, |(_, hits)| hits.int64_value(&[]));
        100.0 * hits as f64 / self.seen.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Silent;
    use scour_torch::NumberFormat;
    use std::path::Path;
    use tch::Device;

    /// Images whose pixels are all equal to their label: 0, 1, ..
    fn numbered(count: i64) -> ImageSet {
        let labels = Tensor::arange(count, (Kind::Int64, Device::Cpu));
        let pixels = labels.to_kind(Kind::Uint8).reshape([-1, 1, 1, 1]).repeat([1, 3, 4, 4]);
        ImageSet { pixels, labels }
    }

    #[test]
    fn batches_contain_every_image_and_each_epoch_and_part_has_its_own_order() {
        let (clean, data) = (numbered(1), numbered(10));
        let preprocess = Preprocess { mean: [0.4; 3], std: [0.25; 3], padding: 2, horizontal_flip: true };
        let view = DefenderView {
            clean: &clean,
            training: None,
            preprocess: &preprocess,
            format: NumberFormat::Fp32,
            seed: 1,
            out: Path::new("unused"),
            scratch: Path::new("unused"),
            reporter: &Silent,
            preparation: None,
            oracle: None,
        };
        let values = |labels: Tensor| Vec::<i64>::try_from(labels).unwrap();
        let labels = |part, epoch| -> Vec<Vec<i64>> {
            let epochs = Epochs::new(&view, "testing", 2, part).over(&data);
            let raw: Vec<Tensor> = epochs.batches(epoch, 4).map(|batch| batch.labels).collect();
            let augmented: Vec<Tensor> = epochs.augmented(epoch, 4).map(|(_, labels)| labels).collect();
            assert_eq!(raw, augmented);
            raw.into_iter().map(values).collect()
        };
        assert_eq!(labels(0, 0).iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 2]);
        let mut all = labels(0, 0).concat();
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<i64>>());
        assert_eq!(labels(0, 0), labels(0, 0));
        assert!(labels(0, 0) != labels(0, 1) && labels(0, 0) != labels(1, 0));
        assert_eq!(Epochs::new(&view, "testing", 1, 0).batches(0, 4).count(), 1, "the clean set itself");
        let epochs = Epochs::new(&view, "testing", 1, 0).over(&data);
        let mut augmentation = epochs.augmentation(0);
        let in_order: Vec<i64> = epochs.in_order(4, &mut augmentation).flat_map(|(_, l)| values(l)).collect();
        assert_eq!(in_order, (0..10).collect::<Vec<i64>>());
    }

    #[test]
    fn a_tally_weights_batches_by_their_number_of_images() {
        let mut tally = Tally::default();
        let logits = Tensor::from_slice(&[1f32, 0.0, 0.0, 1.0, 1.0, 0.0]).reshape([3, 2]);
        tally.add(&Tensor::from(2f32), &logits, &Tensor::from_slice(&[0i64, 1, 1]));
        tally.add(&Tensor::from(6f32), &logits.narrow(0, 0, 1), &Tensor::from_slice(&[0i64]));
        assert_eq!((tally.loss(), tally.accuracy()), (3.0, 75.0));
        assert!(Tally::default().loss().is_nan());
    }
}
