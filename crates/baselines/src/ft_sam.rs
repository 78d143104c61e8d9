//! FT-SAM: fine-tuning with sharpness-aware minimisation.

use scour_core::{
    DatasetFacts, Description, Fidelity, Method, ParamError, Parameters, Recipe, Source, TunedOn,
};
use scour_models::{Model, Pass};
use scour_torch::{BatchNormMode, Sgd};
use scour_train::{
    DefenderView, Defense, Epochs, LearningRate, Outcome, Tally, TrainError, check_batches,
    displaced_gradients,
};
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor, no_grad};

use crate::params;
use crate::tuned;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct FtSam {
    /// Passes over the clean set; the cosine is as long. 0 leaves the model as it is.
    #[parameter(default = 100, published = 100, quick = 20, unit = "epochs")]
    epochs: u32,
    /// Images a step.
    // The quick profile has smaller batches, so that few epochs are enough steps; measured: see `DESCRIPTION`.
    #[parameter(default = 256, published = 256, quick = 64, min = 2, unit = "images")]
    batch_size: usize,
    /// Highest learning rate.
    #[parameter(default = 0.01, published = 0.01, above = 0)]
    lr: f64,
    /// SGD momentum.
    #[parameter(default = 0.9, published = 0.9, min = 0, below = 1)]
    momentum: f64,
    /// L2 penalty.
    #[parameter(default = 5e-4, published = 5e-4, min = 0, below = 1)]
    weight_decay: f64,
    /// Radius of the neighbourhood.
    #[parameter(default = 2.0, published = 2.0, min = 0)]
    rho: f64,
    /// Whether the neighbourhood is scaled by each weight's size.
    #[parameter(default = true, published = true)]
    adaptive: bool,
    /// Share of a label's weight that goes to the other classes.
    #[parameter(default = 0.1, published = 0.1, min = 0, below = 1)]
    smoothing: f64,
    /// Corrected, or as in the benchmark.
    #[parameter(default = Fidelity::Corrected, published = Fidelity::Benchmark)]
    fidelity: Fidelity,
}

impl Method for FtSam {
    const DESCRIPTION: Description = Description {
        name: "ft_sam",
        title: "FT-SAM",
        family: "fine-tuning",
        summary: "Fine-tunes towards flat minima, where neurons that carry a backdoor shrink.",
        source: Source {
            paper: "Zhu et al., 2023, Enhancing Fine-Tuning Based Backdoor Defense with Sharpness-Aware Minimization",
            section: "section 4; Kwon et al., 2021, eq. 8",
            link: "https://arxiv.org/abs/2304.11823",
            values: "BackdoorBench's configuration",
        },
        idea: "Neurons that carry a backdoor have large weights. Fine-tuning towards flat minima, with neighbourhoods \
               that give large weights more room, shrinks them.",
        formula: r#"Each step takes the gradient not at the weights w but where the loss is highest around them. With adaptive
neighbourhoods (Kwon et al., 2021, eq. 8), which give large weights more room, that is at
w + rho w^2 g / (G + 1e-12) with G the norm of |w| g over all parameters; without, at w + rho g / (|g| + 1e-12).
The loss is the divergence of smoothed labels (epsilon shared among the other classes) from the softmax. SGD 0.01,
momentum 0.9, weight decay 5e-4, batch 256, 100 epochs (GTSRB 50). GTSRB and Tiny ImageNet have rho 8 and sharp
labels, all others rho 2 and epsilon 0.1. fp32 throughout.

BatchNorm normalises both passes with the batch's statistics; the running ones move once a step, by the first pass."#,
        departures: &[
            "The learning rate follows a cosine by epochs, as long as the training; with `fidelity: benchmark` it \
             moves step by step on a cosine of 100 steps that rises again and ends at its maximum on CIFAR-10.",
            "The benchmark's own rho and epsilon for GTSRB and Tiny ImageNet are overridden there by those of \
             CIFAR-10: `{rho: 2, smoothing: 0.1}`.",
            "The benchmark draws a clean set with equally many images of each class; here all defenses have the same, \
             random one.",
        ],
        measured: "BadNets on CIFAR-10, a model that is reported (docs/tuning.md): 80 steps with batches of 256 left an ASR of 44, \
                   320 steps with batches of 64 left 8. The quick profile therefore has batches of 64.",
        cost: "100 epochs over the clean set, each step with two gradients.",
        ..Description::EMPTY
    };

    fn defaults(facts: &DatasetFacts) -> Self {
        Self::default().for_dataset(&facts.name)
    }

    fn published_for(facts: &DatasetFacts) -> Self {
        Self::published().for_dataset(&facts.name)
    }

    fn check(&self, _: &DatasetFacts) -> Result<(), ParamError> {
        params::recipe(self.recipe())
    }
}

/// Half the period in steps of the benchmark's cosine.
const BENCHMARK_STEPS: f64 = 100.0;

impl FtSam {
    /// With the values that the data set has of its own.
    fn for_dataset(self, name: &str) -> Self {
        match name {
            "gtsrb" => Self { epochs: 50, rho: 8.0, smoothing: 0.0, ..self },
            "tiny_imagenet" => Self { rho: 8.0, smoothing: 0.0, ..self },
            _ => self,
        }
    }

    fn recipe(&self) -> Recipe {
        params::cosine(self.epochs, self.batch_size, self.lr, self.momentum, self.weight_decay)
    }

    /// The learning rate of a step, which counts from 0 over all epochs.
    fn rate(&self, epoch: u32, step: u32) -> f64 {
        match self.fidelity {
            Fidelity::Corrected => LearningRate::new(&self.recipe(), 1).at(epoch, 0),
            Fidelity::Benchmark => {
                let turn = f64::from(step) / BENCHMARK_STEPS;
                0.5 * self.lr * (1.0 + (std::f64::consts::PI * turn).cos())
            }
        }
    }
}

impl Defense for FtSam {
    fn tuned_on(&self) -> Vec<TunedOn> {
        let batches = self.batch_size == 64;
        let signs = tuned::on("signs", "`lr` and `batch_size`", batches && self.lr == 0.05);
        tuned::on("cifar10", "`batch_size`", batches).into_iter().chain(signs).collect()
    }

    fn run(&self, model: &Model, view: &DefenderView) -> Result<Outcome, TrainError> {
        if self.epochs > 0 {
            check_batches(model, view.clean.len(), self.batch_size, "sharpness-aware fine-tuning")?;
        }
        model.state().to_channels_last();
        let parameters = model.state().parameters();
        let mut sgd = Sgd::new(model.state().parameters(), self.momentum, self.weight_decay);
        let mut step = 0;
        let mut epochs = Epochs::new(view, "sharpness-aware fine-tuning", self.epochs, 0);
        for epoch in 0..self.epochs {
            let (mut tally, mut dropout) = (Tally::default(), epochs.dropout(epoch));
            for (input, labels) in epochs.augmented(epoch, self.batch_size) {
                let logits = model.train(&input, &mut dropout);
                let loss = smoothed_divergence(&logits, &labels, self.smoothing);
                tally.add(&loss, &logits, &labels);
                let here = Tensor::run_backward(&[loss], &parameters, false, false);
                let steps = uphill(&parameters, &here, self.rho, self.adaptive);
                let there = displaced_gradients(&parameters, &steps, || {
                    let mut pass = Pass::new(BatchNormMode::TrainFrozen).with_dropout(&mut dropout);
                    let logits = model.forward(&input, &mut pass);
                    smoothed_divergence(&logits, &labels, self.smoothing)
                });
                sgd.step_along(&there, self.rate(epoch, step));
                step += 1;
            }
            epochs.ended(epoch, &tally)?;
        }
        Ok(Outcome::default().with("last_loss", epochs.last_loss()))
    }
}

/// Mean over images of KL(q, softmax(logits)): q is 1 - `smoothing` for the label and the rest shared evenly by the
/// other classes. Its gradient is that of the cross-entropy with q.
fn smoothed_divergence(logits: &Tensor, labels: &Tensor, smoothing: f64) -> Tensor {
    let classes = logits.size()[1];
    let others = smoothing / (classes - 1).max(1) as f64;
    let q = labels.one_hot(classes).to_kind(logits.kind()) * (1.0 - smoothing - others) + others;
    let entropy = (&q * q.clamp_min(1e-30).log()).sum_dim_intlist(1, false, None::<Kind>);
    let cross = (&q * logits.log_softmax(1, None::<Kind>)).sum_dim_intlist(1, false, None::<Kind>);
    (entropy - cross).mean(None::<Kind>)
}

/// The steps from each parameter to where, to first order, the loss is highest within `rho`.
fn uphill(parameters: &[Tensor], gradients: &[Tensor], rho: f64, adaptive: bool) -> Vec<Tensor> {
    no_grad(|| {
        let scaled = |p: &Tensor, g: &Tensor| if adaptive { p.detach().abs() * g } else { g.shallow_clone() };
        let squares: Vec<Tensor> =
            parameters.iter().zip(gradients).map(|(p, g)| scaled(p, g).square().sum(Kind::Double)).collect();
        let norm = Tensor::stack(&squares, 0).sum(Kind::Double).sqrt() + 1e-12;
        let step = |(p, g): (&Tensor, &Tensor)| {
            let direction = if adaptive { p.detach().square() * g } else { g.shallow_clone() };
            direction * (rho / &norm).to_kind(g.kind())
        };
        parameters.iter().zip(gradients).map(step).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{facts, resolve};
    use serde_json::json;

    #[test]
    fn the_step_is_the_one_computed_by_hand() {
        let double = |values: &[f64]| Tensor::from_slice(values);
        let (parameters, gradients) =
            ([double(&[3.0, -1.0]), double(&[2.0])], [double(&[1.0, 2.0]), double(&[1.0])]);
        let values = |steps: &[Tensor]| -> Vec<f64> {
            steps.iter().flat_map(|step| Vec::<f64>::try_from(step).unwrap()).collect()
        };
        // |w| g = 3, 2 and 2: G = sqrt(17). w^2 g = 9, 2 and 4.
        let adaptive = values(&uphill(&parameters, &gradients, 0.5, true));
        let expected = [9.0, 2.0, 4.0].map(|x| 0.5 * x / 17f64.sqrt());
        assert!(adaptive.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9), "{adaptive:?}");
        // |g| = sqrt(6).
        let plain = values(&uphill(&parameters, &gradients, 0.5, false));
        let expected = [1.0, 2.0, 1.0].map(|x| 0.5 * x / 6f64.sqrt());
        assert!(plain.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9), "{plain:?}");
        let zero = [double(&[0.0, 0.0]), double(&[0.0])];
        assert_eq!(values(&uphill(&parameters, &zero, 0.5, true)), [0.0; 3], "no gradient, no NaN");
    }

    #[test]
    fn the_divergence_is_that_of_smoothed_labels() {
        let logits = Tensor::from_slice(&[1.0, 0.0, -1.0, 0.5, 0.5, 0.5]).reshape([2, 3]);
        let labels = Tensor::from_slice(&[0i64, 2]);
        let found = smoothed_divergence(&logits, &labels, 0.1).double_value(&[]);
        let q = [[0.9, 0.05, 0.05], [0.05, 0.05, 0.9f64]];
        let total = 1f64.exp() + 1.0 + (-1f64).exp();
        let p = [[1f64.exp() / total, 1.0 / total, (-1f64).exp() / total], [1.0 / 3.0; 3]];
        let kl = |i: usize| (0..3).map(|c| q[i][c] * (q[i][c] / p[i][c]).ln()).sum::<f64>();
        assert!((found - 0.5 * (kl(0) + kl(1))).abs() < 1e-12);
        let sharp = smoothed_divergence(&logits, &labels, 0.0).double_value(&[]);
        assert!((sharp + 0.5 * (p[0][0].ln() + p[1][2].ln())).abs() < 1e-12);
    }

    #[test]
    fn the_benchmarks_rate_rises_again() {
        let corrected = FtSam::default();
        assert!((corrected.rate(50, 500) - 0.005).abs() < 1e-12 && corrected.rate(0, 9) == 0.01);
        let benchmark = FtSam { fidelity: Fidelity::Benchmark, ..corrected };
        let near = |step, expected: f64| assert!((benchmark.rate(9, step) - expected).abs() < 1e-12);
        near(0, 0.01);
        near(50, 0.005);
        near(100, 0.0);
        // Ten steps an epoch on CIFAR-10: its last one, the thousandth, has almost the highest rate again.
        near(1000, 0.01);
    }

    #[test]
    fn data_sets_have_their_published_values_and_given_ones_win() {
        let rho =
            |name: &str, params| resolve("ft_sam", &params, &facts(name)).unwrap()["rho"].as_f64().unwrap();
        assert_eq!((rho("cifar10", json!({})), rho("gtsrb", json!({}))), (2.0, 8.0));
        assert_eq!(rho("gtsrb", json!({"rho": 1.0})), 1.0);
        assert_eq!(resolve("ft_sam", &json!({}), &facts("gtsrb")).unwrap()["epochs"], 50);
        let published = FtSam::published_for(&facts("gtsrb"));
        assert_eq!((published.epochs, published.fidelity), (50, Fidelity::Benchmark));
    }
}
