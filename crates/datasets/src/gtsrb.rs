//! The German Traffic Sign Recognition Benchmark, in its official layout, torchvision's, or as PNG with two tables.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use scour_core::{DatasetFacts, Description, Method, Parameters, Recipe};
use serde::{Deserialize, Serialize};

use crate::images::{self, LabelledFile, Listing, Progress, Skipped, image_count};
use crate::{Dataset, DatasetError, FoundData, OfficialCounts, Profile, Source};

const NAME: &str = "gtsrb";
const LAYOUTS: &str = "GTSRB/ with Final_Training/Images/00000/GT-00000.csv and so on, Final_Test/Images/ and \
                       GT-final_test.csv (the official version, unpacked in one place), or Train/, Test/, Train.csv \
                       and Test.csv";
const CLASSES: u32 = 43;
const COUNTS: OfficialCounts = OfficialCounts { train: 39_209, test: 12_630, classes: CLASSES as usize };
const OFFICIAL: &str = "Final_Training/Images";
const TORCHVISION: &str = "Training";
const TABLE: &str = "Train.csv";
const TEST_IMAGES: &str = "Final_Test/Images";
const TEST_TABLE: &str = "GT-final_test.csv";
const FILE_COLUMNS: [&str; 2] = ["Filename", "Path"];
const CLASS_NAMES: [&str; CLASSES as usize] = [
    "speed limit 20",
    "speed limit 30",
    "speed limit 50",
    "speed limit 60",
    "speed limit 70",
    "speed limit 80",
    "end of speed limit 80",
    "speed limit 100",
    "speed limit 120",
    "no overtaking",
    "no overtaking by lorries",
    "priority at next crossing",
    "priority road",
    "give way",
    "stop",
    "no vehicles",
    "no lorries",
    "no entry",
    "danger",
    "bend to the left",
    "bend to the right",
    "double bend",
    "uneven road",
    "slippery road",
    "road narrows",
    "road works",
    "traffic lights",
    "pedestrians",
    "children",
    "cyclists",
    "snow",
    "wild animals",
    "end of all limits",
    "turn right",
    "turn left",
    "straight ahead",
    "straight ahead or right",
    "straight ahead or left",
    "keep right",
    "keep left",
    "roundabout",
    "end of no overtaking",
    "end of no overtaking by lorries",
];

/// GTSRB with the size of its images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Gtsrb {
    /// Height and width to which images are resized.
    #[parameter(default = 32, published = 32, min = 8, max = 512, unit = "pixels")]
    size: u32,
}

impl Method for Gtsrb {
    const DESCRIPTION: Description = Description {
        name: NAME,
        title: "GTSRB",
        family: "photographs of traffic signs",
        summary: "Reads 39,209 training and 12,630 test images of 43 kinds of German traffic signs.",
        source: scour_core::Source {
            paper: "Stallkamp, Schlipsing, Salmen, Igel (2012), Man vs. computer: Benchmarking machine learning \
                    algorithms for traffic sign recognition",
            section: "the data set GTSRB",
            link: "https://doi.org/10.1016/j.neunet.2012.02.016",
            values: "BackdoorBench's configuration",
        },
        idea: "Photographs of traffic signs, taken from a moving car. Classes have between 210 and 2,250 training images.",
        formula: "1. Each image is used as a whole: the sign's box in the tables is not cut out.\n\
                  2. It is resized to `size` x `size` pixels whatever its proportions, with Pillow's bilinear \
                  arithmetic.\n\
                  3. Training images are sorted by class and file name, test images by file name, so that every layout \
                  on disk gives the same data set.",
        ..Description::EMPTY
    };
}

impl Source for Gtsrb {
    fn profile(&self) -> Profile {
        Profile {
            mean: [0.0; 3],
            std: [1.0; 3],
            crop_padding: 4,
            // A mirrored "turn left" sign is "turn right".
            horizontal_flip: false,
            // The cosine schedule is twice as long as the training, as in published runs: the learning rate ends at
            // half of its initial value.
            recipe: Recipe { epochs: 50, cosine_epochs: 100, ..Recipe::default() },
            licence: "no licence stated; its authors ask to be cited (Stallkamp et al. 2012)",
            layouts: LAYOUTS,
            origin: "https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370/",
            official_counts: Some(COUNTS),
        }
    }

    fn find(&self, data: &Path) -> Result<Option<FoundData>, DatasetError> {
        let (path, layout) = locate(data)?;
        Ok(Some(FoundData { path, layout: layout.description() }))
    }

    fn facts(&self, data: &Path) -> Result<DatasetFacts, DatasetError> {
        images::facts(&self.listing(data)?, data)
    }

    fn load_with_facts(&self, data: &Path) -> Result<(Dataset, DatasetFacts), DatasetError> {
        images::load_with_facts(&self.listing(data)?, data)
    }

    fn prepare(&self, data: &Path, progress: Progress) -> Result<(), DatasetError> {
        images::prepare(&self.listing(data)?, data, progress)
    }
}

impl Gtsrb {
    fn listing(&self, data: &Path) -> Result<Listing, DatasetError> {
        let (root, layout) = locate(data)?;
        let (mut train, mut test) = match layout {
            Layout::Official => (by_class(&root.join(OFFICIAL))?, official_test(&root, data)?),
            Layout::Torchvision => (by_class(&root.join(TORCHVISION))?, official_test(&root, data)?),
            Layout::Tables => {
                (one_table(&root.join(TABLE), &root)?, one_table(&root.join("Test.csv"), &root)?)
            }
        };
        let folders = match layout {
            Layout::Official => [OFFICIAL, TEST_IMAGES],
            Layout::Torchvision => [TORCHVISION, TEST_IMAGES],
            Layout::Tables => ["Train", "Test"],
        };
        let mut notes = Vec::new();
        for (folder, entries) in folders.into_iter().zip([&train, &test]) {
            notes.extend(unlisted(&root, folder, entries)?);
        }
        // The same order for all layouts, so that the same images give the same data set.
        train.sort_by(|a, b| (a.label, a.path.file_name()).cmp(&(b.label, b.path.file_name())));
        test.sort_by(|a, b| a.path.file_name().cmp(&b.path.file_name()));
        let class_names = CLASS_NAMES.map(String::from).to_vec();
        Ok(Listing {
            name: NAME,
            root,
            size: self.size,
            class_names,
            train,
            test,
            impl_version: Self::DESCRIPTION.impl_version,
            upright: false,
            official: Some(COUNTS),
            notes,
        })
    }
}

/// A note with the number of images in `folder` that no table lists.
fn unlisted(root: &Path, folder: &str, entries: &[LabelledFile]) -> Result<Option<String>, DatasetError> {
    let path = root.join(folder);
    if !path.is_dir() {
        return Ok(None);
    }
    let listed: HashSet<&Path> = entries.iter().map(|entry| entry.path.as_path()).collect();
    let found = images::find_images(&path, &mut Skipped::default())?;
    let count = found.iter().filter(|path| !listed.contains(path.as_path())).count();
    Ok((count > 0)
        .then(|| format!("{} in {folder}/ without a row in the table: not used", image_count(count))))
}

/// The layout of the training images in the data set's folder.
#[derive(Clone, Copy)]
enum Layout {
    Official,
    Torchvision,
    Tables,
}

impl Layout {
    fn description(self) -> &'static str {
        match self {
            Self::Official => "official, with Final_Training/ and Final_Test/",
            Self::Torchvision => "torchvision's, with Training/ and Final_Test/",
            Self::Tables => "PNG images with Train.csv and Test.csv",
        }
    }
}

/// The data set's folder and its layout.
fn locate(data: &Path) -> Result<(PathBuf, Layout), DatasetError> {
    for root in [data.join("GTSRB"), data.join("gtsrb/GTSRB"), data.join("gtsrb"), data.to_path_buf()] {
        if root.join(OFFICIAL).is_dir() {
            return Ok((root, Layout::Official));
        } else if root.join(TORCHVISION).is_dir() {
            return Ok((root, Layout::Torchvision));
        } else if root.join(TABLE).is_file() {
            return Ok((root, Layout::Tables));
        }
    }
    Err(DatasetError::Missing { dataset: NAME, path: data.join("GTSRB"), layouts: LAYOUTS })
}

/// The training images in one folder for each class. Each folder has its own table.
fn by_class(folder: &Path) -> Result<Vec<LabelledFile>, DatasetError> {
    let mut entries = Vec::new();
    for (name, class) in images::subfolders(folder, &mut Skipped::default())? {
        let table = class.join(format!("GT-{}.csv", name.to_string_lossy()));
        entries.extend(one_table(&table, &class)?);
    }
    Ok(entries)
}

/// The images in `folder` that a table lists.
fn one_table(table: &Path, folder: &Path) -> Result<Vec<LabelledFile>, DatasetError> {
    let rows = images::read_table(table, &FILE_COLUMNS, CLASSES)?;
    Ok(rows.into_iter().map(|(path, label)| LabelledFile { path: folder.join(path), label }).collect())
}

/// The test images. Their table comes in a separate archive, so that it may be in several folders.
fn official_test(root: &Path, data: &Path) -> Result<Vec<LabelledFile>, DatasetError> {
    let images = root.join(TEST_IMAGES);
    let parent = root.parent().unwrap_or(root);
    let candidates: [PathBuf; 5] =
        [&images, &root.join("Final_Test"), root, parent, data].map(|at| at.join(TEST_TABLE));
    match candidates.iter().find(|path| path.is_file()) {
        Some(table) => one_table(table, &images),
        None => Err(DatasetError::Missing { dataset: NAME, path: candidates[0].clone(), layouts: LAYOUTS }),
    }
}
