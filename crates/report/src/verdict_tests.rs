use super::*;
use crate::aggregate::aggregate;
use crate::group::groups;
use crate::overview::overview;

fn row(attack: usize, seed: u64, defense: &str, der: f64) -> ResultRow {
    ResultRow {
        dataset: "signs".into(),
        model: "m".into(),
        attack: format!("attack{attack}"),
        poison_ratio: 0.1,
        clean_ratio: 0.05,
        seed,
        defense: defense.into(),
        acc: Some(90.0),
        asr: Some(100.0),
        der: Some(der).filter(|_| defense != NONE),
        ..ResultRow::default()
    }
}

/// The DER of a defense under attack `at`.
type Der = fn(usize) -> f64;

/// One seed of each cell.
fn rows(attacks: usize, ders: &[(&str, Der)]) -> Vec<ResultRow> {
    let defenses = |at: usize| {
        let of_defenses = ders.iter().map(move |(defense, der)| row(at, 0, defense, der(at)));
        std::iter::once(row(at, 0, NONE, 0.0)).chain(of_defenses)
    };
    (0..attacks).flat_map(defenses).collect()
}

fn verdict_of(rows: &[ResultRow], planned: u32) -> Option<Verdict> {
    let summaries = aggregate(rows).unwrap();
    let groups = groups(&summaries, rows, planned);
    let overview = overview(&groups[0], 2);
    verdict(&groups[0], &overview, 2)
}

#[test]
fn a_clear_winner_is_named_with_its_lead_and_p() {
    // Leads of 1 to 8 over `b`, and of 31 to 38 over `c`: both p are 2/256, and Holm doubles the first.
    let rows = rows(8, &[("a", |at| 81.0 + at as f64), ("b", |_| 80.0), ("c", |_| 50.0)]);
    let found = verdict_of(&rows, 1).unwrap();
    assert_eq!(
        found.sentence,
        "a has the highest mean DER, 84.50: 4.50 points above b, the next (95 % interval: 2.45 to 6.55). The differences to \
         all 2 other ranked defenses are significant (corrected p at most 0.0156)."
    );
    let row = &found.rows[1];
    assert_eq!(
        (
            row.name.as_str(),
            row.n,
            row.difference.as_str(),
            row.p.as_str(),
            row.corrected.as_str(),
            row.outcome
        ),
        ("c", 8, "34.50", "0.0078", "0.0156", "significant")
    );
    assert!(
        found.method.contains("exact, n = 8, with Holm's correction over 2 comparisons"),
        "{}",
        found.method
    );
    assert!(found.method.contains("its one seed"), "{}", found.method);
}

#[test]
fn too_few_attacks_are_said_to_be_too_few() {
    let few = rows(5, &[("a", |at| 81.0 + at as f64), ("b", |_| 50.0)]);
    let found = verdict_of(&few, 1).unwrap();
    assert!(
        found.sentence.ends_with(
            "No difference can be significant: 5 attacks are too few for 1 comparison, whose smallest possible corrected p \
             is 0.0625; 6 attacks are needed for 0.05."
        ),
        "{}",
        found.sentence
    );
    assert_eq!(found.rows[0].outcome, "too few attacks");
    // Six are enough for one comparison, and not for two.
    let six = rows(6, &[("a", |at| 81.0 + at as f64), ("b", |_| 50.0)]);
    assert!(
        verdict_of(&six, 1)
            .unwrap()
            .sentence
            .ends_with("The difference to b is significant (corrected p = 0.0312).")
    );
    let two = rows(6, &[("a", |at| 81.0 + at as f64), ("b", |_| 50.0), ("c", |_| 50.0)]);
    assert!(verdict_of(&two, 1).unwrap().sentence.contains("6 attacks are too few for 2 comparisons"));
}

#[test]
fn seeds_of_an_attack_are_one_pair() {
    // Ten seeds of one attack are one pair, so that they show nothing on other attacks.
    let one: Vec<ResultRow> = (0..10)
        .flat_map(|seed| [row(0, seed, NONE, 0.0), row(0, seed, "a", 90.0), row(0, seed, "b", 50.0)])
        .collect();
    let found = verdict_of(&one, 10).unwrap();
    assert_eq!((found.rows[0].n, found.rows[0].interval.as_str()), (1, "–"));
    assert!(found.sentence.contains("1 attack is too few"), "{}", found.sentence);
    assert!(found.method.contains("seeds of one attack are not independent"), "{}", found.method);
    // The mean over seeds of each attack: 2 and 4.
    let ders = [[10.0, 8.0], [13.0, 9.0], [20.0, 17.0], [20.0, 15.0]];
    let two: Vec<ResultRow> = ders
        .iter()
        .enumerate()
        .flat_map(|(at, [a, b])| {
            let (attack, seed) = (at / 2, at as u64 % 2);
            [row(attack, seed, NONE, 0.0), row(attack, seed, "a", *a), row(attack, seed, "b", *b)]
        })
        .collect();
    let paired = verdict_of(&two, 2).unwrap().comparisons[0].paired;
    // Attack 0: (2 + 4) / 2; attack 1: (3 + 5) / 2.
    assert_eq!((paired.n, paired.difference), (2, 3.5));
}

#[test]
fn a_mean_that_one_attack_makes_is_no_victory() {
    // `a` is a little worse under eleven attacks, and far better under one, whose rank of 12 is all that speaks for it.
    let rows = rows(
        12,
        &[
            ("a", |at| if at == 0 { 99.0 } else { 70.0 }),
            ("b", |at| if at == 0 { 50.0 } else { 70.5 + at as f64 / 10.0 }),
        ],
    );
    let found = verdict_of(&rows, 1).unwrap();
    assert_eq!((found.best.as_str(), found.comparisons[0].outcome), ("a", Outcome::Opposite));
    assert!(found.sentence.contains("under most attacks a has the lower DER"), "{}", found.sentence);
}

#[test]
fn only_ranked_defenses_are_compared() {
    let mut rows = rows(8, &[("a", |at| 81.0 + at as f64), ("b", |_| 80.0), ("c", |_| 50.0)]);
    rows.iter_mut().find(|row| row.defense == "c").unwrap().status = RowStatus::Collapsed;
    let found = verdict_of(&rows, 1).unwrap();
    assert_eq!(found.rows.len(), 1);
    assert!(found.method.ends_with("Not ranked and therefore not compared: c."), "{}", found.method);
    // One ranked defense has nothing to be compared with.
    rows.retain(|row| row.defense != "b");
    assert!(verdict_of(&rows, 1).is_none());
}

#[test]
fn summaries_of_a_defense_have_its_comparison() {
    let rows = rows(8, &[("a", |at| 81.0 + at as f64), ("b", |_| 80.0)]);
    let verdict = verdict_of(&rows, 1).unwrap();
    let summaries = aggregate(&rows).unwrap();
    let of = |defense: &str| {
        let summary = summaries.iter().find(|summary| summary.defense == defense).unwrap();
        columns(&[&verdict], summary)
    };
    assert_eq!(of("b"), ["a", "4.5000", "2.4522", "6.5478", "8", "0.0078", "0.0078"]);
    assert_eq!(of("a"), ["a", "", "", "", "", "", ""]);
    let other = Summary { model: "other".into(), ..summaries[0].clone() };
    assert_eq!(columns(&[&verdict], &other), [""; 7]);
}
