//! The attacks: how each poisons a training set, takes part in training, and puts its trigger on images.
//!
//! This crate must not know defenses, stores or processes. A new attack is one file with a struct of parameters that
//! implements `scour_train::Attack`, one line in the registry, and one row in the table of tests.

mod badnets;
mod batch_share;
mod batch_transform;
mod blended;
mod bpp;
mod clean;
mod clean_label;
mod ftrojan;
mod image_file;
mod input_aware;
mod lc;
mod lf;
mod mt19937;
mod normalisation;
mod poison;
mod poison_indices;
mod registry;
mod saved;
mod sig;
mod ssba;
mod tensors;
mod to_bytes;
mod trojan;
mod wanet;

pub use poison::dirty_label;
pub use registry::{ATTACKS, attack};
