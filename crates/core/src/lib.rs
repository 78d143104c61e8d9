//! The shared types of scour: experiments, descriptions of methods, keys, plans, tasks, results and metrics.
//!
//! Every other crate uses these types. This crate must not know torch, polars, image files, processes or devices: it turns
//! text into a plan and rows into text, and all of it is fast.

// The derive macro generates paths that begin with this crate's name.
extern crate self as scour_core;

mod analysis;
mod atomic_write;
mod catalog;
mod choice;
mod details;
mod detection;
mod error;
mod event;
mod exit_code;
mod experiment;
mod facts;
mod fidelity;
mod files;
mod filter;
mod key;
mod label_map;
mod load;
mod method;
mod metrics;
mod one_line;
mod overrides;
mod params;
mod plan;
mod profile;
mod recipe;
mod result;
mod seed;
mod status;
mod strength;
mod suggest;
mod target_class;
mod task;
mod validity;

pub use analysis::{
    ActivenessRatioRow, ActivenessRow, AnalysisRow, AnalysisTable, AreaRow, Compared, CorrelationRow,
    CoverageRow, LayerScope, ScoreRow, StabilityChange, StabilityRow, WeightChangeRow, read_analyses,
    read_table, write_analyses, write_table,
};
pub use atomic_write::{is_no_space, sync_folder, unique_mark, write_atomically};
pub use catalog::{
    AnalysisNeed, Catalog, MethodConfig, MethodKind, PlannedAnalysis, PlannedAttack, PlannedDefense,
    RankingSource, Requirement, Subject, TunedOn,
};
pub use choice::Choice;
pub use details::ResultDetails;
pub use detection::Detection;
pub use error::ConfigError;
pub use event::{Event, EventLine, EventStage, WorkerEvent, read_events};
pub use exit_code::ExitCode;
pub use experiment::{Experiment, Precision};
pub use facts::DatasetFacts;
pub use fidelity::Fidelity;
pub use files::{
    ExperimentFile, FailedCell, FileError, FileFormat, GalleryEntry, GalleryImage, GalleryIndex, PoisonFile,
    Provenance, RunningStage, SlotStatus, StageGallery, StageProgress, SweepStatus, TimeLeft, first_version,
    parse_json, pretty_json, read_json, write_json,
};
pub use filter::Filter;
pub use key::{Key, canonical_json};
pub use label_map::LabelMap;
pub use load::{load_experiment, parse_experiment};
#[doc(hidden)]
pub use method::entry_functions;
pub use method::{
    Bound, Description, Entry, Method, Parameter, ParameterType, Parameters, Range, Resolve, Resolved,
    Source, WithValues, find, parameter_value, parameter_values, read_parameters,
};
pub use metrics::{Measured, accuracy, attack_success_rate, defense_effectiveness_rating, robust_accuracy};
pub use one_line::one_line;
pub use overrides::apply_overrides;
pub use params::ParamError;
pub use plan::{AnalysisCell, Cell, Plan, PlanError, Stage, StageKind, plan};
pub use profile::{Departure, ORACLE, Profile};
pub use recipe::{Recipe, RecipePatch, Schedule};
pub use result::{ResultRow, SecondsFrom, read_results, write_results};
pub use scour_derive::Parameters;
pub use seed::{Stream, stream_seed};
pub use status::{FailureReason, RowStatus, Status};
pub use strength::{StrengthRow, read_strengths, write_strengths};
pub use suggest::{nearest, unknown};
pub use target_class::Poisons;
pub use task::{
    AnalysisConfig, AnalysisInput, AtStrength, AttackConfig, DefenseConfig, Environment, RankingConfig,
    ResourceConfig, StageConfig, Task, TaskResult, TestImages,
};
pub use validity::{Validity, at_chance, no_better_than_guessing};
