//! CIFAR-100: 50,000 + 10,000 images of a hundred classes (the fine labels), in its official binary or Python version.

use std::path::Path;

use scour_core::{DatasetFacts, Description, Method, Parameters};
use serde::{Deserialize, Serialize};

use crate::cifar::{Format, Part, Version};
use crate::{Dataset, DatasetError, FoundData, Profile, Source};

/// CIFAR-100, which has no parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Cifar100 {}

impl Method for Cifar100 {
    const DESCRIPTION: Description = Description {
        name: FORMAT.name,
        title: "CIFAR-100",
        family: "photographs of animals and things",
        summary: "Reads 50,000 training and 10,000 test images of a hundred classes at 32 x 32 pixels.",
        source: scour_core::Source {
            paper: "Krizhevsky (2009), Learning Multiple Layers of Features from Tiny Images",
            section: "chapter 3",
            link: "https://www.cs.toronto.edu/~kriz/learning-features-2009-TR.pdf",
            values: "BackdoorBench's configuration",
        },
        // 2: training does not mirror, and mean and standard deviation are the published ones.
        impl_version: 2,
        idea: "Small colour photographs of a hundred classes, with 500 training images of each. The fine labels are used, \
               not the twenty coarse ones.",
        formula: "The official binary version, the official Python version and the archives of both are read. The same \
                  images are the same data set in each of the four, and a file of another size than the official one \
                  is refused.",
        ..Description::EMPTY
    };
}

impl Source for Cifar100 {
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
    name: "cifar100",
    horizontal_flip: false,
    mean: [0.5071, 0.4865, 0.4409],
    std: [0.2673, 0.2564, 0.2762],
    origin: "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
    layouts: "cifar-100-binary/ with train.bin and test.bin (the official binary version), cifar-100-python/ (the Python \
              version), or the archive of either",
    binary: Version {
        folder: "cifar-100-binary",
        archive: "cifar-100-binary.tar.gz",
        names: "fine_label_names.txt",
    },
    python: Version { folder: "cifar-100-python", archive: "cifar-100-python.tar.gz", names: "meta" },
    files: &[
        Part { binary: "train.bin", python: "train", records: 50_000 },
        Part { binary: "test.bin", python: "test", records: 10_000 },
    ],
    // The coarse label, then the fine one.
    label_bytes: 2,
    keys: ["fine_labels", "fine_label_names"],
    class_names: &[
        "apple",
        "aquarium_fish",
        "baby",
        "bear",
        "beaver",
        "bed",
        "bee",
        "beetle",
        "bicycle",
        "bottle",
        "bowl",
        "boy",
        "bridge",
        "bus",
        "butterfly",
        "camel",
        "can",
        "castle",
        "caterpillar",
        "cattle",
        "chair",
        "chimpanzee",
        "clock",
        "cloud",
        "cockroach",
        "couch",
        "crab",
        "crocodile",
        "cup",
        "dinosaur",
        "dolphin",
        "elephant",
        "flatfish",
        "forest",
        "fox",
        "girl",
        "hamster",
        "house",
        "kangaroo",
        "keyboard",
        "lamp",
        "lawn_mower",
        "leopard",
        "lion",
        "lizard",
        "lobster",
        "man",
        "maple_tree",
        "motorcycle",
        "mountain",
        "mouse",
        "mushroom",
        "oak_tree",
        "orange",
        "orchid",
        "otter",
        "palm_tree",
        "pear",
        "pickup_truck",
        "pine_tree",
        "plain",
        "plate",
        "poppy",
        "porcupine",
        "possum",
        "rabbit",
        "raccoon",
        "ray",
        "road",
        "rocket",
        "rose",
        "sea",
        "seal",
        "shark",
        "shrew",
        "skunk",
        "skyscraper",
        "snail",
        "snake",
        "spider",
        "squirrel",
        "streetcar",
        "sunflower",
        "sweet_pepper",
        "table",
        "tank",
        "telephone",
        "television",
        "tiger",
        "tractor",
        "train",
        "trout",
        "tulip",
        "turtle",
        "wardrobe",
        "whale",
        "willow_tree",
        "wolf",
        "woman",
        "worm",
    ],
};
