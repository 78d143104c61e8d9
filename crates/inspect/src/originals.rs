//! The data sets as their authors publish them: which archives, how large, with which checksums and how many pictures.

/// A data set as it is published.
#[derive(Clone, Debug)]
pub struct Original {
    /// The data set's registered name.
    pub name: &'static str,
    /// Everything that has to be fetched.
    pub archives: &'static [Archive],
    /// The folder that the archives unpack to.
    pub folder: &'static str,
    /// Files that an archive holds beside that folder, and that are put into it.
    pub beside: &'static [&'static str],
    /// Files that are sometimes taken for one of the archives, each with what is wrong with it.
    pub mistaken: &'static [(&'static str, &'static str)],
    /// Number of classes.
    pub classes: usize,
    /// Training pictures of each class.
    pub train: PerClass,
    /// Test pictures of each class.
    pub test: PerClass,
    /// Whether a version with fewer classes is something that people use on purpose.
    pub may_have_fewer_classes: bool,
}

/// One file to fetch.
#[derive(Clone, Debug)]
pub struct Archive {
    /// The folder on the server, without a slash at its end.
    pub folder: &'static str,
    /// The file's name; `.zip` or `.tar.gz` tells its kind.
    pub file: &'static str,
    /// Its length in bytes, where it is known.
    pub bytes: Option<u64>,
    /// What its content must come to.
    pub checksum: Checksum,
}

/// A checksum in lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// SHA-256.
    Sha256(&'static str),
    /// MD5, where its authors publish no other; it guards against accidents, not against malice.
    Md5(&'static str),
}

/// Pictures of each class.
#[derive(Clone, Copy, Debug)]
pub enum PerClass {
    /// The same number of each.
    Each(usize),
    /// A number for each class.
    Table(&'static [usize]),
}

impl PerClass {
    /// Pictures of class `class`.
    pub fn of(self, class: usize) -> usize {
        match self {
            Self::Each(count) => count,
            Self::Table(counts) => counts.get(class).copied().unwrap_or(0),
        }
    }

    /// Pictures of the first `classes` classes.
    pub fn total(self, classes: usize) -> usize {
        (0..classes).map(|class| self.of(class)).sum()
    }
}

const CIFAR: &str = "https://www.cs.toronto.edu/~kriz";
const GTSRB: &str = "https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370";
const GTSRB_TRAIN: [usize; 43] = [
    210, 2220, 2250, 1410, 1980, 1860, 420, 1440, 1410, 1470, 2010, 1320, 2100, 2160, 780, 630, 420, 1110,
    1200, 210, 360, 330, 390, 510, 270, 1500, 600, 240, 540, 270, 450, 780, 240, 689, 420, 1200, 390, 210,
    2070, 300, 360, 240, 240,
];
const GTSRB_TEST: [usize; 43] = [
    60, 720, 750, 450, 660, 630, 150, 450, 450, 480, 660, 420, 690, 720, 270, 210, 150, 360, 390, 60, 90, 90,
    120, 150, 90, 480, 180, 60, 150, 90, 150, 270, 60, 210, 120, 390, 120, 60, 690, 90, 90, 60, 90,
];

/// Every data set that can be fetched.
pub static ORIGINALS: &[Original] = &[
    Original {
        name: "cifar10",
        archives: &[Archive {
            folder: CIFAR,
            file: "cifar-10-binary.tar.gz",
            bytes: Some(170_052_171),
            checksum: Checksum::Sha256("c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"),
        }],
        folder: "cifar-10-batches-bin",
        beside: &[],
        mistaken: &[],
        classes: 10,
        train: PerClass::Each(5000),
        test: PerClass::Each(1000),
        may_have_fewer_classes: false,
    },
    Original {
        name: "cifar100",
        archives: &[Archive {
            folder: CIFAR,
            file: "cifar-100-binary.tar.gz",
            bytes: Some(168_513_733),
            checksum: Checksum::Sha256("58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec"),
        }],
        folder: "cifar-100-binary",
        beside: &[],
        mistaken: &[],
        classes: 100,
        train: PerClass::Each(500),
        test: PerClass::Each(100),
        may_have_fewer_classes: false,
    },
    Original {
        name: "gtsrb",
        archives: &[
            Archive {
                folder: GTSRB,
                file: "GTSRB_Final_Training_Images.zip",
                bytes: Some(276_294_756),
                checksum: Checksum::Md5("f33fd80ac59bff73c82d25ab499e03a3"),
            },
            Archive {
                folder: GTSRB,
                file: "GTSRB_Final_Test_Images.zip",
                bytes: Some(88_978_620),
                checksum: Checksum::Md5("c7e4e6327067d32654124b0fe9e82185"),
            },
            Archive {
                folder: GTSRB,
                file: "GTSRB_Final_Test_GT.zip",
                bytes: None,
                checksum: Checksum::Md5("fe31e9c9270bbcd7b84b7f21a9d9d9e5"),
            },
        ],
        folder: "GTSRB",
        beside: &["GT-final_test.csv"],
        mistaken: &[(
            "GTSRB-Training_fixed.zip",
            "the 26,640 training pictures of the competition's first round, not the full 39,209",
        )],
        classes: 43,
        train: PerClass::Table(&GTSRB_TRAIN),
        test: PerClass::Table(&GTSRB_TEST),
        may_have_fewer_classes: false,
    },
    Original {
        name: "tiny_imagenet",
        archives: &[Archive {
            folder: "http://cs231n.stanford.edu",
            file: "tiny-imagenet-200.zip",
            bytes: Some(248_100_043),
            checksum: Checksum::Md5("90528d7ca1a48142e341f4ef8d21d0de"),
        }],
        folder: "tiny-imagenet-200",
        beside: &[],
        mistaken: &[],
        classes: 200,
        train: PerClass::Each(500),
        test: PerClass::Each(50),
        may_have_fewer_classes: true,
    },
];

/// The published form of the data set registered under `name`.
pub fn original(name: &str) -> Option<&'static Original> {
    ORIGINALS.iter().find(|original| original.name == name)
}

#[cfg(test)]
mod tests {
    use scour_datasets::{OfficialCounts, source};

    use super::*;

    #[test]
    fn the_counts_by_class_come_to_the_official_ones() {
        for original in ORIGINALS {
            let profile = source(original.name).unwrap().profile();
            let counts = OfficialCounts {
                train: original.train.total(original.classes),
                test: original.test.total(original.classes),
                classes: original.classes,
            };
            assert_eq!(Some(counts), profile.official_counts, "{}", original.name);
            assert!(profile.origin.starts_with(original.archives[0].folder), "{}", original.name);
        }
    }

    #[test]
    fn the_checksums_have_the_length_of_their_kind() {
        for archive in ORIGINALS.iter().flat_map(|original| original.archives) {
            let (digits, length) = match archive.checksum {
                Checksum::Sha256(digits) => (digits, 64),
                Checksum::Md5(digits) => (digits, 32),
            };
            assert_eq!(digits.len(), length, "{}", archive.file);
            assert!(
                digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')),
                "{}",
                archive.file
            );
        }
    }
}
