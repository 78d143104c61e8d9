//! Controls: a clean model is measured under the triggers of each attack.

use super::stages::control_stage;
use super::{Plan, Stage};
use crate::{AttackConfig, MethodConfig, StageConfig};

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
    for (attacked, config) in attacks {
        let of_seed =
            |seed: u64| cleans.iter().find(|(_, other)| *other == clean(&config, other.attack.clone(), seed));
        let found = of_seed(config.seed).or_else(|| of_seed(surrogate_seed(config.seed)));
        let Some((clean_stage, _)) = found else { continue };
        let control = control_stage(&attacked, config, &clean_stage.key);
        for cell in plan.cells.iter_mut().filter(|cell| cell.attacked == attacked.key) {
            cell.control = Some(control.key.clone());
        }
        plan.stages.entry(control.key.clone()).or_insert(control);
    }
}
