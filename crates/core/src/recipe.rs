//! How an attacked model is trained.

use serde::{Deserialize, Serialize};

/// How the learning rate moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// The same all the way.
    Constant,
    /// Per epoch, half a cosine from `lr` to 0 over `cosine_epochs` (PyTorch's CosineAnnealingLR with eta_min 0).
    Cosine,
    /// Per step, linear from `lr`/25 up to `lr` over the first quarter, then linear down to 0: for short trainings.
    OneCycle,
    /// Per epoch, tenfold down when the mean training loss has not improved for 10 epochs (PyTorch's ReduceLROnPlateau).
    Plateau,
}

/// The full training recipe: SGD with cross-entropy, batches without the last partial one, last weights kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Passes over the training set.
    pub epochs: u32,
    /// Pictures a step.
    pub batch_size: usize,
    /// Learning rate; the highest one of a schedule.
    pub lr: f64,
    /// SGD momentum.
    pub momentum: f64,
    /// L2 penalty on every parameter.
    pub weight_decay: f64,
    /// How `lr` moves.
    pub schedule: Schedule,
    /// Length of the cosine in epochs (T_max); the benchmark uses 100 whatever `epochs` is.
    pub cosine_epochs: u32,
    /// Train on so many pictures only, the first ones or, of a data set sorted by class, ones at equal distances; all
    /// when 0.
    pub train_pictures: usize,
}

/// Fields of a recipe that an experiment sets; the others keep the data set's own values.
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train_pictures: Option<usize>,
}

impl RecipePatch {
    /// One patch of both: this one's fields, and those of `beneath` that it does not give.
    #[must_use]
    pub fn over(&self, beneath: &Self) -> Self {
        Self {
            epochs: self.epochs.or(beneath.epochs),
            batch_size: self.batch_size.or(beneath.batch_size),
            lr: self.lr.or(beneath.lr),
            momentum: self.momentum.or(beneath.momentum),
            weight_decay: self.weight_decay.or(beneath.weight_decay),
            schedule: self.schedule.or(beneath.schedule),
            cosine_epochs: self.cosine_epochs.or(beneath.cosine_epochs),
            train_pictures: self.train_pictures.or(beneath.train_pictures),
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
            train_pictures: 0,
        }
    }
}

impl Recipe {
    /// This recipe with the patch's fields in place of its own. Where the number of epochs changes without a word on the
    /// cosine, the cosine becomes as long as the training. Several patches are merged first ([`RecipePatch::over`]), so
    /// that a cosine that any of them gives stands.
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
            train_pictures: patch.train_pictures.unwrap_or(self.train_pictures),
        }
    }

    /// What is out of range, named by field; `None` where all is well.
    pub fn problem(&self) -> Option<String> {
        let in_unit = |x: f64| x.is_finite() && (0.0..1.0).contains(&x);
        if self.epochs == 0 {
            return Some("`epochs` must be at least 1".into());
        }
        if self.batch_size < 2 {
            return Some(
                "`batch_size` must be at least 2, since BatchNorm needs more than one picture".into(),
            );
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
    fn the_cosine_keeps_its_length_where_it_was_given_or_nothing_changed() {
        // As of GTSRB: half of a cosine of 100 epochs.
        let recipe = Recipe { epochs: 50, cosine_epochs: 100, ..Recipe::default() };
        let given = |train: RecipePatch, own: RecipePatch| {
            let patched = recipe.patched(&own.over(&train));
            (patched.epochs, patched.cosine_epochs)
        };
        let nothing = || patch(None, None);
        assert_eq!(given(nothing(), nothing()), (50, 100));
        assert_eq!(given(patch(Some(50), None), nothing()), (50, 100), "the default, written down");
        assert_eq!(given(patch(Some(20), None), nothing()), (20, 20));
        assert_eq!(given(patch(Some(20), Some(70)), nothing()), (20, 70));
        assert_eq!(given(patch(None, Some(70)), nothing()), (50, 70));
        // Of two patches the data set's own has the say on epochs, and a cosine stands whoever gives it.
        assert_eq!(given(patch(Some(10), None), patch(Some(20), None)), (20, 20));
        assert_eq!(given(patch(None, Some(100)), patch(Some(20), None)), (20, 100));
        assert_eq!(given(patch(Some(10), Some(70)), patch(Some(20), Some(30))), (20, 30));
        assert_eq!(given(patch(Some(20), None), patch(None, Some(30))), (20, 30));
        assert_eq!(given(patch(Some(20), None), patch(Some(50), None)), (50, 100));
    }

    #[test]
    fn a_patch_lies_over_another_field_by_field() {
        let all = RecipePatch {
            epochs: Some(1),
            batch_size: Some(2),
            lr: Some(0.3),
            momentum: Some(0.4),
            weight_decay: Some(0.5),
            schedule: Some(Schedule::Constant),
            cosine_epochs: Some(6),
            train_pictures: Some(7),
        };
        assert_eq!(RecipePatch::default().over(&all), all);
        assert_eq!(all.over(&RecipePatch::default()), all);
        let other = RecipePatch { epochs: Some(10), lr: Some(1.0), ..RecipePatch::default() };
        assert_eq!(other.over(&all), RecipePatch { epochs: Some(10), lr: Some(1.0), ..all });
    }
}
