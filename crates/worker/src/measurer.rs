//! How models are measured: ACC, ASR and RA on the test set.

use std::path::Path;
use std::rc::Rc;

use scour_core::{AtStrength, AttackConfig, LabelMap, Measured, Task};
use scour_models::{Model, ModelSpec};
use scour_torch::{load_tensors, parse_device};
use scour_train::{Attack, TrainError, Trigger, asr_by_strength, evaluate};

use crate::data::{DataRequest, LoadedData};
use crate::data_cache::DataCache;
use crate::files::{MODEL, TRIGGER};

/// Loads stored models and triggers of one attacked setting, and measures them. Sweeps and `scour evaluate` measure with the
/// same one.
pub(crate) struct Measurer {
    pub(crate) data: Rc<LoadedData>,
    /// What models of the setting are built from.
    pub(crate) spec: ModelSpec,
    map: LabelMap,
    trigger_strengths: Vec<f64>,
}

impl Measurer {
    /// Of a stage's task. The data set is loaded where an earlier stage has not left it in `data`.
    pub(crate) fn of_task(task: &Task, config: &AttackConfig, data: &DataCache) -> Result<Self, TrainError> {
        let device = parse_device(&task.device).map_err(TrainError::Method)?;
        Ok(Self::with(data.get(&DataRequest::of_attack(device, &task.data, config))?, config))
    }

    /// With the configuration's data set.
    pub(crate) fn with(data: Rc<LoadedData>, config: &AttackConfig) -> Self {
        let spec = ModelSpec {
            name: config.model.name.clone(),
            params: config.model.params.clone(),
            classes: data.classes,
            size: data.size,
        };
        Self { data, spec, map: config.label_map, trigger_strengths: config.trigger_strengths.clone() }
    }

    /// ACC, ASR and RA on the test set: how every cell is measured.
    pub(crate) fn measure(&self, model: &Model, trigger: Option<&dyn Trigger>) -> Measured {
        evaluate(model, &self.data.test, &self.data.preprocess, trigger, self.map)
    }

    /// ASR under the trigger at each strength that the experiment asks for; `measured` is what [`Measurer::measure`] found.
    pub(crate) fn by_strength(
        &self,
        model: &Model,
        trigger: Option<&dyn Trigger>,
        measured: Measured,
    ) -> Vec<AtStrength> {
        let LoadedData { test, preprocess, .. } = &*self.data;
        trigger.map_or_else(Vec::new, |trigger| {
            asr_by_strength(
                model,
                test,
                preprocess,
                trigger,
                self.map,
                (&self.trigger_strengths, measured.asr),
            )
        })
    }

    /// The model in the folder of a finished stage.
    pub(crate) fn stored_model(&self, folder: &Path) -> Result<Model, TrainError> {
        let path = folder.join(MODEL);
        let tensors = load_tensors(&path, self.data.device)?;
        Model::from_tensors(&self.spec, &tensors, self.data.device)
            .map_err(|message| TrainError::File(format!("{}: {message}", path.display())))
    }

    /// The trigger that was saved with the attacked model in that folder, for measuring only; none without an attack.
    pub(crate) fn stored_trigger(
        &self,
        folder: &Path,
        attack: &dyn Attack,
    ) -> Result<Option<Box<dyn Trigger>>, TrainError> {
        let file = folder.join(TRIGGER);
        let tensors = if file.is_file() { load_tensors(&file, self.data.device)? } else { vec![] };
        attack.restore(&tensors)
    }

    /// Metadata of a saved model: enough to rebuild and feed it.
    pub(crate) fn metadata(&self, task: &Task, spec: &ModelSpec) -> Vec<(&'static str, String)> {
        vec![
            ("key", task.key.to_string()),
            ("architecture", spec.name.clone()),
            ("params", spec.params.to_string()),
            ("classes", spec.classes.to_string()),
            ("size", spec.size.to_string()),
            ("mean", format!("{:?}", self.data.preprocess.mean)),
            ("std", format!("{:?}", self.data.preprocess.std)),
        ]
    }
}
