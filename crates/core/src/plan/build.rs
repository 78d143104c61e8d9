//! Builds the plan of an experiment: all combinations of its lists.

use std::collections::HashSet;

use super::analyses::Analysed;
use super::builder::Builder;
use super::controls::{add_controls, clean, surrogate_seed};
use super::methods::Methods;
use super::stages::{attack_stage, defense_stage, preparation_stage, resource_stage};
use super::{Cell, Plan, PlanError};
use crate::{
    AttackConfig, Catalog, ConfigError, DatasetFacts, DefenseConfig, Experiment, Key, LabelMap, MethodConfig,
    MethodKind, PlannedAttack, PlannedDefense, Recipe, Requirement, ResourceConfig, profile, suggest,
};

/// Plans all combinations of the experiment's lists. `origin` names the experiment file in messages.
pub fn plan(experiment: &Experiment, catalog: &dyn Catalog, origin: &str) -> Result<Plan, PlanError> {
    let invalid = |message: String| PlanError::from(ConfigError::invalid(origin, message));
    for name in experiment.train_for.keys() {
        if !experiment.datasets.iter().any(|dataset| dataset.name == *name) {
            let known = experiment.datasets.iter().map(|dataset| dataset.name.as_str());
            return Err(invalid(format!("train_for: {}", suggest::unknown("data set", name, known))));
        }
    }
    let mut builder = Builder { experiment, catalog, origin, plan: Plan::default(), rows: HashSet::new() };
    for choice in &experiment.datasets {
        for dataset in builder
            .resolve(MethodKind::Dataset, std::slice::from_ref(choice), |choice| catalog.dataset(choice))?
        {
            let facts = catalog.facts(&dataset).map_err(PlanError::Data)?;
            builder.add_dataset(&dataset, &facts)?;
            builder.plan.datasets.push(facts);
        }
    }
    add_controls(&mut builder.plan);
    builder.warn_of_tuned_cells();
    Ok(builder.plan)
}

/// What all cells of one attacked model share, except the attack.
struct Setting<'a> {
    dataset: &'a MethodConfig,
    facts: &'a DatasetFacts,
    model: &'a MethodConfig,
    recipe: &'a Recipe,
    poison_ratio: f64,
    seed: u64,
}

impl Builder<'_> {
    fn add_dataset(&mut self, dataset: &MethodConfig, facts: &DatasetFacts) -> Result<(), PlanError> {
        let methods = self.methods(facts)?;
        self.note_departures(dataset, facts, &methods);
        let recipe = self.recipe(dataset, facts)?;
        if self.catalog.published(MethodKind::Dataset, &dataset.name, facts).is_some() {
            let customary = self.catalog.recipe(facts);
            self.plan.departures.extend(profile::recipe_departures(&dataset.label, &recipe, &customary));
        }
        self.note_data(facts, &recipe, &methods.defenses);
        for model in &methods.models {
            for attack in &methods.attacks {
                for &poison_ratio in &self.experiment.poison_ratios {
                    for &seed in &self.experiment.seeds {
                        let setting = Setting { dataset, facts, model, recipe: &recipe, poison_ratio, seed };
                        self.add_attacked(&setting, attack, &methods)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Adds an attacked model and all its cells.
    fn add_attacked(
        &mut self,
        setting: &Setting,
        attack: &PlannedAttack,
        methods: &Methods,
    ) -> Result<(), PlanError> {
        let attacked = self.attack_config(setting, &attack.config);
        let counts = || self.catalog.train_per_class(&attacked, setting.facts);
        let not_applicable = attack.poisons.problem(attacked.label_map, attacked.poison_ratio, counts);
        let requires = match not_applicable {
            Some(_) => vec![],
            None => self.add_requirements(&attacked, attack, setting.facts)?,
        };
        let stage = attack_stage(attacked.clone(), requires);
        let attacked_key = stage.key.clone();
        if not_applicable.is_none() {
            self.add(stage);
        }
        for &clean_ratio in &self.experiment.clean_ratios {
            for defense in &methods.defenses {
                let not_applicable = not_applicable.clone().or_else(|| not_defended(attack, defense));
                let (attacked, defended) = (attacked.clone(), defense.config.clone());
                let config = DefenseConfig { attacked, defense: defended, clean_ratio };
                self.add_cell(config, setting.facts, defense, &attacked_key, not_applicable);
            }
            let analysed = Analysed {
                config: &attacked,
                key: &attacked_key,
                facts: setting.facts,
                not_applicable: not_applicable.as_ref(),
            };
            self.add_analyses(&analysed, clean_ratio, &methods.analyses)?;
        }
        Ok(())
    }

    /// Adds a cell, and the stages that it needs besides the attacked model if it is run.
    fn add_cell(
        &mut self,
        config: DefenseConfig,
        facts: &DatasetFacts,
        defense: &PlannedDefense,
        attacked_key: &Key,
        not_applicable: Option<String>,
    ) {
        let attacked = config.attacked.clone();
        let clean_ratio = config.clean_ratio;
        let (key, preparation) = match defense.config.name.as_str() {
            "none" => (attacked_key.clone(), None),
            _ => {
                self.add_defense(config, defense.preparation.as_ref(), attacked_key, not_applicable.is_none())
            }
        };
        let cell = Cell {
            dataset: attacked.dataset.label.clone(),
            model: attacked.model.label.clone(),
            attack: attacked.attack.label.clone(),
            poison_ratio: attacked.poison_ratio,
            clean_ratio,
            seed: attacked.seed,
            defense: defense.config.label.clone(),
            key,
            attacked: attacked_key.clone(),
            control: None,
            preparation,
            chance: facts.chance(),
            target: target(&attacked, facts),
            data_note: facts.incomplete.clone().unwrap_or_default(),
            note: tuning_note(&attacked, defense),
            not_applicable,
        };
        // A clean model at two poison ratios is one row.
        if self.rows.insert(cell.row_identity()) {
            self.plan.cells.push(cell);
        }
    }

    fn attack_config(&self, setting: &Setting, attack: &MethodConfig) -> AttackConfig {
        let experiment = self.experiment;
        let clean = attack.name == "none";
        AttackConfig {
            dataset: setting.dataset.clone(),
            fingerprint: setting.facts.fingerprint.clone(),
            model: setting.model.clone(),
            attack: attack.clone(),
            label_map: experiment.label_map,
            // A clean model is the same at every ratio, and is trained once.
            poison_ratio: if clean { 0.0 } else { setting.poison_ratio },
            seed: setting.seed,
            recipe: setting.recipe.clone(),
            precision: self.catalog.precision(experiment.precision),
            trigger_strengths: if clean { vec![] } else { experiment.trigger_strengths.clone() },
        }
    }

    /// Adds the stages that an attack requires, and returns their keys in the order of its requirements.
    fn add_requirements(
        &mut self,
        attacked: &AttackConfig,
        attack: &PlannedAttack,
        facts: &DatasetFacts,
    ) -> Result<Vec<Key>, PlanError> {
        let mut keys = vec![];
        for requirement in &attack.requirements {
            let stage = match requirement {
                Requirement::CleanModel => {
                    let none = self.no_attack(facts)?;
                    attack_stage(clean(attacked, none, surrogate_seed(attacked.seed)), vec![])
                }
                Requirement::Resource => resource_stage(ResourceConfig {
                    dataset: attacked.dataset.clone(),
                    fingerprint: attacked.fingerprint.clone(),
                    attack: attack.resource.clone(),
                    train_images: attacked.recipe.train_images,
                    precision: attacked.precision,
                }),
            };
            keys.push(self.add(stage));
        }
        Ok(keys)
    }

    /// The keys of a defended model and of its preparation; both stages are added if the cell is run.
    fn add_defense(
        &mut self,
        config: DefenseConfig,
        preparation: Option<&MethodConfig>,
        attacked: &Key,
        runs: bool,
    ) -> (Key, Option<Key>) {
        let preparation = preparation.map(|defense| {
            preparation_stage(DefenseConfig { defense: defense.clone(), ..config.clone() }, attacked)
        });
        let preparation_key = preparation.as_ref().map(|stage| stage.key.clone());
        let stage = defense_stage(config, attacked, preparation_key.as_ref());
        let key = stage.key.clone();
        if runs {
            preparation.into_iter().chain([stage]).for_each(|stage| {
                self.add(stage);
            });
        }
        (key, preparation_key)
    }

    /// Adds a warning for each defense whose parameters were chosen on cells of this plan.
    fn warn_of_tuned_cells(&mut self) {
        let mut warnings: Vec<String> = vec![];
        for cell in self.plan.cells.iter().filter(|cell| !cell.note.is_empty()) {
            let warning = format!("{}: {}", cell.defense, cell.note);
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
        self.plan.warnings.extend(warnings);
    }
}

/// Why the defense is not applicable to this attack; `None` if it is.
fn not_defended(attack: &PlannedAttack, defense: &PlannedDefense) -> Option<String> {
    (attack.controls_training && defense.needs_training_set).then(|| {
        format!(
            "{} needs the poisoned training set, and {} leaves none: it poisons inside the batches",
            defense.config.name, attack.config.name
        )
    })
}

/// The note that the defense's parameters were chosen on this cell; empty if they were not.
fn tuning_note(attacked: &AttackConfig, defense: &PlannedDefense) -> String {
    let notes = defense.tuned_on.iter().map(|tuned| tuned.note(&attacked.dataset.name, attacked.seed));
    notes.filter(|note| !note.is_empty()).collect::<Vec<_>>().join("; ")
}

/// The target class as text; empty without an attack.
fn target(attacked: &AttackConfig, facts: &DatasetFacts) -> String {
    match attacked.label_map {
        _ if attacked.attack.name == "none" => String::new(),
        LabelMap::AllToOne(label) => facts.class(label),
        LabelMap::AllToAll(shift) => format!("label + {shift}"),
    }
}
