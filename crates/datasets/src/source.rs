//! The registry of data sets.

use std::path::{Path, PathBuf};

use scour_core::{DatasetFacts, Entry, ParamError, entry};
use serde_json::json;

use crate::cifar10::Cifar10;
use crate::cifar100::Cifar100;
use crate::folder::Folder;
use crate::gtsrb::Gtsrb;
use crate::signs::Signs;
use crate::tiny_imagenet::TinyImageNet;
use crate::{Dataset, DatasetError, Profile};

/// Where a data set was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundData {
    /// The folder or archive that holds it.
    pub path: PathBuf,
    /// Its layout in a few words.
    pub layout: &'static str,
}

/// A data set with its parameters.
pub trait Source: Send + Sync {
    /// Normalisation, augmentation, recipe, licence and layouts. They do not depend on the parameters.
    fn profile(&self) -> Profile;

    /// Finds the data set below the folder `data` by the names of files, without reading images. `None` where the data
    /// set needs no files; an error where its files are missing.
    fn find(&self, _data: &Path) -> Result<Option<FoundData>, DatasetError> {
        Ok(None)
    }

    /// Counts the images below the folder `data` and computes the fingerprint of their content, without keeping them.
    fn facts(&self, data: &Path) -> Result<DatasetFacts, DatasetError>;

    /// Does the slow part of a first read before `facts` and `load` are called. Calls `progress` with the number of
    /// finished images and the number of all images, from several threads. Does nothing where a first read is as fast
    /// as a later one.
    fn prepare(&self, _data: &Path, _progress: &(dyn Fn(usize, usize) + Sync)) -> Result<(), DatasetError> {
        Ok(())
    }

    /// Reads the data set from the folder `data` into memory, together with the facts that [`Source::facts`] returns
    /// for the same files.
    fn load_with_facts(&self, data: &Path) -> Result<(Dataset, DatasetFacts), DatasetError>;

    /// Reads the data set from the folder `data` into memory.
    fn load(&self, data: &Path) -> Result<Dataset, DatasetError> {
        self.load_with_facts(data).map(|(dataset, _)| dataset)
    }
}

/// Every data set, in the order in which they are listed.
pub static SOURCES: &[Entry<dyn Source>] =
    &[entry!(Signs), entry!(Cifar10), entry!(Cifar100), entry!(Gtsrb), entry!(TinyImageNet), entry!(Folder)];

/// The registry entry of the data set named `name`. The error proposes the nearest known name.
pub fn source(name: &str) -> Result<&'static Entry<dyn Source>, ParamError> {
    scour_core::find(SOURCES.iter(), "data set", name)
}

/// The data set of a registry entry with the default of every parameter.
pub fn with_defaults(entry: &Entry<dyn Source>) -> Result<Box<dyn Source>, ParamError> {
    (entry.read)(&json!({}))
}
