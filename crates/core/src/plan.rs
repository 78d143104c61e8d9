//! From an experiment to cells and the stages that they need.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    AttackConfig, Catalog, Choice, ConfigError, DatasetFacts, DefenseConfig, Departure, Experiment, Key,
    Method, MethodKind, Profile, Requirement, ResourceConfig, StageConfig, profile, suggest,
};

/// Raised when the meaning of stored stages changes for all methods at once.
const STORE_VERSION: u32 = 1;

/// What a stage makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StageKind {
    /// What attacks of one kind build on.
    Resource,
    /// An attacked model.
    Attack,
    /// A defended model.
    Defense,
}

/// A piece of work with a result of its own, shared by every cell that needs it.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Its identity.
    pub key: Key,
    /// What it makes.
    pub kind: StageKind,
    /// The work.
    pub config: StageConfig,
    /// Stages that must be finished before it.
    pub requires: Vec<Key>,
    /// For people: `signs/preact_resnet18/badnets@0.1/s0` and the like.
    pub title: String,
}

/// One row of the results.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Data set, by its name in results.
    pub dataset: String,
    /// Architecture.
    pub model: String,
    /// Attack.
    pub attack: String,
    /// Share of poisoned training pictures.
    pub poison_ratio: f64,
    /// Size of the clean set as a share of the training set.
    pub clean_ratio: f64,
    /// The repeat.
    pub seed: u64,
    /// Defense.
    pub defense: String,
    /// The stage whose model the row is about.
    pub key: Key,
    /// The stage of the attacked model; equal to `key` for defense `none`.
    pub attacked: Key,
    /// Why it is not run, where declared.
    pub not_applicable: Option<String>,
}

/// All cells in the order of the results, and every stage that any of them needs.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Rows to be.
    pub cells: Vec<Cell>,
    /// Work to be, by key; every required stage is in it too.
    pub stages: BTreeMap<Key, Stage>,
    /// Parameters of attacks and defenses that are not the published ones.
    pub departures: Vec<Departure>,
}

/// What keeps an experiment from being planned.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The experiment names or sets something impossible.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A data set is not there or not as it should be.
    #[error("{0}")]
    Data(String),
}

/// Crosses everything with everything. `origin` names the experiment file in messages.
pub fn plan(experiment: &Experiment, catalog: &dyn Catalog, origin: &str) -> Result<Plan, PlanError> {
    for name in experiment.train_for.keys() {
        if !experiment.datasets.iter().any(|dataset| dataset.name == *name) {
            let known = experiment.datasets.iter().map(|dataset| dataset.name.as_str());
            let message = format!("train_for: {}", suggest::unknown("data set", name, known));
            return Err(ConfigError::invalid(origin, message).into());
        }
    }
    let mut plan = Plan::default();
    for dataset_choice in &experiment.datasets {
        let resolve = |kind: MethodKind, choice: &Choice, facts: Option<&DatasetFacts>| {
            resolve(catalog, origin, kind, choice, facts)
        };
        let dataset = resolve(MethodKind::Dataset, dataset_choice, None)?;
        let all = |kind, choices: &[Choice], facts: &DatasetFacts| {
            choices.iter().map(|choice| resolve(kind, choice, Some(facts))).collect::<Result<Vec<_>, _>>()
        };
        let facts = catalog.facts(&dataset).map_err(PlanError::Data)?;
        let models = all(MethodKind::Model, &experiment.models, &facts)?;
        let attacks = all(MethodKind::Attack, &experiment.attacks, &facts)?;
        let defenses = all(MethodKind::Defense, &profiled(experiment, catalog), &facts)?;
        for (kind, methods) in [(MethodKind::Attack, &attacks), (MethodKind::Defense, &defenses)] {
            for method in methods {
                let published = resolve(kind, &Choice::plain(&method.name), Some(&facts))?;
                plan.departures.extend(profile::departures(&dataset.label, kind, method, &published));
            }
        }
        if let Some(problem) = experiment.label_map.problem(facts.classes) {
            let message = format!("label_map: on {}: {problem}", dataset.name);
            return Err(ConfigError::invalid(origin, message).into());
        }
        let mut recipe = catalog.recipe(&facts).patched(&experiment.train);
        if let Some(patch) = experiment.train_for.get(&dataset.name) {
            recipe = recipe.patched(patch);
        }
        if let Some(problem) = recipe.problem() {
            return Err(ConfigError::invalid(origin, format!("train: {problem}")).into());
        }
        if let Some(problem) = facts.too_many(recipe.train_pictures) {
            return Err(ConfigError::invalid(origin, format!("train: {problem}")).into());
        }
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
                            precision: experiment.precision,
                        };
                        let not_applicable = catalog.not_applicable(&attacked, &facts);
                        let requires = match not_applicable {
                            Some(_) => vec![],
                            None => plan.add_requirements(&attacked, &facts, catalog, origin)?,
                        };
                        plan.add_attacked(
                            &attacked,
                            requires,
                            &defenses,
                            &experiment.clean_ratios,
                            not_applicable,
                            catalog,
                        );
                    }
                }
            }
        }
    }
    Ok(plan)
}

/// The experiment's defenses with what its profile sets.
fn profiled(experiment: &Experiment, catalog: &dyn Catalog) -> Vec<Choice> {
    let quick = |choice: &Choice| profile::over(&catalog.quick(&choice.name), choice);
    match experiment.profile {
        Profile::Published => experiment.defenses.clone(),
        Profile::Quick => experiment.defenses.iter().map(quick).collect(),
    }
}

fn resolve(
    catalog: &dyn Catalog,
    origin: &str,
    kind: MethodKind,
    choice: &Choice,
    facts: Option<&DatasetFacts>,
) -> Result<Method, PlanError> {
    let names = catalog.names(kind);
    if !names.contains(&choice.name.as_str()) {
        let message = suggest::unknown(kind.word(), &choice.name, names.iter().copied());
        return Err(ConfigError::invalid(origin, message).into());
    }
    catalog.resolve(kind, choice, facts).map_err(|error| {
        ConfigError::invalid(origin, format!("{} {}: {error}", kind.word(), choice.label)).into()
    })
}

impl Plan {
    /// Adds the stages that an attack builds on, and returns their keys in the order of its requirements.
    fn add_requirements(
        &mut self,
        attacked: &AttackConfig,
        facts: &DatasetFacts,
        catalog: &dyn Catalog,
        origin: &str,
    ) -> Result<Vec<Key>, PlanError> {
        let mut keys = vec![];
        for requirement in catalog.requirements(&attacked.attack) {
            let stage = match requirement {
                Requirement::CleanModel => {
                    let attack =
                        resolve(catalog, origin, MethodKind::Attack, &Choice::plain("none"), Some(facts))?;
                    attack_stage(AttackConfig { attack, poison_ratio: 0.0, ..attacked.clone() }, vec![])
                }
                Requirement::Resource => resource_stage(ResourceConfig {
                    dataset: attacked.dataset.clone(),
                    fingerprint: attacked.fingerprint.clone(),
                    attack: catalog.resource_method(&attacked.attack),
                    train_pictures: attacked.recipe.train_pictures,
                    precision: attacked.precision,
                }),
            };
            keys.push(stage.key.clone());
            self.stages.entry(stage.key.clone()).or_insert(stage);
        }
        Ok(keys)
    }

    fn add_attacked(
        &mut self,
        attacked: &AttackConfig,
        requires: Vec<Key>,
        defenses: &[Method],
        clean_ratios: &[f64],
        not_applicable: Option<String>,
        catalog: &dyn Catalog,
    ) {
        let stage = attack_stage(attacked.clone(), requires);
        let (attacked_key, title) = (stage.key.clone(), stage.title.clone());
        if not_applicable.is_none() {
            self.stages.entry(attacked_key.clone()).or_insert(stage);
        }
        for &clean_ratio in clean_ratios {
            for defense in defenses {
                let not_applicable =
                    not_applicable.clone().or_else(|| catalog.not_defended(attacked, defense));
                let mut key = attacked_key.clone();
                if defense.name != "none" {
                    let config =
                        DefenseConfig { attacked: attacked.clone(), defense: defense.clone(), clean_ratio };
                    key = Key::of(&defense_identity(&config, &attacked_key));
                    if not_applicable.is_none() {
                        self.stages.entry(key.clone()).or_insert_with(|| Stage {
                            key: key.clone(),
                            kind: StageKind::Defense,
                            config: StageConfig::Defense(config),
                            requires: vec![attacked_key.clone()],
                            title: format!("{title} > {}", defense.label),
                        });
                    }
                }
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
                    not_applicable,
                };
                // A clean model asked for at two poison ratios is one row.
                if !self.cells.iter().any(|other| cell.same_row(other)) {
                    self.cells.push(cell);
                }
            }
        }
    }

    /// The same plan with only some cells, and only the stages that those need.
    #[must_use]
    pub fn keep(&self, mut wanted: impl FnMut(&Cell) -> bool) -> Self {
        let cells: Vec<Cell> = self.cells.iter().filter(|cell| wanted(cell)).cloned().collect();
        let mut needed: Vec<&Key> = cells.iter().flat_map(|cell| [&cell.key, &cell.attacked]).collect();
        let mut stages = BTreeMap::new();
        while let Some(key) = needed.pop() {
            if let Some(stage) = self.stages.get(key)
                && stages.insert(key.clone(), stage.clone()).is_none()
            {
                needed.extend(&stage.requires);
            }
        }
        Self { cells, stages, departures: self.departures.clone() }
    }

    /// Shard `index` of `count`, both 1-based: whole attacked models go to one shard, so that none waits for another.
    #[must_use]
    pub fn shard(&self, index: usize, count: usize) -> Self {
        let mut order: Vec<&Key> = vec![];
        for cell in &self.cells {
            if !order.contains(&&cell.attacked) {
                order.push(&cell.attacked);
            }
        }
        self.keep(|cell| {
            order.iter().position(|key| **key == cell.attacked).is_some_and(|at| at % count == index - 1)
        })
    }
}

impl Cell {
    /// For people: `signs/preact_resnet18/badnets@0.1/s0 > ft`.
    pub fn title(&self) -> String {
        format!(
            "{}/{}/{}@{}/s{} > {}",
            self.dataset, self.model, self.attack, self.poison_ratio, self.seed, self.defense
        )
    }

    fn same_row(&self, other: &Self) -> bool {
        self.key == other.key
            && self.clean_ratio == other.clean_ratio
            && (&self.dataset, &self.model, &self.attack, &self.defense)
                == (&other.dataset, &other.model, &other.attack, &other.defense)
    }
}

fn attack_stage(config: AttackConfig, requires: Vec<Key>) -> Stage {
    let title = format!(
        "{}/{}/{}@{}/s{}",
        config.dataset.label, config.model.label, config.attack.label, config.poison_ratio, config.seed
    );
    let key = Key::of(&attack_identity(&config, &requires));
    Stage { key, kind: StageKind::Attack, config: StageConfig::Attack(config), requires, title }
}

fn resource_stage(config: ResourceConfig) -> Stage {
    let title = format!("{}/resource of {}", config.dataset.label, config.attack.name);
    let key = Key::of(&json!({
        "store": STORE_VERSION,
        "kind": "resource",
        "dataset": method_identity(&config.dataset),
        "fingerprint": config.fingerprint,
        "attack": method_identity(&config.attack),
        "train_pictures": config.train_pictures,
        "precision": config.precision,
    }));
    Stage { key, kind: StageKind::Resource, config: StageConfig::Resource(config), requires: vec![], title }
}

fn method_identity(method: &Method) -> Value {
    json!({"name": method.name, "params": method.params, "impl_version": method.impl_version})
}

fn attack_identity(config: &AttackConfig, requires: &[Key]) -> Value {
    json!({
        "requires": requires,
        "store": STORE_VERSION,
        "kind": "attack",
        "dataset": method_identity(&config.dataset),
        "fingerprint": config.fingerprint,
        "model": method_identity(&config.model),
        "attack": method_identity(&config.attack),
        "label_map": config.label_map,
        "poison_ratio": config.poison_ratio,
        "seed": config.seed,
        "recipe": config.recipe,
        "precision": config.precision,
    })
}

fn defense_identity(config: &DefenseConfig, attacked: &Key) -> Value {
    json!({
        "store": STORE_VERSION,
        "kind": "defense",
        "attacked": attacked,
        "defense": method_identity(&config.defense),
        "clean_ratio": config.clean_ratio,
    })
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
