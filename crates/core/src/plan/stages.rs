//! Stages and their keys. A key is a hash of everything on which the stage's result depends.

use serde_json::{Value, json};

use super::{Stage, StageKind};
use crate::{
    AnalysisConfig, AnalysisInput, AttackConfig, DefenseConfig, Key, MethodConfig, RankingConfig,
    RankingSource, Recipe, ResourceConfig, StageConfig,
};

/// The version of all stored stages. It is raised when the results of all methods change.
const STORE_VERSION: u32 = 3;

pub(super) fn attack_stage(config: AttackConfig, requires: Vec<Key>) -> Stage {
    let title = attack_title(&config);
    let key = Key::of(&attack_identity(&config, &requires));
    Stage { key, kind: StageKind::Attack, config: StageConfig::Attack(config), requires, title }
}

fn attack_title(config: &AttackConfig) -> String {
    format!(
        "{}/{}/{}@{}/s{}",
        config.dataset.label, config.model.label, config.attack.label, config.poison_ratio, config.seed
    )
}

pub(super) fn resource_stage(config: ResourceConfig) -> Stage {
    let title = format!("{}/resource of {}", config.dataset.label, config.attack.name);
    let key = Key::of(&json!({
        "store": STORE_VERSION,
        "kind": "resource",
        "dataset": method_identity(&config.dataset),
        "fingerprint": config.fingerprint,
        "attack": method_identity(&config.attack),
        // The former name of the field, which is part of the keys of stored stages.
        "train_pictures": config.train_images,
        "precision": config.precision,
    }));
    Stage { key, kind: StageKind::Resource, config: StageConfig::Resource(config), requires: vec![], title }
}

/// The stage that measures a clean model under the triggers of `attacked`.
pub(super) fn control_stage(attacked: &Stage, config: AttackConfig, clean: &Key) -> Stage {
    let requires = vec![attacked.key.clone(), clean.clone()];
    let key = Key::of(&json!({"store": STORE_VERSION, "kind": "control", "requires": requires}));
    let title = format!("{} on a clean model", attacked.title);
    Stage { key, kind: StageKind::Control, config: StageConfig::Control(config), requires, title }
}

/// The preparation of a defense; `config.defense` has only the parameters on which it depends.
pub(super) fn preparation_stage(config: DefenseConfig, attacked: &Key) -> Stage {
    let title = format!("{} > preparation of {}", attack_title(&config.attacked), config.defense.name);
    let key = Key::of(&defense_identity("preparation", attacked, &config.defense, config.clean_ratio));
    let requires = vec![attacked.clone()];
    Stage { key, kind: StageKind::Preparation, config: StageConfig::Preparation(config), requires, title }
}

/// The stage of a defended model. `preparation` is not part of its identity, since everything on which the preparation
/// depends is among the defense's parameters.
pub(super) fn defense_stage(config: DefenseConfig, attacked: &Key, preparation: Option<&Key>) -> Stage {
    let title = format!("{} > {}", attack_title(&config.attacked), config.defense.label);
    let key = Key::of(&defense_identity("defense", attacked, &config.defense, config.clean_ratio));
    let requires = [attacked].into_iter().chain(preparation).cloned().collect();
    Stage { key, kind: StageKind::Defense, config: StageConfig::Defense(config), requires, title }
}

/// The stage of a ranking. As for a defense, its preparation is not part of its identity.
pub(super) fn ranking_stage(config: RankingConfig, attacked: &Key, preparation: Option<&Key>) -> Stage {
    let from = match config.source {
        RankingSource::Cell => "",
        RankingSource::OtherCleanSet => " from another clean set",
        RankingSource::OtherSeed => " with another seed",
    };
    let title = format!("{} > ranking of {}{from}", attack_title(&config.attacked), config.defense.label);
    let mut identity = defense_identity("ranking", attacked, &config.defense, config.clean_ratio);
    identity["source"] = json!(config.source);
    let key = Key::of(&identity);
    let requires = [attacked].into_iter().chain(preparation).cloned().collect();
    Stage { key, kind: StageKind::Ranking, config: StageConfig::Ranking(config), requires, title }
}

/// The stage of an analysis, which requires the attacked model and the stages of its inputs.
pub(super) fn analysis_stage(config: AnalysisConfig, attacked: &Key) -> Stage {
    let title = format!("{} > {}", attack_title(&config.attacked), config.analysis.label);
    let inputs = config.inputs.iter().map(|input| match input {
        AnalysisInput::CleanModel { key }
        | AnalysisInput::Preparation { key, .. }
        | AnalysisInput::Ranking { key, .. } => key,
    });
    let requires: Vec<Key> = [attacked].into_iter().chain(inputs).cloned().collect();
    let key = Key::of(&json!({
        "store": STORE_VERSION,
        "kind": "analysis",
        "requires": requires,
        "analysis": method_identity(&config.analysis),
        "clean_ratio": config.clean_ratio,
    }));
    Stage { key, kind: StageKind::Analysis, config: StageConfig::Analysis(config), requires, title }
}

fn method_identity(method: &MethodConfig) -> Value {
    json!({"name": method.name, "params": method.params, "impl_version": method.impl_version})
}

fn recipe_identity(recipe: &Recipe) -> Value {
    let Recipe { epochs, batch_size, lr, momentum, weight_decay, schedule, cosine_epochs, train_images } =
        recipe;
    json!({
        "epochs": epochs,
        "batch_size": batch_size,
        "lr": lr,
        "momentum": momentum,
        "weight_decay": weight_decay,
        "schedule": schedule,
        "cosine_epochs": cosine_epochs,
        // The former name of the field, which is part of the keys of stored stages.
        "train_pictures": train_images,
    })
}

fn attack_identity(config: &AttackConfig, requires: &[Key]) -> Value {
    let mut identity = json!({
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
        "recipe": recipe_identity(&config.recipe),
        "precision": config.precision,
    });
    // Absent if empty, so that experiments without strengths share the training.
    if !config.trigger_strengths.is_empty() {
        identity["trigger_strengths"] = json!(config.trigger_strengths);
    }
    identity
}

fn defense_identity(kind: &str, attacked: &Key, defense: &MethodConfig, clean_ratio: f64) -> Value {
    json!({
        "store": STORE_VERSION,
        "kind": kind,
        "attacked": attacked,
        "defense": method_identity(defense),
        "clean_ratio": clean_ratio,
    })
}
