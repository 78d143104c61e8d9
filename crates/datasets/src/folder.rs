//! The user's own images in `train/<class>/` and `test/<class>/`.

use std::path::{Path, PathBuf};

use scour_core::{DatasetFacts, Description, Method, Parameters, Recipe};
use serde::{Deserialize, Serialize};

use crate::images::{self, LabelledFile, Listing, Progress, Skipped};
use crate::{Dataset, DatasetError, FoundData, Profile, Source};

const NAME: &str = "folder";
const LAYOUTS: &str = "train/<class>/ and test/<class>/ (or val/<class>/) with JPEG, PNG, PPM, WebP, BMP, GIF or \
                       TIFF images, in the data folder or in the one below it that the parameter `path` names";

/// The user's own images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Folder {
    /// The folder that holds `train` and `test`, relative to the data folder; empty for the data folder itself.
    #[parameter(default = String::new(), published = String::new())]
    path: String,
    /// Height and width to which images are resized.
    #[parameter(default = 32, published = 32, min = 8, max = 512, unit = "pixels")]
    size: u32,
}

impl Method for Folder {
    const DESCRIPTION: Description = Description {
        name: NAME,
        title: "Image folder",
        family: "own images",
        summary: "Reads the user's own images from one folder for each class.",
        // 2: Exif orientation is applied; BMP, GIF and TIFF are read; folders may be nested deeper than four levels.
        impl_version: 2,
        idea: "Training images are in `train/<class>/`, test images in `test/<class>/` or `val/<class>/`. They may have \
               any size and any of seven formats; the content decides the format, not the file's name. Classes are in \
               the order of their folders' names, compared byte by byte: `10` comes before `2`.",
        formula: "1. Each folder in `train/` is a class. Images in folders below it belong to the class; names that start \
                  with a dot are left out.\n\
                  2. An image with an Exif orientation, as phones write it, is rotated upright, as image viewers do. Of \
                  several frames or pages the first one is read.\n\
                  3. Each image becomes RGB and is resized to `size` x `size` pixels.",
        ..Description::EMPTY
    };
}

impl Source for Folder {
    fn profile(&self) -> Profile {
        Profile {
            // ImageNet's figures, which suit most photographs.
            mean: [0.485, 0.456, 0.406],
            std: [0.229, 0.224, 0.225],
            crop_padding: 4,
            // Whether a mirrored image still belongs to its class is not known.
            horizontal_flip: false,
            recipe: Recipe::default(),
            licence: "yours",
            layouts: LAYOUTS,
            origin: "",
            official_counts: None,
        }
    }

    fn find(&self, data: &Path) -> Result<Option<FoundData>, DatasetError> {
        let path = self.root(data);
        splits(&path)?;
        Ok(Some(FoundData { path, layout: "a folder for each class in train/ and in test/ or val/" }))
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

impl Folder {
    /// The folder that holds `train` and `test`.
    fn root(&self, data: &Path) -> PathBuf {
        if self.path.is_empty() { data.to_path_buf() } else { data.join(&self.path) }
    }

    fn listing(&self, data: &Path) -> Result<Listing, DatasetError> {
        let root = self.root(data);
        let (train_folder, test_folder) = splits(&root)?;
        let (mut skipped, mut skipped_tests) = (Skipped::default(), Skipped::default());
        let classes = images::subfolders(&train_folder, &mut skipped)?;
        let (mut train, mut test) = (Vec::new(), Vec::new());
        for (label, (_, folder)) in classes.iter().enumerate() {
            let found = images::find_images(folder, &mut skipped)?;
            if found.is_empty() {
                return Err(DatasetError::invalid(
                    folder,
                    "a class without images: add some, or remove the folder",
                ));
            }
            train.extend(found.into_iter().map(|path| LabelledFile { path, label: label as u32 }));
        }
        for (name, folder) in images::subfolders(&test_folder, &mut skipped_tests)? {
            let Some(label) = classes.iter().position(|class| class.0 == name) else {
                return Err(DatasetError::invalid(
                    &folder,
                    "a test class without a folder of the same name in train/",
                ));
            };
            let found = images::find_images(&folder, &mut skipped_tests)?;
            test.extend(found.into_iter().map(|path| LabelledFile { path, label: label as u32 }));
        }
        let class_names = classes.iter().map(|(name, _)| name.to_string_lossy().into_owned()).collect();
        let test_name = test_folder.file_name().unwrap_or_default().to_string_lossy();
        let notes = [("train", skipped.notes()), (&*test_name, skipped_tests.notes())];
        Ok(Listing {
            name: NAME,
            root,
            size: self.size,
            class_names,
            train,
            test,
            impl_version: Self::DESCRIPTION.impl_version,
            upright: true,
            official: None,
            notes: notes
                .into_iter()
                .flat_map(|(split, notes)| notes.into_iter().map(move |note| format!("{split}/: {note}")))
                .collect(),
        })
    }
}

/// The folders of the training and the test images.
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
