//! CIFAR-100: 50,000 + 10,000 pictures of a hundred classes (the fine labels), in its official binary or Python version.

use std::path::Path;

use scour_core::{DatasetFacts, ParamError, Recipe};
use serde_json::Value;

use crate::cifar::{self, Format, Part, Version};
use crate::{Dataset, DatasetError, Place, Profile, Source};

pub(crate) const FORMAT: Format = Format {
    name: "cifar100",
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

/// The source of this module.
pub(crate) struct Cifar100;

impl Source for Cifar100 {
    fn name(&self) -> &'static str {
        FORMAT.name
    }

    fn title(&self) -> &'static str {
        "CIFAR-100"
    }

    fn profile(&self) -> Profile {
        Profile {
            mean: [0.5071, 0.4867, 0.4408],
            std: [0.2675, 0.2565, 0.2761],
            crop_padding: 4,
            horizontal_flip: true,
            recipe: Recipe::default(),
            licence: "no licence stated; its authors ask to be cited (Krizhevsky 2009)",
            layouts: FORMAT.layouts,
            origin: "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
            official_counts: Some((50_000, 10_000)),
        }
    }

    fn impl_version(&self) -> u32 {
        1
    }

    fn resolve(&self, params: &Value) -> Result<Value, ParamError> {
        cifar::resolve(params)
    }

    fn place(&self, data: &Path) -> Result<Option<Place>, DatasetError> {
        cifar::place(&FORMAT, data)
    }

    fn facts(&self, params: &Value, data: &Path) -> Result<DatasetFacts, DatasetError> {
        cifar::facts(&FORMAT, params, data)
    }

    fn load(&self, params: &Value, data: &Path) -> Result<Dataset, DatasetError> {
        cifar::load(&FORMAT, params, data)
    }
}
