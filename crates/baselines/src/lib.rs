//! The defenses that TSBD is compared with, one file each.
//!
//! This crate must not know TSBD, attacks, stores or test sets.

mod ft;
mod registry;

pub use registry::BASELINES;
