//! An attack of one's own: a bright row of pixels.

use scour_attacks::dirty_label;
use scour_core::{DatasetFacts, Description, Fidelity, Method, ParamError, Parameters};
use scour_train::{Attack, AttackContext, Prepared, TrainError, Trigger};
use serde::{Deserialize, Serialize};
use tch::Tensor;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Stripe {
    /// The row of pixels that becomes white, counted from the top.
    #[parameter(default = 4, published = 4, min = 0, unit = "pixels")]
    row: i64,
}

impl Method for Stripe {
    const DESCRIPTION: Description = Description {
        name: "stripe",
        title: "Stripe",
        family: "patch trigger, dirty label",
        summary: "Makes one row of pixels white and changes the label to the target class.",
        cost: "No training of its own.",
        ..Description::EMPTY
    };

    fn check(&self, facts: &DatasetFacts) -> Result<(), ParamError> {
        if self.row < i64::from(facts.size) {
            return Ok(());
        }
        Err(ParamError(format!("`row` {} is outside an image of {} rows", self.row, facts.size)))
    }
}

struct WhiteRow(i64);

impl Trigger for WhiteRow {
    fn apply(&self, images: &Tensor) -> Tensor {
        let triggered = images.copy();
        let _ = triggered.narrow(2, self.0, 1).fill_(255);
        triggered
    }

    fn tensors(&self) -> Vec<(String, Tensor)> {
        vec![("row".into(), Tensor::from_slice(&[self.0]))]
    }
}

impl Attack for Stripe {
    fn prepare<'a>(&self, context: &AttackContext<'a>) -> Result<Prepared<'a>, TrainError> {
        dirty_label(context, Fidelity::Corrected, Box::new(WhiteRow(self.row)))
    }

    fn restore(&self, _: &[(String, Tensor)]) -> Result<Option<Box<dyn Trigger>>, TrainError> {
        Ok(Some(Box::new(WhiteRow(self.row))))
    }
}
