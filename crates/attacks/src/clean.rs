//! `none`: no attack. The clean model that everything else is compared with.

use scour_core::{Check, DatasetFacts, ParamError, resolve_params};
use scour_train::{ImageSet, TrainError, Trigger};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tch::Tensor;

use crate::attack::{Attack, AttackContext, Prepared};

pub(crate) struct Clean;

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {}

impl Check for Params {
    fn check(&self) -> Result<(), ParamError> {
        Ok(())
    }
}

impl Attack for Clean {
    fn name(&self) -> &'static str {
        "none"
    }

    fn resolve(&self, params: &Value, _: &DatasetFacts) -> Result<Value, ParamError> {
        resolve_params::<Params>(params)?;
        Ok(json!({}))
    }

    fn prepare<'a>(&self, _: &Value, context: &AttackContext<'a>) -> Result<Prepared<'a>, TrainError> {
        let train = ImageSet {
            pictures: context.train.pictures.shallow_clone(),
            labels: context.train.labels.shallow_clone(),
        };
        Ok(Prepared { train, poisoned: vec![], in_batches: None, trigger: None, maker: None })
    }

    fn restore(&self, _: &Value, _: &[(String, Tensor)]) -> Result<Option<Box<dyn Trigger>>, TrainError> {
        Ok(None)
    }
}
