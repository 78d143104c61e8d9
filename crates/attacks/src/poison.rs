//! Poisoning a training set, once, before training.

use scour_core::{Stream, poison_indices, stream_seed};
use scour_train::{ImageSet, Trigger};
use tch::{Tensor, no_grad};

use crate::attack::{AttackContext, Prepared};

/// Dirty-label poisoning: a share of all pictures, target class included, gets the trigger and the label that the
/// trigger asks for. The trigger is on the picture before augmentation, as in a poisoned file.
pub(crate) fn dirty_label<'a>(context: &AttackContext<'a>, trigger: Box<dyn Trigger>) -> Prepared<'a> {
    let all: Vec<u32> = (0..context.train.len() as u32).collect();
    let poisoned = poison_indices(&all, context.poison_ratio, all.len(), poison_seed(context));
    let labels = context.train.classes();
    let labels: Vec<i64> =
        poisoned.iter().map(|&i| i64::from(context.map.map(labels[i as usize], context.classes))).collect();
    let train = replace(context.train, &poisoned, trigger.as_ref(), Some(&labels));
    Prepared { train, poisoned, trigger: Some(trigger), maker: None }
}

/// The seed of the choice of poisoned pictures.
pub(crate) fn poison_seed(context: &AttackContext) -> u64 {
    stream_seed(context.seed, Stream::Poison, 0)
}

/// A copy of `set` whose pictures at `indices` carry the trigger, and new labels where given.
pub(crate) fn replace(
    set: &ImageSet,
    indices: &[u32],
    trigger: &dyn Trigger,
    labels: Option<&[i64]>,
) -> ImageSet {
    let copy = ImageSet { pictures: set.pictures.copy(), labels: set.labels.copy() };
    if indices.is_empty() {
        return copy;
    }
    let indices: Vec<i64> = indices.iter().map(|&i| i64::from(i)).collect();
    let index = Tensor::from_slice(&indices).to_device(set.device());
    no_grad(|| {
        let clean = set.pictures.index_select(0, &index);
        let triggered: Vec<Tensor> = clean.split(1000, 0).iter().map(|batch| trigger.apply(batch)).collect();
        let _ = copy.pictures.shallow_clone().index_copy_(0, &index, &Tensor::cat(&triggered, 0));
        if let Some(labels) = labels {
            let labels = Tensor::from_slice(labels).to_device(set.device());
            let _ = copy.labels.shallow_clone().index_copy_(0, &index, &labels);
        }
    });
    copy
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::attack::Attack;
    use scour_core::LabelMap;
    use scour_torch::{NumberFormat, Random};
    use scour_train::{Preprocess, Silent};
    use tch::{Device, Kind};

    /// Random pictures of `classes` classes in turn.
    pub(crate) fn pictures(count: usize, classes: u32, size: i64) -> ImageSet {
        let shape = [count as i64, 3, size, size];
        let pixels = Random::new(7).integers(shape.iter().product::<i64>() as usize, 256, Device::Cpu);
        let labels: Vec<i64> = (0..count).map(|i| i as i64 % i64::from(classes)).collect();
        ImageSet { pictures: pixels.to_kind(Kind::Uint8).reshape(shape), labels: Tensor::from_slice(&labels) }
    }

    /// Runs `body` on an attack prepared on random pictures.
    pub(crate) fn with_prepared<T>(
        attack: &dyn Attack,
        params: &serde_json::Value,
        train: &ImageSet,
        classes: u32,
        map: LabelMap,
        poison_ratio: f64,
        body: impl FnOnce(Prepared) -> T,
    ) -> T {
        let preprocess = Preprocess { mean: [0.5; 3], std: [0.25; 3], padding: 4, horizontal_flip: false };
        let context = AttackContext {
            train,
            classes,
            map,
            poison_ratio,
            seed: 1,
            preprocess: &preprocess,
            format: NumberFormat::Fp32,
            clean_model: None,
            resource: None,
            scratch: std::path::Path::new("."),
            reporter: &Silent,
        };
        body(attack.prepare(params, &context).unwrap())
    }
}
