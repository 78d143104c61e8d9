//! The methods, the training recipe and the notes of one data set of an experiment.

use super::builder::Builder;
use super::{PlanError, limits};
use crate::{
    Choice, ConfigError, DatasetFacts, MethodConfig, MethodKind, PlannedAnalysis, PlannedAttack,
    PlannedDefense, Recipe, profile,
};

/// The methods that are combined on one data set.
pub(super) struct Methods {
    pub(super) models: Vec<MethodConfig>,
    pub(super) attacks: Vec<PlannedAttack>,
    pub(super) defenses: Vec<PlannedDefense>,
    pub(super) analyses: Vec<PlannedAnalysis>,
}

impl Builder<'_> {
    /// The experiment's methods with their parameters on a data set.
    pub(super) fn methods(&self, facts: &DatasetFacts) -> Result<Methods, PlanError> {
        let (experiment, catalog) = (self.experiment, self.catalog);
        let profiled = |kind, choices: &[Choice]| -> Vec<Choice> {
            choices.iter().map(|choice| self.profiled(kind, choice)).collect()
        };
        let defenses = profiled(MethodKind::Defense, &experiment.defenses);
        let analyses = profiled(MethodKind::Analysis, &experiment.analyses);
        Ok(Methods {
            models: self
                .resolve(MethodKind::Model, &experiment.models, |choice| catalog.model(choice, facts))?,
            attacks: self
                .resolve(MethodKind::Attack, &experiment.attacks, |choice| catalog.attack(choice, facts))?,
            defenses: self
                .resolve(MethodKind::Defense, &defenses, |choice| catalog.defense(choice, facts))?,
            analyses: self
                .resolve(MethodKind::Analysis, &analyses, |choice| catalog.analysis(choice, facts))?,
        })
    }

    pub(super) fn note_departures(
        &mut self,
        dataset: &MethodConfig,
        facts: &DatasetFacts,
        methods: &Methods,
    ) {
        let models = methods.models.iter().map(|model| (MethodKind::Model, model));
        let attacks = methods.attacks.iter().map(|attack| (MethodKind::Attack, &attack.config));
        let defenses = methods.defenses.iter().map(|defense| (MethodKind::Defense, &defense.config));
        for (kind, used) in models.chain(attacks).chain(defenses) {
            if let Some(published) = self.catalog.published(kind, &used.name, facts) {
                self.plan.departures.extend(profile::departures(&dataset.label, kind, used, &published));
            }
        }
    }

    /// The training recipe on the data set, after checks of the recipe and of what the data set is large enough for.
    pub(super) fn recipe(
        &mut self,
        dataset: &MethodConfig,
        facts: &DatasetFacts,
    ) -> Result<Recipe, PlanError> {
        let experiment = self.experiment;
        let patch = match experiment.train_for.get(&dataset.name) {
            Some(own) => own.over(&experiment.train),
            None => experiment.train.clone(),
        };
        let recipe = self.catalog.recipe(facts).patched(&patch);
        let problem = recipe.problem().map(|problem| format!("train: {problem}"));
        let (recipe, notes) = limits::fitted(recipe, facts);
        self.plan.warnings.extend(notes);
        match problem.or_else(|| limits::problem(experiment, facts, &recipe)) {
            Some(problem) => Err(ConfigError::invalid(self.origin, problem).into()),
            None => Ok(recipe),
        }
    }

    pub(super) fn note_data(&mut self, facts: &DatasetFacts, recipe: &Recipe, defenses: &[PlannedDefense]) {
        let name = &facts.name;
        let notes = facts.incomplete.iter().chain(&facts.notes).map(|note| format!("{name}: {note}"));
        self.plan.warnings.extend(notes);
        if defenses.iter().any(|defense| defense.config.name != "none") {
            self.plan.warnings.extend(limits::small_clean_sets(self.experiment, facts, recipe));
        }
    }
}
