//! Images for the report: for every attack those of its first seed, and an index of them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use scour_core::{FileFormat, GalleryEntry, GalleryIndex, Key, Plan, read_json, write_json};

use crate::SweepError;
use crate::error::{AtPath, unless_newer};
use crate::folders::{files_below, remove_folder};

/// The index below `gallery/`.
const INDEX: &str = "index.json";

/// `gallery/` in the folder of the results.
pub(crate) struct Gallery {
    folder: PathBuf,
    /// The attack stages whose images are shown.
    shown: Vec<(Key, GalleryEntry)>,
    /// What the index holds.
    index: Vec<GalleryEntry>,
}

impl Gallery {
    /// Reads the index that an earlier sweep has left, and finds out which stages of the plan are shown.
    pub(crate) fn open(plan: &Plan, out: &Path) -> Result<Self, SweepError> {
        let folder = out.join("gallery");
        let index: Option<GalleryIndex> = unless_newer(read_json(&folder.join(INDEX)))?;
        let mut index = index.map(|index| index.galleries).unwrap_or_default();
        index.retain(|entry| folder.join(&entry.folder).is_dir());
        Ok(Self { folder, shown: shown(plan), index })
    }

    /// Where the images of an attack stage lie, if it is shown.
    pub(crate) fn folder_of(&self, key: &Key) -> Option<PathBuf> {
        self.shown.iter().find(|(shown, _)| shown == key).map(|(_, entry)| self.folder.join(&entry.folder))
    }

    /// Copies the images of a finished stage, if it is shown and has any, and adds them to the index. `replace` copies
    /// them even if they are there.
    pub(crate) fn add(&mut self, key: &Key, stage_folder: &Path, replace: bool) -> Result<(), SweepError> {
        let images = stage_folder.join("gallery");
        let entries: Vec<GalleryEntry> =
            self.shown.iter().filter(|(shown, _)| shown == key).map(|(_, entry)| entry.clone()).collect();
        for entry in entries.into_iter().filter(|_| images.is_dir()) {
            let target = self.folder.join(&entry.folder);
            if replace || !target.exists() {
                copy_folder(&images, &target).at("write", &target)?;
            }
            if !self.index.contains(&entry) {
                self.index.retain(|other| other.folder != entry.folder);
                self.index.push(entry);
                self.write_index()?;
            }
        }
        Ok(())
    }

    fn write_index(&self) -> Result<(), SweepError> {
        let path = self.folder.join(INDEX);
        let index = GalleryIndex { version: GalleryIndex::VERSION, galleries: self.index.clone() };
        write_json(&path, &index).at("write", &path)
    }
}

/// The attacked models of the plan, one for each data set, model, attack and poison ratio.
fn shown(plan: &Plan) -> Vec<(Key, GalleryEntry)> {
    let mut shown: Vec<(Key, GalleryEntry)> = vec![];
    for cell in plan.cells.iter().filter(|cell| cell.not_applicable.is_none()) {
        let same = |(_, entry): &(Key, GalleryEntry)| {
            (&entry.dataset, &entry.model, &entry.attack) == (&cell.dataset, &cell.model, &cell.attack)
                && entry.poison_ratio == cell.poison_ratio
        };
        if shown.iter().any(same) {
            continue;
        }
        let entry = GalleryEntry {
            // For people who look into the folder; programs read the index.
            folder: format!(
                "{}--{}--{}--p{}--s{}",
                cell.dataset, cell.model, cell.attack, cell.poison_ratio, cell.seed
            ),
            dataset: cell.dataset.clone(),
            model: cell.model.clone(),
            attack: cell.attack.clone(),
            poison_ratio: cell.poison_ratio,
            seed: cell.seed,
        };
        shown.push((cell.attacked.clone(), entry));
    }
    shown
}

/// Copies a folder, which appears whole.
fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    let temporary = to.with_file_name(".copying");
    remove_folder(&temporary)?;
    fs::create_dir_all(&temporary)?;
    for file in files_below(from)? {
        let target = temporary.join(&file);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::copy(from.join(&file), target)?;
    }
    remove_folder(to)?;
    fs::rename(temporary, to)
}
