//! The data set of a stage, in memory on its device.

use std::path::Path;

use scour_core::{MethodConfig, Precision};
use scour_datasets::Dataset;
use scour_methods::source;
use scour_torch::{NumberFormat, resolve_precision};
use scour_train::{ImageSet, Preprocess, TrainError};
use tch::Device;

use crate::error::unusable;

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
    /// Loads what the configuration names, and makes sure that it is what was planned with.
    pub(crate) fn load(
        device: Device,
        folder: &Path,
        dataset: &MethodConfig,
        fingerprint: &str,
        train_images: usize,
        precision: Precision,
    ) -> Result<Self, TrainError> {
        if device.is_cuda() {
            scour_torch::deterministic_algorithms(true);
        }
        let name = &dataset.name;
        let source = source(name).and_then(|entry| entry.read(dataset)).map_err(unusable)?;
        let (dataset, facts) =
            source.load_with_facts(folder).map_err(|error| TrainError::File(error.to_string()))?;
        if facts.fingerprint != fingerprint {
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
}
