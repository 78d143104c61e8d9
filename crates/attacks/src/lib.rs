//! The attacks: how each poisons a training set, takes part in training, and puts its trigger on pictures.
//!
//! This crate must not know defenses, stores or processes. A new attack is one file that implements [`Attack`] and
//! one line in the registry; its test row is in `registry.rs`.

mod attack;
mod badnets;
mod blended;
mod clean;
mod picture;
mod poison;
mod registry;

pub use attack::{Attack, AttackContext, Prepared, ResourceContext};
pub use registry::{ATTACKS, attack};
