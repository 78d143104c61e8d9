//! Tiny ImageNet in its official layout, or with its validation pictures sorted into a folder for each class.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use scour_core::{Check, DatasetFacts, ParamError, Recipe, Schedule, resolve_params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::pictures::{self, Entry, Lines, Listing, Progress, Skipped, images};
use crate::{Dataset, DatasetError, OfficialCounts, Place, Profile, Source};

const NAME: &str = "tiny_imagenet";
const LAYOUTS: &str = "tiny-imagenet-200/ with wnids.txt, train/<class>/images/ and val/ (the official version; val/ \
                       with val_annotations.txt or sorted into folders)";

const IMPL_VERSION: u32 = 1;
const COUNTS: OfficialCounts = OfficialCounts { train: 100_000, test: 10_000, classes: 200 };
const ANNOTATIONS: &str = "val_annotations.txt";

/// The source of this module.
pub(crate) struct TinyImageNet;

/// How the pictures are read.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// Height and width to which pictures are resized.
    size: u32,
}

impl Default for Params {
    fn default() -> Self {
        Self { size: 64 }
    }
}

impl Check for Params {
    fn check(&self) -> Result<(), ParamError> {
        pictures::check_size(self.size)
    }
}

impl Source for TinyImageNet {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "Tiny ImageNet"
    }

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

    fn impl_version(&self) -> u32 {
        IMPL_VERSION
    }

    fn resolve(&self, params: &Value) -> Result<Value, ParamError> {
        pictures::resolve::<Params>(params)
    }

    fn place(&self, data: &Path) -> Result<Option<Place>, DatasetError> {
        let path = find(data)?;
        let flat = is_flat(&path.join("val"))?;
        let layout =
            if flat { "official, val/ with its table" } else { "official, val/ sorted into folders" };
        Ok(Some(Place { path, layout }))
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
    let root = find(data)?;
    let classes = class_ids(&root.join("wnids.txt"))?;
    let val = root.join("val");
    let mut notes = Vec::new();
    let train = by_class(&root, "train", &classes, &mut notes)?;
    let mut test = match flat_val(&val, &classes, &mut notes)? {
        Some(entries) => entries,
        None => by_class(&root, "val", &classes, &mut notes)?,
    };
    // The order of the sorted layout, so that either layout is the same data set.
    test.sort_by(|a, b| (a.label, a.path.file_name()).cmp(&(b.label, b.path.file_name())));
    Ok(Listing {
        name: NAME,
        size: params.size,
        class_names: class_names(&root.join("words.txt"), &classes)?,
        train,
        test,
        root,
        impl_version: IMPL_VERSION,
        upright: false,
        official: Some(COUNTS),
        notes,
    })
}

/// The data set's folder.
fn find(data: &Path) -> Result<PathBuf, DatasetError> {
    let below = data.join("tiny-imagenet-200");
    let roots = [below.clone(), data.join("tiny-imagenet"), data.to_path_buf()];
    roots.into_iter().find(|root| root.join("wnids.txt").is_file()).ok_or(DatasetError::Missing {
        dataset: NAME,
        path: below,
        layouts: LAYOUTS,
    })
}

/// A text file that may be absent, in which case it is empty.
fn text(path: &Path) -> Result<String, DatasetError> {
    match fs::read(path) {
        Ok(bytes) => String::from_utf8(bytes)
            .map_err(|_| DatasetError::invalid(path, "not UTF-8 text: the file is damaged, fetch it again")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(DatasetError::unreadable(path, error)),
    }
}

/// The classes' ids in the order of the labels, which is sorted.
fn class_ids(path: &Path) -> Result<Vec<String>, DatasetError> {
    let mut ids = Vec::new();
    for (line, id) in text(path)?.lines().map(str::trim).enumerate().filter(|(_, id)| !id.is_empty()) {
        pictures::relative(path, line as u64 + 1, id)?;
        ids.push(id.to_string());
    }
    if ids.is_empty() {
        return Err(DatasetError::invalid(path, "names no class: fetch it again"));
    }
    ids.sort();
    match ids.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(DatasetError::invalid(path, format!("names {} twice: fetch it again", pair[0]))),
        None => Ok(ids),
    }
}

/// The first of each class's words, or its id where there is none.
fn class_names(path: &Path, ids: &[String]) -> Result<Vec<String>, DatasetError> {
    let text = text(path)?;
    let words: HashMap<&str, &str> = text.lines().filter_map(|line| line.split_once('\t')).collect();
    let name = |id: &String| {
        let words = words.get(id.as_str()).map_or("", |words| words.split(',').next().unwrap_or("").trim());
        if words.is_empty() { id.clone() } else { words.to_string() }
    };
    Ok(ids.iter().map(name).collect())
}

/// The images in a folder for each class, and what else lies there.
fn by_class(
    root: &Path,
    split: &str,
    ids: &[String],
    notes: &mut Vec<String>,
) -> Result<Vec<Entry>, DatasetError> {
    let folder = root.join(split);
    let mut entries = Vec::new();
    let mut skipped = Skipped::default();
    for (label, id) in ids.iter().enumerate() {
        let class = folder.join(id);
        if !class.is_dir() {
            return Err(DatasetError::Missing { dataset: NAME, path: class, layouts: LAYOUTS });
        }
        let images = pictures::images_below(&class, &mut skipped)?;
        entries.extend(images.into_iter().map(|path| Entry { path, label: label as u32 }));
        // The official archive has a table of boxes with each class.
        skipped.expected(&class.join(format!("{id}_boxes.txt")));
    }
    notes.extend(skipped.notes().into_iter().map(|note| format!("{split}/: {note}")));
    let named =
        |name: &OsStr| ids.iter().any(|id| name == id.as_str()) || (split == "val" && name == "images");
    let others = pictures::subfolders(&folder, &mut Skipped::default())?;
    match others.iter().filter(|(name, _)| !named(name)).count() {
        0 => {}
        1 => notes.push(format!("{split}/: 1 folder that is not in wnids.txt: not used")),
        count => notes.push(format!("{split}/: {count} folders that are not in wnids.txt: not used")),
    }
    Ok(entries)
}

/// Whether the validation pictures lie in one folder. Scripts that sort them leave the table behind, and often that
/// folder, empty.
fn is_flat(val: &Path) -> Result<bool, DatasetError> {
    let images = val.join("images");
    Ok(images.is_dir()
        && val.join(ANNOTATIONS).is_file()
        && !pictures::images_below(&images, &mut Skipped::default())?.is_empty())
}

/// The pictures that `val_annotations.txt` lists, unless they have been sorted into folders.
fn flat_val(val: &Path, ids: &[String], notes: &mut Vec<String>) -> Result<Option<Vec<Entry>>, DatasetError> {
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
            let problem = format!("line {line} is not a file and a class with a tab between: fetch it again");
            return Err(DatasetError::invalid(&table, problem));
        };
        let path = folder.join(pictures::relative(&table, line, file)?);
        let Ok(label) = ids.binary_search_by(|known| known.as_str().cmp(id)) else {
            let problem = format!("line {line} has class `{}`, which is not in wnids.txt", id.escape_debug());
            return Err(DatasetError::invalid(&table, problem));
        };
        lines.add(&table, line, &path, label as u32)?;
        entries.push(Entry { path, label: label as u32 });
    }
    let listed: HashSet<&Path> = entries.iter().map(|entry| entry.path.as_path()).collect();
    let found = pictures::images_below(&folder, &mut Skipped::default())?;
    let count = found.iter().filter(|path| !listed.contains(path.as_path())).count();
    if count > 0 {
        notes.push(format!("{} in val/images/ without a row in {ANNOTATIONS}: not used", images(count)));
    }
    Ok(Some(entries))
}
