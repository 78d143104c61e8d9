//! Attacks that poison inside the batches: the numbers of images of a batch that are poisoned, and that are changed
//! otherwise and keep their labels; and the labels of the poisoned ones.

use scour_core::{Fidelity, LabelMap};
use scour_torch::Random;
use scour_train::{AttackContext, BatchMaker, BatchPoisoning, ImageSet, Prepared, TrainError, Trigger};
use tch::{Kind, Tensor};

use crate::saved::saved_as;

/// An attack that leaves the training set as it is and poisons inside the batches. With ratio 0 there is no
/// batch maker, so that the model is trained like the clean one.
pub(crate) fn in_batches<'a>(
    context: &AttackContext<'a>,
    fidelity: Fidelity,
    trigger: Box<dyn Trigger>,
    maker: impl FnOnce() -> Box<dyn BatchMaker + 'a>,
) -> Prepared<'a> {
    let train = ImageSet {
        pixels: context.train.pixels.shallow_clone(),
        labels: context.train.labels.shallow_clone(),
    };
    let maker = (context.poison_ratio > 0.0).then(maker);
    let in_batches = Some(BatchPoisoning { ratio: context.poison_ratio, fidelity });
    Prepared { train, poisoned: vec![], in_batches, trigger: Some(trigger), maker }
}

/// The number of images of a batch that are changed besides the poisoned ones and keep their labels.
#[derive(Clone, Copy)]
pub(crate) enum Others {
    /// This number for each poisoned image.
    PerPoisoned(f64),
    /// This share of the batch.
    OfBatch(f64),
}

/// How many images of each batch are poisoned, and how many others are changed. Batches are shuffled, so the first images
/// are poisoned, and those after them are the others.
///
/// Corrected: fractions of images are carried over to the next batch, so that over a training both shares are the requested
/// ones at any batch size, as far as the poisoned images leave room for the others. Benchmark: fractions are dropped (12 of
/// 128 at 10 %), and a share of less than one image per batch gives one image with that probability.
pub(crate) struct BatchShare {
    ratio: f64,
    others: Others,
    fidelity: Fidelity,
    carried: f64,
    others_carried: f64,
}

impl BatchShare {
    /// `ratio`, 0 to 1, is the share of all images that is poisoned.
    pub(crate) fn new(ratio: f64, others: Others, fidelity: Fidelity) -> Self {
        Self { ratio, others, fidelity, carried: 0.0, others_carried: 0.0 }
    }

    /// The numbers of images to poison and of others to change in the next batch of `batch` images.
    pub(crate) fn next(&mut self, batch: i64, random: &mut Random) -> (i64, i64) {
        let size = batch as f64;
        match self.fidelity {
            Fidelity::Corrected => {
                let share = match self.others {
                    Others::PerPoisoned(each) => self.ratio * each,
                    Others::OfBatch(share) => share,
                };
                let poisoned = carry(&mut self.carried, self.ratio * size, batch);
                let due = share.min(1.0 - self.ratio) * size;
                (poisoned, carry(&mut self.others_carried, due, batch - poisoned))
            }
            Fidelity::Benchmark => {
                let poisoned = whole(self.ratio * size, random).clamp(0, batch);
                let others = match self.others {
                    Others::PerPoisoned(each) => (poisoned as f64 * each) as i64,
                    Others::OfBatch(share) => whole(share * size, random),
                };
                (poisoned, others.clamp(0, batch - poisoned))
            }
        }
    }

    /// The state for a checkpoint.
    pub(crate) fn state(&self) -> (String, Tensor) {
        (CARRIED.into(), Tensor::from_slice(&[self.carried, self.others_carried]))
    }

    /// Restores the result of `state`.
    pub(crate) fn restore(&mut self, tensors: &[(String, Tensor)]) -> Result<(), TrainError> {
        let carried = saved_as(tensors, CARRIED, &[2])?;
        (self.carried, self.others_carried) = (carried.double_value(&[0]), carried.double_value(&[1]));
        Ok(())
    }
}

/// The name of the state in checkpoints.
const CARRIED: &str = "carried";

/// The whole images in the sum of `due` and `carried`, at most `room`. The rest becomes the new `carried`.
fn carry(carried: &mut f64, due: f64, room: i64) -> i64 {
    let due = due + *carried;
    // 10 batches of 0.1 make one image, although the sum of the floating-point numbers may be below 1.
    let count = (due + 1e-9).floor().clamp(0.0, room as f64);
    *carried = due - count;
    count as i64
}

/// The whole images in `due`, as in the benchmark.
fn whole(due: f64, random: &mut Random) -> i64 {
    if due > 0.0 && due < 1.0 { i64::from(random.unit() < due) } else { due.floor() as i64 }
}

/// Labels i64 [n] with the first `poisoned` replaced by those of the label map.
pub(crate) fn relabel(labels: &Tensor, poisoned: i64, map: LabelMap, classes: u32) -> Tensor {
    let (first, rest) =
        (labels.narrow(0, 0, poisoned), labels.narrow(0, poisoned, labels.size()[0] - poisoned));
    let mapped = match map {
        LabelMap::AllToOne(target) => first.full_like(i64::from(target)),
        LabelMap::AllToAll(shift) => (first + i64::from(shift)).remainder(i64::from(classes)),
    };
    Tensor::cat(&[mapped.to_kind(Kind::Int64), rest], 0)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::poison::tests::{images, with_prepared};
    use proptest::prelude::*;
    use scour_models::{Model, ModelSpec};
    use scour_train::{Attack, Batch};
    use serde_json::{Value, json};
    use tch::Device;

    /// Makes `batches` batches of that size from random images, and calls `stepped` after each. `body` gets the images
    /// and labels before and after.
    pub(crate) fn make_batches(
        attack: &dyn Attack,
        (map, ratio): (LabelMap, f64),
        (size, batches): (usize, usize),
        mut body: impl FnMut(&ImageSet, Batch),
    ) {
        const CLASSES: u32 = 3;
        let train = images(2 * size + 3, CLASSES, 16);
        let spec = ModelSpec {
            name: "preact_resnet18".into(),
            params: json!({"width": 2}),
            classes: CLASSES,
            size: 16,
        };
        let model = Model::new(&spec, Device::Cpu, 1).unwrap();
        let mut random = Random::new(3);
        with_prepared(attack, &train, CLASSES, map, ratio, |prepared| {
            let mut maker = prepared.maker.expect("an attack that takes part in training");
            for _ in 0..batches {
                let raw =
                    train.select(&random.permutation(train.len(), Device::Cpu).narrow(0, 0, size as i64));
                let made = maker.make(&model, &raw.pixels, &raw.labels, &mut random).unwrap();
                body(&raw, made);
                maker.stepped(0);
            }
        })
        .unwrap();
    }

    /// Checks for many ratios and batch sizes that batches keep their size, values are finite, and the share is relabelled.
    pub(crate) fn any_ratio_and_batch_size_will_do(attack: &dyn Attack) {
        for size in [1, 2, 5, 16] {
            for ratio in [0.01, 0.1, 0.4, 0.7, 1.0] {
                let (batches, mut changed, mut made) = (3, 0, 0);
                let map = LabelMap::AllToAll(1);
                make_batches(attack, (map, ratio), (size, batches), |raw, batch| {
                    assert_eq!(batch.input.size(), raw.pixels.size());
                    assert!(bool::try_from(batch.input.isfinite().all()).unwrap());
                    if let Some(extra) = &batch.extra_loss {
                        assert!(extra.double_value(&[]).is_finite());
                    }
                    let moved = batch.labels.ne_tensor(&raw.labels).sum(Kind::Int64).int64_value(&[]);
                    let first = batch.labels.narrow(0, 0, moved).ne_tensor(&raw.labels.narrow(0, 0, moved));
                    assert!(bool::try_from(first.all()).unwrap(), "others than the first are relabelled");
                    changed += moved;
                    made += batch.labels.size()[0];
                });
                assert_eq!(made, (size * batches) as i64);
                let due = ratio * made as f64;
                assert!((changed as f64 - due).abs() < 1.0 + 1e-9, "{changed} of {made} at {ratio}");
            }
        }
    }

    proptest! {
        #[test]
        fn both_shares_over_an_epoch_are_the_asked_ones(
            ratio in 0.0f64..=1.0, others in 0.0f64..3.0, batch in 1i64..300, batches in 1i64..200,
        ) {
            for (others, asked) in
                [(Others::PerPoisoned(others), ratio * others), (Others::OfBatch(others / 3.0), others / 3.0)]
            {
                let mut share = BatchShare::new(ratio, others, Fidelity::Corrected);
                let mut random = Random::new(0);
                let counts: Vec<(i64, i64)> = (0..batches).map(|_| share.next(batch, &mut random)).collect();
                let images = (batch * batches) as f64;
                let sum = |each: fn(&(i64, i64)) -> i64| counts.iter().map(each).sum::<i64>() as f64;
                prop_assert!((sum(|n| n.0) - ratio * images).abs() <= 1.0);
                // Where there is no room in a batch, two of them can be left over at the end of it.
                let asked = asked.min(1.0 - ratio);
                prop_assert!((sum(|n| n.1) - asked * images).abs() <= 2.0, "{} of {}", sum(|n| n.1), asked * images);
                prop_assert!(counts.iter().all(|n| n.0 >= 0 && n.1 >= 0 && n.0 + n.1 <= batch));
                let near = |count: i64, share: f64| (count as f64 - share * batch as f64).abs() <= 2.0;
                prop_assert!(counts.iter().all(|n| near(n.0, ratio) && near(n.1, asked)));
            }
        }

        #[test]
        fn labels_are_those_of_the_map(count in 0i64..20, classes in 2u32..50, shift in 0u32..100, share in 0.0f64..=1.0) {
            let labels = Random::new(1).integers(count as usize, i64::from(classes), Device::Cpu);
            let poisoned = (count as f64 * share) as i64;
            for map in [LabelMap::AllToOne(shift % classes), LabelMap::AllToAll(shift)] {
                let new = relabel(&labels, poisoned, map, classes);
                prop_assert_eq!(new.size(), [count]);
                for i in 0..count {
                    let old = labels.int64_value(&[i]);
                    let wanted = if i < poisoned { i64::from(map.map(old as u32, classes)) } else { old };
                    prop_assert_eq!(new.int64_value(&[i]), wanted);
                }
            }
        }
    }

    #[test]
    fn fractions_add_up_and_the_benchmark_drops_them() {
        let mut random = Random::new(1);
        let mut count = |ratio, fidelity, batch, batches: i64| {
            let mut share = BatchShare::new(ratio, Others::OfBatch(0.0), fidelity);
            (0..batches).map(|_| share.next(batch, &mut random).0).sum::<i64>()
        };
        assert_eq!(count(0.1, Fidelity::Corrected, 1, 1000), 100);
        assert_eq!(count(0.1, Fidelity::Corrected, 128, 5), 64);
        assert_eq!(count(0.1, Fidelity::Benchmark, 128, 5), 60);
        assert_eq!(count(0.0, Fidelity::Benchmark, 1, 1000), 0);
        let drawn = count(0.1, Fidelity::Benchmark, 1, 1000);
        assert!((70..130).contains(&drawn), "{drawn}");
    }

    #[test]
    fn there_are_cross_images_at_low_ratios_too() {
        let mut random = Random::new(1);
        let mut count = |ratio, each, fidelity, batch| {
            let mut share = BatchShare::new(ratio, Others::PerPoisoned(each), fidelity);
            let counts: Vec<(i64, i64)> = (0..100).map(|_| share.next(batch, &mut random)).collect();
            (counts.iter().map(|n| n.0).sum::<i64>(), counts.iter().map(|n| n.1).sum::<i64>())
        };
        // 100 batches of 64: 0.64 poisoned and 0.32 cross images in each, of which a batch by itself holds none.
        assert_eq!(count(0.01, 0.5, Fidelity::Corrected, 64), (64, 32));
        assert_eq!(count(0.1, 0.5, Fidelity::Corrected, 64), (640, 320));
        assert_eq!(count(0.1, 2.0, Fidelity::Corrected, 128), (1280, 2560));
        // Half of each batch, where more is asked for than there is: 1 + 1, then 2 + 1 with one left over, 1 + 2, 2 + 1,
        // and so on, so that one is left over at the end.
        assert_eq!(count(0.5, 4.0, Fidelity::Corrected, 3), (150, 149));
        // The benchmark: 6 of 64 and half of them, 12 of 128 and twice as many.
        assert_eq!(count(0.1, 0.5, Fidelity::Benchmark, 64), (600, 300));
        assert_eq!(count(0.1, 2.0, Fidelity::Benchmark, 128), (1200, 2400));
    }

    #[test]
    fn poisoned_images_of_an_epoch_are_counted() {
        let train = images(250, 3, 16);
        let count = |name: &str, given: Value, ratio: f64, batch: usize| {
            let entry = crate::attack(name).unwrap();
            let attack = entry.resolve(name, &given, &crate::registry::tests::facts()).unwrap().method;
            let map = LabelMap::AllToOne(0);
            with_prepared(attack.as_ref(), &train, 3, map, ratio, |prepared| prepared.poisoned_images(batch))
                .unwrap()
        };
        let benchmark = json!({"fidelity": "benchmark"});
        for attack in ["wanet", "bpp"] {
            // 3 batches of 64 are 192 images; the 58 that are left are never seen.
            assert_eq!(count(attack, json!({}), 0.1, 64), 19);
            assert_eq!(count(attack, benchmark.clone(), 0.1, 64), 18);
            // 0.64 a batch, on average.
            assert_eq!(count(attack, benchmark.clone(), 0.01, 64), 2);
            assert_eq!(count(attack, json!({}), 0.1, 1000), 25, "a batch is no larger than the set");
            assert_eq!(count(attack, json!({}), 0.0, 64), 0);
        }
        assert_eq!(count("badnets", json!({}), 0.1, 64), 25, "images of the set, seen or not");
    }

    #[test]
    fn carried_fractions_are_restored_from_a_checkpoint() {
        let mut random = Random::new(1);
        let new = || BatchShare::new(0.3, Others::PerPoisoned(1.5), Fidelity::Corrected);
        let mut share = new();
        share.next(1, &mut random);
        let state = [share.state()];
        let mut resumed = new();
        resumed.restore(&state).unwrap();
        for _ in 0..20 {
            assert_eq!(resumed.next(1, &mut random), share.next(1, &mut random));
        }
        assert!(resumed.restore(&[]).is_err());
        let foreign = [("carried".to_string(), Tensor::from_slice(&[0.5]))];
        let message = resumed.restore(&foreign).unwrap_err().to_string();
        assert!(message.contains("`carried` has shape [1], not [2]"));
    }
}
