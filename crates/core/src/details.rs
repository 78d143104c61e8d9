//! What a stage's result says besides its figures.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::Detection;

/// Facts of a stage worth keeping. Those that the results show have a field; whatever else a method reports is kept by
/// name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResultDetails {
    /// Training images that were poisoned; of an attack inside the batches, images an epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub poisoned: Option<usize>,
    /// Mean peak signal-to-noise ratio of triggered test images against clean ones, in dB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub psnr: Option<f64>,
    /// Mean structural similarity of the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssim: Option<f64>,
    /// How well the defense detected poisoned training images, where it looked for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detection: Option<Detection>,
    /// Epochs of unlearning, where the defense unlearns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unlearn_epochs: Option<u64>,
    /// What else the method reports.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl TryFrom<Map<String, Value>> for ResultDetails {
    type Error = serde_json::Error;

    /// What a method reports by name. A name of a field above must have its type.
    fn try_from(reported: Map<String, Value>) -> Result<Self, Self::Error> {
        serde_json::from_value(Value::Object(reported))
    }
}

impl ResultDetails {
    /// These facts, and those of `other` that are missing here.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        for (name, value) in other.other {
            self.other.entry(name).or_insert(value);
        }
        Self {
            poisoned: self.poisoned.or(other.poisoned),
            psnr: self.psnr.or(other.psnr),
            ssim: self.ssim.or(other.ssim),
            detection: self.detection.or(other.detection),
            unlearn_epochs: self.unlearn_epochs.or(other.unlearn_epochs),
            other: self.other,
        }
    }
}

/// Results without details were written with `null` at first.
pub(crate) fn null_is_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ResultDetails, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn details(value: Value) -> ResultDetails {
        value.as_object().cloned().unwrap().try_into().unwrap()
    }

    #[test]
    fn what_is_reported_by_name_is_written_as_it_was() {
        let reported = json!({
            "unlearn_epochs": 3, "last_loss": 0.5,
            "detection": {"suspects": 3, "tpr": 50.0, "fpr": null},
        });
        let found = details(reported.clone());
        assert_eq!((found.unlearn_epochs, found.poisoned), (Some(3), None));
        assert_eq!(found.detection, Some(Detection { suspects: 3, tpr: Some(50.0), fpr: None }));
        assert_eq!(found.other.len(), 1);
        assert_eq!(serde_json::to_value(found).unwrap(), reported);
        assert!(ResultDetails::try_from(json!({"poisoned": "all"}).as_object().cloned().unwrap()).is_err());
    }

    #[test]
    fn missing_facts_are_taken_from_others() {
        let own = details(json!({"unlearn_epochs": 3, "a": 1}));
        let all = own.or(details(json!({"unlearn_epochs": 4, "poisoned": 7, "a": 2, "b": 3})));
        assert_eq!(all, details(json!({"unlearn_epochs": 3, "poisoned": 7, "a": 1, "b": 3})));
    }
}
