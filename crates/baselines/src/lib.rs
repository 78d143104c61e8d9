//! The defenses that TSBD is compared with, one file each.
//!
//! This crate must not know TSBD, attacks, stores or test sets.

mod anp;
mod batch_norms;
mod batchnorm_mask;
mod bnp;
mod clean_pictures;
mod clp;
mod fidelity;
mod fp;
mod ft;
mod most_pruned;
mod outliers;
mod params;
mod registry;
mod rnp;

pub use registry::BASELINES;

#[cfg(test)]
mod testing;
