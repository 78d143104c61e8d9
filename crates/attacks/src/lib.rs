//! The attacks: how each poisons a training set, takes part in training, and puts its trigger on pictures.
//!
//! This crate must not know defenses, stores or processes. A new attack is one file that implements [`Attack`] and
//! one line in the registry; its test row is in `registry.rs`.

mod attack;
mod badnets;
mod batch_share;
mod batch_transform;
mod blended;
mod bpp;
mod clean;
mod clean_label;
mod fidelity;
mod ftrojan;
mod input_aware;
mod lc;
mod lf;
mod normalisation;
mod picture;
mod poison;
mod registry;
mod sig;
mod ssba;
mod tensors;
mod trojan;
mod wanet;

pub use attack::{Attack, AttackContext, Circumstances, Prepared, ResourceContext};
pub use fidelity::Fidelity;
pub use registry::{ATTACKS, attack};
