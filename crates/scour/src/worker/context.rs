//! What stages need: the data set on the device, the model's description.

use std::path::Path;
use std::rc::Rc;

use scour_attacks::attack;
use scour_core::{AtStrength, AttackConfig, LabelMap, Measured, Method, Precision, Task};
use scour_datasets::{Dataset, source};
use scour_models::{Model, ModelSpec};
use scour_torch::{NumberFormat, load_tensors, parse_device, resolve_precision};
use scour_train::{ImageSet, Preprocess, TrainError, Trigger, asr_by_strength, evaluate};
use tch::Device;

/// File names in a model's folder.
pub(super) const MODEL: &str = "model.safetensors";
pub(super) const TRIGGER: &str = "trigger.safetensors";

/// A data set on a device.
pub(super) struct Pictures {
    pub(super) device: Device,
    pub(super) format: NumberFormat,
    pub(super) preprocess: Preprocess,
    pub(super) classes: u32,
    pub(super) size: u32,
    pub(super) class_names: Vec<String>,
    /// ACC, in percent, of always naming the most frequent class of the test set.
    pub(super) chance: f64,
    /// The clean training set, cut to the number of pictures asked for.
    pub(super) train: ImageSet,
    pub(super) test: ImageSet,
}

impl Pictures {
    /// Loads what the configuration names, and makes sure that it is what was planned with.
    pub(super) fn load(
        task: &Task,
        dataset: &Method,
        fingerprint: &str,
        train_pictures: usize,
        precision: Precision,
    ) -> Result<Self, TrainError> {
        let device = parse_device(&task.device).map_err(TrainError::Method)?;
        if device.is_cuda() {
            scour_torch::deterministic_algorithms(true);
        }
        let name = &dataset.name;
        let source =
            source(name).ok_or_else(|| TrainError::Method(format!("there is no data set `{name}`")))?;
        let missing = |error: scour_datasets::DatasetError| TrainError::File(error.to_string());
        let (dataset, facts) = source.load_with_facts(&dataset.params, &task.data).map_err(missing)?;
        if facts.fingerprint != fingerprint {
            return Err(TrainError::File(format!(
                "{name} in {} has changed since the sweep was planned: start the sweep again",
                task.data.display()
            )));
        }
        let Dataset { classes, size, class_names, train, test, .. } = dataset;
        let profile = source.profile();
        let preprocess = Preprocess {
            mean: profile.mean,
            std: profile.std,
            padding: i64::from(profile.crop_padding),
            horizontal_flip: profile.horizontal_flip,
        };
        let on_device =
            |split: &scour_datasets::Split| ImageSet::from_bytes(&split.pixels, &split.labels, size, device);
        Ok(Self {
            device,
            format: resolve_precision(precision, device),
            preprocess,
            classes,
            size,
            class_names,
            chance: facts.chance(),
            train: on_device(&train.part(train_pictures)),
            test: on_device(&test),
        })
    }
}

/// A data set on a device, and the model that is trained on it.
pub(super) struct Context {
    pub(super) pictures: Rc<Pictures>,
    pub(super) spec: ModelSpec,
    map: LabelMap,
    trigger_strengths: Vec<f64>,
}

impl Context {
    /// Loads the configuration's data set.
    pub(super) fn load(task: &Task, config: &AttackConfig) -> Result<Self, TrainError> {
        let count = config.recipe.train_pictures;
        let pictures = Pictures::load(task, &config.dataset, &config.fingerprint, count, config.precision)?;
        Ok(Self::with(Rc::new(pictures), config))
    }

    /// With the configuration's data set where that is loaded already.
    pub(super) fn with(pictures: Rc<Pictures>, config: &AttackConfig) -> Self {
        let spec = ModelSpec {
            name: config.model.name.clone(),
            params: config.model.params.clone(),
            classes: pictures.classes,
            size: pictures.size,
        };
        Self { pictures, spec, map: config.label_map, trigger_strengths: config.trigger_strengths.clone() }
    }

    /// ACC, ASR and RA on the test set: how every cell is measured.
    pub(super) fn measure(&self, model: &Model, trigger: Option<&dyn Trigger>) -> Measured {
        evaluate(model, &self.pictures.test, &self.pictures.preprocess, trigger, self.map)
    }

    /// ASR under the trigger at each strength that the experiment asks for; `measured` is what [`Context::measure`] found.
    pub(super) fn by_strength(
        &self,
        model: &Model,
        trigger: Option<&dyn Trigger>,
        measured: Measured,
    ) -> Vec<AtStrength> {
        let Pictures { test, preprocess, .. } = &*self.pictures;
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
    pub(super) fn stored_model(&self, folder: &Path) -> Result<Model, TrainError> {
        let path = folder.join(MODEL);
        let tensors = load_tensors(&path, self.pictures.device)?;
        Model::from_tensors(&self.spec, &tensors, self.pictures.device)
            .map_err(|message| TrainError::File(format!("{}: {message}", path.display())))
    }

    /// The trigger that was saved with the attacked model in that folder, for measuring only; none without an attack.
    pub(super) fn stored_trigger(
        &self,
        folder: &Path,
        method: &Method,
    ) -> Result<Option<Box<dyn Trigger>>, TrainError> {
        let attack = attack(&method.name)
            .ok_or_else(|| TrainError::Method(format!("there is no attack `{}`", method.name)))?;
        let file = folder.join(TRIGGER);
        let tensors = if file.is_file() { load_tensors(&file, self.pictures.device)? } else { vec![] };
        attack.restore(&method.params, &tensors)
    }

    /// Metadata of a saved model: enough to rebuild and feed it.
    pub(super) fn metadata(&self, task: &Task, spec: &ModelSpec) -> Vec<(&'static str, String)> {
        vec![
            ("key", task.key.to_string()),
            ("architecture", spec.name.clone()),
            ("params", spec.params.to_string()),
            ("classes", spec.classes.to_string()),
            ("size", spec.size.to_string()),
            ("mean", format!("{:?}", self.pictures.preprocess.mean)),
            ("std", format!("{:?}", self.pictures.preprocess.std)),
        ]
    }
}

/// Puts a file of the stage in place.
pub(super) fn write_file(task: &Task, name: &str, text: &str) -> Result<(), TrainError> {
    let path = task.out.join(name);
    std::fs::write(&path, text).map_err(|error| TrainError::File(format!("{}: {error}", path.display())))
}
