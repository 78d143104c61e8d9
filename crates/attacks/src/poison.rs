//! Poisoning a training set, once, before training.

use scour_core::{Fidelity, Stream, stream_seed};
use scour_train::{AttackContext, ImageSet, Prepared, TrainError, Trigger};
use tch::{Tensor, no_grad};

use crate::poison_indices::{benchmark_poison_indices, poison_indices};

/// Dirty-label poisoning: a share of all images, target class included, gets the trigger and the label of the label map. The
/// trigger is put on the image before augmentation, as if the file were poisoned.
pub fn dirty_label<'a>(
    context: &AttackContext<'a>,
    fidelity: Fidelity,
    trigger: Box<dyn Trigger>,
) -> Result<Prepared<'a>, TrainError> {
    let all: Vec<u32> = (0..context.train.len() as u32).collect();
    let poisoned = choose(context, &all, fidelity)?;
    let labels = context.train.classes();
    let labels: Vec<i64> =
        poisoned.iter().map(|&i| i64::from(context.map.map(labels[i as usize], context.classes))).collect();
    let train = replace(context.train, &poisoned, trigger.as_ref(), Some(&labels));
    Ok(Prepared { train, poisoned, in_batches: None, trigger: Some(trigger), maker: None })
}

/// Draws the images to poison from `candidates`, ascending. The poison ratio is a share of the whole training set.
pub(crate) fn choose(
    context: &AttackContext,
    candidates: &[u32],
    fidelity: Fidelity,
) -> Result<Vec<u32>, TrainError> {
    let (ratio, of) = (context.poison_ratio, context.train.len());
    Ok(match fidelity {
        Fidelity::Corrected => poison_indices(candidates, ratio, of, poison_seed(context)),
        Fidelity::Benchmark => benchmark_poison_indices(candidates, ratio, of, numpy_seed(context.seed)?),
    })
}

/// The seed for numpy, which has 32 bits. Larger seeds are refused: truncated, two of them could poison the same images.
fn numpy_seed(seed: u64) -> Result<u32, TrainError> {
    u32::try_from(seed).map_err(|_| {
        TrainError::Method(format!(
            "`seeds` holds {seed}, and `fidelity: benchmark` draws with numpy, whose seeds are below 4294967296: take a \
             smaller one"
        ))
    })
}

/// The seed of the choice of poisoned images.
pub(crate) fn poison_seed(context: &AttackContext) -> u64 {
    stream_seed(context.seed, Stream::Poison, 0)
}

/// A copy of `set` whose images at `indices` carry the trigger, and new labels where given.
pub(crate) fn replace(
    set: &ImageSet,
    indices: &[u32],
    trigger: &dyn Trigger,
    labels: Option<&[i64]>,
) -> ImageSet {
    if indices.is_empty() {
        return set.first(0);
    }
    let indices: Vec<i64> = indices.iter().map(|&i| i64::from(i)).collect();
    let index = Tensor::from_slice(&indices).to_device(set.device());
    let triggered = no_grad(|| {
        let clean = set.pixels.index_select(0, &index);
        let triggered: Vec<Tensor> = clean.split(1000, 0).iter().map(|batch| trigger.apply(batch)).collect();
        Tensor::cat(&triggered, 0)
    });
    put(set, &index, &triggered, labels)
}

/// A copy of `set` with other images at `index` (i64, at least one), and new labels where given.
pub(crate) fn put(set: &ImageSet, index: &Tensor, images: &Tensor, labels: Option<&[i64]>) -> ImageSet {
    let copy = ImageSet { pixels: set.pixels.copy(), labels: set.labels.copy() };
    no_grad(|| {
        let _ = copy.pixels.shallow_clone().index_copy_(0, index, images);
        if let Some(labels) = labels {
            let labels = Tensor::from_slice(labels).to_device(set.device());
            let _ = copy.labels.shallow_clone().index_copy_(0, index, &labels);
        }
    });
    copy
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use scour_core::{LabelMap, Requirement};
    use scour_models::{Model, ModelSpec};
    use scour_torch::{NumberFormat, Random};
    use scour_train::{Attack, Preprocess, ResourceContext, Silent};
    use tch::{Device, Kind};

    #[test]
    fn numpys_seeds_have_32_bits_and_larger_ones_are_refused() {
        assert_eq!(numpy_seed(u64::from(u32::MAX)).unwrap(), u32::MAX);
        let message = numpy_seed(1 << 32).unwrap_err().to_string();
        assert!(message.contains("`seeds` holds 4294967296") && !message.contains('\n'), "{message}");
    }

    /// Random images of `classes` classes in turn.
    pub(crate) fn images(count: usize, classes: u32, size: i64) -> ImageSet {
        let shape = [count as i64, 3, size, size];
        let pixels = Random::new(7).integers(shape.iter().product::<i64>() as usize, 256, Device::Cpu);
        let labels: Vec<i64> = (0..count).map(|i| i as i64 % i64::from(classes)).collect();
        ImageSet { pixels: pixels.to_kind(Kind::Uint8).reshape(shape), labels: Tensor::from_slice(&labels) }
    }

    /// Moves the last layer's bias so that an untrained model takes different images for different classes, and the
    /// mean of raw ones for class 1.
    fn undecided(model: &Model, set: &ImageSet, preprocess: &Preprocess) {
        no_grad(|| {
            let mean = |x: Tensor| model.evaluate(&x).mean_dim(0, false, Kind::Float);
            let (mut weight, mut bias) = model.last_layer().unwrap();
            let _ = bias.g_sub_(&mean(preprocess.normalise(&set.pixels)));
            // Where raw pixels lead is exchanged with class 1.
            let taken = mean(set.pixels.to_kind(Kind::Float) / 255.0).argmax(0, false).int64_value(&[]);
            let mut order: Vec<i64> = (0..bias.size()[0]).collect();
            order.swap(1, taken as usize);
            let order = Tensor::from_slice(&order);
            weight.copy_(&weight.index_select(0, &order));
            bias.copy_(&bias.index_select(0, &order));
        });
    }

    /// Runs `body` on an attack prepared on `train`, with a small untrained clean model.
    pub(crate) fn with_prepared<T>(
        attack: &dyn Attack,
        train: &ImageSet,
        classes: u32,
        map: LabelMap,
        poison_ratio: f64,
        body: impl FnOnce(Prepared) -> T,
    ) -> Result<T, scour_train::TrainError> {
        with_prepared_on("preact_resnet18", attack, train, classes, map, poison_ratio, body)
    }

    /// The same with a clean model of this architecture.
    pub(crate) fn with_prepared_on<T>(
        architecture: &str,
        attack: &dyn Attack,
        train: &ImageSet,
        classes: u32,
        map: LabelMap,
        poison_ratio: f64,
        body: impl FnOnce(Prepared) -> T,
    ) -> Result<T, scour_train::TrainError> {
        let preprocess = Preprocess { mean: [0.5; 3], std: [0.25; 3], padding: 4, horizontal_flip: false };
        let spec = ModelSpec {
            name: architecture.into(),
            params: serde_json::json!({"width": 2}),
            classes,
            size: train.pixels.size()[2] as u32,
        };
        let clean_model = Model::new(&spec, Device::Cpu, 1).unwrap();
        undecided(&clean_model, train, &preprocess);
        let scratch = tempfile::tempdir().unwrap();
        let resource = attack.requirements().contains(&Requirement::Resource).then(|| {
            let format = NumberFormat::Fp32;
            let context = ResourceContext { train, format, scratch: scratch.path(), reporter: &Silent };
            attack.train_resource(&context).unwrap().tensors
        });
        let context = AttackContext {
            train,
            classes,
            map,
            poison_ratio,
            seed: 1,
            preprocess: &preprocess,
            epochs: 1,
            format: NumberFormat::Fp32,
            clean_model: Some(&clean_model),
            resource: resource.as_deref(),
            scratch: scratch.path(),
            reporter: &Silent,
        };
        attack.prepare(&context).map(body)
    }
}
