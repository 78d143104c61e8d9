//! The data set of a stage, in memory on its device.

use std::path::{Path, PathBuf};

use scour_core::{AttackConfig, MethodConfig, Precision, ResourceConfig};
use scour_datasets::Dataset;
use scour_methods::source;
use scour_torch::{NumberFormat, resolve_precision};
use scour_train::{ImageSet, Preprocess, TrainError};
use tch::{Device, Tensor};

use crate::error::unusable;

/// Which data set is to be loaded, and how.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DataRequest {
    pub(crate) device: Device,
    /// The folder of downloaded data sets.
    pub(crate) folder: PathBuf,
    pub(crate) dataset: MethodConfig,
    /// What it was planned with.
    pub(crate) fingerprint: String,
    /// Use only the first so many training images; all when 0.
    pub(crate) train_images: usize,
    pub(crate) precision: Precision,
}

impl DataRequest {
    /// The data set of an attacked model.
    pub(crate) fn of_attack(device: Device, folder: &Path, config: &AttackConfig) -> Self {
        Self {
            device,
            folder: folder.into(),
            dataset: config.dataset.clone(),
            fingerprint: config.fingerprint.clone(),
            train_images: config.recipe.train_images,
            precision: config.precision,
        }
    }

    /// The data set of a resource.
    pub(crate) fn of_resource(device: Device, folder: &Path, config: &ResourceConfig) -> Self {
        Self {
            device,
            folder: folder.into(),
            dataset: config.dataset.clone(),
            fingerprint: config.fingerprint.clone(),
            train_images: config.train_images,
            precision: config.precision,
        }
    }
}

/// A data set on a device.
pub(crate) struct LoadedData {
    pub(crate) device: Device,
    pub(crate) format: NumberFormat,
    pub(crate) preprocess: Preprocess,
    pub(crate) classes: u32,
    pub(crate) size: u32,
    pub(crate) class_names: Vec<String>,
    /// ACC, in percent, of always naming the most frequent class of the test set.
    pub(crate) chance: f64,
    /// The clean training set, cut to the number of images asked for.
    pub(crate) train: ImageSet,
    pub(crate) test: ImageSet,
}

impl LoadedData {
    /// Loads what the request names, and makes sure that it is what was planned with.
    pub(crate) fn load(request: &DataRequest) -> Result<Self, TrainError> {
        let &DataRequest { device, ref folder, ref dataset, ref fingerprint, train_images, precision } =
            request;
        if device.is_cuda() {
            scour_torch::deterministic_algorithms(true);
        }
        let name = &dataset.name;
        let source = source(name).and_then(|entry| entry.read(dataset)).map_err(unusable)?;
        let (dataset, facts) =
            source.load_with_facts(folder).map_err(|error| TrainError::File(error.to_string()))?;
        if facts.fingerprint != *fingerprint {
            return Err(TrainError::File(format!(
                "{name} in {} has changed since the sweep was planned: start the sweep again",
                folder.display()
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
            train: on_device(&train.part(train_images)),
            test: on_device(&test),
        })
    }
    /// The tensors of images and labels.
    pub(crate) fn tensors(&self) -> [&Tensor; 4] {
        let (train, test) = (&self.train, &self.test);
        [&train.pixels, &train.labels, &test.pixels, &test.labels]
    }
}
