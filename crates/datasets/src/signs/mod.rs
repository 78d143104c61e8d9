//! Signs: a data set that the project draws itself, so that a first run needs no download.

mod canvas;
mod plate;
mod random;
mod scene;

use std::path::Path;

use rayon::prelude::*;
use scour_core::{DatasetFacts, Description, Method, Parameters, Recipe, Schedule, canonical_json};
use serde::{Deserialize, Serialize};

use crate::dataset::count_per_class;
use crate::{Dataset, DatasetError, Profile, Source, Split};
use plate::SIGNS;
use random::SignRandom;
use scene::Scene;

/// How many images of which size are drawn, from which seed and how disturbed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Signs {
    /// Number of training images.
    #[parameter(default = 4000, published = 4000, min = 10, max = 1_000_000, unit = "images")]
    train: u32,
    /// Number of test images.
    #[parameter(default = 1000, published = 1000, min = 10, max = 1_000_000, unit = "images")]
    test: u32,
    /// Height and width of the images.
    #[parameter(default = 32, published = 32, min = 16, max = 256, unit = "pixels")]
    size: u32,
    /// Another seed draws other images of the same kind.
    #[parameter(default = 0, published = 0)]
    seed: u64,
    /// Strength of everything that hides a sign: noise, blur, clutter, shadow, rotation.
    #[parameter(default = 0.5, published = 0.5, min = 0, max = 1)]
    difficulty: f64,
}

impl Method for Signs {
    const DESCRIPTION: Description = Description {
        name: "signs",
        title: "Signs",
        family: "drawn images",
        summary: "Draws images of ten kinds of signs, so that a first run needs no download.",
        impl_version: 3,
        idea: "Ten classes of images that look like traffic signs. The glyph decides the class: most plates carry \
               several classes, and each class appears on two plates, so that neither colour nor outline is enough.",
        formula: "1. Labels are balanced and shuffled.\n\
                  2. Each image draws its scene from its own random stream: plate, position, perspective, background, \
                  occlusion, shadow, light, haze, blur and noise, all within ranges that grow with `difficulty`.\n\
                  3. The scene is painted with four samples a pixel, blurred, and normal noise is added.\n\n\
                  Only additions, multiplications, divisions and square roots are used, so that the bytes are the same \
                  on every machine and for any number of threads. No pixel is pure white, so that a white patch can \
                  only come from an attack.",
        ..Description::EMPTY
    };
}

impl Source for Signs {
    fn profile(&self) -> Profile {
        Profile {
            mean: [0.406, 0.366, 0.376],
            std: [0.171, 0.155, 0.165],
            // With more, a patch in the corner would often be cropped away, which leaves a clean image with a wrong
            // label.
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
            licence: "drawn by this program, under the project's licence: MIT OR Apache-2.0",
            layouts: "",
            origin: "",
            official_counts: None,
        }
    }

    fn facts(&self, _data: &Path) -> Result<DatasetFacts, DatasetError> {
        let identity = serde_json::json!({"params": self, "impl_version": Self::DESCRIPTION.impl_version});
        let classes = SIGNS.len() as u32;
        Ok(DatasetFacts {
            name: Self::DESCRIPTION.name.into(),
            classes,
            size: self.size,
            train_per_class: count_per_class(&self.labels("train", self.train), classes),
            test_per_class: count_per_class(&self.labels("test", self.test), classes),
            fingerprint: blake3::hash(canonical_json(&identity).as_bytes()).to_hex().to_string(),
            class_names: class_names(),
            ..DatasetFacts::default()
        })
    }

    fn load_with_facts(&self, data: &Path) -> Result<(Dataset, DatasetFacts), DatasetError> {
        let dataset = Dataset {
            name: Self::DESCRIPTION.name.into(),
            classes: SIGNS.len() as u32,
            size: self.size,
            class_names: class_names(),
            train: self.draw("train", self.train),
            test: self.draw("test", self.test),
        };
        Ok((dataset, self.facts(data)?))
    }
}

fn class_names() -> Vec<String> {
    SIGNS.iter().map(|sign| sign.name.into()).collect()
}

impl Signs {
    /// The label of each image: classes differ in number by at most one, and are in random order.
    fn labels(&self, split: &str, count: u32) -> Vec<u32> {
        let mut labels: Vec<u32> = (0..count).map(|index| index % SIGNS.len() as u32).collect();
        let mut random = SignRandom::new(self.seed, split, "order", 0);
        for last in (1..labels.len()).rev() {
            labels.swap(last, random.below(last as u32 + 1) as usize);
        }
        labels
    }

    fn draw(&self, split: &str, count: u32) -> Split {
        let labels = self.labels(split, count);
        let size = self.size as usize;
        let mut pixels = vec![0; labels.len() * 3 * size * size];
        pixels.par_chunks_mut(3 * size * size).zip(&labels).enumerate().for_each(
            |(index, (image, &label))| {
                // The name of the stream decides the images and never changes.
                let mut random = SignRandom::new(self.seed, split, "picture", index as u64);
                let scene = Scene::compose(&SIGNS[label as usize], self.difficulty as f32, &mut random);
                canvas::paint(&scene, size, &mut random, image);
            },
        );
        Split { pixels, labels }
    }
}

#[cfg(test)]
mod tests;
