use super::*;
use crate::aggregate::aggregate;
use crate::group::groups;

fn row(attack: &str, defense: &str, seconds: f64, finished: &str) -> ResultRow {
    ResultRow {
        dataset: "signs".into(),
        model: "m".into(),
        attack: attack.into(),
        poison_ratio: 0.1,
        clean_ratio: 0.05,
        defense: defense.into(),
        acc: Some(90.0),
        seconds: Some(seconds),
        seconds_from: Some(SecondsFrom::ThisRun),
        finished: finished.into(),
        gradient_images: Some((100.0 * seconds) as u64),
        peak_memory_mib: Some(500),
        device: "cpu".into(),
        processor: "P (avx2)".into(),
        threads: Some(2),
        precision: "fp32".into(),
        ..ResultRow::default()
    }
}

fn costs_of(rows: &[ResultRow]) -> Vec<CostTable> {
    let summaries = aggregate(rows).unwrap();
    costs(&groups(&summaries, rows, 1)[0])
}

const MONDAY: &str = "2026-01-05T10:00:00Z";
const TUESDAY: &str = "2026-01-06T10:00:00Z";

#[test]
fn seconds_are_compared_within_one_machine_and_day_only() {
    let other = ResultRow { processor: "Q".into(), ..row("c", "ft", 1.0, MONDAY) };
    let rows = [
        row("a", "none", 100.0, MONDAY),
        row("a", "ft", 50.0, MONDAY),
        row("b", "none", 300.0, TUESDAY),
        // The model was trained on another day.
        row("b", "ft", 30.0, MONDAY),
        row("b", "tsbd", 150.0, TUESDAY),
        other,
    ];
    let tables = costs_of(&rows);
    let machines: Vec<&str> = tables.iter().map(|table| table.measured_on.as_str()).collect();
    assert_eq!(
        machines,
        [
            "P (avx2), cpu, 2 threads, fp32, 2026-01-05",
            "P (avx2), cpu, 2 threads, fp32, 2026-01-06",
            "Q, cpu, 2 threads, fp32, 2026-01-05"
        ]
    );
    let monday: Vec<_> = tables[0]
        .costs
        .iter()
        .map(|c| (c.name.as_str(), c.cells, c.seconds.as_str(), c.trainings.as_str(), c.images.as_str()))
        .collect();
    // 50 / 100: the cell whose model was trained on another day is in the mean, but not in the ratio.
    assert_eq!(monday, [("Training", 1, "100.0", "–", "10,000"), ("FT", 2, "40.0", "0.50×", "4,000")]);
    let tsbd = &tables[1].costs[1];
    assert_eq!((tsbd.name.as_str(), tsbd.trainings.as_str()), ("TSBD", "0.50×"));
}

#[test]
fn seconds_from_the_store_are_marked() {
    let stored = |row: ResultRow| ResultRow { seconds_from: Some(SecondsFrom::Store), ..row };
    let rows = [
        stored(row("a", "none", 100.0, MONDAY)),
        row("a", "ft", 50.0, MONDAY),
        stored(row("b", "ft", 70.0, MONDAY)),
    ];
    let costs = &costs_of(&rows)[0].costs;
    assert_eq!(costs[0].seconds, "100.0 (from store)");
    assert_eq!(costs[1].seconds, "60.0 (1 of 2 from store)");
}

#[test]
fn where_nothing_is_known_of_the_machine_nothing_is_compared() {
    let old = |row: ResultRow| ResultRow { finished: String::new(), seconds_from: None, ..row };
    let rows = [old(row("a", "none", 100.0, "")), old(row("a", "ft", 50.0, ""))];
    let tables = costs_of(&rows);
    assert!(tables.len() == 1 && !tables[0].comparable && tables[0].measured_on.contains("not recorded"));
    assert_eq!((tables[0].costs[1].seconds.as_str(), tables[0].costs[1].trainings.as_str()), ("50.0", "–"));
}

#[test]
fn only_cells_that_count_have_a_cost() {
    let collapsed = ResultRow { status: RowStatus::Collapsed, ..row("a", "ft", 50.0, MONDAY) };
    let costs = &costs_of(&[row("a", "none", 100.0, MONDAY), collapsed])[0].costs;
    assert_eq!(costs.iter().map(|cost| cost.name.as_str()).collect::<Vec<_>>(), ["Training"]);
}

#[test]
fn memory_of_a_gpu_is_shown_where_it_was_measured() {
    let on_gpu = |row: ResultRow, most| ResultRow {
        device: "Example GPU".into(),
        gpu_peak_memory_mib: Some(most),
        ..row
    };
    let rows = [
        on_gpu(row("a", "none", 100.0, MONDAY), 3000),
        on_gpu(row("b", "none", 100.0, MONDAY), 3100),
        row("a", "ft", 50.0, MONDAY),
    ];
    let tables = costs_of(&rows);
    let memory = |table: &CostTable| {
        let cost = &table.costs[0];
        (table.gpu, cost.memory.clone(), cost.gpu_memory.clone())
    };
    assert_eq!(memory(&tables[0]), (true, "500".into(), "3100".into()));
    assert_eq!(memory(&tables[1]), (false, "500".into(), DASH.into()));
}
