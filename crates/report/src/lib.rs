//! Makes a report from a results folder: mean and standard deviation over seeds, paper-style tables in HTML, Markdown
//! and LaTeX, figures, and the gallery of triggers. Compares two results folders cell by cell.
//!
//! The only crate that links polars, which only `aggregate.rs` uses. This crate must not depend on torch, processes or the
//! store: it reads files and writes files, and the same input files always give the same output files.

mod ablations;
mod aggregate;
mod analyses;
mod average;
mod caption;
mod cell_pages;
mod cells;
mod compare;
mod context;
mod cost;
mod counts;
mod departure;
mod detection;
mod difference;
mod error;
mod escape;
mod failures;
mod figure_files;
mod figures;
mod folders;
mod gallery;
mod glossary;
mod group;
mod heading;
mod input;
mod lead;
mod measured_on;
mod metric;
mod mixture;
mod names;
mod number;
mod overview;
mod paired;
mod provenance;
mod published;
mod ranking;
mod recorded;
mod render;
mod seeds;
mod settings;
mod stage_folder;
mod summary;
mod table;
mod unpublished;
mod verdict;
mod verdict_text;
mod write;

pub use compare::write_comparison;
pub use error::ReportError;
pub use write::{Options, Written, write_report};
