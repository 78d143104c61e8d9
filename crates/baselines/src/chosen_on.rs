//! What the extent of a pruning is chosen on.

use scour_core::ParameterType;
use scour_train::{DefenderView, Oracle, TrainError};
use serde::{Deserialize, Serialize};

/// The images that decide how far to prune.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ChosenOn {
    /// The defender's own images.
    #[default]
    Clean,
    /// The test set, as in the usual benchmark, which no defender has. The rows of such settings are marked.
    Oracle,
}

impl ChosenOn {
    /// The view's oracle, if it is needed; an error if the view has none.
    pub(crate) fn oracle<'a>(self, view: &DefenderView<'a>) -> Result<Option<Oracle<'a>>, TrainError> {
        match (self, view.oracle) {
            (Self::Clean, _) => Ok(None),
            (Self::Oracle, Some(oracle)) => Ok(Some(oracle)),
            (Self::Oracle, None) => Err(TrainError::Method("`choose: oracle` needs a test set".into())),
        }
    }

    /// Whether it needs the test set.
    pub(crate) fn is_oracle(self) -> bool {
        self == Self::Oracle
    }
}

impl ParameterType for ChosenOn {
    const CHOICES: &'static [&'static str] = &["clean", "oracle"];
}
