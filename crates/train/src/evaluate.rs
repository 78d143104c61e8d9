//! The one place where models are measured.

use scour_core::{AtStrength, LabelMap, Measured, accuracy, attack_success_rate, robust_accuracy};
use scour_models::Model;
use scour_torch::channels_last;
use tch::{Device, Kind, Tensor, no_grad};

use crate::images::to_classes;
use crate::{ImageSet, Preprocess};

/// Images a batch in evaluation; it changes nothing but speed, since eval mode looks at each image by itself. Activations
/// of a hundred stay in a CPU's cache: at width 16 and 32x32 they are a third faster than 500.
fn batch_size(device: Device) -> i64 {
    if device.is_cuda() { 500 } else { 100 }
}

/// Puts a trigger on pictures.
pub trait Trigger {
    /// u8 pictures [n, 3, size, size] to triggered ones of the same kind and shape.
    fn apply(&self, pictures: &Tensor) -> Tensor;

    /// Everything needed to make this trigger again, by name; saved beside the model.
    fn tensors(&self) -> Vec<(String, Tensor)>;
}

/// A trigger faded in by a share: image + strength * (triggered image - image), rounded.
struct Faded<'a> {
    trigger: &'a dyn Trigger,
    strength: f64,
}

impl Trigger for Faded<'_> {
    fn apply(&self, images: &Tensor) -> Tensor {
        let clean = images.to_kind(Kind::Float);
        let change = self.trigger.apply(images).to_kind(Kind::Float) - &clean;
        (clean + change * self.strength).round().clamp(0.0, 255.0).to_kind(Kind::Uint8)
    }

    fn tensors(&self) -> Vec<(String, Tensor)> {
        self.trigger.tensors()
    }
}

/// The class that the model, in eval mode and fp32, gives each picture, after `change` (a trigger, or nothing).
pub fn predictions(
    model: &Model,
    pictures: &Tensor,
    preprocess: &Preprocess,
    change: Option<&dyn Trigger>,
) -> Vec<u32> {
    no_grad(|| {
        model.state().to_channels_last();
        let mut classes = vec![];
        for batch in pictures.split(batch_size(pictures.device()), 0) {
            let batch = change.map_or_else(|| batch.shallow_clone(), |trigger| trigger.apply(&batch));
            let logits = model.evaluate(&channels_last(&preprocess.normalise(&batch)));
            classes.extend(to_classes(&logits.argmax(1, false)));
        }
        classes
    })
}

/// ACC on all test pictures; ASR and RA on triggered ones whose class the trigger would change.
///
/// Pictures that do not count are left out before they are triggered. Without a trigger ASR and RA are `None`.
pub fn evaluate(
    model: &Model,
    test: &ImageSet,
    preprocess: &Preprocess,
    trigger: Option<&dyn Trigger>,
    map: LabelMap,
) -> Measured {
    let classes = model.spec.classes;
    let labels = test.classes();
    let acc = accuracy(&predictions(model, &test.pictures, preprocess, None), &labels);
    let Some(trigger) = trigger else { return Measured { acc, asr: None, ra: None } };
    let Some(victims) = victims(test, map, classes) else {
        return Measured { acc, asr: None, ra: None };
    };
    let labels = victims.classes();
    let predicted = predictions(model, &victims.pictures, preprocess, Some(trigger));
    Measured {
        acc,
        asr: attack_success_rate(&predicted, &labels, map, classes),
        ra: robust_accuracy(&predicted, &labels, map, classes),
    }
}

/// The test images whose class the trigger would change; `None` where there is none.
fn victims(test: &ImageSet, map: LabelMap, classes: u32) -> Option<ImageSet> {
    let labels = test.classes();
    let counted: Vec<i64> =
        (0..labels.len()).filter(|&i| map.counts(labels[i], classes)).map(|i| i as i64).collect();
    (!counted.is_empty()).then(|| test.select(&Tensor::from_slice(&counted).to_device(test.device())))
}

/// ASR, in percent, on the same images as [`evaluate`] has it, under the trigger faded in by each of `strengths`. `whole` is
/// what that has found under the whole trigger, which is not measured again.
pub fn asr_by_strength(
    model: &Model,
    test: &ImageSet,
    preprocess: &Preprocess,
    trigger: &dyn Trigger,
    map: LabelMap,
    (strengths, whole): (&[f64], Option<f64>),
) -> Vec<AtStrength> {
    let classes = model.spec.classes;
    let Some(victims) = victims(test, map, classes).filter(|_| !strengths.is_empty()) else { return vec![] };
    let labels = victims.classes();
    let at = |&strength: &f64| {
        if strength == 1.0 {
            return whole.map(|asr| AtStrength { strength, asr });
        }
        let faded = Faded { trigger, strength };
        let predicted = predictions(model, &victims.pictures, preprocess, Some(&faded));
        let asr = attack_success_rate(&predicted, &labels, map, classes)?;
        Some(AtStrength { strength, asr })
    };
    strengths.iter().filter_map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    /// Adds 101 to every pixel.
    struct Brighter;

    impl Trigger for Brighter {
        fn apply(&self, images: &Tensor) -> Tensor {
            (images.to_kind(Kind::Int) + 101).clamp(0, 255).to_kind(Kind::Uint8)
        }

        fn tensors(&self) -> Vec<(String, Tensor)> {
            vec![]
        }
    }

    #[test]
    fn a_faded_trigger_lies_between_the_clean_and_the_triggered_image() {
        let images = Tensor::from_slice(&[0u8, 10, 200, 255]).reshape([1, 1, 2, 2]);
        let faded = |strength| {
            let out = Faded { trigger: &Brighter, strength }.apply(&images);
            assert_eq!(out.kind(), Kind::Uint8);
            Vec::<u8>::try_from(out.reshape([-1]).to_device(Device::Cpu)).unwrap()
        };
        assert_eq!(faded(0.0), [0, 10, 200, 255]);
        // 101 / 4 = 25.25 and 55 / 4 = 13.75 are rounded.
        assert_eq!(faded(0.25), [25, 35, 214, 255]);
        assert_eq!(faded(1.0), [101, 111, 255, 255]);
    }
}
