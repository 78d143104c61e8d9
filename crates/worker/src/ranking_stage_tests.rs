//! Rankings of a small attacked model, as stages.

use scour_core::{DefenseConfig, MethodConfig, RankingConfig, RankingSource, StageConfig, write_json};
use scour_methods::Registry;
use scour_train::{Ranking, Silent};
use serde_json::Value;

use super::{restore, run};
use crate::data_cache::DataCache;
use crate::run::Context;
use crate::testing::{attacked, short, task};
use crate::{attack_stage, preparation_stage};

#[test]
fn a_ranking_repeats_and_depends_on_the_clean_set_and_on_the_seed_where_the_defense_does() {
    scour_torch::use_threads(1);
    let dir = tempfile::tempdir().unwrap();
    let (config, facts) = attacked();
    let methods = Registry::shipped();
    let context = Context { methods: &methods, data: DataCache::default() };
    let attack = task(&dir.path().join("attack"), StageConfig::Attack(config.clone()), vec![]);
    attack_stage::run(&attack, &config, &context, &Silent).unwrap();
    let resolved = |name: &str| {
        let entry = methods.defenses().iter().find(|entry| entry.name() == name).unwrap();
        let mut given = entry.quick();
        given.extend(short(name).as_object().cloned().unwrap());
        entry.resolve(name, &Value::Object(given), &facts).unwrap()
    };
    let tsbd = resolved("tsbd");
    let preparation = tsbd.config.only(tsbd.method.preparation().unwrap());
    let prepare = DefenseConfig { attacked: config.clone(), defense: preparation.clone(), clean_ratio: 0.3 };
    let stage = StageConfig::Preparation(prepare.clone());
    let prepared = task(&dir.path().join("preparation"), stage, vec![attack.out.clone()]);
    let result = preparation_stage::run(&prepared, &prepare, &context, &Silent).unwrap();
    write_json(&prepared.out.join("result.json"), &result).unwrap();

    let ranked = |defense: &MethodConfig, preparation: Option<&MethodConfig>, source| -> Ranking {
        let ranking = RankingConfig {
            attacked: config.clone(),
            defense: defense.clone(),
            preparation: preparation.cloned(),
            clean_ratio: 0.3,
            source,
        };
        let folder = tempfile::tempdir_in(dir.path()).unwrap().keep();
        let mut requires = vec![attack.out.clone()];
        if preparation.is_some() && source == RankingSource::Cell {
            requires.push(prepared.out.clone());
        }
        let task = task(&folder, StageConfig::Ranking(ranking.clone()), requires);
        run(&task, &ranking, &context, &Silent).unwrap();
        restore(&task.out).unwrap()
    };
    let [cell, other_set, other_seed] =
        [RankingSource::Cell, RankingSource::OtherCleanSet, RankingSource::OtherSeed];
    let by_tsbd = |source| ranked(&tsbd.config, Some(&preparation), source);
    assert_eq!(by_tsbd(cell), by_tsbd(cell));
    assert_ne!(by_tsbd(other_set), by_tsbd(cell));
    assert_ne!(by_tsbd(other_seed), by_tsbd(cell));
    assert!(by_tsbd(cell).neurons() > 100);
    // CLP looks at weights only.
    let clp = resolved("clp").config;
    let by_clp = |source| ranked(&clp, None, source);
    assert_eq!(by_clp(other_set), by_clp(cell));
    assert_eq!(by_clp(other_seed), by_clp(cell));
    assert_ne!(by_clp(cell), by_tsbd(cell));
}
