//! Removing from a store what no experiment needs.
//!
//! What is needed is said by the plans of experiments. What a sweep that is at work needs stays too: its lease names
//! the stages of its plan, and while something is deleted no other sweep begins.

mod delete;
mod survey;
mod text;

use std::path::PathBuf;

use scour_core::{Key, Plan};

use crate::error::AtPath;
use crate::store::GC;
use crate::{Store, SweepError};

/// An experiment whose stages stay in the store.
#[derive(Clone, Debug)]
pub struct Needs {
    /// What people call it: its file.
    pub name: String,
    /// Its plans: one, or one for each number format that `precision: auto` can mean.
    pub plans: Vec<Plan>,
    /// Data sets that it could not be planned for, since they are not on this machine: all of their stages stay.
    pub datasets: Vec<String>,
}

/// What stays of the stages that experiments need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// Everything.
    #[default]
    Models,
    /// Results, tables and images. Models only where a stage that is still to be run builds on them.
    Results,
}

/// A stage with its size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageSize {
    /// The stage.
    pub key: Key,
    /// The stage, for people.
    pub title: String,
    /// Bytes that go if it is removed, or if its model is.
    pub bytes: u64,
}

/// A file or folder in the store that is no stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// Relative to the store.
    pub path: PathBuf,
    /// What it is.
    pub what: &'static str,
    /// Its size.
    pub bytes: u64,
}

/// How much of a store an experiment uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The experiment.
    pub name: String,
    /// Its stages that are in the store.
    pub stages: usize,
    /// Their size in bytes.
    pub bytes: u64,
    /// The part of it in stages that other experiments use too.
    pub shared: u64,
}

/// What a store holds, and what of it can go.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// The store.
    pub store: PathBuf,
    /// What each experiment uses.
    pub usage: Vec<Usage>,
    /// Number of needed stages and their bytes, shared ones counted once.
    pub needed: (usize, u64),
    /// Stages that nothing needs.
    pub unneeded: Vec<StageSize>,
    /// Stages whose model can go while the result stays.
    pub droppable: Vec<StageSize>,
    /// Stages whose model stays although only results are to be kept: something that is to be run builds on it.
    pub models_needed: usize,
    /// Stages without a model already.
    pub dropped: usize,
    /// What is no stage, and can go.
    pub leftovers: Vec<Leftover>,
    /// Checkpoints of stages that are not finished, in bytes; they stay.
    pub checkpoints: u64,
    /// Sweeps that are at work, and how many stages of the store stay for them alone.
    pub at_work: Vec<String>,
    /// Stages that no plan names, on data sets that some experiment could not be planned for; they stay.
    pub unplanned: usize,
    /// Stages that a newer scour wrote; they stay.
    pub newer: usize,
}

/// What was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deleted {
    /// Whole stages.
    pub stages: usize,
    /// Models of stages whose result stays.
    pub models: usize,
    /// Files and folders that are no stage.
    pub leftovers: usize,
    /// All of it.
    pub bytes: u64,
    /// Stages that stayed since a sweep took them up in the meantime.
    pub in_use: usize,
}

impl Store {
    /// What the store holds and what of it is needed. Nothing is changed.
    pub fn survey(&self, needs: &[Needs], keep: Keep) -> Result<Survey, SweepError> {
        if !self.root().is_dir() {
            return Err(SweepError::Environment(format!(
                "{} is no folder: name a store with --store",
                self.root().display()
            )));
        }
        survey::survey(self, needs, keep)
    }

    /// Removes what a survey finds, and returns both.
    pub fn tidy(&self, needs: &[Needs], keep: Keep) -> Result<(Survey, Deleted), SweepError> {
        let folder = self.root().join("lease");
        if !folder.is_dir() {
            // A store that no sweep has opened has nothing to remove, or is none.
            let survey = self.survey(needs, keep)?;
            return Ok((survey, Deleted::default()));
        }
        let Some(_lease) = self.leases.take(GC).at("lock", &folder)? else {
            return Err(SweepError::Environment(format!(
                "another `gc --delete` is at work on {}: wait for its end",
                self.root().display()
            )));
        };
        // Sweeps that begin after this wait; those that began before are found.
        let survey = self.survey(needs, keep)?;
        let deleted = delete::delete(self, &survey)?;
        Ok((survey, deleted))
    }
}
