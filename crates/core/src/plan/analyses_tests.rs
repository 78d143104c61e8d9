//! Plans with analyses: `coverage` of the test catalog needs a clean model, the preparation of rnp on it, and the rankings
//! of rnp, which has a preparation, and of ft, which has none.

use super::tests::planned;
use crate::{AnalysisInput, Filter, Plan, RankingSource, StageConfig, StageKind, Subject};

/// At this ratio the target class, which has a fifth of the images, is too small for sig.
const RATIO: &str = "poison_ratios: [0.5]\n";

fn with_analyses(extra: &str) -> Plan {
    planned(&format!("analyses: [coverage]\n{RATIO}{extra}")).unwrap()
}

#[test]
fn every_attacked_model_but_the_clean_one_is_analysed() {
    let plan = with_analyses("seeds: [0, 1]\nclean_ratios: [0.1, 0.2]\n");
    let attacks: Vec<&str> = plan.analyses.iter().map(|cell| cell.attack.as_str()).collect();
    // Of two seeds and two clean ratios; sig cannot be run.
    assert_eq!(attacks, ["badnets"; 4].into_iter().chain(["sig"; 4]).collect::<Vec<_>>());
    for cell in &plan.analyses {
        assert_eq!(cell.not_applicable.is_some(), cell.attack == "sig");
        assert_eq!(plan.stages.contains_key(&cell.key), cell.attack != "sig");
    }
    assert_eq!(plan.analyses[0].title(), "signs/preact_resnet18/badnets@0.5/s0 > coverage");
}

#[test]
fn an_analysis_requires_the_attacked_model_and_its_inputs_in_order() {
    let plan = with_analyses("");
    let cell = &plan.analyses[0];
    let stage = &plan.stages[&cell.key];
    let StageConfig::Analysis(config) = &stage.config else { panic!("an analysis") };
    let [
        AnalysisInput::CleanModel { key: clean },
        AnalysisInput::Preparation { subject: Subject::Clean, key: of_clean },
        AnalysisInput::Ranking { label, source: RankingSource::Cell, key: by_rnp },
        AnalysisInput::Ranking { key: by_ft, .. },
    ] = &config.inputs[..]
    else {
        panic!("{:?}", config.inputs)
    };
    assert_eq!(stage.requires, [&cell.attacked, clean, of_clean, by_rnp, by_ft].map(Clone::clone));
    assert_eq!(label, "rnp");
    assert_eq!(plan.stages[of_clean].requires, std::slice::from_ref(clean));
    // The ranking of rnp requires its preparation, that of ft only the attacked model.
    let [attacked, prepared] = &plan.stages[by_rnp].requires[..] else { panic!("two") };
    assert_eq!((attacked, plan.stages[prepared].kind), (&cell.attacked, StageKind::Preparation));
    assert_eq!(plan.stages[prepared].requires, std::slice::from_ref(&cell.attacked));
    assert_eq!(plan.stages[by_ft].requires, std::slice::from_ref(&cell.attacked));
    assert_eq!(plan.stages[by_ft].title, "signs/preact_resnet18/badnets@0.5/s0 > ranking of ft");
    // The clean model is that of the experiment, of the same seed.
    let none = plan.cells.iter().find(|cell| cell.attack == "none").unwrap();
    assert_eq!(none.attacked, *clean);
}

#[test]
fn an_analysis_leaves_all_other_keys_as_they_are_and_brings_a_control() {
    let (without, with) = (planned(RATIO).unwrap(), with_analyses(""));
    assert!(without.stages.keys().all(|key| with.stages.contains_key(key)));
    let added = with.stages.values().filter(|stage| !without.stages.contains_key(&stage.key));
    let mut kinds: Vec<StageKind> = added.map(|stage| stage.kind).collect();
    kinds.sort_by_key(|kind| *kind as u8);
    let [preparation, ranking] = [StageKind::Preparation, StageKind::Ranking];
    assert_eq!(kinds, [preparation, preparation, ranking, ranking, StageKind::Analysis]);
    // Without a clean model in the experiment, that of the analysis is measured under the trigger too.
    let plan = with_analyses("clean_ratios: [0.1]\n");
    let filter = Filter::parse("attack=badnets defense=ft", &plan).unwrap();
    let kept = plan.keep(|cell| filter.accepts(cell));
    assert!(kept.cells[0].control.is_some());
}

#[test]
fn the_key_depends_on_the_analysis_and_on_the_rankings() {
    let key = |text: &str| planned(text).unwrap().analyses[0].key.clone();
    let base = key("analyses: [coverage]\n");
    assert_eq!(base, key("analyses: [{coverage: {}, as: other}]\n"));
    assert_ne!(base, key("analyses: [coverage: {strength: 2}]\n"));
    assert_ne!(base, key("analyses: [coverage]\nclean_ratios: [0.5]\n"));
}

#[test]
fn filters_and_shards_keep_the_analyses_of_the_kept_models() {
    let plan = with_analyses("seeds: [0, 1, 2]\nclean_ratios: [0.1, 0.2]\n");
    let filter = Filter::parse("seed=1 clean_ratio=0.2 attack=badnets", &plan).unwrap();
    let kept = plan.keep(|cell| filter.accepts(cell));
    assert_eq!(kept.analyses.len(), 1);
    let stage = &kept.stages[&kept.analyses[0].key];
    assert!(stage.requires.iter().all(|key| kept.stages.contains_key(key)));
    let none = Filter::parse("attack=none", &plan).unwrap();
    assert!(plan.keep(|cell| none.accepts(cell)).analyses.is_empty());
    let shards = (1..=3).map(|index| plan.shard(index, 3).analyses.len());
    assert_eq!(shards.sum::<usize>(), plan.analyses.len());
}

#[test]
fn an_unknown_analysis_and_one_that_is_named_twice_are_errors() {
    let message = |text: &str| match planned(text) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("{text}"),
    };
    assert!(
        message("analyses: [coverge]\n").contains("unknown analysis `coverge`: did you mean `coverage`?")
    );
}

#[test]
fn a_defense_that_ranks_no_neurons_cannot_be_compared() {
    let message = planned("analyses: [by_none]\n").err().unwrap().to_string();
    assert!(message.contains("cannot rank by `none`: it ranks no neurons"), "{message}");
}
