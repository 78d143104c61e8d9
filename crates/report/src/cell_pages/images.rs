//! The images of a cell's trigger, as links into the gallery of the results folder.

use std::path::Path;

use scour_core::{GalleryIndex, ResultRow, StageGallery, read_json};
use serde::Serialize;

use crate::gallery::is_plain;

/// A test image without and with the trigger, and the difference of the two.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct LinkedImage {
    /// Clean, triggered and difference, as paths from a cell's page.
    pub(crate) sources: [String; 3],
    pub(crate) label: String,
}

/// The galleries of a results folder. What cannot be read is left out; the report has a warning on it.
pub(super) struct Galleries<'a> {
    results: &'a Path,
    index: Option<GalleryIndex>,
}

impl<'a> Galleries<'a> {
    pub(super) fn read(results: &'a Path) -> Self {
        Self { results, index: read_json(&results.join("gallery/index.json")).ok() }
    }

    /// The images of the row's attacked model.
    pub(super) fn images(&self, row: &ResultRow) -> Vec<LinkedImage> {
        let entries = self.index.as_ref().map_or(&[][..], |index| &index.galleries);
        let Some(entry) = entries.iter().find(|entry| {
            (&entry.dataset, &entry.model, &entry.attack, entry.seed)
                == (&row.dataset, &row.model, &row.attack, row.seed)
                && entry.poison_ratio == row.poison_ratio
                && is_plain(&entry.folder)
        }) else {
            return vec![];
        };
        let folder = self.results.join("gallery").join(&entry.folder);
        let Ok(gallery) = read_json::<StageGallery>(&folder.join("gallery.json")) else { return vec![] };
        let images = gallery.images.into_iter().filter_map(|image| {
            let files = [image.clean, image.triggered, image.difference];
            let label = [image.label, image.target].into_iter().flatten().collect::<Vec<_>>().join(" → ");
            files.iter().all(|file| is_plain(file)).then(|| LinkedImage {
                sources: files.map(|file| format!("../../gallery/{}/{file}", entry.folder)),
                label,
            })
        });
        images.collect()
    }
}
