//! TSBD, the two-stage defense of "Unveiling and Mitigating Backdoor Vulnerabilities based on Unlearning Weight
//! Changes and Backdoor Activeness" (NeurIPS 2024).
//!
//! Stage 1: unlearn the clean data ([`unlearn`]), rank neurons by their weight change ([`nwc`]), and set the most changed
//! weights of the most changed neurons to zero in the original model ([`reinit`]). Stage 2: fine-tune with a penalty on the
//! norm of the gradient ([`finetune`], [`two_gradients`]). During unlearning the activeness of neurons is recorded
//! ([`activeness`]). `n: auto` chooses how many neurons ([`auto_share`]). The symbols are those of the paper.
//!
//! This crate must not know attacks, baselines, stores or test sets.

mod activeness;
mod auto_share;
mod checkpoint;
mod choice;
mod defense;
mod finetune;
mod nwc;
mod params;
mod reinit;
mod share;
mod two_gradients;
mod unlearn;

pub use activeness::{EpochActiveness, read as read_activeness};
pub use choice::{NeuronOrder, ZeroedWeights};
pub use nwc::{LayerChange, scores, weight_changes};
pub use params::{NormScope, Tsbd};
pub use share::NeuronShare;
pub use unlearn::{Unlearned, unlearn};

#[cfg(test)]
mod testing;
