//! Stored models, measured once more.

use std::path::{Path, PathBuf};

use scour_core::{AttackConfig, Measured};
use scour_methods::Registry;
use scour_train::TrainError;
use tch::Device;

use crate::data::DataRequest;
use crate::data_cache::DataCache;
use crate::error::unusable;
use crate::measurer::Measurer;

/// Measures stored models one after another. A data set stays loaded for as long as the models are of the same one.
pub struct StoredModels {
    methods: Registry,
    device: Device,
    folder: PathBuf,
    data: DataCache,
}

impl StoredModels {
    /// `data` is the folder of downloaded data sets.
    pub fn new(methods: &Registry, device: Device, data: &Path) -> Self {
        Self { methods: methods.clone(), device, folder: data.into(), data: DataCache::default() }
    }

    /// Measures the model in `model`, the folder of a finished stage, as the stage did, under the trigger that is stored in
    /// `attacked`, the folder of its attacked model. Writes nothing.
    pub fn measure(
        &mut self,
        config: &AttackConfig,
        attacked: &Path,
        model: &Path,
    ) -> Result<Measured, TrainError> {
        let request = DataRequest::of_attack(self.device, &self.folder, config);
        let measurer = Measurer::with(self.data.get(&request)?, config);
        let model = measurer.stored_model(model)?;
        let attack = self.methods.read_attack(&config.attack).map_err(unusable)?;
        let trigger = measurer.stored_trigger(attacked, attack.as_ref())?;
        Ok(measurer.measure(&model, trigger.as_deref()))
    }
}
