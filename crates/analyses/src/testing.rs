//! Small models, images whose class is their colour, and what an analysis is given, for the tests of this crate.

use std::path::PathBuf;

use scour_core::{LabelMap, RankingSource};
use scour_models::{Model, ModelSpec};
use scour_torch::{NumberFormat, Random, Sgd};
use scour_train::{
    AnalysisView, ImageSet, LabelledRanking, Preparation, Preprocess, Ranking, Silent, Trigger,
};
use scour_tsbd::{Tsbd, unlearn};
use serde_json::{Map, json};
use tch::{Device, Kind, Tensor};

/// A trained model of width 4 for three classes of 16x16 images.
pub(crate) fn model() -> Model {
    trained(1)
}

fn trained(seed: u64) -> Model {
    trained_as("preact_resnet18", 16, seed)
}

/// The same of this architecture and image size, a multiple of 16.
fn trained_as(name: &str, size: u32, seed: u64) -> Model {
    let params = json!({"width": 4});
    let spec = ModelSpec { name: name.into(), params, classes: 3, size };
    let model = Model::new(&spec, Device::Cpu, seed).unwrap();
    let mut sgd = Sgd::new(model.state().parameters(), 0.9, 0.0);
    for batch in std::iter::repeat_with(|| enlarged(coloured(30, 1), size)).take(10) {
        let input = preprocess().normalise(&batch.pixels);
        sgd.minimise(&model.train(&input, &mut Random::new(0)).cross_entropy_for_logits(&batch.labels), 0.02);
    }
    drop(sgd);
    model
}

/// Images of class c are bright in channel c; the classes take turns.
fn coloured(count: i64, seed: u64) -> ImageSet {
    let noise = Random::new(seed).integers((count * 3 * 16 * 16) as usize, 100, Device::Cpu);
    let labels = Tensor::arange(count, (Kind::Int64, Device::Cpu)).remainder(3);
    let bright = labels.one_hot(3).reshape([count, 3, 1, 1]) * 120;
    ImageSet { pixels: (noise.reshape([count, 3, 16, 16]) + bright).to_kind(Kind::Uint8), labels }
}

/// Images of that side, each pixel repeated.
fn enlarged(mut images: ImageSet, size: u32) -> ImageSet {
    for dim in [2, 3] {
        images.pixels = images.pixels.repeat_interleave_self_int(i64::from(size) / 16, dim, None::<i64>);
    }
    images
}

fn preprocess() -> Preprocess {
    Preprocess { mean: [0.4; 3], std: [0.25; 3], padding: 2, horizontal_flip: true }
}

pub(crate) fn same(a: &Model, b: &Model) -> bool {
    let (a, b) = (a.state().snapshot(), b.state().snapshot());
    a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| a.0 == b.0 && a.1 == b.1)
}

/// Adds a value to the pixels of the lower right corner.
struct Corner(i64);

impl Trigger for Corner {
    fn apply(&self, images: &Tensor) -> Tensor {
        let images = images.to_kind(Kind::Int);
        let _ = images.narrow(2, 12, 4).narrow(3, 12, 4).g_add_scalar_(self.0);
        images.clamp(0, 255).to_kind(Kind::Uint8)
    }

    fn tensors(&self) -> Vec<(String, Tensor)> {
        vec![]
    }
}

/// Everything that an analysis is given.
pub(crate) struct Fixture {
    pub(crate) attacked: Model,
    pub(crate) clean_model: Model,
    pub(crate) clean: ImageSet,
    pub(crate) test: ImageSet,
    trigger: Corner,
    preprocess: Preprocess,
    folder: tempfile::TempDir,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::with_trigger(150)
    }

    /// `brightness` is what the trigger adds to a corner.
    pub(crate) fn with_trigger(brightness: i64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["out", "scratch"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self {
            attacked: trained(1),
            clean_model: trained(2),
            clean: coloured(90, 2),
            test: coloured(90, 3),
            trigger: Corner(brightness),
            preprocess: preprocess(),
            folder,
        }
    }

    /// With models of VGG19-BN, which needs larger images.
    pub(crate) fn of_vgg() -> Self {
        let fixture = Self::new();
        let [clean, test] = [fixture.clean, fixture.test].map(|images| enlarged(images, 32));
        Self {
            attacked: trained_as("vgg19_bn", 32, 1),
            clean_model: trained_as("vgg19_bn", 32, 2),
            clean,
            test,
            trigger: fixture.trigger,
            preprocess: fixture.preprocess,
            folder: fixture.folder,
        }
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    /// A view without preparations and rankings.
    pub(crate) fn view(&self) -> AnalysisView<'_> {
        AnalysisView {
            attacked: &self.attacked,
            trigger: &self.trigger,
            clean_model: Some(&self.clean_model),
            preparations: &[],
            rankings: &[],
            clean: &self.clean,
            test: &self.test,
            map: LabelMap::AllToOne(0),
            preprocess: &self.preprocess,
            format: NumberFormat::Fp32,
            seed: 5,
            out: Box::leak(self.out().into_boxed_path()),
            scratch: Box::leak(self.folder.path().join("scratch").into_boxed_path()),
            reporter: &Silent,
        }
    }

    /// TSBD's preparation of a model: `epochs` epochs of unlearning.
    pub(crate) fn unlearned(&self, model: &Model, epochs: u32) -> Preparation {
        let params = Tsbd {
            batch_size: 16,
            unlearn_lr: 0.002,
            unlearn_epochs: epochs,
            stop_acc: -1.0,
            fidelity: scour_core::Fidelity::Benchmark,
            ..Tsbd::default()
        };
        let folder = tempfile::tempdir_in(self.folder.path()).unwrap().keep();
        let copy = model.duplicate().unwrap();
        let view = self.view();
        let found = unlearn(&copy, &params, &view.defender(&self.clean, 5, &folder)).unwrap();
        let details = Map::from_iter([("unlearn_epochs".to_string(), found.epochs.into())]);
        Preparation { tensors: copy.state().snapshot(), details, folder }
    }
}

/// The ranking of a cell with these scores.
pub(crate) fn labelled(label: &str, layers: Vec<(String, Vec<f64>)>) -> LabelledRanking {
    LabelledRanking {
        label: label.into(),
        source: RankingSource::Cell,
        ranking: Ranking::new(layers).unwrap(),
    }
}
