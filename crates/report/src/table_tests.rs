use scour_core::{ResultRow, RowStatus};

use super::*;
use crate::aggregate::aggregate;
use crate::group::groups;

fn row(attack: &str, seed: u64, defense: &str, status: &str, numbers: [f64; 3]) -> ResultRow {
    let real = |value: f64| (!value.is_nan()).then_some(value);
    ResultRow {
        dataset: "signs".into(),
        model: "m".into(),
        attack: attack.into(),
        poison_ratio: if attack == "none" { 0.0 } else { 0.1 },
        clean_ratio: 0.05,
        seed,
        defense: defense.into(),
        acc: real(numbers[0]),
        asr: real(numbers[1]),
        der: real(numbers[2]),
        status: RowStatus::ALL.into_iter().find(|known| known.word() == status).unwrap(),
        reason: if status == "ok" { String::new() } else { "nan: the loss is not finite".into() },
        ..ResultRow::default()
    }
}

fn planned_table(rows: &[ResultRow], decimals: usize, planned: u32) -> Table {
    let summaries = aggregate(rows).unwrap();
    main_table(&groups(&summaries, rows, planned)[0], decimals)
}

fn table_of(rows: &[ResultRow], decimals: usize) -> Table {
    planned_table(rows, decimals, 1)
}

/// `text` with its mark: `*` best, `_` second, and its sign in brackets.
fn shown(table: &Table) -> Vec<Vec<String>> {
    let cell = |cell: &Cell| {
        let mark = match cell.mark {
            "best" => "*",
            "second" => "_",
            _ => "",
        };
        let sign = cell.sign.as_ref().map(|sign| format!("[{sign}]")).unwrap_or_default();
        format!("{}{mark}{sign}", cell.text)
    };
    let block = |block: &CellBlock| block.cells.iter().map(cell).collect::<Vec<_>>().join(" ");
    table.rows.iter().map(|row| row.blocks.iter().map(block).collect()).collect()
}

const NAN: f64 = f64::NAN;

#[test]
fn averages_and_marks_by_hand() {
    let rows = [
        row("none", 0, "none", "ok", [95.0, NAN, NAN]),
        row("badnets", 0, "none", "ok", [90.0, 100.0, NAN]),
        row("badnets", 0, "a", "ok", [89.0, 10.0, 94.5]),
        row("badnets", 0, "b", "ok", [80.0, 1.0, 94.5]),
        row("badnets", 0, "c", "ok", [85.0, 50.0, 72.5]),
        row("wanet", 0, "none", "ok", [92.0, 98.0, NAN]),
        row("wanet", 0, "a", "ok", [91.0, 8.0, 94.5]),
        row("wanet", 0, "b", "failed", [NAN, NAN, NAN]),
        row("wanet", 0, "c", "ok", [91.0, 20.0, 88.5]),
    ];
    assert_eq!(
        shown(&table_of(&rows, 1)),
        [
            vec!["95.0 –", "–", "–", "–"],
            vec!["90.0 100.0", "89.0* 10.0_ 94.5*", "80.0 1.0* 94.5*", "85.0_ 50.0 72.5_"],
            // Only two defenses are ranked here, so that none is marked as second; equal ACC is not marked.
            vec!["92.0 98.0", "91.0 8.0* 94.5*", "failed", "91.0 20.0 88.5"],
            // ACC 90 against 88, ASR 9 against 35; b has one attack of two.
            vec!["91.0 99.0", "90.0* 9.0* 94.5*", "80.0[†1/2] 1.0[†1/2] 94.5[†1/2]", "88.0 35.0 80.5"],
        ]
    );
}

#[test]
fn seeds_that_failed_are_counted_and_explained() {
    let rows = [
        row("badnets", 0, "ft", "ok", [80.0, 10.0, 90.0]),
        row("badnets", 1, "ft", "ok", [82.0, 20.0, 85.0]),
        row("badnets", 2, "ft", "failed", [10.0, 10.0, 0.0]),
        row("badnets", 0, "nc", "n/a", [NAN, NAN, NAN]),
    ];
    let table = planned_table(&rows, 2, 3);
    assert_eq!(shown(&table), [["81.00[2/3] 15.00[2/3] 87.50[2/3]", "n/a"]]);
    let cells = &table.rows[0].blocks[0].cells;
    // 10 and 20: deviations of 5, variance 50 / 1.
    assert_eq!(cells[1].std.as_deref(), Some("7.07"));
    assert_eq!(cells[2].title.as_deref(), Some("2 of 3 seeds; failed: nan: the loss is not finite"));
    assert_eq!(table.rows[0].blocks[1].cells[0].title.as_deref(), Some("n/a: nan: the loss is not finite"));
}

#[test]
fn a_defense_that_breaks_on_hard_seeds_does_not_look_better_for_it() {
    let rows = [
        row("badnets", 0, "a", "ok", [90.0, 10.0, 90.0]),
        row("badnets", 1, "a", "ok", [80.0, 20.0, 80.0]),
        row("badnets", 0, "b", "ok", [91.0, 1.0, 99.0]),
        row("badnets", 1, "b", "failed", [NAN, NAN, NAN]),
        row("badnets", 0, "c", "ok", [70.0, 30.0, 70.0]),
        row("badnets", 1, "c", "ok", [70.0, 30.0, 70.0]),
        row("wanet", 0, "a", "ok", [90.0, 10.0, 90.0]),
        row("wanet", 1, "a", "ok", [90.0, 10.0, 90.0]),
        row("wanet", 0, "b", "ok", [95.0, 5.0, 95.0]),
        row("wanet", 1, "b", "ok", [95.0, 5.0, 95.0]),
        row("wanet", 0, "c", "ok", [80.0, 30.0, 80.0]),
        row("wanet", 1, "c", "ok", [80.0, 30.0, 80.0]),
    ];
    let table = planned_table(&rows, 1, 2);
    assert_eq!(
        shown(&table),
        [
            vec!["85.0* 15.0* 85.0*", "91.0[1/2] 1.0[1/2] 99.0[1/2]", "70.0 30.0 70.0"],
            vec!["90.0_ 10.0_ 90.0_", "95.0* 5.0* 95.0*", "80.0 30.0 80.0"],
            // 85 and 90; 91 and 95 over three models of four; 70 and 80.
            vec!["87.5* 12.5* 87.5*", "93.0[†3/4] 3.0[†3/4] 97.0[†3/4]", "75.0 30.0 75.0"],
        ]
    );
    assert_eq!(table.rows[2].blocks[1].cells[0].title.as_deref(), Some("over 3 of 4 attacked models"));
    // The same results with three planned seeds: no mean is complete, so that none is ranked.
    let partial = planned_table(&rows, 1, 3);
    assert!(
        !partial.any(|cell| cell.mark == "best") && partial.any(|cell| cell.sign.as_deref() == Some("2/3"))
    );
}

#[test]
fn an_attack_that_did_not_take_is_shown_and_not_averaged() {
    let rows = [
        row("badnets", 0, "none", "ok", [90.0, 100.0, NAN]),
        row("badnets", 0, "a", "ok", [89.0, 10.0, 94.5]),
        row("badnets", 0, "b", "ok", [88.0, 20.0, 89.0]),
        row("bpp", 0, "none", "not_implanted", [95.0, 0.3, NAN]),
        row("bpp", 0, "a", "not_implanted", [60.0, 0.1, 32.5]),
        row("bpp", 0, "b", "not_implanted", [95.0, 0.3, 50.0]),
        row("wanet", 0, "none", "ok", [92.0, 98.0, NAN]),
        row("wanet", 0, "a", "ok", [91.0, 8.0, 94.5]),
        row("wanet", 0, "b", "ok", [80.0, 7.0, 89.5]),
    ];
    let table = table_of(&rows, 1);
    assert_eq!(
        shown(&table),
        [
            vec!["90.0 100.0", "89.0* 10.0* 94.5*", "88.0 20.0 89.0"],
            vec!["95.0[‡] 0.3[‡]", "60.0[‡] 0.1[‡] 32.5[‡]", "95.0[‡] 0.3[‡] 50.0[‡]"],
            vec!["92.0 98.0", "91.0* 8.0 94.5*", "80.0 7.0* 89.5"],
            vec!["91.0 99.0", "90.0* 9.0* 94.5*", "84.0 13.5 89.2"],
        ]
    );
    assert_eq!(
        table.rows.iter().map(|row| row.kind).collect::<Vec<_>>(),
        ["attack", "not-implanted", "attack", "average"]
    );
    // The attack was implanted in one seed of two: the mean is over this one, with a sign.
    let rows = [
        row("badnets", 0, "a", "ok", [89.0, 10.0, 94.5]),
        row("badnets", 0, "b", "ok", [80.0, 10.0, 94.5]),
        row("badnets", 1, "a", "not_implanted", [10.0, 10.0, 40.0]),
        row("badnets", 1, "b", "not_implanted", [10.0, 10.0, 40.0]),
    ];
    assert_eq!(
        shown(&planned_table(&rows, 1, 2)),
        [["89.0[1/2] 10.0[1/2] 94.5[1/2]", "80.0[1/2] 10.0[1/2] 94.5[1/2]"]]
    );
}

#[test]
fn a_collapsed_model_s_low_asr_is_no_success() {
    let rows = [
        row("badnets", 0, "a", "ok", [89.0, 10.0, 94.5]),
        row("badnets", 0, "b", "collapsed", [10.0, 0.0, 60.0]),
        row("badnets", 0, "c", "ok", [80.0, 20.0, 85.0]),
        row("wanet", 0, "a", "ok", [91.0, 8.0, 94.5]),
        row("wanet", 0, "b", "ok", [95.0, 1.0, 99.0]),
        row("wanet", 0, "c", "ok", [91.0, 30.0, 80.0]),
    ];
    let table = table_of(&rows, 1);
    assert_eq!(
        shown(&table),
        [
            vec!["89.0* 10.0* 94.5*", "10.0[§] 0.0[§] 60.0[§]", "80.0 20.0 85.0"],
            vec!["91.0_ 8.0_ 94.5_", "95.0* 1.0* 99.0*", "91.0_ 30.0 80.0"],
            vec!["90.0* 9.0* 94.5*", "95.0[†§1/2] 1.0[†§1/2] 99.0[†§1/2]", "85.5 25.0 82.5"],
        ]
    );
    assert_eq!(
        table.rows[2].blocks[1].cells[0].title.as_deref(),
        Some("over 1 of 2 attacked models, 1 of 2 attacks; collapsed under BadNets")
    );
    // The mean over the seed that did not collapse has the sign of the other one.
    let rows = [
        row("badnets", 0, "b", "ok", [90.0, 1.0, 99.0]),
        row("badnets", 1, "b", "collapsed", [10.0, 0.0, 60.0]),
    ];
    assert_eq!(shown(&planned_table(&rows, 1, 2)), [["90.0[§1/2] 1.0[§1/2] 99.0[§1/2]"]]);
}

#[test]
fn what_was_not_evaluated_has_no_number() {
    let rows = [
        row("badnets", 0, "none", "failed", [10.0, 100.0, NAN]),
        row("badnets", 0, "a", "not_evaluated", [NAN, NAN, NAN]),
        row("wanet", 0, "none", "ok", [92.0, 98.0, NAN]),
        row("wanet", 0, "a", "ok", [91.0, 8.0, 94.5]),
    ];
    let table = table_of(&rows, 1);
    assert_eq!(shown(&table), [["failed", "not evaluated"], ["92.0 98.0", "91.0 8.0 94.5"]]);
    assert!(table.rows[0].blocks[1].cells[0].title.as_deref().unwrap().starts_with("not evaluated: "));
}

#[test]
fn values_that_print_alike_are_marked_alike() {
    let rows = [
        row("badnets", 0, "a", "ok", [80.04, 1.0, 60.0]),
        row("badnets", 0, "b", "ok", [80.0, 1.0, 60.0]),
        row("badnets", 0, "c", "ok", [79.0, 1.0, 60.0]),
    ];
    assert_eq!(shown(&table_of(&rows, 1)), [["80.0* 1.0 60.0", "80.0* 1.0 60.0", "79.0_ 1.0 60.0"]]);
    assert_eq!(shown(&table_of(&rows, 2)), [["80.04* 1.00 60.00", "80.00_ 1.00 60.00", "79.00 1.00 60.00"]]);
}

#[test]
fn wide_tables_split_evenly_with_no_defense_in_front() {
    let defenses = ["a", "none", "b", "c", "d", "e", "f", "g"];
    let rows: Vec<ResultRow> =
        defenses.iter().map(|defense| row("badnets", 0, defense, "ok", [80.0, 1.0, 60.0])).collect();
    let table = table_of(&rows, 1);
    let names = |table: &Table| table.columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>();
    let parts: Vec<Vec<String>> = table.split(Some(1)).iter().map(names).collect();
    assert_eq!(parts, [vec!["No defense", "a", "b", "c", "d"], vec!["No defense", "e", "f", "g"]]);
    assert_eq!(table.split(Some(1))[1].rows[0].blocks.len(), 4);
    assert_eq!(table_of(&rows[..4], 1).split(Some(1)).len(), 1);
}
