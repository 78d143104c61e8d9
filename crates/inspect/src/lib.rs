//! Looking at the data sets on this machine: what is there, on what terms, and whether one is whole. It is what
//! `cargo xtask data list` and `cargo xtask data check` run.
//!
//! What a data set looks like on disk it asks `scour-datasets`; it knows only the originals: addresses, sizes,
//! checksums, counts. This crate must not know torch, experiments, attacks or defenses, nor how anything is fetched. It
//! depends on nothing that a sweep does not build already, so that looking never waits for network code to be built.

mod check;
mod error;
mod interrupt;
mod list;
mod originals;
mod voice;

pub use check::{Finding, check, registered, whole};
pub use error::InspectError;
pub use interrupt::stop_on_signals;
pub use list::list;
pub use originals::{Archive, Checksum, ORIGINALS, Original, PerClass, original};
pub use voice::{Voice, bytes, say};
