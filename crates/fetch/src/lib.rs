//! Fetching the public data sets: what `cargo xtask data get` runs.
//!
//! A data set is fetched into a hidden folder beside its place and renamed at the end, so that it is there whole or not
//! at all; a run that was killed is gone on with. This crate must not know torch, experiments, attacks or defenses, nor
//! how a data set is read: what the originals are, and whether one on disk is whole, it asks `scour-inspect`. It alone
//! links network code, so only `get` builds it.

mod checksum;
mod download;
mod error;
mod get;
mod lock;
mod mirror;
mod progress_bar;
mod space;
mod unpack;

pub use download::Patience;
pub use error::FetchError;
pub use get::{Got, Request, get};
pub use mirror::Mirror;
