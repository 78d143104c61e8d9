//! Tiny ImageNet in its official layout, or with its validation images sorted into a folder for each class.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use scour_core::{DatasetFacts, Description, Method, Parameters, Recipe, Schedule};
use serde::{Deserialize, Serialize};

use crate::images::{self, LabelledFile, Lines, Listing, Progress, Skipped, image_count};
use crate::{Dataset, DatasetError, FoundData, OfficialCounts, Profile, Source};

const NAME: &str = "tiny_imagenet";
const LAYOUTS: &str = "tiny-imagenet-200/ with wnids.txt, train/<class>/images/ and val/ (the official version; val/ \
                       with val_annotations.txt or sorted into folders)";
const COUNTS: OfficialCounts = OfficialCounts { train: 100_000, test: 10_000, classes: 200 };
const ANNOTATIONS: &str = "val_annotations.txt";

/// Tiny ImageNet with the size of its images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TinyImageNet {
    /// Height and width to which images are resized.
    #[parameter(default = 64, published = 64, min = 8, max = 512, unit = "pixels")]
    size: u32,
}

impl Method for TinyImageNet {
    const DESCRIPTION: Description = Description {
        name: NAME,
        title: "Tiny ImageNet",
        family: "photographs of animals and things",
        summary: "Reads 100,000 training and 10,000 test images of 200 classes of ImageNet at 64 x 64 pixels.",
        source: scour_core::Source {
            paper: "Le, Yang (2015), Tiny ImageNet Visual Recognition Challenge",
            section: "the data set",
            link: "http://cs231n.stanford.edu/reports/2015/pdfs/yle_project.pdf",
            values: "BackdoorBench's configuration",
        },
        idea: "A part of ImageNet, made for a course at Stanford. The official test images have no labels, so the \
               validation images are the test set, as in published results.",
        formula: "1. The classes are those of `wnids.txt`, sorted by id.\n\
                  2. Images are resized to `size` x `size` pixels with Pillow's bilinear arithmetic, where they have \
                  another size.\n\
                  3. Test images are sorted by class and file name, so that both layouts of `val/` give the same data \
                  set.",
        ..Description::EMPTY
    };
}

impl Source for TinyImageNet {
    fn profile(&self) -> Profile {
        Profile {
            mean: [0.4802, 0.4481, 0.3975],
            std: [0.2302, 0.2265, 0.2262],
            crop_padding: 4,
            horizontal_flip: false,
            recipe: Recipe { epochs: 200, schedule: Schedule::Plateau, ..Recipe::default() },
            licence: "ImageNet's terms: research and teaching without profit",
            layouts: LAYOUTS,
            origin: "http://cs231n.stanford.edu/tiny-imagenet-200.zip",
            official_counts: Some(COUNTS),
        }
    }

    fn find(&self, data: &Path) -> Result<Option<FoundData>, DatasetError> {
        let path = locate(data)?;
        let flat = is_flat(&path.join("val"))?;
        let layout =
            if flat { "official, val/ with its table" } else { "official, val/ sorted into folders" };
        Ok(Some(FoundData { path, layout }))
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

impl TinyImageNet {
    fn listing(&self, data: &Path) -> Result<Listing, DatasetError> {
        let root = locate(data)?;
        let classes = class_ids(&root.join("wnids.txt"))?;
        let val = root.join("val");
        let mut notes = Vec::new();
        let train = by_class(&root, "train", &classes, &mut notes)?;
        let mut test = match flat_val(&val, &classes, &mut notes)? {
            Some(entries) => entries,
            None => by_class(&root, "val", &classes, &mut notes)?,
        };
        // The order of the sorted layout, so that both layouts give the same data set.
        test.sort_by(|a, b| (a.label, a.path.file_name()).cmp(&(b.label, b.path.file_name())));
        Ok(Listing {
            name: NAME,
            size: self.size,
            class_names: class_names(&root.join("words.txt"), &classes)?,
            train,
            test,
            root,
            impl_version: Self::DESCRIPTION.impl_version,
            upright: false,
            official: Some(COUNTS),
            notes,
        })
    }
}

/// The data set's folder.
fn locate(data: &Path) -> Result<PathBuf, DatasetError> {
    let below = data.join("tiny-imagenet-200");
    let roots = [below.clone(), data.join("tiny-imagenet"), data.to_path_buf()];
    roots.into_iter().find(|root| root.join("wnids.txt").is_file()).ok_or(DatasetError::Missing {
        dataset: NAME,
        path: below,
        layouts: LAYOUTS,
    })
}

/// The content of a text file; empty where the file is absent.
fn text(path: &Path) -> Result<String, DatasetError> {
    match fs::read(path) {
        Ok(bytes) => String::from_utf8(bytes).map_err(|_| {
            DatasetError::invalid(path, "not UTF-8 text: the file is damaged, download it again")
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(DatasetError::unreadable(path, error)),
    }
}

/// The ids of the classes, sorted, which is the order of the labels.
fn class_ids(path: &Path) -> Result<Vec<String>, DatasetError> {
    let mut ids = Vec::new();
    for (line, id) in text(path)?.lines().map(str::trim).enumerate().filter(|(_, id)| !id.is_empty()) {
        images::relative(path, line as u64 + 1, id)?;
        ids.push(id.to_string());
    }
    if ids.is_empty() {
        return Err(DatasetError::invalid(path, "contains no class: download it again"));
    }
    ids.sort();
    match ids.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(DatasetError::invalid(path, format!("names {} twice: download it again", pair[0]))),
        None => Ok(ids),
    }
}

/// The first word of each class, or its id where there is none.
fn class_names(path: &Path, ids: &[String]) -> Result<Vec<String>, DatasetError> {
    let text = text(path)?;
    let words: HashMap<&str, &str> = text.lines().filter_map(|line| line.split_once('\t')).collect();
    let name = |id: &String| {
        let words = words.get(id.as_str()).map_or("", |words| words.split(',').next().unwrap_or("").trim());
        if words.is_empty() { id.clone() } else { words.to_string() }
    };
    Ok(ids.iter().map(name).collect())
}

/// The images in one folder for each class. Adds notes about other files and folders.
fn by_class(
    root: &Path,
    split: &str,
    ids: &[String],
    notes: &mut Vec<String>,
) -> Result<Vec<LabelledFile>, DatasetError> {
    let folder = root.join(split);
    let mut entries = Vec::new();
    let mut skipped = Skipped::default();
    for (label, id) in ids.iter().enumerate() {
        let class = folder.join(id);
        if !class.is_dir() {
            return Err(DatasetError::Missing { dataset: NAME, path: class, layouts: LAYOUTS });
        }
        let images = images::find_images(&class, &mut skipped)?;
        entries.extend(images.into_iter().map(|path| LabelledFile { path, label: label as u32 }));
        // The official archive has a table of boxes in each folder.
        skipped.expected(&class.join(format!("{id}_boxes.txt")));
    }
    notes.extend(skipped.notes().into_iter().map(|note| format!("{split}/: {note}")));
    let named =
        |name: &OsStr| ids.iter().any(|id| name == id.as_str()) || (split == "val" && name == "images");
    let others = images::subfolders(&folder, &mut Skipped::default())?;
    match others.iter().filter(|(name, _)| !named(name)).count() {
        0 => {}
        1 => notes.push(format!("{split}/: 1 folder that is not in wnids.txt: not used")),
        count => notes.push(format!("{split}/: {count} folders that are not in wnids.txt: not used")),
    }
    Ok(entries)
}

/// Whether the validation images are in one folder. Scripts that sort them into class folders leave the table, and
/// often that folder without images.
fn is_flat(val: &Path) -> Result<bool, DatasetError> {
    let images = val.join("images");
    Ok(images.is_dir()
        && val.join(ANNOTATIONS).is_file()
        && !images::find_images(&images, &mut Skipped::default())?.is_empty())
}

/// The images that `val_annotations.txt` lists. `None` where they have been sorted into class folders.
fn flat_val(
    val: &Path,
    ids: &[String],
    notes: &mut Vec<String>,
) -> Result<Option<Vec<LabelledFile>>, DatasetError> {
    if !is_flat(val)? {
        return Ok(None);
    }
    let (table, folder) = (val.join(ANNOTATIONS), val.join("images"));
    let mut entries = Vec::new();
    let mut lines = Lines::default();
    for (index, row) in text(&table)?.lines().enumerate().filter(|(_, row)| !row.trim().is_empty()) {
        let line = index as u64 + 1;
        let mut cells = row.split('\t');
        let (Some(file), Some(id)) = (cells.next(), cells.next()) else {
            let problem =
                format!("line {line} is not a file and a class with a tab between: download it again");
            return Err(DatasetError::invalid(&table, problem));
        };
        let path = folder.join(images::relative(&table, line, file)?);
        let Ok(label) = ids.binary_search_by(|known| known.as_str().cmp(id)) else {
            let problem = format!("line {line} has class `{}`, which is not in wnids.txt", id.escape_debug());
            return Err(DatasetError::invalid(&table, problem));
        };
        lines.add(&table, line, &path, label as u32)?;
        entries.push(LabelledFile { path, label: label as u32 });
    }
    let listed: HashSet<&Path> = entries.iter().map(|entry| entry.path.as_path()).collect();
    let found = images::find_images(&folder, &mut Skipped::default())?;
    let count = found.iter().filter(|path| !listed.contains(path.as_path())).count();
    if count > 0 {
        notes.push(format!("{} in val/images/ without a row in {ANNOTATIONS}: not used", image_count(count)));
    }
    Ok(Some(entries))
}
