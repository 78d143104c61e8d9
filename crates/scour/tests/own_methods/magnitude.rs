//! A defense of one's own: the smallest weights of each convolution become zero.

use scour_core::{Description, Method, Parameters};
use scour_models::Model;
use scour_train::{DefenderView, Defense, Outcome, TrainError};
use serde::{Deserialize, Serialize};
use tch::no_grad;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Magnitude {
    /// Share of each convolution's weights that become zero.
    #[parameter(default = 0.2, published = 0.2, min = 0, max = 1)]
    share: f64,
}

impl Method for Magnitude {
    const DESCRIPTION: Description = Description {
        name: "magnitude",
        title: "Magnitude pruning",
        family: "pruning",
        summary: "Sets the smallest weights of each convolution to zero.",
        cost: "No training.",
        ..Description::EMPTY
    };
}

impl Defense for Magnitude {
    fn run(&self, model: &Model, _: &DefenderView) -> Result<Outcome, TrainError> {
        let mut zeroed = 0;
        for (_, weight) in model.main_convolutions() {
            let count = (weight.numel() as f64 * self.share) as i64;
            no_grad(|| {
                let (_, smallest) = weight.abs().flatten(0, -1).topk(count, 0, false, false);
                let _ = weight.view([-1]).index_fill_(0, &smallest, 0.0);
            });
            zeroed += count;
        }
        Ok(Outcome::default().with("zeroed_weights", zeroed))
    }
}
