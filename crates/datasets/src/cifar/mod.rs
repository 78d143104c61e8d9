//! Code shared by CIFAR-10 and CIFAR-100: 32 x 32 images in a few large files. There is a binary version and a version
//! of Python pickles, and both are read unpacked or from their archives. The same images give the same data set in each
//! of the four layouts.

mod archive;
mod batch;
mod kind;
mod location;
mod pickle;

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use scour_core::{DatasetFacts, Recipe};

use crate::dataset::count_per_class;
use crate::{Dataset, DatasetError, FoundData, OfficialCounts, Profile, Split};
use batch::{PIXELS, RECORD, Records};

const SIZE: u32 = 32;

/// One of the two data sets: name, usual settings, and the names and the structure of its files.
pub(crate) struct Format {
    /// The data set's registered name.
    pub(crate) name: &'static str,
    /// Whether published runs mirror training images with probability 0.5.
    pub(crate) horizontal_flip: bool,
    /// Mean of each colour over the training set, for pixels in [0, 1].
    pub(crate) mean: [f64; 3],
    /// Standard deviation of each.
    pub(crate) std: [f64; 3],
    /// The URL of the official files.
    pub(crate) origin: &'static str,
    /// The accepted layouts, for messages.
    pub(crate) layouts: &'static str,
    pub(crate) binary: Version,
    pub(crate) python: Version,
    /// The files with the images: those of the training set in order, then that of the test set.
    pub(crate) files: &'static [Part],
    /// Number of bytes before the pixels of a binary record. The last of them is the class.
    pub(crate) label_bytes: usize,
    /// The keys of the labels and of the class names in the pickles.
    pub(crate) keys: [&'static str; 2],
    pub(crate) class_names: &'static [&'static str],
}

/// A published version of a data set.
pub(crate) struct Version {
    pub(crate) folder: &'static str,
    pub(crate) archive: &'static str,
    /// The file with the class names.
    pub(crate) names: &'static str,
}

/// One file of images.
#[derive(Clone, Copy)]
pub(crate) struct Part {
    pub(crate) binary: &'static str,
    pub(crate) python: &'static str,
    /// Number of images.
    pub(crate) records: usize,
}

impl Format {
    fn classes(&self) -> u32 {
        self.class_names.len() as u32
    }

    fn missing(&self, path: &Path) -> DatasetError {
        DatasetError::Missing { dataset: self.name, path: path.into(), layouts: self.layouts }
    }

    /// The official counts. Files of other sizes are refused, so that a data set that can be read is always complete.
    fn official(&self) -> OfficialCounts {
        let (train, test) = self.lengths();
        OfficialCounts { train, test, classes: self.class_names.len() }
    }

    /// Number of images of the training set and of the test set.
    fn lengths(&self) -> (usize, usize) {
        let (test, train) =
            self.files.split_last().map_or((0, &[][..]), |(test, train)| (test.records, train));
        (train.iter().map(|part| part.records).sum(), test)
    }

    /// The usual settings for the data set.
    pub(crate) fn profile(&self) -> Profile {
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

    /// Finds the files below `data`.
    pub(crate) fn find(&self, data: &Path) -> Result<Option<FoundData>, DatasetError> {
        location::locate(self, data).map(|location| Some(location.describe()))
    }

    /// Counts and fingerprint of the files below `data`.
    pub(crate) fn facts(&self, data: &Path) -> Result<DatasetFacts, DatasetError> {
        let read_files = self.read_files();
        let class_names = location::locate(self, data)?
            .read(self, &|index, records: Records| read_files[index].set(&records))?;
        Ok(self.facts_of(read_files, class_names))
    }

    /// The images below `data` and their facts, in one pass over the files.
    pub(crate) fn load_with_facts(&self, data: &Path) -> Result<(Dataset, DatasetFacts), DatasetError> {
        let (train, test) = self.lengths();
        let mut dataset = Dataset {
            name: self.name.into(),
            classes: self.classes(),
            size: SIZE,
            class_names: vec![],
            train: blank(train),
            test: blank(test),
        };
        // Each file has its own slice of the splits, so that several files can be read at a time without further
        // copies.
        let mut slices = Vec::new();
        let (mut pixels, mut labels) = (&mut dataset.train.pixels[..], &mut dataset.train.labels[..]);
        for part in &self.files[..self.files.len() - 1] {
            let (pixels_here, labels_here);
            (pixels_here, pixels) = pixels.split_at_mut(part.records * PIXELS);
            (labels_here, labels) = labels.split_at_mut(part.records);
            slices.push(Mutex::new((pixels_here, labels_here)));
        }
        slices.push(Mutex::new((&mut dataset.test.pixels[..], &mut dataset.test.labels[..])));
        let read_files = self.read_files();
        let class_names = location::locate(self, data)?.read(self, &|index, records: Records| {
            read_files[index].set(&records);
            let mut slice = slices[index].lock().unwrap_or_else(PoisonError::into_inner);
            slice.1.copy_from_slice(&records.labels());
            for (image, record) in slice.0.chunks_exact_mut(PIXELS).zip(records.bytes().chunks_exact(RECORD))
            {
                image.copy_from_slice(&record[1..]);
            }
        })?;
        drop(slices);
        let facts = self.facts_of(read_files, class_names);
        dataset.class_names.clone_from(&facts.class_names);
        Ok((dataset, facts))
    }
}

/// What the facts need of one file. `None` until the file has been read.
#[derive(Default)]
struct FileFacts(Mutex<Option<(Vec<u32>, blake3::Hash)>>);

impl FileFacts {
    fn set(&self, records: &Records) {
        let part = (records.labels(), blake3::hash(records.bytes()));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(part);
    }
}

impl Format {
    /// One value for each file, in the order of the files.
    fn read_files(&self) -> Vec<FileFacts> {
        self.files.iter().map(|_| FileFacts::default()).collect()
    }

    /// The facts, after every file has been read.
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
