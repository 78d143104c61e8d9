//! Training and evaluation: images on the device, augmentation as tensor operations, the training loop, `evaluate()`, and
//! the traits of attacks, defenses and analyses.
//!
//! This crate must not know any single attack, defense or analysis, nor stores, processes or experiment files.

mod batch_maker;
mod batches;
mod checkpoint;
mod displaced;
mod epochs;
mod error;
mod evaluate;
mod fit;
mod images;
mod method;
mod preprocess;
mod random_part;
mod reporter;
mod schedule;
mod scores;
mod similarity;
mod training_checkpoint;

pub use batch_maker::{Batch, BatchMaker, StandardBatches};
pub use batches::check_batches;
pub use checkpoint::{Checkpoint, CheckpointFile};
pub use displaced::displaced_gradients;
pub use epochs::{Epochs, Tally, augmented};
pub use error::TrainError;
pub use evaluate::{Trigger, asr_by_strength, asr_images, evaluate, predictions};
pub use fit::{Fit, FitSummary, fit, in_channels_last};
pub use images::ImageSet;
pub use method::{
    Analysis, AnalysisView, Attack, AttackContext, BatchPoisoning, DefenderView, Defense, LabelledRanking,
    Oracle, Outcome, Preparation, Prepared, RankedLayer, Ranking, Resource, ResourceContext, TrainingSet,
};
pub use preprocess::Preprocess;
pub use random_part::random_part;
pub use reporter::{Progress, Reporter, Silent};
pub use schedule::LearningRate;
pub use scores::{NeuronScore, write_scores};
pub use similarity::{psnr, ssim};

#[cfg(test)]
mod tests;
