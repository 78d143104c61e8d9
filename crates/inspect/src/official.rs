//! What the authors of the data sets publish: archives with their sizes and checksums, and numbers of images.

/// The published form of a data set.
#[derive(Clone, Debug)]
pub struct OfficialData {
    /// The data set's registered name.
    pub name: &'static str,
    /// The archives that make up the data set.
    pub archives: &'static [Archive],
    /// The folder that the archives are unpacked into.
    pub folder: &'static str,
    /// Files that an archive holds beside that folder. They are moved into it.
    pub beside: &'static [&'static str],
    /// Files that are easily confused with one of the archives, each with a description of what it holds.
    pub mistaken: &'static [(&'static str, &'static str)],
    /// Number of classes.
    pub classes: usize,
    /// Training images of each class.
    pub train: PerClass,
    /// Test images of each class.
    pub test: PerClass,
    /// Whether a sample with fewer classes is accepted.
    pub may_have_fewer_classes: bool,
}

/// A published file.
#[derive(Clone, Debug)]
pub struct Archive {
    /// The URL of its folder, without a slash at the end.
    pub folder: &'static str,
    /// The file's name, which ends with `.zip` or `.tar.gz`.
    pub file: &'static str,
    /// Its size in bytes, where it is known.
    pub bytes: Option<u64>,
    /// The checksum of its content.
    pub checksum: Checksum,
}

/// A checksum in lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// SHA-256.
    Sha256(&'static str),
    /// MD5, where its authors publish no other. It detects damage, but no deliberate forgery.
    Md5(&'static str),
}

/// Number of images of each class.
#[derive(Clone, Copy, Debug)]
pub enum PerClass {
    /// The same number for every class.
    Each(usize),
    /// One number for each class, in the order of the labels.
    Table(&'static [usize]),
}

impl PerClass {
    /// Number of images of class `class`.
    pub fn of(self, class: usize) -> usize {
        match self {
            Self::Each(count) => count,
            Self::Table(counts) => counts.get(class).copied().unwrap_or(0),
        }
    }

    /// Number of images of the first `classes` classes.
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

/// Every data set that can be downloaded.
pub static OFFICIAL: &[OfficialData] = &[
    OfficialData {
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
    OfficialData {
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
    OfficialData {
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
            "the 26,640 training images of the competition's first round, not the full 39,209",
        )],
        classes: 43,
        train: PerClass::Table(&GTSRB_TRAIN),
        test: PerClass::Table(&GTSRB_TEST),
        may_have_fewer_classes: false,
    },
    OfficialData {
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
pub fn official(name: &str) -> Option<&'static OfficialData> {
    OFFICIAL.iter().find(|official| official.name == name)
}

#[cfg(test)]
mod tests {
    use scour_datasets::OfficialCounts;

    use super::*;
    use crate::registered;

    #[test]
    fn class_counts_add_up_to_the_official_counts() {
        for official in OFFICIAL {
            let profile = registered(official.name).unwrap().source.profile();
            let counts = OfficialCounts {
                train: official.train.total(official.classes),
                test: official.test.total(official.classes),
                classes: official.classes,
            };
            assert_eq!(Some(counts), profile.official_counts, "{}", official.name);
            assert!(profile.origin.starts_with(official.archives[0].folder), "{}", official.name);
        }
    }

    #[test]
    fn checksums_have_the_right_length() {
        for archive in OFFICIAL.iter().flat_map(|official| official.archives) {
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
