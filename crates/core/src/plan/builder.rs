//! What all steps of planning share: the experiment, the registries, and the plan so far.

use std::collections::HashSet;

use super::{Plan, PlanError, RowIdentity, Stage};
use crate::{
    Catalog, Choice, ConfigError, DatasetFacts, Experiment, Key, MethodConfig, MethodKind, ParamError,
    Profile, profile, suggest,
};

/// A plan while it is built.
pub(super) struct Builder<'a> {
    pub(super) experiment: &'a Experiment,
    pub(super) catalog: &'a dyn Catalog,
    pub(super) origin: &'a str,
    pub(super) plan: Plan,
    /// The rows of the plan's cells.
    pub(super) rows: HashSet<RowIdentity>,
}

impl Builder<'_> {
    /// Checks that the name of each choice is registered, and returns the results of `resolve`.
    pub(super) fn resolve<T>(
        &self,
        kind: MethodKind,
        choices: &[Choice],
        resolve: impl Fn(&Choice) -> Result<T, ParamError>,
    ) -> Result<Vec<T>, PlanError> {
        let names = self.catalog.names(kind);
        let one = |choice: &Choice| {
            if !names.contains(&choice.name.as_str()) {
                let message = suggest::unknown(kind.word(), &choice.name, names.iter().copied());
                return Err(ConfigError::invalid(self.origin, message).into());
            }
            resolve(choice).map_err(|error| {
                let message = format!("{} {}: {error}", kind.word(), choice.label);
                ConfigError::invalid(self.origin, message).into()
            })
        };
        choices.iter().map(one).collect()
    }

    /// A defense or an analysis of the experiment with the parameters that its profile sets.
    pub(super) fn profiled(&self, kind: MethodKind, choice: &Choice) -> Choice {
        match self.experiment.profile {
            Profile::Published => choice.clone(),
            Profile::Quick => profile::over(&self.catalog.quick(kind, &choice.name), choice),
        }
    }

    /// The attack of a clean model.
    pub(super) fn no_attack(&self, facts: &DatasetFacts) -> Result<MethodConfig, PlanError> {
        let none = self.catalog.attack(&Choice::named("none"), facts);
        let invalid = |error| ConfigError::invalid(self.origin, format!("attack none: {error}"));
        Ok(none.map_err(invalid)?.config)
    }

    /// Adds a stage, unless it is in the plan already, and returns its key.
    pub(super) fn add(&mut self, stage: Stage) -> Key {
        let key = stage.key.clone();
        self.plan.stages.entry(key.clone()).or_insert(stage);
        key
    }
}
