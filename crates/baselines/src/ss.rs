//! SS, spectral signatures: removes the outliers of each class and trains a new model.

use scour_core::{Description, Fidelity, Method, Parameters, Source, Stream, stream_seed};
use scour_models::Model;
use scour_torch::Random;
use scour_train::{DefenderView, Defense, Outcome, TrainError, TrainingSet};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor, no_grad};

use crate::features::{features, module_outputs};
use crate::suspects::{Suspects, highest};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SpectralSignatures {
    /// Share of each class that is removed.
    #[parameter(default = 0.15, published = 0.15, min = 0, below = 1)]
    remove: f64,
    /// Corrected, or as in the benchmark.
    #[parameter(default = Fidelity::Corrected, published = Fidelity::Benchmark)]
    fidelity: Fidelity,
}

impl Method for SpectralSignatures {
    const DESCRIPTION: Description = Description {
        name: "ss",
        title: "SS",
        family: "detection of poisoned training images",
        summary: "Removes the training images of each class that lie farthest along its main direction of spread, and \
                  trains a new model on the rest.",
        source: Source {
            paper: "Tran et al., 2018, Spectral Signatures in Backdoor Attacks",
            section: "algorithm 1",
            link: "https://arxiv.org/abs/1811.00636",
            values: "BackdoorBench's configuration",
        },
        idea: "The features of poisoned images differ from those of the other images of their class along the \
               direction in which the class spreads most.",
        formula: r#"For each label the features of its training images are centred; with v their top right singular vector, an image
f has the score ((f - mean) v)^2 (paper, algorithm 1). The share `remove` of each class with the highest scores is
left out: 1.5 times the share of poisoned images that is expected at most. Where more of a class are poisoned than
clean, as in the target class of an all-to-one attack at 10 % on ten classes, that removes a part of them only."#,
        departures: &[
            "Features: inputs of the last layer; with `fidelity: benchmark`: all outputs of the last residual layer, or of \
             the last max pooling of VGG19-BN.",
            "Images: as they are; with `fidelity: benchmark`: under training augmentation.",
            "Score: ((f - mean) v)^2; with `fidelity: benchmark`: abs(f v), not centred: mostly how far the whole \
             class lies along v.",
        ],
        cost: "One training of a new model.",
        ..Description::EMPTY
    };
}

/// The top right singular vector [d] of f64 [n, d], by the smaller of its two Gram matrices.
fn top_direction(matrix: &Tensor) -> Tensor {
    let (n, d) = (matrix.size()[0], matrix.size()[1]);
    let top = |gram: Tensor| {
        let (_, vectors) = gram.linalg_eigh("L");
        // Eigenvalues ascend.
        vectors.select(1, -1)
    };
    if d <= n {
        return top(matrix.tr().matmul(matrix));
    }
    let direction = matrix.tr().mv(&top(matrix.matmul(&matrix.tr())));
    let length = direction.norm().clamp_min(f64::MIN_POSITIVE);
    direction / length
}

/// Scores of one class, f64 [n], from its features [n, d].
fn scores(features: &Tensor, fidelity: Fidelity) -> Tensor {
    no_grad(|| {
        let features = features.to_device(Device::Cpu).to_kind(Kind::Double);
        let centred = &features - features.mean_dim([0i64].as_slice(), true, Kind::Double);
        let direction = top_direction(&centred);
        match fidelity {
            Fidelity::Corrected => centred.mv(&direction).square(),
            Fidelity::Benchmark => features.mv(&direction).abs(),
        }
    })
}

impl Defense for SpectralSignatures {
    fn needs_training_set(&self) -> bool {
        true
    }

    fn run(&self, model: &Model, view: &DefenderView) -> Result<Outcome, TrainError> {
        let TrainingSet { images, .. } = view.training()?;
        let features = match self.fidelity {
            Fidelity::Corrected => features(model, images, view)?,
            Fidelity::Benchmark => {
                let mut augmentation = Random::new(stream_seed(view.seed, Stream::Augment, 0));
                let augment = |images: &Tensor| {
                    view.preprocess.normalise(&view.preprocess.augment(images, &mut augmentation))
                };
                module_outputs(model, images, &model.layers().last_maps, augment, view)?
            }
        };
        let labels = images.classes();
        let (mut all, mut removed) = (vec![0.0; labels.len()], vec![]);
        for class in 0..model.spec.classes {
            let members: Vec<usize> = (0..labels.len()).filter(|&i| labels[i] == class).collect();
            if members.len() < 2 {
                continue;
            }
            let index: Vec<i64> = members.iter().map(|&i| i as i64).collect();
            let own = features.index_select(0, &Tensor::from_slice(&index).to_device(features.device()));
            let scores = Vec::<f64>::try_from(scores(&own, self.fidelity))
                .map_err(|error| TrainError::Method(error.to_string()))?;
            if scores.iter().any(|score| !score.is_finite()) {
                return Err(TrainError::NotFinite { step: "features".into(), at: 0, last: f64::NAN });
            }
            members.iter().zip(scores).for_each(|(&i, score)| all[i] = score);
            let count = (self.remove * members.len() as f64) as usize;
            removed.extend(highest(&all, members, count));
        }
        Suspects::new(all, removed).train_without(model, view)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{MISLABELLED, View, entry_of, trained};
    use serde_json::json;

    #[test]
    fn the_direction_is_that_of_a_singular_value_decomposition() {
        for shape in [[7i64, 4], [4, 7]] {
            let matrix = Random::new(3).normal(&shape, Device::Cpu).to_kind(Kind::Double);
            let (_, _, right) = matrix.svd(true, true);
            let cosine = right.select(1, 0).dot(&top_direction(&matrix)).abs().double_value(&[]);
            assert!((cosine - 1.0).abs() < 1e-9, "{shape:?}: {cosine}");
        }
    }

    #[test]
    fn scores_are_squared_distances_along_the_spread() {
        // Along (1, 0): 1, 1, 1, 5, with mean 2; the second number hardly moves.
        let features = Tensor::from_slice(&[1f64, 10.0, 1.0, 10.0, 1.0, 10.0, 5.0, 10.0]).reshape([4, 2]);
        let of = |fidelity| Vec::<f64>::try_from(scores(&features, fidelity)).unwrap();
        let near = |found: Vec<f64>, expected: [f64; 4]| {
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9), "{found:?}");
        };
        near(of(Fidelity::Corrected), [1.0, 1.0, 1.0, 9.0]);
        near(of(Fidelity::Benchmark), [1.0, 1.0, 1.0, 5.0]);
    }

    #[test]
    fn images_under_a_wrong_label_are_found_where_they_are_few() {
        let view = View::new(8);
        let model = trained(4);
        let outcome = view.defend(entry_of("ss"), &json!({"remove": 0.3}), &model).unwrap();
        let verdicts = outcome.suspects.unwrap();
        let training = view.of().training.unwrap().images.classes();
        let removed = |class: u32| {
            verdicts.iter().zip(&training).filter(|(suspect, label)| **suspect && **label == class).count()
        };
        for class in 0..3u32 {
            let members = training.iter().filter(|label| **label == class).count();
            assert_eq!(removed(class), (0.3 * members as f64) as usize, "class {class}");
        }
        assert!(MISLABELLED.iter().all(|&index| verdicts[index]), "{verdicts:?}");
        assert_eq!(view.table("suspects.csv").len(), training.len());
        assert_eq!(outcome.details["suspects"], removed(0) + removed(1) + removed(2));
    }
}
