//! From an experiment to a plan: everything is crossed with everything.

use super::stages::{attack_stage, control_stage, defense_stage, preparation_stage, resource_stage};
use super::{Cell, Plan, PlanError, Stage, limits};
use crate::{
    AttackConfig, Catalog, Choice, ConfigError, DatasetFacts, DefenseConfig, Experiment, Key, LabelMap,
    Method, MethodKind, Profile, Recipe, Requirement, ResourceConfig, StageConfig, profile, suggest,
};

/// The clean model that attacks are tuned on has the seed of the attacked model and this: another initialisation, other
/// batches. One with the victim's own would make a stronger attacker than any there is.
const SURROGATE_SEED: u64 = 10_000;

/// Crosses everything with everything. `origin` names the experiment file in messages.
pub fn plan(experiment: &Experiment, catalog: &dyn Catalog, origin: &str) -> Result<Plan, PlanError> {
    let invalid = |message: String| PlanError::from(ConfigError::invalid(origin, message));
    for name in experiment.train_for.keys() {
        if !experiment.datasets.iter().any(|dataset| dataset.name == *name) {
            let known = experiment.datasets.iter().map(|dataset| dataset.name.as_str());
            return Err(invalid(format!("train_for: {}", suggest::unknown("data set", name, known))));
        }
    }
    let mut builder = Builder { experiment, catalog, origin, plan: Plan::default() };
    for choice in &experiment.datasets {
        let dataset = builder.resolve(MethodKind::Dataset, choice, None)?;
        let facts = catalog.facts(&dataset).map_err(PlanError::Data)?;
        builder.add_dataset(&dataset, &facts)?;
        builder.plan.datasets.push(facts);
    }
    builder.add_controls();
    builder.warn_of_tuned_cells();
    Ok(builder.plan)
}

struct Builder<'a> {
    experiment: &'a Experiment,
    catalog: &'a dyn Catalog,
    origin: &'a str,
    plan: Plan,
}

impl Builder<'_> {
    fn resolve(
        &self,
        kind: MethodKind,
        choice: &Choice,
        facts: Option<&DatasetFacts>,
    ) -> Result<Method, PlanError> {
        let names = self.catalog.names(kind);
        if !names.contains(&choice.name.as_str()) {
            let message = suggest::unknown(kind.word(), &choice.name, names.iter().copied());
            return Err(ConfigError::invalid(self.origin, message).into());
        }
        self.catalog.resolve(kind, choice, facts).map_err(|error| {
            let message = format!("{} {}: {error}", kind.word(), choice.label);
            ConfigError::invalid(self.origin, message).into()
        })
    }

    fn resolve_all(
        &self,
        kind: MethodKind,
        choices: &[Choice],
        facts: &DatasetFacts,
    ) -> Result<Vec<Method>, PlanError> {
        choices.iter().map(|choice| self.resolve(kind, choice, Some(facts))).collect()
    }

    fn add_dataset(&mut self, dataset: &Method, facts: &DatasetFacts) -> Result<(), PlanError> {
        let experiment = self.experiment;
        let models = self.resolve_all(MethodKind::Model, &experiment.models, facts)?;
        let attacks = self.resolve_all(MethodKind::Attack, &experiment.attacks, facts)?;
        let defenses = self.resolve_all(MethodKind::Defense, &profiled(experiment, self.catalog), facts)?;
        self.note_departures(dataset, facts, &attacks, &defenses)?;
        let recipe = self.recipe(dataset, facts)?;
        self.note_data(facts, &recipe, &defenses);
        for model in &models {
            for attack in &attacks {
                for &poison_ratio in &experiment.poison_ratios {
                    for &seed in &experiment.seeds {
                        let attacked = AttackConfig {
                            dataset: dataset.clone(),
                            fingerprint: facts.fingerprint.clone(),
                            model: model.clone(),
                            attack: attack.clone(),
                            label_map: experiment.label_map,
                            // A clean model is the same at every ratio, and is trained once.
                            poison_ratio: if attack.name == "none" { 0.0 } else { poison_ratio },
                            seed,
                            recipe: recipe.clone(),
                            precision: self.catalog.precision(experiment.precision),
                            trigger_strengths: match attack.name.as_str() {
                                "none" => vec![],
                                _ => experiment.trigger_strengths.clone(),
                            },
                        };
                        self.add_attacked(&attacked, facts, &defenses)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn note_departures(
        &mut self,
        dataset: &Method,
        facts: &DatasetFacts,
        attacks: &[Method],
        defenses: &[Method],
    ) -> Result<(), PlanError> {
        for (kind, methods) in [(MethodKind::Attack, attacks), (MethodKind::Defense, defenses)] {
            for method in methods {
                let published = self.resolve(kind, &Choice::plain(&method.name), Some(facts))?;
                let departures = profile::departures(&dataset.label, kind, method, &published);
                self.plan.departures.extend(departures);
            }
        }
        Ok(())
    }

    /// How models are trained on the data set, once it is clear that this and all that is asked for can be done with it.
    fn recipe(&mut self, dataset: &Method, facts: &DatasetFacts) -> Result<Recipe, PlanError> {
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

    fn note_data(&mut self, facts: &DatasetFacts, recipe: &Recipe, defenses: &[Method]) {
        let name = &facts.name;
        let notes = facts.incomplete.iter().chain(&facts.notes).map(|note| format!("{name}: {note}"));
        self.plan.warnings.extend(notes);
        if defenses.iter().any(|defense| defense.name != "none") {
            self.plan.warnings.extend(limits::small_clean_sets(self.experiment, facts, recipe));
        }
    }

    /// Adds an attacked model with every cell that is about it.
    fn add_attacked(
        &mut self,
        attacked: &AttackConfig,
        facts: &DatasetFacts,
        defenses: &[Method],
    ) -> Result<(), PlanError> {
        let not_applicable = self.catalog.not_applicable(attacked, facts);
        let requires = match not_applicable {
            Some(_) => vec![],
            None => self.add_requirements(attacked, facts)?,
        };
        let stage = attack_stage(attacked.clone(), requires);
        let attacked_key = stage.key.clone();
        if not_applicable.is_none() {
            self.add(stage);
        }
        for &clean_ratio in &self.experiment.clean_ratios {
            for defense in defenses {
                let not_applicable =
                    not_applicable.clone().or_else(|| self.catalog.not_defended(attacked, defense));
                let config =
                    DefenseConfig { attacked: attacked.clone(), defense: defense.clone(), clean_ratio };
                let runs = not_applicable.is_none();
                let (key, preparation) = match defense.name.as_str() {
                    "none" => (attacked_key.clone(), None),
                    _ => self.add_defense(config, &attacked_key, runs),
                };
                let cell = Cell {
                    dataset: attacked.dataset.label.clone(),
                    model: attacked.model.label.clone(),
                    attack: attacked.attack.label.clone(),
                    poison_ratio: attacked.poison_ratio,
                    clean_ratio,
                    seed: attacked.seed,
                    defense: defense.label.clone(),
                    key,
                    attacked: attacked_key.clone(),
                    control: None,
                    preparation,
                    chance: facts.chance(),
                    target: target(attacked, facts),
                    data_note: facts.incomplete.clone().unwrap_or_default(),
                    note: self.tuning_note(attacked, defense),
                    not_applicable,
                };
                // A clean model asked for at two poison ratios is one row.
                if !self.plan.cells.iter().any(|other| cell.same_row(other)) {
                    self.plan.cells.push(cell);
                }
            }
        }
        Ok(())
    }

    /// Whether the defense's parameters were chosen on this very cell, in words.
    fn tuning_note(&self, attacked: &AttackConfig, defense: &Method) -> String {
        let tuned = self.catalog.tuned_on(defense);
        let notes = tuned.iter().map(|tuned| tuned.note(&attacked.dataset.name, attacked.seed));
        notes.filter(|note| !note.is_empty()).collect::<Vec<_>>().join("; ")
    }

    /// Adds the stages that an attack builds on, and returns their keys in the order of its requirements.
    fn add_requirements(
        &mut self,
        attacked: &AttackConfig,
        facts: &DatasetFacts,
    ) -> Result<Vec<Key>, PlanError> {
        let mut keys = vec![];
        for requirement in self.catalog.requirements(&attacked.attack) {
            let stage = match requirement {
                Requirement::CleanModel => {
                    let attack = self.resolve(MethodKind::Attack, &Choice::plain("none"), Some(facts))?;
                    attack_stage(clean(attacked, attack, surrogate_seed(attacked.seed)), vec![])
                }
                Requirement::Resource => resource_stage(ResourceConfig {
                    dataset: attacked.dataset.clone(),
                    fingerprint: attacked.fingerprint.clone(),
                    attack: self.catalog.resource_method(&attacked.attack),
                    train_pictures: attacked.recipe.train_pictures,
                    precision: attacked.precision,
                }),
            };
            keys.push(self.add(stage));
        }
        Ok(keys)
    }

    /// The keys of a defended model and of what it shares with other settings of its defense; both stages are added where
    /// the cell is run.
    fn add_defense(&mut self, config: DefenseConfig, attacked: &Key, runs: bool) -> (Key, Option<Key>) {
        let preparation = self
            .catalog
            .preparation(&config.defense)
            .map(|defense| preparation_stage(DefenseConfig { defense, ..config.clone() }, attacked));
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

    fn add(&mut self, stage: Stage) -> Key {
        let key = stage.key.clone();
        self.plan.stages.entry(key.clone()).or_insert(stage);
        key
    }

    /// A line on each defense whose parameters were chosen on cells that are reported.
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

    /// Sets beside each attacked model what a clean model makes of its triggers, where the plan has a clean model
    /// anyway: the experiment's own of the same seed, or else the one that an attack is tuned on.
    fn add_controls(&mut self) {
        let attacks: Vec<(Stage, AttackConfig)> = self
            .plan
            .stages
            .values()
            .filter_map(|stage| match &stage.config {
                StageConfig::Attack(config) => Some((stage.clone(), config.clone())),
                _ => None,
            })
            .collect();
        let (cleans, attacks): (Vec<_>, Vec<_>) =
            attacks.into_iter().partition(|(_, config)| config.attack.name == "none");
        for (attacked, config) in attacks {
            let of_seed = |seed: u64| {
                cleans.iter().find(|(_, other)| *other == clean(&config, other.attack.clone(), seed))
            };
            let found = of_seed(config.seed).or_else(|| of_seed(surrogate_seed(config.seed)));
            let Some((clean_stage, _)) = found else { continue };
            let key = self.add(control_stage(&attacked, config, &clean_stage.key));
            for cell in self.plan.cells.iter_mut().filter(|cell| cell.attacked == attacked.key) {
                cell.control = Some(key.clone());
            }
        }
    }
}

fn surrogate_seed(seed: u64) -> u64 {
    seed.wrapping_add(SURROGATE_SEED)
}

/// The clean model in the setting of an attacked one.
fn clean(attacked: &AttackConfig, attack: Method, seed: u64) -> AttackConfig {
    AttackConfig { attack, poison_ratio: 0.0, seed, trigger_strengths: vec![], ..attacked.clone() }
}

/// What triggered images are to be taken for, in words; empty without an attack.
fn target(attacked: &AttackConfig, facts: &DatasetFacts) -> String {
    match attacked.label_map {
        _ if attacked.attack.name == "none" => String::new(),
        LabelMap::AllToOne(label) => facts.class(label),
        LabelMap::AllToAll(shift) => format!("label + {shift}"),
    }
}

/// The experiment's defenses with what its profile sets.
fn profiled(experiment: &Experiment, catalog: &dyn Catalog) -> Vec<Choice> {
    let quick = |choice: &Choice| profile::over(&catalog.quick(&choice.name), choice);
    match experiment.profile {
        Profile::Published => experiment.defenses.clone(),
        Profile::Quick => experiment.defenses.iter().map(quick).collect(),
    }
}
