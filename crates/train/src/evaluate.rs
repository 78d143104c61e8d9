//! The evaluation of models; every ACC, ASR and RA comes from here.

use scour_core::{AtStrength, LabelMap, Measured, accuracy, attack_success_rate, robust_accuracy};
use scour_models::Model;
use scour_torch::channels_last;
use tch::{Device, Kind, Tensor, no_grad};

use crate::images::to_classes;
use crate::{ImageSet, Preprocess};

/// Images in a batch of an evaluation. It affects the speed only, since eval mode handles each image by itself. On a CPU
/// the activations of 100 images fit into the cache: at width 16 and 32x32 pixels this is a third faster than 500.
fn batch_size(device: Device) -> i64 {
    if device.is_cuda() { 500 } else { 100 }
}

/// Puts a trigger on images.
pub trait Trigger {
    /// u8 images [n, 3, size, size] to triggered ones of the same dtype and shape.
    fn apply(&self, images: &Tensor) -> Tensor;

    /// Everything needed to rebuild this trigger, by name; it is saved beside the model.
    fn tensors(&self) -> Vec<(String, Tensor)>;
}

/// A weakened trigger: image + strength * (triggered image - image), rounded.
struct Weakened<'a> {
    trigger: &'a dyn Trigger,
    strength: f64,
}

impl Trigger for Weakened<'_> {
    fn apply(&self, images: &Tensor) -> Tensor {
        let clean = images.to_kind(Kind::Float);
        let change = self.trigger.apply(images).to_kind(Kind::Float) - &clean;
        (clean + change * self.strength).round().clamp(0.0, 255.0).to_kind(Kind::Uint8)
    }

    fn tensors(&self) -> Vec<(String, Tensor)> {
        self.trigger.tensors()
    }
}

/// The model's prediction for each of the u8 images [n, 3, size, size], in eval mode and fp32, after `trigger` was put on
/// them, if there is one.
pub fn predictions(
    model: &Model,
    images: &Tensor,
    preprocess: &Preprocess,
    trigger: Option<&dyn Trigger>,
) -> Vec<u32> {
    no_grad(|| {
        model.state().to_channels_last();
        let mut classes = vec![];
        for batch in images.split(batch_size(images.device()), 0) {
            let batch = trigger.map_or_else(|| batch.shallow_clone(), |trigger| trigger.apply(&batch));
            let logits = model.evaluate(&channels_last(&preprocess.normalise(&batch)));
            classes.extend(to_classes(&logits.argmax(1, false)));
        }
        classes
    })
}

/// Measures ACC on all test images, and ASR and RA on triggered images whose true class differs from their target class.
///
/// Without a trigger ASR and RA are `None`.
pub fn evaluate(
    model: &Model,
    test: &ImageSet,
    preprocess: &Preprocess,
    trigger: Option<&dyn Trigger>,
    map: LabelMap,
) -> Measured {
    let classes = model.spec.classes;
    let labels = test.classes();
    let acc = accuracy(&predictions(model, &test.pixels, preprocess, None), &labels);
    let Some(trigger) = trigger else { return Measured { acc, asr: None, ra: None } };
    let Some(images) = asr_images(test, map, classes) else {
        return Measured { acc, asr: None, ra: None };
    };
    let labels = images.classes();
    let predicted = predictions(model, &images.pixels, preprocess, Some(trigger));
    Measured {
        acc,
        asr: attack_success_rate(&predicted, &labels, map, classes),
        ra: robust_accuracy(&predicted, &labels, map, classes),
    }
}

/// The test images whose true class differs from their target class; `None` if there are none.
pub fn asr_images(test: &ImageSet, map: LabelMap, classes: u32) -> Option<ImageSet> {
    let labels = test.classes();
    let counted: Vec<i64> =
        (0..labels.len()).filter(|&i| map.counts(labels[i], classes)).map(|i| i as i64).collect();
    (!counted.is_empty()).then(|| test.select(&Tensor::from_slice(&counted).to_device(test.device())))
}

/// ASR, in percent, under the trigger weakened to each of `strengths` (0..1), on the same images as in [`evaluate`].
/// `full_asr` is the ASR that [`evaluate`] has measured; it is used for strength 1 instead of measuring again.
pub fn asr_by_strength(
    model: &Model,
    test: &ImageSet,
    preprocess: &Preprocess,
    trigger: &dyn Trigger,
    map: LabelMap,
    (strengths, full_asr): (&[f64], Option<f64>),
) -> Vec<AtStrength> {
    let classes = model.spec.classes;
    let Some(images) = asr_images(test, map, classes).filter(|_| !strengths.is_empty()) else {
        return vec![];
    };
    let labels = images.classes();
    let at = |&strength: &f64| {
        if strength == 1.0 {
            return full_asr.map(|asr| AtStrength { strength, asr });
        }
        let weakened = Weakened { trigger, strength };
        let predicted = predictions(model, &images.pixels, preprocess, Some(&weakened));
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
    fn a_weakened_trigger_gives_an_image_between_the_clean_and_the_triggered_one() {
        let images = Tensor::from_slice(&[0u8, 10, 200, 255]).reshape([1, 1, 2, 2]);
        let weakened = |strength| {
            let out = Weakened { trigger: &Brighter, strength }.apply(&images);
            assert_eq!(out.kind(), Kind::Uint8);
            Vec::<u8>::try_from(out.reshape([-1]).to_device(Device::Cpu)).unwrap()
        };
        assert_eq!(weakened(0.0), [0, 10, 200, 255]);
        // 101 / 4 = 25.25 and 55 / 4 = 13.75 are rounded.
        assert_eq!(weakened(0.25), [25, 35, 214, 255]);
        assert_eq!(weakened(1.0), [101, 111, 255, 255]);
    }
}
