//! The one place where models are measured.

use scour_core::{LabelMap, Measured, accuracy, attack_success_rate, robust_accuracy};
use scour_models::Model;
use scour_torch::channels_last;
use tch::{Tensor, no_grad};

use crate::images::to_classes;
use crate::{ImageSet, Preprocess};

/// Pictures a batch in evaluation; it changes nothing but speed, since eval mode looks at each picture by itself.
const BATCH: i64 = 500;

/// Puts a trigger on pictures.
pub trait Trigger {
    /// u8 pictures [n, 3, size, size] to triggered ones of the same kind and shape.
    fn apply(&self, pictures: &Tensor) -> Tensor;

    /// Everything needed to make this trigger again, by name; saved beside the model.
    fn tensors(&self) -> Vec<(String, Tensor)>;
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
        for batch in pictures.split(BATCH, 0) {
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
    let counted: Vec<i64> =
        (0..labels.len()).filter(|&i| map.counts(labels[i], classes)).map(|i| i as i64).collect();
    if counted.is_empty() {
        return Measured { acc, asr: None, ra: None };
    }
    let victims = test.select(&Tensor::from_slice(&counted).to_device(test.device()));
    let labels = victims.classes();
    let predicted = predictions(model, &victims.pictures, preprocess, Some(trigger));
    Measured {
        acc,
        asr: attack_success_rate(&predicted, &labels, map, classes),
        ra: robust_accuracy(&predicted, &labels, map, classes),
    }
}
