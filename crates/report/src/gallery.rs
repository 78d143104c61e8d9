//! Images of the triggers: clean, triggered and their difference, inlined into the page.

use std::path::Path;

use base64::Engine as _;
use rayon::prelude::*;
use scour_core::{GalleryEntry, GalleryImage, GalleryIndex, StageGallery, read_json};
use serde::Serialize;

use crate::names;
use crate::number::{fixed, mean, ratio_percent};

/// More images make the page large without showing more.
const MOST_IMAGES: usize = 8;
/// Small images are shown enlarged to about this many pixels.
const SHOWN_SIDE: u32 = 96;

/// The images of one attacked model.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Gallery {
    pub(crate) attack: String,
    /// Data set, model, poison ratio and seed.
    pub(crate) setting: String,
    /// The factor by which differences are multiplied, if known.
    pub(crate) scale: Option<String>,
    /// Mean PSNR and SSIM over the shown images, if given.
    pub(crate) quality: Option<String>,
    pub(crate) images: Vec<Image>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Image {
    pub(crate) label: Option<String>,
    pub(crate) target: Option<String>,
    /// Clean, triggered and difference, as data addresses.
    pub(crate) sources: [String; 3],
    /// Width on the page, in CSS pixels.
    pub(crate) side: u32,
}

/// Galleries of a results folder, one for all seeds of an attacked model, in the order of `attacks`. Images that cannot
/// be shown are left out with a warning and not an error, since the numbers do not depend on them.
pub(crate) fn galleries(folder: &Path, attacks: &[&str]) -> (Vec<Gallery>, Vec<String>) {
    let folder = folder.join("gallery");
    if !folder.is_dir() {
        return (vec![], vec![]);
    }
    let index: GalleryIndex = match read_json(&folder.join("index.json")) {
        Ok(index) => index,
        Err(error) => {
            let warning = format!(
                "gallery/index.json: the images of triggers are left out: {}; running the sweep again writes the file",
                error.problem()
            );
            return (vec![], vec![warning]);
        }
    };
    let read: Vec<Result<Gallery, String>> =
        shown(index.galleries, attacks).par_iter().map(|entry| read(&folder, entry)).collect();
    let mut galleries = vec![];
    let mut warnings = vec![];
    for gallery in read {
        match gallery {
            Ok(gallery) => galleries.push(gallery),
            Err(warning) => warnings.push(warning),
        }
    }
    (galleries, warnings)
}

/// The entry with the lowest seed of each attacked model, in the order in which they are shown.
fn shown(mut entries: Vec<GalleryEntry>, attacks: &[&str]) -> Vec<GalleryEntry> {
    let position = |attack: &str| attacks.iter().position(|known| *known == attack).unwrap_or(usize::MAX);
    entries.sort_by(|a, b| {
        (&a.dataset, &a.model)
            .cmp(&(&b.dataset, &b.model))
            .then(a.poison_ratio.total_cmp(&b.poison_ratio))
            .then((position(&a.attack), &a.attack, a.seed).cmp(&(position(&b.attack), &b.attack, b.seed)))
    });
    entries.dedup_by(|b, a| {
        (&a.dataset, &a.model, &a.attack) == (&b.dataset, &b.model, &b.attack)
            && a.poison_ratio == b.poison_ratio
    });
    entries
}

fn read(folder: &Path, entry: &GalleryEntry) -> Result<Gallery, String> {
    let name = &entry.folder;
    if !is_plain(name) {
        return Err(format!(
            "gallery/index.json: {name} is left out: not the name of a folder beside the index"
        ));
    }
    let folder = folder.join(name);
    let file: StageGallery = read_json(&folder.join("gallery.json"))
        .map_err(|error| format!("gallery/{name}/gallery.json: left out: {}", error.problem()))?;
    let shown = &file.images[..file.images.len().min(MOST_IMAGES)];
    let images =
        shown.par_iter().map(|image| inlined(&folder, name, image)).collect::<Result<_, String>>()?;
    Ok(Gallery {
        attack: names::attack(&entry.attack),
        setting: format!(
            "{}, {}, poison ratio {}, seed {}",
            names::dataset(&entry.dataset),
            names::model(&entry.model),
            ratio_percent(entry.poison_ratio),
            entry.seed
        ),
        scale: file.difference_scale.map(|scale| scale.to_string()),
        quality: quality(shown),
        images,
    })
}

fn inlined(folder: &Path, name: &str, image: &GalleryImage) -> Result<Image, String> {
    let (clean, width) = png_source(folder, name, &image.clean)?;
    let (triggered, _) = png_source(folder, name, &image.triggered)?;
    let (difference, _) = png_source(folder, name, &image.difference)?;
    // Whole multiples keep every pixel square; large images are scaled down to fit.
    let enlarged = width * (SHOWN_SIDE / width.max(1)).max(1);
    Ok(Image {
        label: image.label.clone(),
        target: image.target.clone(),
        sources: [clean, triggered, difference],
        side: if width <= SHOWN_SIDE { enlarged } else { SHOWN_SIDE },
    })
}

fn quality(images: &[GalleryImage]) -> Option<String> {
    let average =
        |of: fn(&GalleryImage) -> Option<f64>| mean(&images.iter().filter_map(of).collect::<Vec<_>>());
    let parts: Vec<String> = [
        average(|image| image.psnr).map(|psnr| format!("PSNR {} dB", fixed(psnr, 1))),
        average(|image| image.ssim).map(|ssim| format!("SSIM {}", fixed(ssim, 3))),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Whether a name is the plain name of a file or folder, and not a path to another folder.
pub(crate) fn is_plain(name: &str) -> bool {
    Path::new(name).file_name().is_some_and(|plain| plain == name)
}

/// An image as a data address, and its width. Only plain names are read: a gallery shows files of its own folder.
fn png_source(folder: &Path, name: &str, file: &str) -> Result<(String, u32), String> {
    let warning = |problem: &str| format!("gallery/{name}/{file}: left out: {problem}");
    if !is_plain(file) {
        return Err(warning("not the name of a file in that folder"));
    }
    let bytes = std::fs::read(folder.join(file)).map_err(|error| warning(&error.to_string()))?;
    let width = bytes
        .get(16..20)
        .filter(|_| bytes.starts_with(b"\x89PNG\r\n\x1a\n"))
        .and_then(|width| width.try_into().ok())
        .map(u32::from_be_bytes)
        .ok_or_else(|| warning("not a PNG image"))?;
    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
    Ok((format!("data:image/png;base64,{text}"), width))
}

#[cfg(test)]
mod tests {
    use super::*;
    use scour_core::{FileFormat, write_json};

    fn png(width: u32) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes
    }

    fn entry(folder: &str, attack: &str, seed: u64) -> GalleryEntry {
        GalleryEntry {
            folder: folder.into(),
            dataset: "signs".into(),
            model: "m".into(),
            attack: attack.into(),
            poison_ratio: 0.1,
            seed,
        }
    }

    fn image(triggered: &str, psnr: Option<f64>) -> GalleryImage {
        let [clean, triggered, difference] = ["a.png", triggered, "a.png"].map(String::from);
        GalleryImage { clean, triggered, difference, psnr, ..GalleryImage::default() }
    }

    /// A results folder with these galleries, which all have the same images.
    fn results(entries: &[GalleryEntry], images: Vec<GalleryImage>) -> tempfile::TempDir {
        let results = tempfile::tempdir().unwrap();
        let gallery = results.path().join("gallery");
        let file = StageGallery { version: StageGallery::VERSION, images, difference_scale: Some(10.0) };
        for entry in entries.iter().filter(|entry| is_plain(&entry.folder)) {
            let inner = gallery.join(&entry.folder);
            std::fs::create_dir_all(&inner).unwrap();
            write_json(&inner.join("gallery.json"), &file).unwrap();
            std::fs::write(inner.join("a.png"), png(32)).unwrap();
            std::fs::write(inner.join("text.png"), "text").unwrap();
        }
        std::fs::create_dir_all(&gallery).unwrap();
        let index = GalleryIndex { version: GalleryIndex::VERSION, galleries: entries.to_vec() };
        write_json(&gallery.join("index.json"), &index).unwrap();
        results
    }

    #[test]
    fn images_are_inlined_and_enlarged_by_whole_factors() {
        let images = vec![image("a.png", Some(30.0)), image("a.png", Some(31.0))];
        let entries = [entry("x", "wanet", 0), entry("second", "badnets", 1), entry("first", "badnets", 0)];
        let results = results(&entries, images);
        let (galleries, warnings) = galleries(results.path(), &["badnets", "wanet"]);
        assert!(warnings.is_empty(), "{warnings:?}");
        let attacks: Vec<&str> = galleries.iter().map(|gallery| gallery.attack.as_str()).collect();
        assert_eq!(attacks, ["BadNets", "WaNet"], "one for each attack, in the order of the table");
        assert_eq!(galleries[0].setting, "Signs, m, poison ratio 10%, seed 0");
        assert_eq!(galleries[0].scale.as_deref(), Some("10"));
        assert_eq!(galleries[0].quality.as_deref(), Some("PSNR 30.5 dB"));
        assert_eq!(galleries[0].images[0].side, 96);
        assert!(galleries[0].images[1].sources[2].starts_with("data:image/png;base64,iVBORw0KGgo"));
    }

    #[test]
    fn what_cannot_be_shown_is_named() {
        for (file, name, expected) in [
            ("../secret", "x", "not the name of a file"),
            ("text.png", "x", "not a PNG"),
            ("gone.png", "x", "gone.png"),
            ("a.png", "../x", "not the name of a folder"),
        ] {
            let results = results(&[entry(name, "badnets", 0)], vec![image(file, None)]);
            let (galleries, warnings) = galleries(results.path(), &[]);
            assert!(galleries.is_empty());
            assert!(warnings.len() == 1 && warnings[0].contains(expected), "{warnings:?}");
        }
    }

    #[test]
    fn without_an_index_images_are_left_out_with_a_warning() {
        let results = results(&[entry("x", "badnets", 0)], vec![image("a.png", None)]);
        let index = results.path().join("gallery/index.json");
        std::fs::write(&index, "{").unwrap();
        let (shown, warnings) = galleries(results.path(), &[]);
        assert!(
            shown.is_empty() && warnings[0].starts_with("gallery/index.json: the images"),
            "{warnings:?}"
        );
        std::fs::remove_file(index).unwrap();
        assert_eq!(galleries(results.path(), &[]).1.len(), 1);
        assert_eq!(galleries(&results.path().join("gallery"), &[]).1.len(), 0, "no gallery at all");
    }
}
