//! All defenses in one list: TSBD and the baselines, which do not depend on each other, and no defense.

use scour_baselines::BASELINES;
use scour_core::{Description, Entry, Method, Parameters, entry};
use scour_models::Model;
use scour_train::{DefenderView, Defense, Outcome, TrainError};
use scour_tsbd::Tsbd;
use serde::{Deserialize, Serialize};

/// The attacked model itself. The planner gives its cells no stage of their own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct NoDefense {}

impl Method for NoDefense {
    const DESCRIPTION: Description = Description {
        name: "none",
        title: "No defense",
        family: "attacked model",
        summary: "Leaves the attacked model as it is: what defenses are compared with.",
        idea: "ACC and ASR of the attacked model say how well the attack was implanted; DER compares a defense with them.",
        cost: "Nothing.",
        ..Description::EMPTY
    };
}

impl Defense for NoDefense {
    fn run(&self, _: &Model, _: &DefenderView) -> Result<Outcome, TrainError> {
        Ok(Outcome::default())
    }
}

static NONE: Entry<dyn Defense> = entry!(NoDefense);
static TSBD: Entry<dyn Defense> = entry!(Tsbd);

/// Every defense: none, the baselines, TSBD.
pub(crate) fn defenses() -> impl Iterator<Item = &'static Entry<dyn Defense>> {
    [&NONE].into_iter().chain(BASELINES).chain([&TSBD])
}
