//! CIFAR-10: 50,000 + 10,000 images of ten classes, in its official binary or Python version.

use std::path::Path;

use scour_core::{DatasetFacts, Description, Method, Parameters};
use serde::{Deserialize, Serialize};

use crate::cifar::{Format, Part, Version};
use crate::{Dataset, DatasetError, FoundData, Profile, Source};

/// CIFAR-10, which has no parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Cifar10 {}

impl Method for Cifar10 {
    const DESCRIPTION: Description = Description {
        name: FORMAT.name,
        title: "CIFAR-10",
        family: "photographs of animals and things",
        summary: "Reads 50,000 training and 10,000 test images of ten classes at 32 x 32 pixels.",
        source: scour_core::Source {
            paper: "Krizhevsky (2009), Learning Multiple Layers of Features from Tiny Images",
            section: "chapter 3",
            link: "https://www.cs.toronto.edu/~kriz/learning-features-2009-TR.pdf",
            values: "BackdoorBench's configuration",
        },
        idea: "Small colour photographs of ten kinds of animals and vehicles, with 5,000 training images of each.",
        formula: "The official binary version, the official Python version and the archives of both are read. The same \
                  images are the same data set in each of the four, and a file of another size than the official one \
                  is refused.",
        ..Description::EMPTY
    };
}

impl Source for Cifar10 {
    fn profile(&self) -> Profile {
        FORMAT.profile()
    }

    fn find(&self, data: &Path) -> Result<Option<FoundData>, DatasetError> {
        FORMAT.find(data)
    }

    fn facts(&self, data: &Path) -> Result<DatasetFacts, DatasetError> {
        FORMAT.facts(data)
    }

    fn load_with_facts(&self, data: &Path) -> Result<(Dataset, DatasetFacts), DatasetError> {
        FORMAT.load_with_facts(data)
    }
}

/// Names and sizes of the files.
pub(crate) const FORMAT: Format = Format {
    name: "cifar10",
    horizontal_flip: true,
    mean: [0.4914, 0.4822, 0.4465],
    std: [0.247, 0.243, 0.261],
    origin: "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    layouts: "cifar-10-batches-bin/ with data_batch_1.bin to data_batch_5.bin and test_batch.bin (the official binary \
              version), cifar-10-batches-py/ (the Python version), or the archive of either",
    binary: Version {
        folder: "cifar-10-batches-bin",
        archive: "cifar-10-binary.tar.gz",
        names: "batches.meta.txt",
    },
    python: Version {
        folder: "cifar-10-batches-py",
        archive: "cifar-10-python.tar.gz",
        names: "batches.meta",
    },
    files: &[
        part("data_batch_1.bin", "data_batch_1"),
        part("data_batch_2.bin", "data_batch_2"),
        part("data_batch_3.bin", "data_batch_3"),
        part("data_batch_4.bin", "data_batch_4"),
        part("data_batch_5.bin", "data_batch_5"),
        part("test_batch.bin", "test_batch"),
    ],
    label_bytes: 1,
    keys: ["labels", "label_names"],
    class_names: &["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"],
};

const fn part(binary: &'static str, python: &'static str) -> Part {
    Part { binary, python, records: 10_000 }
}
