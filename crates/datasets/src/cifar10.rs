//! CIFAR-10: 50,000 + 10,000 pictures of ten classes, in its official binary or Python version.

use crate::cifar::{Format, Part, Version};

/// The data set.
pub(crate) const FORMAT: Format = Format {
    name: "cifar10",
    title: "CIFAR-10",
    impl_version: 1,
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
