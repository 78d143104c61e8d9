//! The sweep engine: carries out a plan, stage by stage, on the devices of one machine, and writes the results.
//!
//! A stage is run by a child process that reads one [`Task`](scour_core::Task) and writes
//! [`WorkerEvent`](scour_core::WorkerEvent)s. What it makes goes into a content-addressed [`Store`], so that
//! nothing is trained twice and a killed sweep continues where it stopped.
//!
//! This crate must not know torch, polars, data sets or methods: to it a stage is a key, a title, what it requires,
//! and a configuration that only the worker understands.

mod analyses;
mod clock;
mod cores;
mod device_lease;
mod devices;
mod diagnosis;
mod disk;
mod dry_run;
mod error;
mod eta;
mod events;
mod failed_record;
mod folders;
mod gallery;
mod join;
mod lease;
mod ledger;
mod manifest;
mod options;
mod order;
mod progress;
mod results;
mod scheduler;
mod signals;
mod stage_state;
mod status_file;
mod store;
mod survey;
mod sweep;
mod terminal;
mod watch;
mod worker;

pub use clock::now;
pub use cores::Cores;
pub use device_lease::{LeasedDevices, lease_devices};
pub use devices::{Device, DeviceError, parse_devices, slots};
pub use disk::MIN_FREE_MIB;
pub use dry_run::dry_run;
pub use error::SweepError;
pub use failed_record::FailedRecord;
pub use folders::writable_folder;
pub use join::Joined;
pub use manifest::{FileRecord, Manifest};
pub use options::{Rerun, Slot, Summary, SweepOptions};
pub use store::{Store, StoredStage};
pub use survey::{Survey, survey};
pub use sweep::sweep;
pub use watch::Watched;
