//! The sweep engine: carries out a plan, stage by stage, on the devices of one machine, and writes the results.
//!
//! A stage is run by a child process that reads a [`Task`](scour_core::Task), writes
//! [`WorkerEvent`](scour_core::WorkerEvent)s, and stays for the next stage of its slot. What it makes goes into a
//! content-addressed [`Store`], so that nothing is trained twice and a killed sweep continues where it stopped.
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
mod exit_summary;
mod failed_record;
mod file_lock;
mod folders;
mod gallery;
mod gc;
mod join;
mod lease;
mod ledger;
mod manifest;
mod metrics;
mod options;
mod order;
mod plan_state;
mod progress;
mod publish;
mod results;
mod scheduler;
mod short_title;
mod signals;
mod stage_limits;
mod stage_state;
mod status_file;
mod status_text;
mod staying;
mod store;
mod sweep;
mod tables;
mod terminal;
mod visible_gpus;
mod watch;
mod worker;

pub use clock::now;
pub use cores::Cores;
pub use device_lease::{LeasedDevices, lease_devices};
pub use devices::{Device, DeviceError, ignored_gpus, parse_devices, slots};
pub use disk::MIN_FREE_MIB;
pub use dry_run::dry_run;
pub use error::SweepError;
pub use failed_record::FailedRecord;
pub use folders::writable_folder;
pub use gc::{Deleted, Keep, Leftover, Needs, StageSize, Survey, Usage};
pub use join::Joined;
pub use manifest::{BuiltOn, Dropped, FileRecord, Manifest};
pub use options::{NextCommands, Rerun, Slot, Summary, SweepOptions, Watching, WorkerOptions};
pub use plan_state::{PlanState, plan_state};
pub use stage_limits::StageLimits;
pub use store::{Store, StoredStage};
pub use sweep::sweep;
pub use watch::Watched;

/// The catalog of methods without an implementation.
#[cfg(test)]
#[allow(dead_code, reason = "the tests in `tests/` use the rest")]
#[path = "../fake-worker/catalog.rs"]
mod testing;
