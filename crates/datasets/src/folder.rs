//! Your own images: `train/<class>/*` and `test/<class>/*`, of any size and in any of seven formats.
//!
//! Classes are in the order of their folders' names, byte by byte: `10` comes before `2`. Folders within a class's
//! folder belong to the class; names that start with a dot are left out. An image with an Exif orientation, as
//! telephones write it, is turned upright, since a viewer shows it so; the public data sets are read as they are stored.
//! Of an animation or of several pages the first is read.

use std::path::{Path, PathBuf};

use scour_core::{Check, DatasetFacts, ParamError, Recipe, resolve_params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::pictures::{self, Entry, Listing, Progress, Skipped};
use crate::{Dataset, DatasetError, Place, Profile, Source};

const NAME: &str = "folder";
/// 2: Exif orientation is applied; BMP, GIF and TIFF are read; folders may lie deeper than four levels.
const IMPL_VERSION: u32 = 2;
const LAYOUTS: &str = "train/<class>/ and test/<class>/ (or val/<class>/) with JPEG, PNG, PPM, WebP, BMP, GIF or \
                       TIFF images, in the data folder or in the one below it that the parameter `path` names";

/// The source of this module.
pub(crate) struct Folder;

/// Which folder, and how its pictures are read.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// The folder that holds `train` and `test`, below the data folder.
    path: String,
    /// Height and width to which pictures are resized.
    size: u32,
}

impl Default for Params {
    fn default() -> Self {
        Self { path: String::new(), size: 32 }
    }
}

impl Check for Params {
    fn check(&self) -> Result<(), ParamError> {
        pictures::check_size(self.size)
    }
}

impl Source for Folder {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "Picture folder"
    }

    fn profile(&self) -> Profile {
        Profile {
            // ImageNet's figures, which suit most photographs.
            mean: [0.485, 0.456, 0.406],
            std: [0.229, 0.224, 0.225],
            crop_padding: 4,
            // Nobody knows whether a mirrored picture is still of its class.
            horizontal_flip: false,
            recipe: Recipe::default(),
            licence: "yours",
            layouts: LAYOUTS,
            origin: "",
            official_counts: None,
        }
    }

    fn impl_version(&self) -> u32 {
        IMPL_VERSION
    }

    fn resolve(&self, params: &Value) -> Result<Value, ParamError> {
        pictures::resolve::<Params>(params)
    }

    fn place(&self, data: &Path) -> Result<Option<Place>, DatasetError> {
        splits(data)?;
        Ok(Some(Place {
            path: data.into(),
            layout: "a folder for each class in train/ and in test/ or val/",
        }))
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

/// The folders of the training and the test pictures.
fn splits(root: &Path) -> Result<(PathBuf, PathBuf), DatasetError> {
    let missing = |path| DatasetError::Missing { dataset: NAME, path, layouts: LAYOUTS };
    let train = root.join("train");
    if !train.is_dir() {
        return Err(missing(train));
    }
    let mut tests = ["test", "val"].into_iter().map(|split| root.join(split));
    match tests.find(|at| at.is_dir()) {
        Some(test) => Ok((train, test)),
        None => Err(missing(root.join("test"))),
    }
}

fn listing(params: &Value, data: &Path) -> Result<Listing, DatasetError> {
    let params: Params =
        resolve_params(params).map_err(|problem| DatasetError::Param { dataset: NAME, problem })?;
    let root = if params.path.is_empty() { data.to_path_buf() } else { data.join(&params.path) };
    let (train_folder, test_folder) = splits(&root)?;
    let (mut skipped, mut skipped_tests) = (Skipped::default(), Skipped::default());
    let classes = pictures::subfolders(&train_folder, &mut skipped)?;
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for (label, (_, folder)) in classes.iter().enumerate() {
        let found = pictures::images_below(folder, &mut skipped)?;
        if found.is_empty() {
            return Err(DatasetError::invalid(
                folder,
                "a class without a picture: add some, or remove the folder",
            ));
        }
        train.extend(found.into_iter().map(|path| Entry { path, label: label as u32 }));
    }
    for (name, folder) in pictures::subfolders(&test_folder, &mut skipped_tests)? {
        let Some(label) = classes.iter().position(|class| class.0 == name) else {
            return Err(DatasetError::invalid(
                &folder,
                "a test class that no folder in train/ is named after",
            ));
        };
        let found = pictures::images_below(&folder, &mut skipped_tests)?;
        test.extend(found.into_iter().map(|path| Entry { path, label: label as u32 }));
    }
    let class_names = classes.iter().map(|(name, _)| name.to_string_lossy().into_owned()).collect();
    let test_name = test_folder.file_name().unwrap_or_default().to_string_lossy();
    let notes = [("train", skipped.notes()), (&*test_name, skipped_tests.notes())];
    Ok(Listing {
        name: NAME,
        root,
        size: params.size,
        class_names,
        train,
        test,
        impl_version: IMPL_VERSION,
        upright: true,
        official: None,
        notes: notes
            .into_iter()
            .flat_map(|(split, notes)| notes.into_iter().map(move |note| format!("{split}/: {note}")))
            .collect(),
    })
}
