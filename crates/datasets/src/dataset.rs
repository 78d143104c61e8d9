//! What a data set is once it is in memory, and what is customary about it.

use std::borrow::Cow;

use scour_core::{DatasetFacts, Recipe};

/// One split: pictures as u8, N x 3 x size x size, row-major (so each picture is its red, green and blue plane in
/// turn), and labels, one a picture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// The pictures one after the other.
    pub pixels: Vec<u8>,
    /// The class of each picture, below the data set's `classes`.
    pub labels: Vec<u32>,
}

impl Split {
    /// Number of pictures.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no picture.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Picture `index` as 3 x size x size bytes. Panics when there is no such picture, as a slice does.
    pub fn picture(&self, index: usize) -> &[u8] {
        let bytes = self.pixels.len() / self.labels.len().max(1);
        &self.pixels[index * bytes..(index + 1) * bytes]
    }

    /// The part that is used where a recipe asks for only `count` pictures (0: all of them): the first ones, or, where
    /// pictures are sorted by class, ones at equal distances, so that every class has its share.
    pub fn part(&self, count: usize) -> Cow<'_, Self> {
        let len = self.len();
        if count == 0 || count >= len {
            return Cow::Borrowed(self);
        }
        let bytes = self.pixels.len() / len;
        if !self.labels.is_sorted() {
            let pixels = self.pixels[..count * bytes].to_vec();
            return Cow::Owned(Self { pixels, labels: self.labels[..count].to_vec() });
        }
        let chosen = (0..count).map(|at| at * len / count);
        let pixels = chosen.clone().flat_map(|index| self.picture(index)).copied().collect();
        Cow::Owned(Self { pixels, labels: chosen.map(|index| self.labels[index]).collect() })
    }

    /// Pictures of each class; every label is below `classes`.
    pub fn per_class(&self, classes: u32) -> Vec<usize> {
        count_per_class(&self.labels, classes)
    }
}

/// Pictures of each of `classes` classes. Labels have been checked against `classes` before.
pub(crate) fn count_per_class(labels: &[u32], classes: u32) -> Vec<usize> {
    let mut counts = vec![0; classes as usize];
    for &label in labels {
        counts[label as usize] += 1;
    }
    counts
}

/// A data set in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// The registered name.
    pub name: String,
    /// Number of classes.
    pub classes: u32,
    /// Height and width of every picture, in pixels.
    pub size: u32,
    /// A name for each class, in the order of the labels.
    pub class_names: Vec<String>,
    /// What models are trained on.
    pub train: Split,
    /// What they are evaluated on.
    pub test: Split,
}

impl Dataset {
    /// What a plan needs to know of it; `fingerprint` changes whenever a picture or a label does. What is odd about the
    /// files that it was read from, and whether they are all, only its source knows.
    pub fn facts(&self, fingerprint: String) -> DatasetFacts {
        DatasetFacts {
            name: self.name.clone(),
            classes: self.classes,
            size: self.size,
            train_per_class: self.train.per_class(self.classes),
            test_per_class: self.test.per_class(self.classes),
            fingerprint,
            class_names: self.class_names.clone(),
            notes: vec![],
            incomplete: None,
        }
    }
}

/// What is customary for a data set and does not depend on its pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Mean of each channel, of pixels scaled to 0..1; subtracted before a picture enters a model.
    pub mean: [f64; 3],
    /// Standard deviation of each channel, of pixels scaled to 0..1; divided by.
    pub std: [f64; 3],
    /// Zeros around the picture from which a training crop of the original size is cut, in pixels.
    pub crop_padding: u32,
    /// Whether training mirrors half of the pictures left to right.
    pub horizontal_flip: bool,
    /// How models are trained on it when an experiment does not say otherwise.
    pub recipe: Recipe,
    /// Terms of use in a few words.
    pub licence: &'static str,
    /// How the data may lie on disk below `--data`; empty where nothing is read.
    pub layouts: &'static str,
    /// Where the official files come from; empty where there is no such place.
    pub origin: &'static str,
    /// What the official data set consists of, where there is such: a sample or a part has less.
    pub official_counts: Option<OfficialCounts>,
}

/// Images and classes of a data set as its authors publish it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfficialCounts {
    /// Training images.
    pub train: usize,
    /// Test images.
    pub test: usize,
    /// Classes.
    pub classes: usize,
}

impl OfficialCounts {
    /// The counts of `facts` beside the official ones in one line, where they differ.
    pub fn incomplete(&self, facts: &DatasetFacts) -> Option<String> {
        let (train, test, classes) = (facts.train_len(), facts.test_len(), facts.classes as usize);
        if (train, test, classes) == (self.train, self.test, self.classes) {
            return None;
        }
        let of_classes = if classes == self.classes {
            String::new()
        } else {
            format!(" ({classes} of {} classes)", self.classes)
        };
        let verdict = if train > self.train || test > self.test || classes > self.classes {
            "not the official data set"
        } else if classes < self.classes {
            "a sample, not the whole data set"
        } else {
            "not the whole data set"
        };
        let of = |found, official| format!("{} of {}", thousands(found), thousands(official));
        Some(format!(
            "{} training images and {} test images{of_classes}: {verdict}",
            of(train, self.train),
            of(test, self.test)
        ))
    }
}

/// A number with a comma between thousands.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|g| std::str::from_utf8(g).ok()).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(labels: &[u32]) -> Split {
        Split {
            pixels: (0..labels.len() as u8).flat_map(|i| [i, 100 + i]).collect(),
            labels: labels.to_vec(),
        }
    }

    #[test]
    fn a_part_is_the_first_pictures() {
        let part = split(&[2, 0, 1, 2, 0, 1]).part(2).into_owned();
        assert_eq!((part.pixels, part.labels), (vec![0, 100, 1, 101], vec![2, 0]));
    }

    #[test]
    fn a_part_of_sorted_pictures_has_all_classes() {
        let part = split(&[0, 0, 0, 1, 1, 1, 1, 2, 2]).part(4).into_owned();
        assert_eq!((part.pixels, part.labels), (vec![0, 100, 2, 102, 4, 104, 6, 106], vec![0, 0, 1, 1]));
        assert_eq!(split(&[0, 0, 0, 1, 1, 1, 2, 2, 2]).part(3).labels, [0, 1, 2]);
    }

    #[test]
    fn counts_are_told_beside_the_official_ones_where_they_differ() {
        let official = OfficialCounts { train: 39_209, test: 12_630, classes: 43 };
        let facts = |classes, train, test| DatasetFacts {
            classes,
            train_per_class: vec![train],
            test_per_class: vec![test],
            ..DatasetFacts::default()
        };
        for (classes, train, test, expected) in [
            (
                43,
                1_548,
                400,
                "1,548 of 39,209 training images and 400 of 12,630 test images: not the whole data set",
            ),
            (
                20,
                900,
                12,
                "900 of 39,209 training images and 12 of 12,630 test images (20 of 43 classes): a sample, not the \
                 whole data set",
            ),
            (
                43,
                1_039_209,
                12_630,
                "1,039,209 of 39,209 training images and 12,630 of 12,630 test images: not the official data set",
            ),
        ] {
            assert_eq!(official.incomplete(&facts(classes, train, test)).as_deref(), Some(expected));
        }
        assert_eq!(official.incomplete(&facts(43, 39_209, 12_630)), None);
    }

    #[test]
    fn no_number_and_too_many_are_all() {
        let split = split(&[1, 0, 1]);
        assert!([0, 3, 9].iter().all(|&count| *split.part(count) == split));
    }
}
