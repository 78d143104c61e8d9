//! What attacks that poison inside each batch have in common: how many pictures of a batch, and under which labels.

use scour_core::LabelMap;
use scour_torch::Random;
use scour_train::{BatchMaker, ImageSet, TrainError, Trigger};
use tch::{Kind, Tensor};

use crate::Fidelity;
use crate::attack::{AttackContext, Prepared, saved};

/// An attack that leaves the training set as it is and poisons inside the batches. With ratio 0 it stays out of
/// training altogether, so that the model is the clean one.
pub(crate) fn in_batches<'a>(
    context: &AttackContext<'a>,
    trigger: Box<dyn Trigger>,
    maker: impl FnOnce() -> Box<dyn BatchMaker + 'a>,
) -> Prepared<'a> {
    let train = ImageSet {
        pictures: context.train.pictures.shallow_clone(),
        labels: context.train.labels.shallow_clone(),
    };
    let maker = (context.poison_ratio > 0.0).then(maker);
    Prepared { train, poisoned: vec![], trigger: Some(trigger), maker }
}

/// How many pictures of each batch are poisoned. Batches are shuffled, so the first ones serve.
///
/// Corrected, the fraction that a batch cannot hold is carried over to the next one, and the share over a training is
/// that asked for whatever the batch size. The benchmark cuts it off (12 of 128 at 10 %), and where less than one
/// picture is due poisons one with that probability.
pub(crate) struct BatchShare {
    ratio: f64,
    fidelity: Fidelity,
    carried: f64,
}

impl BatchShare {
    /// For a share of `ratio`, 0 to 1, of all pictures.
    pub(crate) fn new(ratio: f64, fidelity: Fidelity) -> Self {
        Self { ratio, fidelity, carried: 0.0 }
    }

    /// Pictures to poison in the next batch, which has `batch` of them.
    pub(crate) fn next(&mut self, batch: i64, random: &mut Random) -> i64 {
        let due = self.ratio * batch as f64;
        let count = match self.fidelity {
            Fidelity::Corrected => {
                let due = due + self.carried;
                // 10 batches of 0.1 are one picture, whatever their sum is in binary.
                let count = (due + 1e-9).floor();
                self.carried = due - count;
                count
            }
            Fidelity::Benchmark if due > 0.0 && due < 1.0 => f64::from(u8::from(random.unit() < due)),
            Fidelity::Benchmark => due.floor(),
        };
        (count as i64).clamp(0, batch)
    }

    /// For a half-way checkpoint.
    pub(crate) fn state(&self) -> (String, Tensor) {
        ("carried".into(), Tensor::from_slice(&[self.carried]))
    }

    /// Takes up what `state` returned.
    pub(crate) fn restore(&mut self, tensors: &[(String, Tensor)]) -> Result<(), TrainError> {
        self.carried = saved(tensors, "carried")?.double_value(&[0]);
        Ok(())
    }
}

/// Labels i64 [n] of which the first `poisoned` are what the trigger asks for.
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
    use crate::Attack;
    use crate::poison::tests::{pictures, with_prepared};
    use proptest::prelude::*;
    use scour_models::{Model, ModelSpec};
    use scour_train::Batch;
    use serde_json::{Value, json};
    use tch::Device;

    /// Makes `batches` batches of that size from random pictures, calling `stepped` after each. `body` sees each
    /// batch beside the pictures and labels it was made from.
    pub(crate) fn make_batches(
        attack: &dyn Attack,
        params: &Value,
        (map, ratio): (LabelMap, f64),
        (size, batches): (usize, usize),
        mut body: impl FnMut(&ImageSet, Batch),
    ) {
        const CLASSES: u32 = 3;
        let train = pictures(2 * size + 3, CLASSES, 16);
        let params = attack.resolve(params, &crate::registry::tests::facts()).unwrap();
        let spec = ModelSpec {
            name: "preact_resnet18".into(),
            params: json!({"width": 2}),
            classes: CLASSES,
            size: 16,
        };
        let model = Model::new(&spec, Device::Cpu, 1).unwrap();
        let mut random = Random::new(3);
        with_prepared(attack, &params, &train, CLASSES, map, ratio, |prepared| {
            let mut maker = prepared.maker.expect("an attack that takes part in training");
            for _ in 0..batches {
                let raw =
                    train.select(&random.permutation(train.len(), Device::Cpu).narrow(0, 0, size as i64));
                let made = maker.make(&model, &raw.pictures, &raw.labels, &mut random).unwrap();
                body(&raw, made);
                maker.stepped(0);
            }
        })
        .unwrap();
    }

    /// Whatever ratio and batch size: batches keep their size, values are finite, and the asked share is relabelled.
    pub(crate) fn any_ratio_and_batch_size_will_do(attack: &dyn Attack, params: &Value) {
        for size in [1, 2, 5, 16] {
            for ratio in [0.01, 0.1, 0.4, 0.7, 1.0] {
                let (batches, mut changed, mut made) = (3, 0, 0);
                let map = LabelMap::AllToAll(1);
                make_batches(attack, params, (map, ratio), (size, batches), |raw, batch| {
                    assert_eq!(batch.input.size(), raw.pictures.size());
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
        fn the_share_over_a_training_is_the_asked_one(ratio in 0.0f64..=1.0, batch in 1i64..300, batches in 1i64..200) {
            let mut share = BatchShare::new(ratio, Fidelity::Corrected);
            let mut random = Random::new(0);
            let counts: Vec<i64> = (0..batches).map(|_| share.next(batch, &mut random)).collect();
            let due = ratio * (batch * batches) as f64;
            prop_assert!((counts.iter().sum::<i64>() as f64 - due).abs() <= 1.0);
            let each = ratio * batch as f64;
            prop_assert!(counts.iter().all(|&n| (n as f64 - each).abs() <= 1.0 && n <= batch));
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
    fn ten_tenths_are_one_and_the_benchmark_cuts_off() {
        let mut random = Random::new(1);
        let mut count = |ratio, fidelity, batch, batches: i64| {
            let mut share = BatchShare::new(ratio, fidelity);
            (0..batches).map(|_| share.next(batch, &mut random)).sum::<i64>()
        };
        assert_eq!(count(0.1, Fidelity::Corrected, 1, 1000), 100);
        assert_eq!(count(0.1, Fidelity::Corrected, 128, 5), 64);
        assert_eq!(count(0.1, Fidelity::Benchmark, 128, 5), 60);
        assert_eq!(count(0.0, Fidelity::Benchmark, 1, 1000), 0);
        let drawn = count(0.1, Fidelity::Benchmark, 1, 1000);
        assert!((70..130).contains(&drawn), "{drawn}");
    }

    #[test]
    fn what_was_carried_over_survives_an_interruption() {
        let mut random = Random::new(1);
        let mut share = BatchShare::new(0.3, Fidelity::Corrected);
        share.next(1, &mut random);
        let state = [share.state()];
        let mut resumed = BatchShare::new(0.3, Fidelity::Corrected);
        resumed.restore(&state).unwrap();
        for _ in 0..20 {
            assert_eq!(resumed.next(1, &mut random), share.next(1, &mut random));
        }
        assert!(resumed.restore(&[]).is_err());
    }
}
