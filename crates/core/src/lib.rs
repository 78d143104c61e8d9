//! The words of scour as types: experiment files, effective configuration, keys, plans, results and metrics.
//!
//! Every other crate speaks in these types. This crate must not know torch, polars, files of pictures,
//! processes or devices: it turns text into a plan and rows into text, and nothing in it takes long.

mod catalog;
mod choice;
mod detection;
mod error;
mod event;
mod exit_code;
mod experiment;
mod facts;
mod filter;
mod key;
mod label_map;
mod load;
mod metrics;
mod mt19937;
mod one_line;
mod overrides;
mod params;
mod plan;
mod poison;
mod profile;
mod recipe;
mod result;
mod seed;
mod status;
mod strength;
mod suggest;
mod task;
mod validity;

pub use catalog::{Catalog, Method, MethodKind, Requirement, TunedOn};
pub use choice::Choice;
pub use detection::Detection;
pub use error::ConfigError;
pub use event::WorkerEvent;
pub use exit_code::ExitCode;
pub use experiment::{Experiment, Precision};
pub use facts::DatasetFacts;
pub use filter::Filter;
pub use key::{Key, canonical_json};
pub use label_map::LabelMap;
pub use load::{load_experiment, parse_experiment};
pub use metrics::{Measured, accuracy, attack_success_rate, defense_effectiveness_rating, robust_accuracy};
pub use mt19937::{numpy_permutation, python_sample};
pub use one_line::one_line;
pub use overrides::apply_overrides;
pub use params::{Check, ParamError, resolve_params};
pub use plan::{Cell, Plan, PlanError, Stage, StageKind, plan};
pub use poison::{benchmark_poison_indices, poison_indices};
pub use profile::{Departure, ORACLE, Profile};
pub use recipe::{Recipe, RecipePatch, Schedule};
pub use result::{ResultRow, SecondsFrom, read_results, write_results};
pub use seed::{Stream, stream_seed};
pub use status::{FailureReason, RowStatus, Status};
pub use strength::{StrengthRow, read_strengths, write_strengths};
pub use suggest::{nearest, unknown};
pub use task::{
    AtStrength, AttackConfig, DefenseConfig, Environment, ResourceConfig, StageConfig, Task, TaskResult,
    TestImages,
};
pub use validity::{Validity, at_chance, no_better_than_guessing};
