//! What CIFAR-10 and CIFAR-100 have in common: 32 x 32 pictures in a few large files, in a binary version and in one of
//! Python pickles, unpacked or still in their archives. The same pictures are the same data set in each of the four.

mod archive;
mod batch;
mod pickle;
mod place;

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use scour_core::{Check, DatasetFacts, ParamError, Recipe, resolve_params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::dataset::count_per_class;
use crate::{Dataset, DatasetError, OfficialCounts, Place, Profile, Source, Split};
use batch::{PIXELS, RECORD, Records};

const SIZE: u32 = 32;

/// One of the two data sets: its names, its pictures' statistics, and how its files are named and built.
pub(crate) struct Format {
    /// The data set's registered name.
    pub(crate) name: &'static str,
    /// The name in headings.
    pub(crate) title: &'static str,
    /// Raised whenever its figures come to mean something else.
    pub(crate) impl_version: u32,
    /// Whether published runs mirror half of the training images.
    pub(crate) horizontal_flip: bool,
    /// Mean of each colour over the training set, of pixels in 0..1.
    pub(crate) mean: [f64; 3],
    /// Standard deviation of each.
    pub(crate) std: [f64; 3],
    /// Where its authors publish it.
    pub(crate) origin: &'static str,
    /// The accepted layouts, for messages.
    pub(crate) layouts: &'static str,
    pub(crate) binary: Version,
    pub(crate) python: Version,
    /// The files that hold the pictures: those of the training set in order, then that of the test set.
    pub(crate) files: &'static [Part],
    /// Bytes before the pixels of a binary record; the last of them is the class.
    pub(crate) label_bytes: usize,
    /// Under which key a pickle holds the classes, and the names of classes.
    pub(crate) keys: [&'static str; 2],
    pub(crate) class_names: &'static [&'static str],
}

/// One form in which a data set is published.
pub(crate) struct Version {
    pub(crate) folder: &'static str,
    pub(crate) archive: &'static str,
    /// The file with the names of classes.
    pub(crate) names: &'static str,
}

/// One file of pictures.
#[derive(Clone, Copy)]
pub(crate) struct Part {
    pub(crate) binary: &'static str,
    pub(crate) python: &'static str,
    /// Pictures in it.
    pub(crate) records: usize,
}

impl Format {
    fn classes(&self) -> u32 {
        self.class_names.len() as u32
    }

    fn missing(&self, path: &Path) -> DatasetError {
        DatasetError::Missing { dataset: self.name, path: path.into(), layouts: self.layouts }
    }

    /// Its files have the official lengths or are refused, so that it is whole wherever it can be read.
    fn official(&self) -> OfficialCounts {
        let (train, test) = self.lengths();
        OfficialCounts { train, test, classes: self.class_names.len() }
    }

    /// Pictures of the training set and of the test set.
    fn lengths(&self) -> (usize, usize) {
        let (test, train) =
            self.files.split_last().map_or((0, &[][..]), |(test, train)| (test.records, train));
        (train.iter().map(|part| part.records).sum(), test)
    }
}

/// These data sets have no parameters.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Params {}

impl Check for Params {
    fn check(&self) -> Result<(), ParamError> {
        Ok(())
    }
}

impl Source for Format {
    fn name(&self) -> &'static str {
        self.name
    }

    fn title(&self) -> &'static str {
        self.title
    }

    fn profile(&self) -> Profile {
        Profile {
            mean: self.mean,
            std: self.std,
            crop_padding: 4,
            horizontal_flip: self.horizontal_flip,
            recipe: Recipe::default(),
            licence: "no licence stated; its authors ask to be cited (Krizhevsky 2009)",
            layouts: self.layouts,
            origin: self.origin,
            official_counts: Some(self.official()),
        }
    }

    fn impl_version(&self) -> u32 {
        self.impl_version
    }

    fn resolve(&self, params: &Value) -> Result<Value, ParamError> {
        resolve_params::<Params>(params).map(|_| Value::Object(Default::default()))
    }

    fn place(&self, data: &Path) -> Result<Option<Place>, DatasetError> {
        place::find(self, data).map(|found| Some(found.describe()))
    }

    fn facts(&self, params: &Value, data: &Path) -> Result<DatasetFacts, DatasetError> {
        self.resolve(params).map_err(|problem| DatasetError::Param { dataset: self.name, problem })?;
        let read_files = self.read_files();
        let class_names = place::find(self, data)?
            .read(self, &|index, records: Records| read_files[index].note(&records))?;
        Ok(self.facts_of(read_files, class_names))
    }

    fn load_with_facts(&self, params: &Value, data: &Path) -> Result<(Dataset, DatasetFacts), DatasetError> {
        self.resolve(params).map_err(|problem| DatasetError::Param { dataset: self.name, problem })?;
        let (train, test) = self.lengths();
        let mut dataset = Dataset {
            name: self.name.into(),
            classes: self.classes(),
            size: SIZE,
            class_names: vec![],
            train: blank(train),
            test: blank(test),
        };
        // Each file's own stretch of the splits, so that several can be filled at a time and none is kept twice.
        let mut slots = Vec::new();
        let (mut pixels, mut labels) = (&mut dataset.train.pixels[..], &mut dataset.train.labels[..]);
        for part in &self.files[..self.files.len() - 1] {
            let (pixels_here, labels_here);
            (pixels_here, pixels) = pixels.split_at_mut(part.records * PIXELS);
            (labels_here, labels) = labels.split_at_mut(part.records);
            slots.push(Mutex::new((pixels_here, labels_here)));
        }
        slots.push(Mutex::new((&mut dataset.test.pixels[..], &mut dataset.test.labels[..])));
        let read_files = self.read_files();
        let class_names = place::find(self, data)?.read(self, &|index, records: Records| {
            read_files[index].note(&records);
            let mut slot = slots[index].lock().unwrap_or_else(PoisonError::into_inner);
            slot.1.copy_from_slice(&records.labels());
            for (picture, record) in slot.0.chunks_exact_mut(PIXELS).zip(records.bytes().chunks_exact(RECORD))
            {
                picture.copy_from_slice(&record[1..]);
            }
        })?;
        drop(slots);
        let facts = self.facts_of(read_files, class_names);
        dataset.class_names.clone_from(&facts.class_names);
        Ok((dataset, facts))
    }
}

/// What the facts need of one file, once it has been read.
#[derive(Default)]
struct FileFacts(Mutex<Option<(Vec<u32>, blake3::Hash)>>);

impl FileFacts {
    fn note(&self, records: &Records) {
        let part = (records.labels(), blake3::hash(records.bytes()));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(part);
    }
}

impl Format {
    /// A place for each file's part, in the order of the files.
    fn read_files(&self) -> Vec<FileFacts> {
        self.files.iter().map(|_| FileFacts::default()).collect()
    }

    /// The facts, once every file has been read.
    fn facts_of(&self, read_files: Vec<FileFacts>, class_names: Vec<String>) -> DatasetFacts {
        let (mut hasher, mut labels) = (blake3::Hasher::new(), Vec::new());
        let read = read_files
            .into_iter()
            .filter_map(|part| part.0.into_inner().unwrap_or_else(PoisonError::into_inner));
        for (part, hash) in read {
            hasher.update(hash.as_bytes());
            labels.extend(part);
        }
        let (train, test) = labels.split_at(self.lengths().0);
        DatasetFacts {
            name: self.name.into(),
            classes: self.classes(),
            size: SIZE,
            train_per_class: count_per_class(train, self.classes()),
            test_per_class: count_per_class(test, self.classes()),
            fingerprint: hasher.finalize().to_hex().to_string(),
            class_names,
            ..DatasetFacts::default()
        }
    }
}

fn blank(len: usize) -> Split {
    Split { pixels: vec![0; len * PIXELS], labels: vec![0; len] }
}

#[cfg(test)]
mod tests;
