//! No attack: the clean model that everything else is compared with.

use scour_core::{Description, Method, Parameters};
use scour_train::{Attack, AttackContext, ImageSet, Prepared, TrainError, Trigger};
use serde::{Deserialize, Serialize};
use tch::Tensor;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Clean {}

impl Method for Clean {
    const DESCRIPTION: Description = Description {
        name: "none",
        title: "No attack",
        family: "clean model",
        summary: "Trains on the clean training set: the model that attacks are compared with.",
        idea: "A clean model shows what accuracy an attack costs, and how often a trigger misleads a model that was never \
               attacked.",
        cost: "One training.",
        ..Description::EMPTY
    };
}

impl Attack for Clean {
    fn prepare<'a>(&self, context: &AttackContext<'a>) -> Result<Prepared<'a>, TrainError> {
        let train = ImageSet {
            pixels: context.train.pixels.shallow_clone(),
            labels: context.train.labels.shallow_clone(),
        };
        Ok(Prepared { train, poisoned: vec![], in_batches: None, trigger: None, maker: None })
    }

    fn restore(&self, _: &[(String, Tensor)]) -> Result<Option<Box<dyn Trigger>>, TrainError> {
        Ok(None)
    }
}
