//! A page for each cell: its numbers, its stages with their curves and configuration, its images, and the command that repeats
//! it. Pages are files beside the report, so that the report stays small.

mod command;
mod curves;
mod facts;
mod images;
mod page;
mod stage;

pub(crate) use page::{CellPage, CellPages, page_of};
