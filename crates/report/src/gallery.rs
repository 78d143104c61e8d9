//! Pictures of the triggers: clean, triggered and their difference, inlined into the page.

use std::path::Path;

use base64::Engine as _;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::names;
use crate::number::{fixed, ratio_percent};

/// More than these do not help a reader and make the page heavy.
const MOST_PICTURES: usize = 8;
/// Small pictures are shown enlarged to about this many pixels.
const SHOWN_SIDE: u32 = 96;

/// `gallery.json` beside the pictures.
#[derive(Deserialize)]
struct GalleryFile {
    pictures: Vec<PictureFile>,
    difference_scale: Option<f64>,
}

#[derive(Deserialize)]
struct PictureFile {
    clean: String,
    triggered: String,
    difference: String,
    label: Option<String>,
    target: Option<String>,
    psnr: Option<f64>,
    ssim: Option<f64>,
}

/// The pictures of one attacked model.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Gallery {
    pub(crate) attack: String,
    pub(crate) place: String,
    /// By how much differences are amplified, where known.
    pub(crate) scale: Option<String>,
    /// Mean PSNR and SSIM over the shown pictures, where given.
    pub(crate) quality: Option<String>,
    pub(crate) pictures: Vec<Picture>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Picture {
    pub(crate) label: Option<String>,
    pub(crate) target: Option<String>,
    /// Clean, triggered and difference, as data addresses.
    pub(crate) sources: [String; 3],
    /// Width on the page, in CSS pixels.
    pub(crate) side: u32,
}

/// The name of a folder: `dataset--model--attack--p0.1--s0`.
struct Place<'a> {
    dataset: &'a str,
    model: &'a str,
    attack: &'a str,
    poison_ratio: f64,
    seed: u64,
}

fn place(name: &str) -> Option<Place<'_>> {
    let parts: Vec<&str> = name.split("--").collect();
    let [dataset, model, attack, ratio, seed] = parts.as_slice() else { return None };
    Some(Place {
        dataset,
        model,
        attack,
        poison_ratio: ratio.strip_prefix('p')?.parse().ok()?,
        seed: seed.strip_prefix('s')?.parse().ok()?,
    })
}

/// Galleries of a results folder, one for each attacked model whatever its seeds, in the order of `attacks`.
/// What cannot be shown is left out and named in a warning: a picture is no reason to withhold the numbers.
pub(crate) fn galleries(folder: &Path, attacks: &[&str]) -> (Vec<Gallery>, Vec<String>) {
    let Ok(entries) = std::fs::read_dir(folder.join("gallery")) else { return (vec![], vec![]) };
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    let mut places: Vec<(&String, Place)> = vec![];
    let mut warnings = vec![];
    for name in &names {
        match place(name) {
            Some(place) => places.push((name, place)),
            None => warnings.push(format!(
                "gallery/{name}: left out, since its name is not DATASET--MODEL--ATTACK--pRATIO--sSEED"
            )),
        }
    }
    let position = |attack: &str| attacks.iter().position(|known| *known == attack).unwrap_or(usize::MAX);
    // By seed last, so that the lowest seed of an attacked model is the one that is kept.
    places.sort_by(|(_, a), (_, b)| {
        (a.dataset, a.model)
            .cmp(&(b.dataset, b.model))
            .then(a.poison_ratio.total_cmp(&b.poison_ratio))
            .then((position(a.attack), a.attack, a.seed).cmp(&(position(b.attack), b.attack, b.seed)))
    });
    places.dedup_by(|(_, b), (_, a)| {
        (a.dataset, a.model, a.attack) == (b.dataset, b.model, b.attack) && a.poison_ratio == b.poison_ratio
    });
    let read: Vec<Result<Gallery, String>> = places
        .par_iter()
        .map(|(name, place)| read(&folder.join("gallery").join(name), name, place))
        .collect();
    let mut galleries = vec![];
    for gallery in read {
        match gallery {
            Ok(gallery) => galleries.push(gallery),
            Err(warning) => warnings.push(warning),
        }
    }
    (galleries, warnings)
}

fn read(folder: &Path, name: &str, place: &Place) -> Result<Gallery, String> {
    let bytes = std::fs::read(folder.join("gallery.json"))
        .map_err(|error| format!("gallery/{name}/gallery.json: left out: {error}"))?;
    let file: GalleryFile = serde_json::from_slice(&bytes)
        .map_err(|error| format!("gallery/{name}/gallery.json: left out: {error}"))?;
    let shown = &file.pictures[..file.pictures.len().min(MOST_PICTURES)];
    let pictures: Vec<Picture> = shown
        .par_iter()
        .map(|picture| {
            let (clean, width) = png_source(folder, name, &picture.clean)?;
            let (triggered, _) = png_source(folder, name, &picture.triggered)?;
            let (difference, _) = png_source(folder, name, &picture.difference)?;
            Ok(Picture {
                label: picture.label.clone(),
                target: picture.target.clone(),
                sources: [clean, triggered, difference],
                // Whole multiples keep every pixel square; large pictures are scaled down to fit.
                side: if width <= SHOWN_SIDE {
                    width * (SHOWN_SIDE / width.max(1)).max(1)
                } else {
                    SHOWN_SIDE
                },
            })
        })
        .collect::<Result<_, String>>()?;
    let mean =
        |values: Vec<f64>| (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
    let psnr = mean(shown.iter().filter_map(|picture| picture.psnr).collect());
    let ssim = mean(shown.iter().filter_map(|picture| picture.ssim).collect());
    let quality: Vec<String> = [
        psnr.map(|psnr| format!("PSNR {} dB", fixed(psnr, 1))),
        ssim.map(|ssim| format!("SSIM {}", fixed(ssim, 3))),
    ]
    .into_iter()
    .flatten()
    .collect();
    Ok(Gallery {
        attack: names::attack(place.attack),
        place: format!(
            "{}, {}, poison ratio {}, seed {}",
            names::dataset(place.dataset),
            names::model(place.model),
            ratio_percent(place.poison_ratio),
            place.seed
        ),
        scale: file.difference_scale.map(|scale| scale.to_string()),
        quality: (!quality.is_empty()).then(|| quality.join(", ")),
        pictures,
    })
}

/// A picture as a data address, and its width. Only plain names are followed: a gallery shows its own folder.
fn png_source(folder: &Path, name: &str, file: &str) -> Result<(String, u32), String> {
    let warning = |problem: &str| format!("gallery/{name}/{file}: left out: {problem}");
    if Path::new(file).file_name().is_none_or(|plain| plain != file) {
        return Err(warning("not the name of a file in that folder"));
    }
    let bytes = std::fs::read(folder.join(file)).map_err(|error| warning(&error.to_string()))?;
    let width = bytes
        .get(16..20)
        .filter(|_| bytes.starts_with(b"\x89PNG\r\n\x1a\n"))
        .and_then(|width| width.try_into().ok())
        .map(u32::from_be_bytes)
        .ok_or_else(|| warning("not a PNG picture"))?;
    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
    Ok((format!("data:image/png;base64,{text}"), width))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes
    }

    fn folder_with(json: &str, name: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("gallery").join(name);
        std::fs::create_dir_all(&inner).unwrap();
        std::fs::write(inner.join("gallery.json"), json).unwrap();
        std::fs::write(inner.join("a.png"), png(32)).unwrap();
        std::fs::write(inner.join("text.png"), "text").unwrap();
        folder
    }

    #[test]
    fn pictures_are_inlined_and_enlarged_by_whole_factors() {
        let json = r#"{"pictures": [
            {"clean": "a.png", "triggered": "a.png", "difference": "a.png", "label": "stop", "psnr": 30.0},
            {"clean": "a.png", "triggered": "a.png", "difference": "a.png", "psnr": 31.0}
        ], "difference_scale": 10}"#;
        let folder = folder_with(json, "signs--m--badnets--p0.1--s1");
        let (galleries, warnings) = galleries(folder.path(), &["badnets"]);
        assert!(warnings.is_empty(), "{warnings:?}");
        assert_eq!(galleries[0].attack, "BadNets");
        assert_eq!(galleries[0].scale.as_deref(), Some("10"));
        assert_eq!(galleries[0].quality.as_deref(), Some("PSNR 30.5 dB"));
        assert_eq!(galleries[0].pictures[0].side, 96);
        assert!(galleries[0].pictures[1].sources[2].starts_with("data:image/png;base64,iVBORw0KGgo"));
    }

    #[test]
    fn what_cannot_be_shown_is_named() {
        for (file, name, expected) in [
            ("../secret", "d--m--a--p0.1--s0", "not the name of a file"),
            ("text.png", "d--m--a--p0.1--s0", "not a PNG"),
            ("gone.png", "d--m--a--p0.1--s0", "gone.png"),
            ("a.png", "something else", "left out, since its name"),
        ] {
            let json = format!(
                r#"{{"pictures": [{{"clean": "a.png", "triggered": "{file}", "difference": "a.png"}}]}}"#
            );
            let folder = folder_with(&json, name);
            let (galleries, warnings) = galleries(folder.path(), &[]);
            assert!(galleries.is_empty());
            assert!(warnings.len() == 1 && warnings[0].contains(expected), "{warnings:?}");
        }
    }
}
