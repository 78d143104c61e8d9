//! TSBD, the two-stage defense of "Unveiling and Mitigating Backdoor Vulnerabilities based on Unlearning Weight
//! Changes and Backdoor Activeness" (NeurIPS 2024).
//!
//! Stage 1: unlearn the clean data ([`unlearn`]), rank neurons by how much their weights changed ([`nwc`]), set the
//! most changed weights of the most changed neurons to zero in the original model ([`reinit`]). Stage 2: fine-tune
//! while holding the norm of the gradient down ([`finetune`]). On the way the activeness of neurons is recorded
//! ([`activeness`]).
//!
//! This crate must not know attacks, baselines, stores or test sets.

mod activeness;
mod checkpoint;
mod defense;
mod finetune;
mod nwc;
mod params;
mod reinit;
mod two_gradients;
mod unlearn;

pub use defense::Tsbd;
pub use params::{Fidelity, NormScope, Params, Unlearning};

#[cfg(test)]
mod testing;
