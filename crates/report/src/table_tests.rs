use scour_core::ResultRow;

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
        ra: None,
        der: real(numbers[2]),
        seconds: None,
        peak_memory_mib: None,
        tpr: None,
        fpr: None,
        status: status.into(),
        reason: if status == "ok" { String::new() } else { "nan: the loss is not finite".into() },
        key: String::new(),
    }
}

fn table_of(rows: &[ResultRow], decimals: usize) -> Table {
    let summaries = aggregate(rows).unwrap();
    main_table(&groups(&summaries, rows)[0], decimals)
}

/// `text` with its mark: `*` best, `_` second, `†` incomplete, and the part of seeds behind a slash.
fn shown(table: &Table) -> Vec<Vec<String>> {
    let cell = |cell: &Cell| {
        let mark = match cell.mark {
            "best" => "*",
            "second" => "_",
            _ => "",
        };
        let part = cell.part.as_ref().map(|part| format!(" [{part}]")).unwrap_or_default();
        format!("{}{mark}{}{part}", cell.text, if cell.dagger { "†" } else { "" })
    };
    let entry = |entry: &Entry| entry.cells.iter().map(cell).collect::<Vec<_>>().join(" ");
    table.rows.iter().map(|row| row.entries.iter().map(entry).collect()).collect()
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
            // Only two compete here, so that none is second; equal ACC says nothing.
            vec!["92.0 98.0", "91.0 8.0* 94.5*", "failed", "91.0 20.0 88.5"],
            // ACC 90 against 88, ASR 9 against 35; b faced one attack of two.
            vec!["91.0 99.0", "90.0* 9.0* 94.5*", "80.0† 1.0† 94.5†", "88.0 35.0 80.5"],
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
    let table = table_of(&rows, 2);
    assert_eq!(shown(&table), [["81.00 [2/3] 15.00 87.50", "n/a"]]);
    let cells = &table.rows[0].entries[0].cells;
    // 10 and 20: deviations of 5, variance 50 / 1.
    assert_eq!(cells[1].std.as_deref(), Some("7.07"));
    assert_eq!(cells[0].title.as_deref(), Some("2 of 3 seeds; failed: nan: the loss is not finite"));
    assert_eq!(table.rows[0].entries[1].cells[0].title.as_deref(), Some("n/a: nan: the loss is not finite"));
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
    assert_eq!(table.split(Some(1))[1].rows[0].entries.len(), 4);
    assert_eq!(table_of(&rows[..4], 1).split(Some(1)).len(), 1);
}
