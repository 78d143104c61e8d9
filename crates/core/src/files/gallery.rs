use serde::{Deserialize, Serialize};

use super::FileFormat;
use super::json::first_version;

/// `gallery.json` beside the images of one attacked model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageGallery {
    /// The version of the file.
    #[serde(default = "first_version")]
    pub version: u32,
    /// Test images, each in three files.
    #[serde(alias = "pictures")]
    pub images: Vec<GalleryImage>,
    /// By how much the differences are multiplied, where that is known.
    #[serde(default)]
    pub difference_scale: Option<f64>,
}

impl FileFormat for StageGallery {
    const VERSION: u32 = 1;
}

/// A test image with and without the trigger. Files are PNG images in the same folder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GalleryImage {
    /// File name of the image as it is.
    pub clean: String,
    /// File name of the image with the trigger.
    pub triggered: String,
    /// File name of the absolute difference of the two, multiplied so that it can be seen.
    pub difference: String,
    /// Its true class.
    #[serde(default)]
    pub label: Option<String>,
    /// The class that the triggered image is to be taken for.
    #[serde(default)]
    pub target: Option<String>,
    /// Peak signal-to-noise ratio of the triggered image against the clean one, in dB.
    #[serde(default)]
    pub psnr: Option<f64>,
    /// Structural similarity of the two: 1 for equal images.
    #[serde(default)]
    pub ssim: Option<f64>,
}

/// `gallery/index.json` in a folder of results: which attacked model each folder beside it is of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GalleryIndex {
    /// The version of the file.
    #[serde(default = "first_version")]
    pub version: u32,
    /// One for each folder.
    pub galleries: Vec<GalleryEntry>,
}

impl FileFormat for GalleryIndex {
    const VERSION: u32 = 1;
}

/// The attacked model whose images lie in a folder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GalleryEntry {
    /// Name of the folder beside the index; it holds a [`StageGallery`].
    pub folder: String,
    /// Data set, by its name in results.
    pub dataset: String,
    /// Architecture.
    pub model: String,
    /// Attack.
    pub attack: String,
    /// Share of poisoned training images, 0..1.
    pub poison_ratio: f64,
    /// The repeat.
    pub seed: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse_json;
    use std::path::Path;

    #[test]
    fn a_gallery_from_before_images_were_called_so_is_read() {
        let text = br#"{"difference_scale": 10.0, "pictures": [
            {"clean": "a.png", "triggered": "b.png", "difference": "c.png", "label": "stop", "psnr": 30.0}]}"#;
        let gallery: StageGallery = parse_json(text, Path::new("gallery.json")).unwrap();
        assert_eq!((gallery.version, gallery.difference_scale), (1, Some(10.0)));
        assert_eq!((gallery.images[0].triggered.as_str(), gallery.images[0].ssim), ("b.png", None));
    }
}
