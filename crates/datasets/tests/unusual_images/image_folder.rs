//! Images that are computed by a formula, and a folder of them that each case changes.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::ImageFormat::{Jpeg, Png};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use scour_core::DatasetFacts;
use scour_datasets::{Dataset, DatasetError, Source, source};
use serde_json::json;

/// An image that differs for each number.
pub(crate) fn drawn(number: u32) -> DynamicImage {
    let colour =
        |x, y| Rgb([(x * 9 + number * 31) as u8, (y * 11 + number * 7) as u8, (x * y + number) as u8]);
    RgbImage::from_fn(24, 20, colour).into()
}

pub(crate) fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// The first half of an encoded image.
pub(crate) fn truncated(format: ImageFormat) -> Vec<u8> {
    let mut bytes = encoded(&drawn(9), format);
    bytes.truncate(bytes.len() / 2);
    bytes
}

/// A file of `tests/fixtures`.
pub(crate) fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)).unwrap()
}

/// A JPEG with an Exif segment that contains only the orientation.
pub(crate) fn with_orientation(image: &DynamicImage, orientation: u8) -> Vec<u8> {
    let plain = encoded(image, Jpeg);
    let exif = [
        &b"\xff\xe1\x00\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"[..],
        &[orientation, 0, 0, 0, 0, 0, 0, 0],
    ]
    .concat();
    [&plain[..2], &exif, &plain[2..]].concat()
}

/// A GIF of two frames.
pub(crate) fn animation() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::gif::GifEncoder::new(&mut bytes);
    for colour in [[200, 0, 0, 255], [0, 0, 200, 255]] {
        let frame = image::RgbaImage::from_pixel(9, 9, image::Rgba(colour));
        encoder.encode_frame(image::Frame::new(frame)).unwrap();
    }
    drop(encoder);
    bytes
}

/// The data set of that name with images of 8 x 8 pixels.
pub(crate) fn small(name: &str) -> Box<dyn Source> {
    (source(name).unwrap().read)(&json!({"size": 8})).unwrap()
}

/// A folder of images with two classes, each with one training and one test image.
pub(crate) struct ImageFolder(pub(crate) tempfile::TempDir);

impl ImageFolder {
    pub(crate) fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (number, path) in
            ["train/a/1.png", "train/b/1.png", "test/a/1.png", "test/b/1.png"].iter().enumerate()
        {
            folder.write(path, &encoded(&drawn(number as u32), Png));
        }
        folder
    }

    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    pub(crate) fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub(crate) fn image(&self, path: &str, format: ImageFormat) {
        self.write(path, &encoded(&drawn(9), format));
    }

    pub(crate) fn empty(&self, folder: &str) {
        let _ = fs::remove_dir_all(self.at(folder));
        fs::create_dir_all(self.at(folder)).unwrap();
    }

    #[cfg(unix)]
    pub(crate) fn link(&self, path: &str, to: &str) {
        std::os::unix::fs::symlink(to, self.at(path)).unwrap();
    }

    pub(crate) fn facts(&self) -> Result<DatasetFacts, DatasetError> {
        small("folder").facts(self.0.path())
    }

    pub(crate) fn load(&self) -> Dataset {
        small("folder").load(self.0.path()).unwrap()
    }
}
