//! What the extent of a pruning is chosen on.

use scour_core::ParameterType;
use scour_train::{DefenderView, Oracle, TrainError};
use serde::{Deserialize, Serialize};

/// The images that decide how far to prune.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ChosenOn {
    /// The defender's own.
    #[default]
    Clean,
    /// The test set, as the usual benchmark has it: what a defender cannot do. Rows of it are marked.
    Oracle,
}

impl ChosenOn {
    /// The view's oracle, if this asks for one.
    pub(crate) fn oracle<'a>(self, view: &DefenderView<'a>) -> Result<Option<Oracle<'a>>, TrainError> {
        match (self, view.oracle) {
            (Self::Clean, _) => Ok(None),
            (Self::Oracle, Some(oracle)) => Ok(Some(oracle)),
            (Self::Oracle, None) => Err(TrainError::Method("`choose: oracle` needs a test set".into())),
        }
    }

    /// Whether it asks for one.
    pub(crate) fn is_oracle(self) -> bool {
        self == Self::Oracle
    }
}

impl ParameterType for ChosenOn {
    const CHOICES: &'static [&'static str] = &["clean", "oracle"];
}
