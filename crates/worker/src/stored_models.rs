//! Stored models, measured once more.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use scour_core::{AttackConfig, Measured};
use scour_methods::Registry;
use scour_train::TrainError;
use tch::Device;

use crate::data::LoadedData;
use crate::error::unusable;
use crate::measurer::Measurer;

/// Measures stored models one after another. A data set stays loaded for as long as the models are of the same one.
pub struct StoredModels {
    methods: Registry,
    device: Device,
    data: PathBuf,
    last: Option<(AttackConfig, Rc<LoadedData>)>,
}

impl StoredModels {
    /// `data` is the folder of downloaded data sets.
    pub fn new(methods: &Registry, device: Device, data: &Path) -> Self {
        Self { methods: methods.clone(), device, data: data.into(), last: None }
    }

    /// Measures the model in `model`, the folder of a finished stage, as the stage did, under the trigger that is stored in
    /// `attacked`, the folder of its attacked model. Writes nothing.
    pub fn measure(
        &mut self,
        config: &AttackConfig,
        attacked: &Path,
        model: &Path,
    ) -> Result<Measured, TrainError> {
        let measurer = self.measurer(config)?;
        let model = measurer.stored_model(model)?;
        let attack = self.methods.read_attack(&config.attack).map_err(unusable)?;
        let trigger = measurer.stored_trigger(attacked, attack.as_ref())?;
        Ok(measurer.measure(&model, trigger.as_deref()))
    }

    fn measurer(&mut self, config: &AttackConfig) -> Result<Measurer, TrainError> {
        if let Some((last, data)) = &self.last
            && last.dataset == config.dataset
            && last.fingerprint == config.fingerprint
            && last.recipe.train_images == config.recipe.train_images
            && last.precision == config.precision
        {
            return Ok(Measurer::with(Rc::clone(data), config));
        }
        // Two data sets need not fit the device.
        self.last = None;
        let measurer = Measurer::load(self.device, &self.data, config)?;
        self.last = Some((config.clone(), Rc::clone(&measurer.data)));
        Ok(measurer)
    }
}
