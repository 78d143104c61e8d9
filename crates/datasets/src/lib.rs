//! Data sets as plain u8 arrays, read from disk or drawn by this program, with the usual settings for training on each.
//!
//! Every data set is a struct of its parameters that implements `scour_core::Method` and [`Source`]. To add one, write
//! such a file, and add a line to [`SOURCES`] and a row to `tests/sources.rs`. This crate must not know torch, devices,
//! attacks or defenses. It writes nothing except its cache of decoded images.

mod cifar;
mod cifar10;
mod cifar100;
mod dataset;
mod error;
mod folder;
mod gtsrb;
mod images;
mod signs;
mod source;
mod tiny_imagenet;

pub use dataset::{Dataset, OfficialCounts, Profile, Split};
pub use error::DatasetError;
pub use source::{FoundData, SOURCES, Source, source, with_defaults};
