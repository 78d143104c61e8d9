//! The registry of data sets.

use std::path::{Path, PathBuf};

use scour_core::{DatasetFacts, ParamError};
use serde_json::Value;

use crate::folder::Folder;
use crate::gtsrb::Gtsrb;
use crate::signs::Signs;
use crate::tiny_imagenet::TinyImageNet;
use crate::{Dataset, DatasetError, Profile, cifar10, cifar100};

/// Where a data set was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The folder or archive that holds it.
    pub path: PathBuf,
    /// Its layout in a few words.
    pub layout: &'static str,
}

/// A data set that an experiment can name.
pub trait Source: Sync {
    /// The registered name: lower case, and never changed once results carry it.
    fn name(&self) -> &'static str;

    /// The name in headings.
    fn title(&self) -> &'static str;

    /// Normalisation, augmentation, recipe, licence and layouts.
    fn profile(&self) -> Profile;

    /// Raised whenever the same files and parameters come to mean other pictures or labels.
    fn impl_version(&self) -> u32;

    /// Fills in the defaults of `params` (a JSON object) and checks them. The result resolves to itself.
    fn resolve(&self, params: &Value) -> Result<Value, ParamError>;

    /// Which of its layouts lies below the folder `data`, and where; `None` where nothing is read. Looks at names alone.
    fn place(&self, _data: &Path) -> Result<Option<Place>, DatasetError> {
        Ok(None)
    }

    /// Counts pictures and takes the fingerprint of the content below the folder `data`, without keeping pictures.
    fn facts(&self, params: &Value, data: &Path) -> Result<DatasetFacts, DatasetError>;

    /// Does what is slow about a first read ahead of `facts` and `load`, and tells `progress` how many pictures of how
    /// many are done, from several threads. Nothing where a first read is as fast as any.
    fn prepare(
        &self,
        _params: &Value,
        _data: &Path,
        _progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<(), DatasetError> {
        Ok(())
    }

    /// Reads the data set from the folder `data` into memory, with what [`Source::facts`] would say of the same files.
    fn load_with_facts(&self, params: &Value, data: &Path) -> Result<(Dataset, DatasetFacts), DatasetError>;

    /// Reads the data set from the folder `data` into memory.
    fn load(&self, params: &Value, data: &Path) -> Result<Dataset, DatasetError> {
        self.load_with_facts(params, data).map(|(dataset, _)| dataset)
    }
}

/// Every data set, in the order in which they are listed.
pub static SOURCES: &[&dyn Source] =
    &[&Signs, &cifar10::FORMAT, &cifar100::FORMAT, &Gtsrb, &TinyImageNet, &Folder];

/// The data set registered under `name`.
pub fn source(name: &str) -> Option<&'static dyn Source> {
    SOURCES.iter().copied().find(|source| source.name() == name)
}
