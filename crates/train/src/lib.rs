//! The recipe: pictures on the device, augmentation as tensor operations, the training loop, the one `evaluate()`,
//! and the traits by which attacks and defenses are reached.
//!
//! This crate must not know any single attack or defense, nor stores, processes or experiment files.

mod batch_maker;
mod batches;
mod checkpoint;
mod defense;
mod displaced;
mod error;
mod evaluate;
mod fit;
mod halfway;
mod images;
mod preprocess;
mod reporter;
mod schedule;
mod scores;
mod similarity;

pub use batch_maker::{Batch, BatchMaker, Plain};
pub use batches::check_batches;
pub use checkpoint::{Checkpoint, CheckpointFile};
pub use defense::{DefenderView, Defense, Oracle, Outcome, Preparation, TrainingSet};
pub use displaced::displaced_gradients;
pub use error::TrainError;
pub use evaluate::{Trigger, asr_by_strength, evaluate, predictions};
pub use fit::{Fit, FitSummary, fit, in_channels_last};
pub use images::ImageSet;
pub use preprocess::Preprocess;
pub use reporter::{Progress, Reporter, Silent};
pub use schedule::LearningRate;
pub use scores::{NeuronScore, write_scores};
pub use similarity::{psnr, ssim};

#[cfg(test)]
mod tests;
