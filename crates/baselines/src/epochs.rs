//! Passes over the clean set: a new order and augmentation each, progress and a chance to stop after each.

use scour_core::{Stream, stream_seed};
use scour_torch::Random;
use scour_train::{DefenderView, ImageSet, Progress, TrainError};
use tch::{Kind, Tensor, no_grad};

use crate::clean_pictures::augmented;

/// One part of a defense that goes over the clean set several times.
pub(crate) struct Epochs<'a> {
    view: &'a DefenderView<'a>,
    data: &'a ImageSet,
    step: &'static str,
    total: u32,
    seed: u64,
    last: f64,
}

impl<'a> Epochs<'a> {
    /// `step` names the work; `part` tells the parts of one defense apart, so that each draws for itself.
    pub(crate) fn new(view: &'a DefenderView<'a>, step: &'static str, total: u32, part: u64) -> Self {
        let seed = stream_seed(view.seed, Stream::Defense, part);
        Self { view, data: view.clean, step, total, seed, last: f64::NAN }
    }

    /// Goes over `data`, a part of the clean set, instead of all of it.
    pub(crate) fn over(self, data: &'a ImageSet) -> Self {
        Self { data, ..self }
    }

    /// The pictures in a new order, in batches of `size`, the last one smaller.
    pub(crate) fn batches(&self, epoch: u32, size: usize) -> impl Iterator<Item = ImageSet> + use<'a> {
        let data = self.data;
        let order = self.draws(Stream::Order, epoch).permutation(data.len(), data.device());
        order.split(size as i64, 0).into_iter().map(move |indices| data.select(&indices))
    }

    /// The same batches as a network is fed them (see [`augmented`]), each with its labels i64 [n].
    pub(crate) fn augmented(
        &self,
        epoch: u32,
        size: usize,
    ) -> impl Iterator<Item = (Tensor, Tensor)> + use<'a> {
        let preprocess = self.view.preprocess;
        let mut augmentation = self.draws(Stream::Augment, epoch);
        self.batches(epoch, size)
            .map(move |batch| (augmented(&batch.pictures, preprocess, &mut augmentation), batch.labels))
    }

    /// The stream of whatever else the epoch draws.
    pub(crate) fn chance(&self, epoch: u32) -> Random {
        self.draws(Stream::Defense, epoch)
    }

    fn draws(&self, stream: Stream, epoch: u32) -> Random {
        Random::new(stream_seed(self.seed, stream, u64::from(epoch)))
    }

    /// Refuses a loss that is not finite, tells how far it is, and asks whether to go on. `epoch` counts from 0.
    pub(crate) fn ended(&mut self, epoch: u32, tally: &Tally) -> Result<(), TrainError> {
        let (done, loss) = (u64::from(epoch) + 1, tally.loss());
        if !loss.is_finite() {
            return Err(TrainError::NotFinite { step: self.step.into(), at: done, last: self.last });
        }
        self.last = loss;
        self.view.reporter.progress(Progress {
            step: self.step,
            done,
            total: u64::from(self.total),
            loss: Some(loss),
            accuracy: Some(tally.accuracy()),
        });
        self.go_on()
    }

    /// Ends the work if it was asked to stop.
    pub(crate) fn go_on(&self) -> Result<(), TrainError> {
        if self.view.reporter.interrupted() { Err(TrainError::Interrupted) } else { Ok(()) }
    }

    /// The last finite mean loss.
    pub(crate) fn last_loss(&self) -> f64 {
        self.last
    }
}

/// Mean loss and accuracy of an epoch. Sums stay on the device, so that no step waits for a GPU.
#[derive(Default)]
pub(crate) struct Tally {
    sums: Option<(Tensor, Tensor)>,
    seen: usize,
}

impl Tally {
    /// A batch: its mean loss, logits [n, classes] and labels [n].
    pub(crate) fn add(&mut self, loss: &Tensor, logits: &Tensor, labels: &Tensor) {
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

    /// Mean over pictures.
    pub(crate) fn loss(&self) -> f64 {
        self.sums.as_ref().map_or(f64::NAN, |(losses, _)| losses.double_value(&[]) / self.seen as f64)
    }

    /// Percent of pictures.
    pub(crate) fn accuracy(&self) -> f64 {
        let hits = self.sums.as_ref().map_or(0, |(_, hits)| hits.int64_value(&[]));
        100.0 * hits as f64 / self.seen.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{View, numbered};

    #[test]
    fn batches_leave_no_picture_out_and_each_epoch_and_part_has_its_own_order() {
        let (view, data) = (View::new(1), numbered(10));
        let view = view.of();
        let labels = |part, epoch| -> Vec<Vec<i64>> {
            let epochs = Epochs::new(&view, "testing", 2, part).over(&data);
            let plain: Vec<Tensor> = epochs.batches(epoch, 4).map(|batch| batch.labels).collect();
            let augmented: Vec<Tensor> = epochs.augmented(epoch, 4).map(|(_, labels)| labels).collect();
            assert_eq!(plain, augmented);
            plain.iter().map(|labels| Vec::<i64>::try_from(labels).unwrap()).collect()
        };
        assert_eq!(labels(0, 0).iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 2]);
        let mut all = labels(0, 0).concat();
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<i64>>());
        assert_eq!(labels(0, 0), labels(0, 0));
        assert!(labels(0, 0) != labels(0, 1) && labels(0, 0) != labels(1, 0));
        assert_eq!(Epochs::new(&view, "testing", 1, 0).batches(0, 4).count(), 1, "the clean set itself");
    }

    #[test]
    fn a_tally_weighs_batches_by_their_pictures() {
        let mut tally = Tally::default();
        let logits = Tensor::from_slice(&[1f32, 0.0, 0.0, 1.0, 1.0, 0.0]).reshape([3, 2]);
        tally.add(&Tensor::from(2f32), &logits, &Tensor::from_slice(&[0i64, 1, 1]));
        tally.add(&Tensor::from(6f32), &logits.narrow(0, 0, 1), &Tensor::from_slice(&[0i64]));
        assert_eq!((tally.loss(), tally.accuracy()), (3.0, 75.0));
        assert!(Tally::default().loss().is_nan());
    }
}
