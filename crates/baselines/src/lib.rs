//! The defenses that TSBD is compared with, one file each.
//!
//! This crate must not know TSBD, attacks, stores or test sets.

mod abl;
mod adversarial;
mod anp;
mod batch_norms;
mod batchnorm_mask;
mod bnp;
mod chosen_on;
mod clean_images;
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
