//! NAD, neural attention distillation: the model learns to attend where a fine-tuned copy of it attends.

use scour_core::{
    DatasetFacts, Description, Method, ParamError, Parameters, Recipe, Source, Stream, stream_seed,
};
use scour_models::{Model, Pass};
use scour_torch::{BatchNormMode, Random, Sgd};
use scour_train::{
    DefenderView, Defense, Epochs, Fit, Outcome, StandardBatches, Tally, TrainError, check_batches, fit,
};
use serde::{Deserialize, Serialize};
use tch::{Kind, Reduction, Tensor, no_grad};

use crate::params;

/// Length of the teacher's cosine, of which its few epochs see the beginning only.
const COSINE_EPOCHS: u32 = 100;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Parameters)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Nad {
    /// Passes over the clean set that make the teacher. With 0 it is the model itself.
    #[parameter(default = 10, published = 10, unit = "epochs")]
    teacher_epochs: u32,
    /// Passes over the clean set in which the student learns from it. 0 leaves the model as it is.
    #[parameter(default = 10, published = 10, unit = "epochs")]
    epochs: u32,
    /// Images a step.
    #[parameter(default = 256, published = 256, min = 2, unit = "images")]
    batch_size: usize,
    /// Learning rate of both.
    #[parameter(default = 0.01, published = 0.01, above = 0)]
    lr: f64,
    /// SGD momentum of both.
    #[parameter(default = 0.9, published = 0.9, min = 0, below = 1)]
    momentum: f64,
    /// L2 penalty of both.
    #[parameter(default = 5e-4, published = 5e-4, min = 0, below = 1)]
    weight_decay: f64,
    /// Weight of the attention of layer 3.
    #[parameter(default = 500.0, published = 500.0, min = 0)]
    beta1: f64,
    /// Weight of the attention of layer 4.
    #[parameter(default = 1000.0, published = 1000.0, min = 0)]
    beta2: f64,
    /// Power of a feature in the attention map.
    #[parameter(default = 2.0, published = 2.0, min = 1, max = 8)]
    power: f64,
}

impl Method for Nad {
    const DESCRIPTION: Description = Description {
        name: "nad",
        title: "NAD",
        family: "fine-tuning with a teacher",
        summary: "Fine-tunes the model while its attention maps are pulled towards those of a fine-tuned copy.",
        source: Source {
            paper: "Li et al., 2021, Neural Attention Distillation: Erasing Backdoor Triggers from Deep Neural \
                    Networks",
            section: "section 3, eqs. 1 and 2",
            link: "https://arxiv.org/abs/2101.05930",
            values: "BackdoorBench's configuration",
        },
        impl_version: 2,
        idea: "Fine-tuning a copy weakens the backdoor in it. The model then learns to attend where that copy \
               attends, which removes more than fine-tuning alone.",
        formula: r#"The teacher is a copy fine-tuned for 10 epochs: SGD 0.01, momentum 0.9, weight decay 5e-4, the first tenth of a
cosine over 100 epochs. The student starts from the model itself and minimises cross-entropy + 500 AT(layer3) +
1000 AT(layer4) for 10 epochs with the same SGD at a constant rate. These are PreAct-ResNet18's layers; another network has
two of its own, which its page names. The attention map of features F [n, c, h, w] is
the sum over channels of |F|^2, divided by its norm over the image (+ 1e-6); AT is the mean squared difference of
student's and teacher's maps (paper, eqs. 1 and 2).

BatchNorm: the teacher distils in eval mode; the student's running statistics move once a step. Distilling is in fp32,
as in the published experiments; the teacher is trained as any model is."#,
        departures: &[
            "The usual benchmark has a third term, 1000 AT of the pooled features. Its maps have a single number, which is 1 \
             for student and teacher, so that the term has no gradient; it is left out here.",
            "In the usual benchmark features come from passes of their own, so that running statistics move three or four \
             times a step; here they move once.",
        ],
        cost: "20 epochs over the clean set.",
        ..Description::EMPTY
    };

    fn check(&self, _: &DatasetFacts) -> Result<(), ParamError> {
        params::recipe(self.teacher())
    }
}

impl Nad {
    fn teacher(&self) -> Recipe {
        let cosine =
            params::cosine(self.teacher_epochs, self.batch_size, self.lr, self.momentum, self.weight_decay);
        Recipe { cosine_epochs: COSINE_EPOCHS.max(self.teacher_epochs), ..cosine }
    }
}

impl Defense for Nad {
    fn run(&self, model: &Model, view: &DefenderView) -> Result<Outcome, TrainError> {
        if self.epochs == 0 {
            return Ok(Outcome::default());
        }
        let teacher = model.duplicate().map_err(TrainError::Method)?;
        let options = Fit {
            recipe: &self.teacher(),
            drop_last: false,
            format: view.format,
            seed: stream_seed(view.seed, Stream::Defense, 0),
            scratch: None,
            step: "teacher",
            reporter: view.reporter,
        };
        let mut teacher_loss = None;
        if self.teacher_epochs > 0 {
            let taught = fit(&teacher, view.clean, &mut StandardBatches(view.preprocess), &options)?;
            teacher_loss = taught.losses.last().copied();
        }
        let (loss, attention) = distil(model, &teacher, self, view)?;
        Ok(Outcome::default()
            .with("teacher_loss", teacher_loss)
            .with("last_loss", loss)
            .with("last_attention_loss", attention))
    }
}

/// Trains the student. Returns the last epoch's mean loss, and its weighted attention part at the last step.
fn distil(
    student: &Model,
    teacher: &Model,
    params: &Nad,
    view: &DefenderView,
) -> Result<(f64, f64), TrainError> {
    check_batches(student, view.clean.len(), params.batch_size, "distilling")?;
    student.state().to_channels_last();
    teacher.state().to_channels_last();
    let mut sgd = Sgd::new(student.state().parameters(), params.momentum, params.weight_decay);
    let mut epochs = Epochs::new(view, "distilling", params.epochs, 1);
    let mut last = None;
    for epoch in 0..params.epochs {
        let (mut tally, mut dropout) = (Tally::default(), epochs.dropout(epoch));
        for (input, labels) in epochs.augmented(epoch, params.batch_size) {
            let (_, theirs) =
                no_grad(|| forward_with_maps(teacher, &input, BatchNormMode::Eval, &mut dropout))?;
            let (logits, own) = forward_with_maps(student, &input, BatchNormMode::Train, &mut dropout)?;
            let distance = |i: usize| {
                attention(&own[i], params.power)
                    .mse_loss(&attention(&theirs[i], params.power), Reduction::Mean)
            };
            let attended = distance(0) * params.beta1 + distance(1) * params.beta2;
            let loss = logits.cross_entropy_for_logits(&labels) + &attended;
            sgd.minimise(&loss, params.lr);
            tally.add(&loss, &logits, &labels);
            last = Some(attended.detach());
        }
        epochs.ended(epoch, &tally)?;
    }
    let last = last.map_or(f64::NAN, |attended| attended.double_value(&[]));
    Ok((epochs.last_loss(), last))
}

/// One pass: logits [n, classes] and the two maps [n, c, h, w] that the network declares, all f32. In eval mode without
/// dropout.
fn forward_with_maps(
    model: &Model,
    input: &Tensor,
    mode: BatchNormMode,
    dropout: &mut Random,
) -> Result<(Tensor, Vec<Tensor>), TrainError> {
    let declared = &model.layers().attention;
    let mut maps = vec![];
    let mut tap = |name: &str, output: Tensor| {
        if declared.iter().any(|module| module == name) {
            maps.push(output.shallow_clone());
        }
        output
    };
    let logits = model.forward(input, &mut Pass::tapped(mode, &mut tap).with_dropout(dropout));
    if maps.len() != declared.len() {
        return Err(TrainError::Method(format!("nad: {} has no {}", model.spec.name, declared.join(" or "))));
    }
    Ok((logits, maps))
}

/// Features [n, c, h, w] to attention [n, h * w]: where the channels together are active, with norm 1 an image.
fn attention(features: &Tensor, power: f64) -> Tensor {
    let map = features.abs().pow_tensor_scalar(power);
    let map = map.sum_dim_intlist([1i64].as_slice(), false, None::<Kind>).flatten(1, -1);
    // PyTorch's norm has the gradient 0 where everything is 0; a square root would have none.
    let norm = map.norm_scalaropt_dim(2.0, [1i64].as_slice(), true);
    map / (norm + 1e-6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{fresh, preprocess};
    use scour_torch::Random;
    use tch::Device;

    #[test]
    fn attention_is_the_normalised_sum_over_channels() {
        let features = Tensor::from_slice(&[1f32, 0.0, 2.0, -2.0]).reshape([1, 2, 1, 2]);
        let near = |found: Tensor, expected: [f64; 2]| {
            (0..2).all(|i| (found.double_value(&[0, i as i64]) - expected[i]).abs() < 1e-5)
        };
        // Squares by place: 1 + 4 and 0 + 4; sizes by place: 1 + 2 and 0 + 2.
        assert!(near(attention(&features, 2.0), [5.0 / 41f64.sqrt(), 4.0 / 41f64.sqrt()]));
        assert!(near(attention(&features, 1.0), [3.0 / 13f64.sqrt(), 2.0 / 13f64.sqrt()]));
        let dead = Tensor::zeros([1, 2, 1, 2], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let slope = Tensor::run_backward(&[attention(&dead, 2.0).sum(Kind::Float)], &[&dead], false, false);
        assert_eq!(slope[0].isfinite().all(), Tensor::from(true), "a dead layer has no NaN gradient");
    }

    #[test]
    fn one_pass_moves_the_students_statistics_once_and_the_teachers_never() {
        let model = fresh(4, 1);
        let images = Random::new(1).integers(4 * 3 * 16 * 16, 256, Device::Cpu).reshape([4, 3, 16, 16]);
        let input = preprocess().normalise(&images);
        let batches = || model.state().get("layer4.1.bn2.num_batches_tracked").unwrap().int64_value(&[]);
        let (_, features) =
            forward_with_maps(&model, &input, BatchNormMode::Eval, &mut Random::new(0)).unwrap();
        assert_eq!((batches(), features.len()), (0, 2));
        let _ = forward_with_maps(&model, &input, BatchNormMode::Train, &mut Random::new(0)).unwrap();
        assert_eq!(batches(), 1);
    }
}
