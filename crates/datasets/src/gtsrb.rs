//! The German Traffic Sign Recognition Benchmark, in its official layout, torchvision's, or as PNG with two tables.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use scour_core::{Check, DatasetFacts, ParamError, Recipe, resolve_params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::pictures::{self, Entry, Listing, Progress, Skipped, images};
use crate::{Dataset, DatasetError, OfficialCounts, Place, Profile, Source};

const NAME: &str = "gtsrb";
const LAYOUTS: &str = "GTSRB/ with Final_Training/Images/00000/GT-00000.csv and so on, Final_Test/Images/ and \
                       GT-final_test.csv (the official version, unpacked in one place), or Train/, Test/, Train.csv \
                       and Test.csv";
const IMPL_VERSION: u32 = 1;
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

/// The source of this module.
pub(crate) struct Gtsrb;

/// How the pictures are read.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// Height and width to which pictures are resized.
    size: u32,
}

impl Default for Params {
    fn default() -> Self {
        Self { size: 32 }
    }
}

impl Check for Params {
    fn check(&self) -> Result<(), ParamError> {
        pictures::check_size(self.size)
    }
}

impl Source for Gtsrb {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "GTSRB"
    }

    fn profile(&self) -> Profile {
        Profile {
            mean: [0.0; 3],
            std: [1.0; 3],
            crop_padding: 4,
            // Turning left mirrored is turning right.
            horizontal_flip: false,
            // The cosine is twice as long as the training, as in the published runs: the rate ends at half its start.
            recipe: Recipe { epochs: 50, cosine_epochs: 100, ..Recipe::default() },
            licence: "no licence stated; its authors ask to be cited (Stallkamp et al. 2012)",
            layouts: LAYOUTS,
            origin: "https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370/",
            official_counts: Some(COUNTS),
        }
    }

    fn impl_version(&self) -> u32 {
        IMPL_VERSION
    }

    fn resolve(&self, params: &Value) -> Result<Value, ParamError> {
        pictures::resolve::<Params>(params)
    }

    fn place(&self, data: &Path) -> Result<Option<Place>, DatasetError> {
        let (path, layout) = find(data)?;
        Ok(Some(Place { path, layout: layout.words() }))
    }

    fn facts(&self, params: &Value, data: &Path) -> Result<DatasetFacts, DatasetError> {
        pictures::facts(&listing(params, data)?, data)
    }

    fn load_with_facts(&self, params: &Value, data: &Path) -> Result<(Dataset, DatasetFacts), DatasetError> {
        pictures::load_with_facts(&listing(params, data)?, data)
    }

    fn prepare(&self, params: &Value, data: &Path, progress: Progress) -> Result<(), DatasetError> {
        pictures::prepare(&listing(params, data)?, data, progress)
    }
}

fn listing(params: &Value, data: &Path) -> Result<Listing, DatasetError> {
    let params: Params =
        resolve_params(params).map_err(|problem| DatasetError::Param { dataset: NAME, problem })?;
    let (root, layout) = find(data)?;
    let (mut train, mut test) = match layout {
        Layout::Official => (by_class(&root.join(OFFICIAL))?, official_test(&root, data)?),
        Layout::Torchvision => (by_class(&root.join(TORCHVISION))?, official_test(&root, data)?),
        Layout::Tables => (one_table(&root.join(TABLE), &root)?, one_table(&root.join("Test.csv"), &root)?),
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
    // One order for all layouts, so that the same pictures are the same data set.
    train.sort_by(|a, b| (a.label, a.path.file_name()).cmp(&(b.label, b.path.file_name())));
    test.sort_by(|a, b| a.path.file_name().cmp(&b.path.file_name()));
    let class_names = CLASS_NAMES.map(String::from).to_vec();
    Ok(Listing {
        name: NAME,
        root,
        size: params.size,
        class_names,
        train,
        test,
        impl_version: IMPL_VERSION,
        upright: false,
        official: Some(COUNTS),
        notes,
    })
}

/// How many images in `folder` no table names, in a line.
fn unlisted(root: &Path, folder: &str, entries: &[Entry]) -> Result<Option<String>, DatasetError> {
    let path = root.join(folder);
    if !path.is_dir() {
        return Ok(None);
    }
    let listed: HashSet<&Path> = entries.iter().map(|entry| entry.path.as_path()).collect();
    let found = pictures::images_below(&path, &mut Skipped::default())?;
    let count = found.iter().filter(|path| !listed.contains(path.as_path())).count();
    Ok((count > 0).then(|| format!("{} in {folder}/ without a row in the table: not used", images(count))))
}

/// How the training pictures lie in the data set's folder.
#[derive(Clone, Copy)]
enum Layout {
    Official,
    Torchvision,
    Tables,
}

impl Layout {
    fn words(self) -> &'static str {
        match self {
            Self::Official => "official, with Final_Training/ and Final_Test/",
            Self::Torchvision => "torchvision's, with Training/ and Final_Test/",
            Self::Tables => "PNG pictures with Train.csv and Test.csv",
        }
    }
}

/// The data set's folder and its layout.
fn find(data: &Path) -> Result<(PathBuf, Layout), DatasetError> {
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

/// The training pictures of a folder for each class, of which each has a table of its own.
fn by_class(folder: &Path) -> Result<Vec<Entry>, DatasetError> {
    let mut entries = Vec::new();
    for (name, class) in pictures::subfolders(folder, &mut Skipped::default())? {
        let table = class.join(format!("GT-{}.csv", name.to_string_lossy()));
        entries.extend(one_table(&table, &class)?);
    }
    Ok(entries)
}

/// The pictures that a table lists, which lie in `folder`.
fn one_table(table: &Path, folder: &Path) -> Result<Vec<Entry>, DatasetError> {
    let rows = pictures::read_table(table, &FILE_COLUMNS, CLASSES)?;
    Ok(rows.into_iter().map(|(path, label)| Entry { path: folder.join(path), label }).collect())
}

/// The test pictures. Their table comes in an archive of its own, so that it may lie in several places.
fn official_test(root: &Path, data: &Path) -> Result<Vec<Entry>, DatasetError> {
    let images = root.join(TEST_IMAGES);
    let above = root.parent().unwrap_or(root);
    let places: [PathBuf; 5] =
        [&images, &root.join("Final_Test"), root, above, data].map(|at| at.join(TEST_TABLE));
    match places.iter().find(|place| place.is_file()) {
        Some(table) => one_table(table, &images),
        None => Err(DatasetError::Missing { dataset: NAME, path: places[0].clone(), layouts: LAYOUTS }),
    }
}
