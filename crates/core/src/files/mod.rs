//! The files that scour writes and reads again. Each JSON file is one type with a version, written and read by that
//! type.
//!
//! `result.json` is [`TaskResult`](crate::TaskResult), and a line of `events.jsonl` is [`EventLine`](crate::EventLine).

mod csv;
mod error;
mod experiment;
mod gallery;
mod json;
mod poison;
mod provenance;
mod sweep_status;

pub(crate) use csv::{csv_text, read_csv};
pub use error::FileError;
pub use experiment::ExperimentFile;
pub use gallery::{GalleryEntry, GalleryImage, GalleryIndex, StageGallery};
pub use json::{FileFormat, first_version, parse_json, pretty_json, read_json, write_json};
pub use poison::PoisonFile;
pub use provenance::Provenance;
pub use sweep_status::{FailedCell, RunningStage, SlotStatus, StageProgress, SweepStatus, TimeLeft};
