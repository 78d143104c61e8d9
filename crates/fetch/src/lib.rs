//! Downloads the public data sets. This is what `cargo xtask data get` runs.
//!
//! A data set is downloaded into a hidden folder and moved to its final folder at the end, so that it is either
//! complete or absent. A later run continues a download that was interrupted. This crate must not know torch,
//! experiments, attacks or defenses, nor how a data set is read: `scour-inspect` says what is published and whether a
//! data set on disk is complete. Only this crate links network code, so that only `get` builds it.

mod checksum;
mod download;
mod error;
mod get;
mod headers;
mod lock;
mod mirror;
mod progress_bar;
mod space;
mod unpack;

pub use download::RetryPolicy;
pub use error::FetchError;
pub use get::{Outcome, Request, get};
pub use mirror::Mirror;
