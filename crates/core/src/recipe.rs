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
    /// This recipe with the patch's fields in place of its own.
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
            // A shorter training without a word on the cosine means a cosine as short as the training.
            cosine_epochs: patch.cosine_epochs.or(patch.epochs).unwrap_or(self.cosine_epochs),
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
