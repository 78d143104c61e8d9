//! The defenses that TSBD is compared with, one file each.
//!
//! This crate must not know attacks, stores or test sets, nor TSBD, but for its name, since FP can use its preparation.

mod abl;
mod adversarial;
mod anp;
mod batch_norms;
mod batchnorm_mask;
mod bnp;
mod chosen_on;
mod clp;
mod ep;
mod features;
mod fp;
mod ft;
mod ft_sam;
mod i_bau;
mod mask_threshold;
mod most_pruned;
mod nad;
mod nc;
mod npd;
mod outliers;
mod params;
mod rankings;
mod registry;
mod rnp;
mod sau;
mod ss;
mod strip;
mod suspects;
mod tuned;

pub use registry::BASELINES;

#[cfg(test)]
mod testing;
