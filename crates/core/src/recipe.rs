//! The training recipe of models.

use serde::{Deserialize, Serialize};

/// The learning-rate schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Constant `lr`.
    Constant,
    /// Per epoch, half a cosine from `lr` to 0 over `cosine_epochs` (PyTorch's CosineAnnealingLR with eta_min 0).
    Cosine,
    /// Per step, linear from `lr`/25 up to `lr` over the first quarter, then linear down to 0; for short trainings.
    OneCycle,
    /// Per epoch, divided by ten when the mean training loss has not improved for more than 10 epochs (PyTorch's
    /// ReduceLROnPlateau with `patience` 10).
    Plateau,
}

impl crate::ParameterType for Schedule {
    const CHOICES: &'static [&'static str] = &["constant", "cosine", "one_cycle", "plateau"];
}

/// A complete training recipe: SGD on the cross-entropy, without the last, smaller batch; the weights of the last epoch are
/// kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Passes over the training set.
    pub epochs: u32,
    /// Images in a batch.
    pub batch_size: usize,
    /// Learning rate; the highest value of a schedule.
    pub lr: f64,
    /// SGD momentum.
    pub momentum: f64,
    /// L2 penalty on every parameter.
    pub weight_decay: f64,
    /// The learning-rate schedule.
    pub schedule: Schedule,
    /// Length of the cosine in epochs (T_max); the benchmark always uses 100.
    pub cosine_epochs: u32,
    /// The number of training images in use; 0 for all. They are the first ones or, in a data set sorted by class, evenly
    /// spaced ones.
    #[serde(alias = "train_pictures")]
    pub train_images: usize,
}

/// The fields of a recipe that an experiment sets; the others keep the data set's defaults.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "each field is that of Recipe")]
pub struct RecipePatch {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epochs: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_size: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lr: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub momentum: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_decay: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cosine_epochs: Option<u32>,
    #[serde(alias = "train_pictures", skip_serializing_if = "Option::is_none")]
    pub train_images: Option<usize>,
}

impl RecipePatch {
    /// This patch, with the fields of `other` where it gives none.
    #[must_use]
    pub fn over(&self, other: &Self) -> Self {
        Self {
            epochs: self.epochs.or(other.epochs),
            batch_size: self.batch_size.or(other.batch_size),
            lr: self.lr.or(other.lr),
            momentum: self.momentum.or(other.momentum),
            weight_decay: self.weight_decay.or(other.weight_decay),
            schedule: self.schedule.or(other.schedule),
            cosine_epochs: self.cosine_epochs.or(other.cosine_epochs),
            train_images: self.train_images.or(other.train_images),
        }
    }
}

impl Default for Recipe {
    /// The paper's recipe on CIFAR-10: 100 epochs, SGD 0.01 / 0.9 / 5e-4, batch 128, cosine to 0.
    fn default() -> Self {
        Self {
            epochs: 100,
            batch_size: 128,
            lr: 0.01,
            momentum: 0.9,
            weight_decay: 5e-4,
            schedule: Schedule::Cosine,
            cosine_epochs: 100,
            train_images: 0,
        }
    }
}

impl Recipe {
    /// This recipe with the fields of the patch. If the patch changes the number of epochs and gives no `cosine_epochs`, the
    /// cosine becomes as long as the training. Several patches must be merged first ([`RecipePatch::over`]), so that a
    /// `cosine_epochs` in any of them is used.
    #[must_use]
    pub fn patched(&self, patch: &RecipePatch) -> Self {
        let epochs = patch.epochs.unwrap_or(self.epochs);
        Self {
            epochs,
            batch_size: patch.batch_size.unwrap_or(self.batch_size),
            lr: patch.lr.unwrap_or(self.lr),
            momentum: patch.momentum.unwrap_or(self.momentum),
            weight_decay: patch.weight_decay.unwrap_or(self.weight_decay),
            schedule: patch.schedule.unwrap_or(self.schedule),
            cosine_epochs: patch.cosine_epochs.unwrap_or(match epochs == self.epochs {
                true => self.cosine_epochs,
                false => epochs,
            }),
            train_images: patch.train_images.unwrap_or(self.train_images),
        }
    }

    /// A message on a field that is out of range; `None` if there is none.
    pub fn problem(&self) -> Option<String> {
        let in_unit = |x: f64| x.is_finite() && (0.0..1.0).contains(&x);
        if self.epochs == 0 {
            return Some("`epochs` must be at least 1".into());
        }
        if self.batch_size < 2 {
            return Some("`batch_size` must be at least 2, since BatchNorm needs more than one image".into());
        }
        if !(self.lr.is_finite() && self.lr > 0.0) {
            return Some(format!("`lr` must be above 0, not {}", self.lr));
        }
        if !in_unit(self.momentum) {
            return Some(format!("`momentum` must be in [0, 1), not {}", self.momentum));
        }
        if !in_unit(self.weight_decay) {
            return Some(format!("`weight_decay` must be in [0, 1), not {}", self.weight_decay));
        }
        if self.cosine_epochs == 0 {
            return Some("`cosine_epochs` must be at least 1".into());
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(epochs: Option<u32>, cosine_epochs: Option<u32>) -> RecipePatch {
        RecipePatch { epochs, cosine_epochs, ..RecipePatch::default() }
    }

    #[test]
    fn the_cosine_keeps_its_length_if_it_is_given_or_epochs_do_not_change() {
        // As for GTSRB: half of a cosine of 100 epochs.
        let recipe = Recipe { epochs: 50, cosine_epochs: 100, ..Recipe::default() };
        let given = |train: RecipePatch, own: RecipePatch| {
            let patched = recipe.patched(&own.over(&train));
            (patched.epochs, patched.cosine_epochs)
        };
        let nothing = || patch(None, None);
        assert_eq!(given(nothing(), nothing()), (50, 100));
        assert_eq!(given(patch(Some(50), None), nothing()), (50, 100), "the default, given explicitly");
        assert_eq!(given(patch(Some(20), None), nothing()), (20, 20));
        assert_eq!(given(patch(Some(20), Some(70)), nothing()), (20, 70));
        assert_eq!(given(patch(None, Some(70)), nothing()), (50, 70));
        // With two patches the one for the data set sets `epochs`, and `cosine_epochs` of either is used.
        assert_eq!(given(patch(Some(10), None), patch(Some(20), None)), (20, 20));
        assert_eq!(given(patch(None, Some(100)), patch(Some(20), None)), (20, 100));
        assert_eq!(given(patch(Some(10), Some(70)), patch(Some(20), Some(30))), (20, 30));
        assert_eq!(given(patch(Some(20), None), patch(None, Some(30))), (20, 30));
        assert_eq!(given(patch(Some(20), None), patch(Some(50), None)), (50, 100));
    }

    #[test]
    fn the_former_name_of_a_field_is_read() {
        let patch: RecipePatch = serde_json::from_str(r#"{"train_pictures": 7}"#).unwrap();
        assert_eq!(patch.train_images, Some(7));
        assert_eq!(serde_json::to_string(&patch).unwrap(), r#"{"train_images":7}"#);
        let written = serde_json::to_string(&Recipe::default()).unwrap();
        let former = written.replace("train_images", "train_pictures");
        assert_eq!(serde_json::from_str::<Recipe>(&former).unwrap(), Recipe::default());
    }

    #[test]
    fn patches_are_merged_field_by_field() {
        let all = RecipePatch {
            epochs: Some(1),
            batch_size: Some(2),
            lr: Some(0.3),
            momentum: Some(0.4),
            weight_decay: Some(0.5),
            schedule: Some(Schedule::Constant),
            cosine_epochs: Some(6),
            train_images: Some(7),
        };
        assert_eq!(RecipePatch::default().over(&all), all);
        assert_eq!(all.over(&RecipePatch::default()), all);
        let other = RecipePatch { epochs: Some(10), lr: Some(1.0), ..RecipePatch::default() };
        assert_eq!(other.over(&all), RecipePatch { epochs: Some(10), lr: Some(1.0), ..all });
    }
}
