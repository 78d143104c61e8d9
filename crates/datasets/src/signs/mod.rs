//! Signs: a data set that the project draws itself, so that a first run needs no download.
//!
//! Ten classes of sign-like pictures. The glyph makes the class: most plates carry several classes, and most classes
//! come on two plates, so that neither colour nor outline is enough. Every picture has its own random stream and is
//! drawn with additions, multiplications, divisions and square roots only, which are the same bit for bit on every
//! machine and for any number of threads.

mod canvas;
mod chance;
mod plate;
mod scene;

use std::path::Path;

use rayon::prelude::*;
use scour_core::{Check, DatasetFacts, ParamError, Recipe, Schedule, canonical_json, resolve_params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::dataset::count_per_class;
use crate::pictures;
use crate::{Dataset, DatasetError, Profile, Source, Split};
use chance::Chance;
use plate::SIGNS;
use scene::Scene;

const NAME: &str = "signs";
const IMPL_VERSION: u32 = 3;

/// The source of this module.
pub(crate) struct Signs;

/// How many pictures of which size are drawn, from which seed and how disturbed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// Training pictures.
    train: u32,
    /// Test pictures.
    test: u32,
    /// Height and width in pixels.
    size: u32,
    /// Another seed draws other pictures of the same kind.
    seed: u64,
    /// Strength of everything that hides a sign (noise, blur, clutter, shadow, rotation), 0 to 1.
    difficulty: f64,
}

impl Default for Params {
    fn default() -> Self {
        Self { train: 4000, test: 1000, size: 32, seed: 0, difficulty: 0.5 }
    }
}

impl Check for Params {
    fn check(&self) -> Result<(), ParamError> {
        for (field, count) in [("train", self.train), ("test", self.test)] {
            if !(10..=1_000_000).contains(&count) {
                return Err(ParamError(format!("`{field}` must be 10 to 1000000 pictures, not {count}")));
            }
        }
        if !(16..=256).contains(&self.size) {
            return Err(ParamError(format!("`size` must be 16 to 256 pixels, not {}", self.size)));
        }
        if !(0.0..=1.0).contains(&self.difficulty) {
            return Err(ParamError(format!("`difficulty` must be in [0, 1], not {}", self.difficulty)));
        }
        Ok(())
    }
}

impl Source for Signs {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "Signs"
    }

    fn profile(&self) -> Profile {
        Profile {
            mean: [0.406, 0.366, 0.376],
            std: [0.171, 0.155, 0.165],
            // With more, a patch in the corner would often be cropped away, and its pictures be mislabelled ones.
            crop_padding: 2,
            // A mirrored arrow is another class.
            horizontal_flip: false,
            recipe: Recipe {
                epochs: 10,
                batch_size: 64,
                lr: 0.1,
                schedule: Schedule::OneCycle,
                cosine_epochs: 10,
                ..Recipe::default()
            },
            licence: "drawn by scour itself, under its own licence",
            layouts: "",
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

    fn facts(&self, params: &Value, _data: &Path) -> Result<DatasetFacts, DatasetError> {
        let params = read(params)?;
        let identity = serde_json::json!({"params": params, "impl_version": IMPL_VERSION});
        let classes = SIGNS.len() as u32;
        Ok(DatasetFacts {
            name: NAME.into(),
            classes,
            size: params.size,
            train_per_class: count_per_class(&labels(&params, "train", params.train), classes),
            test_per_class: count_per_class(&labels(&params, "test", params.test), classes),
            fingerprint: blake3::hash(canonical_json(&identity).as_bytes()).to_hex().to_string(),
            class_names: class_names(),
            ..DatasetFacts::default()
        })
    }

    fn load_with_facts(&self, params: &Value, data: &Path) -> Result<(Dataset, DatasetFacts), DatasetError> {
        let facts = self.facts(params, data)?;
        let params = read(params)?;
        let dataset = Dataset {
            name: NAME.into(),
            classes: SIGNS.len() as u32,
            size: params.size,
            class_names: class_names(),
            train: draw(&params, "train", params.train),
            test: draw(&params, "test", params.test),
        };
        Ok((dataset, facts))
    }
}

fn class_names() -> Vec<String> {
    SIGNS.iter().map(|sign| sign.name.into()).collect()
}

fn read(params: &Value) -> Result<Params, DatasetError> {
    resolve_params(params).map_err(|problem| DatasetError::Param { dataset: NAME, problem })
}

/// As many of each class as of any other, give or take one, in shuffled order.
fn labels(params: &Params, split: &str, count: u32) -> Vec<u32> {
    let mut labels: Vec<u32> = (0..count).map(|index| index % SIGNS.len() as u32).collect();
    let mut chance = Chance::new(params.seed, split, "order", 0);
    for last in (1..labels.len()).rev() {
        labels.swap(last, chance.below(last as u32 + 1) as usize);
    }
    labels
}

fn draw(params: &Params, split: &str, count: u32) -> Split {
    let labels = labels(params, split, count);
    let size = params.size as usize;
    let mut pixels = vec![0; labels.len() * 3 * size * size];
    pixels.par_chunks_mut(3 * size * size).zip(&labels).enumerate().for_each(|(index, (picture, &label))| {
        let mut chance = Chance::new(params.seed, split, "picture", index as u64);
        let scene = Scene::compose(&SIGNS[label as usize], params.difficulty as f32, &mut chance);
        canvas::paint(&scene, size, &mut chance, picture);
    });
    Split { pixels, labels }
}

#[cfg(test)]
mod tests;
