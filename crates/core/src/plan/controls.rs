//! Controls: a clean model is measured under the triggers of each attack.

use std::collections::HashMap;

use super::stages::control_stage;
use super::{Plan, Stage};
use crate::{AttackConfig, Key, MethodConfig, StageConfig};

/// The seed of an attack's surrogate model is the seed of the attacked model plus this number. With the victim's own seed the
/// surrogate would start from the victim's initial weights, which no attacker knows.
const SURROGATE_SEED: u64 = 10_000;

/// The seed of the surrogate: the clean model on which an attack tunes its trigger.
pub(super) fn surrogate_seed(seed: u64) -> u64 {
    seed.wrapping_add(SURROGATE_SEED)
}

/// The configuration of the clean model with the settings of an attacked one.
pub(super) fn clean(attacked: &AttackConfig, attack: MethodConfig, seed: u64) -> AttackConfig {
    AttackConfig { attack, poison_ratio: 0.0, seed, trigger_strengths: vec![], ..attacked.clone() }
}

/// Adds a control for each attacked model for which the plan has a clean model anyway: the experiment's clean model of the
/// same seed, or else the surrogate of an attack.
pub(super) fn add_controls(plan: &mut Plan) {
    let attacks = plan.stages.values().filter_map(|stage| match &stage.config {
        StageConfig::Attack(config) => Some((stage.clone(), config.clone())),
        _ => None,
    });
    let (cleans, attacks): (Vec<(Stage, AttackConfig)>, Vec<_>) =
        attacks.partition(|(_, config)| config.attack.name == "none");
    // Models of the same settings differ in the seed only.
    let mut by_seed: HashMap<u64, Vec<&(Stage, AttackConfig)>> = HashMap::new();
    for one in &cleans {
        by_seed.entry(one.1.seed).or_default().push(one);
    }
    let mut controls: HashMap<Key, Key> = HashMap::new();
    for (attacked, config) in attacks {
        let of_seed = |seed: u64| {
            let same =
                |(_, other): &&&(Stage, AttackConfig)| *other == clean(&config, other.attack.clone(), seed);
            by_seed.get(&seed).and_then(|cleans| cleans.iter().find(same))
        };
        let found = of_seed(config.seed).or_else(|| of_seed(surrogate_seed(config.seed)));
        let Some((clean_stage, _)) = found else { continue };
        let control = control_stage(&attacked, config, &clean_stage.key);
        controls.insert(attacked.key, control.key.clone());
        plan.stages.entry(control.key.clone()).or_insert(control);
    }
    for cell in &mut plan.cells {
        cell.control = controls.get(&cell.attacked).cloned();
    }
}
