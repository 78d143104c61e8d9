//! Pictures for the report: of every attack, what its first seed has drawn.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use scour_core::{Key, Plan};

use crate::SweepError;
use crate::error::AtPath;
use crate::files::{files_below, remove_folder};

/// Which attack stages are shown, and under which names below `gallery/`.
pub(crate) struct Gallery {
    folder: PathBuf,
    shown: Vec<(Key, String)>,
}

impl Gallery {
    pub(crate) fn of(plan: &Plan, out: &Path) -> Self {
        let mut seen = HashSet::new();
        let mut shown = vec![];
        for cell in plan.cells.iter().filter(|cell| cell.not_applicable.is_none()) {
            let attack = format!("{}--{}--{}--p{}", cell.dataset, cell.model, cell.attack, cell.poison_ratio);
            if seen.insert(attack.clone()) {
                shown.push((cell.attacked.clone(), format!("{attack}--s{}", cell.seed)));
            }
        }
        Self { folder: out.join("gallery"), shown }
    }

    /// Where the images of an attack stage lie, if it is shown.
    pub(crate) fn folder_of(&self, key: &Key) -> Option<PathBuf> {
        self.shown.iter().find(|(shown, _)| shown == key).map(|(_, name)| self.folder.join(name))
    }

    /// Copies the pictures of a finished stage, if it is shown and has any. `anew` replaces what is there.
    pub(crate) fn copy(&self, key: &Key, stage_folder: &Path, anew: bool) -> Result<(), SweepError> {
        let pictures = stage_folder.join("gallery");
        for (_, name) in self.shown.iter().filter(|(shown, _)| shown == key) {
            let target = self.folder.join(name);
            if pictures.is_dir() && (anew || !target.exists()) {
                copy_folder(&pictures, &target).at("write", &target)?;
            }
        }
        Ok(())
    }
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
