//! Data sets as plain u8 arrays: what is read from disk, what the project draws itself, and how each is customarily used.
//!
//! Every data set is a [`Source`] in [`SOURCES`]. Adding one takes a file that implements the trait, a line in that
//! table and a row in `tests/sources.rs`. This crate must not know torch, devices, attacks or defenses, and it
//! never writes but for its cache of decoded pictures.

mod cifar;
mod cifar10;
mod cifar100;
mod dataset;
mod error;
mod folder;
mod gtsrb;
mod pictures;
mod signs;
mod source;
mod tiny_imagenet;

pub use dataset::{Dataset, OfficialCounts, Profile, Split};
pub use error::DatasetError;
pub use source::{Place, SOURCES, Source, source};
