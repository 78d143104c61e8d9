//! The defenses that TSBD is compared with, one file each.
//!
//! This crate must not know TSBD, attacks, stores or test sets.

mod adversarial;
mod epochs;
mod ft;
mod ft_sam;
mod i_bau;
mod nad;
mod nc;
mod npd;
mod registry;
mod sau;
mod settings;

pub use registry::BASELINES;

#[cfg(test)]
mod tests;
