//! The part of the report on analyses of attacked models: one section for each analysis and setting.

mod activeness;
mod correlation;
mod coverage;
mod data_table;
mod input;
mod neurons;
mod over_seeds;
mod section;
mod stability;
mod studied;

pub(crate) use input::read_analysed;
pub(crate) use section::{AnalysisSection, analysis_sections};

#[cfg(test)]
mod report_tests;
