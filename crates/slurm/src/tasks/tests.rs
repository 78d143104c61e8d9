use proptest::prelude::*;
use proptest::sample::subsequence;
use scour_core::StageKind;

use super::*;
use crate::testing::planned_from;

fn planned(fields: &str) -> Plan {
    planned_from(fields).1
}

fn all(plan: &Plan) -> BTreeSet<Key> {
    plan.stages.keys().cloned().collect()
}

#[test]
fn a_task_is_an_attacked_model_and_what_several_need_comes_first() {
    let plan = planned("attacks: [none, badnets, ssba]\ndefenses: [none, ft]\nseeds: [0, 1]\n");
    let tasks = divide(&plan, &all(&plan), usize::MAX);
    assert_eq!(tasks.attacked.len(), 6);
    // The encoder of ssba is needed by both seeds, each clean model by the controls of both attacks.
    let kinds = |keys: &[Key]| keys.iter().map(|key| plan.stages[key].kind).collect::<Vec<_>>();
    let mut shared: Vec<_> = tasks.shared.iter().map(|keys| kinds(keys)).collect();
    shared.sort_by_key(|kinds| kinds[0] == StageKind::Attack);
    assert_eq!(shared, [vec![StageKind::Resource], vec![StageKind::Attack], vec![StageKind::Attack]]);
    // In a single task nothing is shared.
    let one = divide(&plan, &all(&plan), 1);
    assert_eq!((one.shared.len(), one.attacked.len(), one.attacked[0].len()), (0, 1, 6));
}

#[test]
fn only_models_of_which_something_is_missing_have_a_task() {
    let plan = planned("attacks: [badnets, ssba]\ndefenses: [none, ft]\nseeds: [0, 1]\n");
    let of = |seed: u64| {
        plan.cells
            .iter()
            .find(|cell| (cell.attack.as_str(), cell.seed, cell.defense.as_str()) == ("ssba", seed, "ft"))
    };
    let missing = BTreeSet::from([of(1).unwrap().key.clone()]);
    let tasks = divide(&plan, &missing, usize::MAX);
    assert_eq!(tasks, Tasks { shared: vec![], attacked: vec![vec![of(1).unwrap().attacked.clone()]] });
    assert_eq!(divide(&plan, &BTreeSet::new(), usize::MAX), Tasks::default());
}

#[test]
fn what_builds_on_each_other_is_trained_in_one_task() {
    let plan = planned("attacks: [badnets]\ndefenses: [rnp]\nseeds: [0, 1]\n");
    // An attacked model, the preparation of rnp on it, and the defended model, for each seed.
    let groups = connected(&plan, plan.stages.keys().collect());
    assert_eq!(groups.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3]);
    let [attack, _] = plan.cells.iter().map(|cell| &cell.attacked).collect::<Vec<_>>()[..] else { panic!() };
    assert_eq!(connected(&plan, BTreeSet::from([attack])), [vec![attack.clone()]]);
}

/// Lists of an experiment, each in another order.
fn shuffled<T: Clone + std::fmt::Debug + 'static>(list: &[T]) -> impl Strategy<Value = Vec<T>> + use<T> {
    (subsequence(list.to_vec(), 1..=list.len())).prop_shuffle()
}

fn text(attacks: &[&str], defenses: &[&str], seeds: &[u64], ratios: &[&str], analyses: bool) -> String {
    format!(
        "attacks: [{}]\ndefenses: [{}]\nseeds: {seeds:?}\npoison_ratios: [{}]\n{}",
        attacks.join(", "),
        defenses.join(", "),
        ratios.join(", "),
        if analyses { "analyses: [coverage]\n" } else { "" }
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn tasks_cover_all_cells_are_disjoint_and_do_not_depend_on_the_order_of_lists(
        attacks in shuffled(&["none", "badnets", "blended", "sig", "trojan", "ssba"]),
        defenses in shuffled(&["none", "ft", "tsbd", "rnp"]),
        seeds in shuffled(&[0u64, 1, 2]),
        ratios in shuffled(&["0.02", "0.05", "0.1"]),
        analyses in any::<bool>(),
        limit in 1usize..9,
        shards in 1usize..5,
    ) {
        let plan = planned(&text(&attacks, &defenses, &seeds, &ratios, analyses));
        let missing = all(&plan);
        let tasks = divide(&plan, &missing, limit);

        // Every cell that is run is in exactly one task, with everything that it needs.
        let mut cells = BTreeSet::new();
        let mut done: BTreeSet<Key> = tasks.shared.iter().flatten().cloned().collect();
        for models in &tasks.attacked {
            let part = plan.of_attacked(&models.iter().cloned().collect());
            for cell in &part.cells {
                let row = (cell.key.clone(), cell.attacked.clone(), cell.attack.clone(), cell.defense.clone());
                prop_assert!(cells.insert(row), "a cell in two tasks");
            }
            for (key, stage) in &part.stages {
                prop_assert!(stage.requires.iter().all(|required| part.stages.contains_key(required)));
                let is_shared = tasks.shared.iter().flatten().any(|shared| shared == key);
                prop_assert!(done.insert(key.clone()) || is_shared, "a stage in two tasks");
            }
        }
        prop_assert_eq!(&done, &missing);
        let run = plan.cells.iter().filter(|cell| cell.not_applicable.is_none()).count();
        prop_assert!(cells.len() >= run);

        // A task of shared stages builds on no other.
        for keys in &tasks.shared {
            let own = plan.only_stages(keys).stages;
            let others = tasks.shared.iter().filter(|other| *other != keys).flatten();
            prop_assert!(others.into_iter().all(|key| !own.contains_key(key)));
        }

        // The same lists in their usual order.
        let (mut attacks, mut defenses, mut seeds, mut ratios) = (attacks, defenses, seeds, ratios);
        attacks.sort_unstable();
        defenses.sort_unstable();
        seeds.sort_unstable();
        ratios.sort_unstable();
        let sorted = planned(&text(&attacks, &defenses, &seeds, &ratios, analyses));
        prop_assert_eq!(divide(&sorted, &all(&sorted), limit), tasks);
        for index in 1..=shards {
            let keys = |plan: &Plan| all(&plan.shard(index, shards));
            prop_assert_eq!(keys(&plan), keys(&sorted));
        }
    }
}
