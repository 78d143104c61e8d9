//! Figures of ablations: ACC and ASR against a parameter, where an experiment has several values of it.

mod axis;
mod charts;
mod parameters;

pub(crate) use charts::{Ablation, ablations};
