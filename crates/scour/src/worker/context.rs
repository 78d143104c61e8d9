//! What both kinds of stages need: the data set on the device, the model's description.

use scour_core::{AttackConfig, Task};
use scour_datasets::{Dataset, source};
use scour_models::ModelSpec;
use scour_torch::{NumberFormat, parse_device, resolve_precision};
use scour_train::{ImageSet, Preprocess, TrainError};
use tch::Device;

/// The data set, ready for a device.
pub(crate) struct Context {
    pub(crate) device: Device,
    pub(crate) format: NumberFormat,
    pub(crate) preprocess: Preprocess,
    pub(crate) spec: ModelSpec,
    pub(crate) class_names: Vec<String>,
    /// The clean training set, cut to the recipe's number of pictures.
    pub(crate) train: ImageSet,
    pub(crate) test: ImageSet,
}

impl Context {
    /// Loads what the configuration names, and makes sure that it is what was planned with.
    pub(crate) fn load(task: &Task, config: &AttackConfig) -> Result<Self, TrainError> {
        let device = parse_device(&task.device).map_err(TrainError::Method)?;
        if device.is_cuda() {
            scour_torch::deterministic_algorithms(true);
        }
        let name = &config.dataset.name;
        let source =
            source(name).ok_or_else(|| TrainError::Method(format!("there is no data set `{name}`")))?;
        let missing = |error: scour_datasets::DatasetError| TrainError::File(error.to_string());
        let facts = source.facts(&config.dataset.params, &task.data).map_err(missing)?;
        if facts.fingerprint != config.fingerprint {
            return Err(TrainError::File(format!(
                "{name} in {} has changed since the sweep was planned: start the sweep again",
                task.data.display()
            )));
        }
        let Dataset { classes, size, class_names, train, test, .. } =
            source.load(&config.dataset.params, &task.data).map_err(missing)?;
        let profile = source.profile();
        let preprocess = Preprocess {
            mean: profile.mean,
            std: profile.std,
            padding: i64::from(profile.crop_padding),
            horizontal_flip: profile.horizontal_flip,
        };
        let on_device =
            |split: &scour_datasets::Split| ImageSet::from_bytes(&split.pixels, &split.labels, size, device);
        let spec =
            ModelSpec { name: config.model.name.clone(), params: config.model.params.clone(), classes, size };
        Ok(Self {
            device,
            format: resolve_precision(config.precision, device),
            preprocess,
            spec,
            class_names,
            train: on_device(&train).first(config.recipe.train_pictures),
            test: on_device(&test),
        })
    }

    /// Metadata of a saved model: enough to rebuild and feed it.
    pub(crate) fn metadata(&self, task: &Task) -> Vec<(&'static str, String)> {
        vec![
            ("key", task.key.to_string()),
            ("architecture", self.spec.name.clone()),
            ("params", self.spec.params.to_string()),
            ("classes", self.spec.classes.to_string()),
            ("size", self.spec.size.to_string()),
            ("mean", format!("{:?}", self.preprocess.mean)),
            ("std", format!("{:?}", self.preprocess.std)),
        ]
    }
}

/// Puts a file of the stage in place.
pub(crate) fn write_file(task: &Task, name: &str, text: &str) -> Result<(), TrainError> {
    let path = task.out.join(name);
    std::fs::write(&path, text).map_err(|error| TrainError::File(format!("{}: {error}", path.display())))
}
