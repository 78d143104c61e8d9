//! Data sets in memory, and the usual settings for each.

use std::borrow::Cow;

use scour_core::{DatasetFacts, Recipe};

/// One split: images as u8, N x 3 x size x size, row-major (each image is its red, green and blue plane in this order),
/// and one label for each image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// The bytes of all images, one image after the other.
    pub pixels: Vec<u8>,
    /// The class of each image, in 0..`classes`.
    pub labels: Vec<u32>,
}

impl Split {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Image `index` as 3 x size x size bytes. Panics where `index` is out of range.
    pub fn image(&self, index: usize) -> &[u8] {
        let bytes = self.pixels.len() / self.labels.len().max(1);
        &self.pixels[index * bytes..(index + 1) * bytes]
    }

    /// The first `count` images (0: all of them), for recipes that use fewer images. Where the images are sorted by
    /// class, images at equal distances are taken instead, so that every class keeps its share.
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
        let pixels = chosen.clone().flat_map(|index| self.image(index)).copied().collect();
        Cow::Owned(Self { pixels, labels: chosen.map(|index| self.labels[index]).collect() })
    }

    /// Number of images of each class. Panics where a label is not below `classes`.
    pub fn per_class(&self, classes: u32) -> Vec<usize> {
        count_per_class(&self.labels, classes)
    }
}

/// Number of images of each class. Panics where a label is not below `classes`.
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
    /// Height and width of every image, in pixels.
    pub size: u32,
    /// The name of each class, in the order of the labels.
    pub class_names: Vec<String>,
    /// The training set.
    pub train: Split,
    /// The test set.
    pub test: Split,
}

impl Dataset {
    /// The facts for the planner. `fingerprint` must change whenever an image or a label does. Notes on the files and
    /// on missing images are left empty: only the source knows them.
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

/// The usual settings for a data set, which do not depend on its images.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Mean of each channel for pixels in [0, 1]. It is subtracted before an image enters a model.
    pub mean: [f64; 3],
    /// Standard deviation of each channel for pixels in [0, 1]. The difference is divided by it.
    pub std: [f64; 3],
    /// Width of the border of zeros, in pixels, that training adds before it cuts a random crop of the original size.
    pub crop_padding: u32,
    /// Whether training mirrors images left to right with probability 0.5.
    pub horizontal_flip: bool,
    /// The training recipe where an experiment gives none.
    pub recipe: Recipe,
    /// The terms of use in a few words.
    pub licence: &'static str,
    /// The accepted layouts on disk below `--data`; empty where nothing is read.
    pub layouts: &'static str,
    /// The URL of the official files; empty where there are none.
    pub origin: &'static str,
    /// Numbers of images and classes of the official data set; `None` where there is no official one.
    pub official_counts: Option<OfficialCounts>,
}

/// Numbers of images and classes of a data set as its authors publish it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfficialCounts {
    /// Number of training images.
    pub train: usize,
    /// Number of test images.
    pub test: usize,
    /// Number of classes.
    pub classes: usize,
}

impl OfficialCounts {
    /// One line that compares the counts of `facts` with the official ones; `None` where they are equal.
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

/// A number with commas between groups of three digits.
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
    fn a_part_is_the_first_images() {
        let part = split(&[2, 0, 1, 2, 0, 1]).part(2).into_owned();
        assert_eq!((part.pixels, part.labels), (vec![0, 100, 1, 101], vec![2, 0]));
    }

    #[test]
    fn a_part_of_sorted_images_has_all_classes() {
        let part = split(&[0, 0, 0, 1, 1, 1, 1, 2, 2]).part(4).into_owned();
        assert_eq!((part.pixels, part.labels), (vec![0, 100, 2, 102, 4, 104, 6, 106], vec![0, 0, 1, 1]));
        assert_eq!(split(&[0, 0, 0, 1, 1, 1, 2, 2, 2]).part(3).labels, [0, 1, 2]);
    }

    #[test]
    fn counts_are_compared_with_the_official_ones_where_they_differ() {
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
    fn zero_and_more_than_all_mean_all() {
        let split = split(&[1, 0, 1]);
        assert!([0, 3, 9].iter().all(|&count| *split.part(count) == split));
    }
}
