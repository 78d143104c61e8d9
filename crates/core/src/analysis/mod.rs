//! The files of analyses: `analyses.csv` lists them, and each has tables of its own.

mod index;
mod tables;

pub use index::{AnalysisRow, read_analyses, write_analyses};
pub use tables::{
    ActivenessRatioRow, ActivenessRow, AnalysisTable, AreaRow, Compared, CorrelationRow, CoverageRow,
    LayerScope, ScoreRow, StabilityChange, StabilityRow, WeightChangeRow, read_table, write_table,
};
