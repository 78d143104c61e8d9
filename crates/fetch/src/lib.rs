//! Fetching the public data sets, and checking that one is whole: what `cargo xtask data` runs.
//!
//! A data set is fetched into a hidden folder beside its place and renamed at the end, so that it is there whole or not
//! at all; a run that was killed is gone on with. This crate must not know torch, experiments, attacks or defenses. What
//! a data set looks like on disk it asks `scour-datasets`; it knows only the originals: addresses, sizes, checksums.

mod check;
mod checksum;
mod download;
mod error;
mod get;
mod list;
mod lock;
mod mirror;
mod originals;
mod space;
mod unpack;
mod voice;

pub use check::{Finding, check, registered, whole};
pub use download::Patience;
pub use error::FetchError;
pub use get::{Got, Request, get};
pub use list::list;
pub use mirror::Mirror;
pub use originals::{Archive, Checksum, ORIGINALS, Original, PerClass, original};
pub use voice::Voice;
