//! Inspects the data sets on this machine: which are present, under which terms, and whether one is complete. This is
//! what `cargo xtask data list` and `cargo xtask data check` run.
//!
//! `scour-datasets` knows the layouts on disk; this crate adds what the authors publish: addresses, sizes, checksums
//! and counts. It must not know torch, experiments, attacks or defenses, nor how files are downloaded. It depends only
//! on crates that a sweep builds as well, so that no network code is built for an inspection.

mod check;
mod error;
mod interrupt;
mod list;
mod messages;
mod official;
mod registered;

pub use check::{CheckReport, check, check_complete};
pub use error::InspectError;
pub use interrupt::stop_on_signals;
pub use list::list;
pub use messages::{Messages, format_bytes, print_result};
pub use official::{Archive, Checksum, OFFICIAL, OfficialData, PerClass, official};
pub use registered::{Registered, registered};
