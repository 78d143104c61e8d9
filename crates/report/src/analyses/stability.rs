//! How many of the first neurons two rankings of one defense share.

use scour_core::{StabilityChange, StabilityRow};

use super::coverage::{RANDOM, chance, ranking_line, ranking_name};
use super::data_table::{DataCell, DataRow, DataTable, columns};
use super::input::Tables;
use super::over_seeds::{distinct, mean_text};
use super::section::Findings;
use super::studied::Studied;
use crate::figures::{Chart, ChartAxis, LinePoint, shown};
use crate::number::{mean, plural, ratio_percent};

const MEASURED: &str = "Measured: the share of the first neurons of a ranking that are also among the first ones of a second \
                        ranking of the same model, with another clean set or another seed of the defense.";
const REFUTED: &str = "The claim that a ranking depends on the backdoor and not on the clean images would be refuted if the two \
                       rankings shared hardly more neurons than two random ones, which share the ratio itself on average.";

/// What differs: the end of file names, and words.
const CHANGES: [(StabilityChange, &str, &str); 2] = [
    (StabilityChange::CleanSet, "clean-set", "another clean set"),
    (StabilityChange::Seed, "seed", "another seed of the defense"),
];

pub(super) fn findings(studied: &Studied) -> Findings {
    let rows = rows(studied);
    let mut rankings = distinct(rows.iter().map(|row| row.ranking.as_str()));
    rankings.sort_by_key(|ranking| *ranking == RANDOM);
    let models = studied.counted_models().len();
    Findings {
        measured: MEASURED,
        refuted: REFUTED,
        figure_caption: format!(
            "Shared neurons by the share of neurons chosen, mean over {}. The dotted line is what random rankings share on average.",
            plural(models, "attacked model")
        ),
        charts: CHANGES
            .map(|(changed, end, words)| (end.to_string(), chart(&rows, &rankings, changed, words)))
            .into(),
        tables: CHANGES
            .map(|(changed, end, words)| table(&rows, &rankings, (changed, end, words), models))
            .into(),
    }
}

fn rows<'a>(studied: &'a Studied) -> Vec<&'a StabilityRow> {
    let all = studied.counted_models().into_iter().flat_map(|model| match &model.tables {
        Tables::Stability(rows) => rows.as_slice(),
        _ => &[],
    });
    all.collect()
}

/// The shares of all models at one point of the table.
fn shares(rows: &[&StabilityRow], ranking: &str, changed: StabilityChange, ratio: f64) -> Vec<f64> {
    let at = |row: &&&StabilityRow| row.ranking == ranking && row.changed == changed && row.ratio == ratio;
    rows.iter().filter(at).map(|row| row.shared).collect()
}

fn ratios(rows: &[&StabilityRow]) -> Vec<f64> {
    let mut ratios = distinct(rows.iter().map(|row| row.ratio));
    ratios.sort_by(f64::total_cmp);
    ratios
}

fn chart(rows: &[&StabilityRow], rankings: &[&str], changed: StabilityChange, words: &str) -> Chart {
    let ratios = ratios(rows);
    let largest = ratios.last().copied().unwrap_or(1.0);
    let line = |(index, ranking): (usize, &&str)| {
        let point = |ratio: f64| {
            let y = mean(&shares(rows, ranking, changed, ratio))?;
            let title = format!("{}, {ratio} of the neurons: {}", ranking_name(ranking), shown(y));
            Some(LinePoint { x: ratio, y, band: None, title })
        };
        ranking_line(index, ranking, ratios.iter().copied().filter_map(point).collect())
    };
    let mut by_chance = chance();
    for point in &mut by_chance.points {
        (point.x, point.y) = (largest * point.x, largest * point.y);
    }
    Chart {
        title: format!("With {words}"),
        description: format!("Share of the first neurons that two rankings have in common, with {words}"),
        x: ChartAxis::linear("share of neurons chosen", [0.0, largest]),
        y: ChartAxis::linear("share that both rankings have", [0.0, 1.0]),
        clouds: vec![],
        lines: rankings.iter().enumerate().map(line).chain([by_chance]).collect(),
    }
}

fn table(
    rows: &[&StabilityRow],
    rankings: &[&str],
    (changed, id, words): (StabilityChange, &'static str, &str),
    models: usize,
) -> DataTable {
    let ratios = ratios(rows);
    let shown: Vec<String> = ratios.iter().map(|ratio| ratio_percent(*ratio)).collect();
    let spread = if models > 1 { " ± standard deviation" } else { "" };
    let row = |ranking: &&str| {
        let text = |ratio: &f64| {
            let shares: Vec<f64> =
                shares(rows, ranking, changed, *ratio).into_iter().map(|share| 100.0 * share).collect();
            DataCell::plain(mean_text(&shares, 1))
        };
        DataRow { name: ranking_name(ranking), sign: None, cells: ratios.iter().map(text).collect() }
    };
    DataTable {
        id,
        caption: format!(
            "With {words}: share (%) of the first neurons that both rankings have, by the share of neurons chosen, mean{spread} \
             over {}.",
            plural(models, "attacked model")
        ),
        columns: columns("Ranking", &shown.iter().map(String::as_str).collect::<Vec<_>>()),
        rows: rankings.iter().map(row).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_means_over_models() {
        let row = |ranking: &str, changed, ratio, shared| StabilityRow {
            ranking: ranking.into(),
            changed,
            neurons: 8,
            ratio,
            shared,
        };
        use StabilityChange::{CleanSet, Seed};
        let all = [
            row("random", CleanSet, 0.1, 0.0),
            row("fp", CleanSet, 0.5, 0.75),
            row("fp", CleanSet, 0.1, 0.5),
            row("fp", CleanSet, 0.1, 0.25),
            row("fp", Seed, 0.1, 1.0),
        ];
        let rows: Vec<&StabilityRow> = all.iter().collect();
        let table = table(&rows, &["fp", "random"], (CleanSet, "clean-set", "another clean set"), 2);
        assert_eq!(table.columns, columns("Ranking", &["10%", "50%"]));
        let texts: Vec<Vec<&str>> =
            table.rows.iter().map(|row| row.cells.iter().map(|cell| cell.text.as_str()).collect()).collect();
        // 50 and 25: mean 37.5, deviations 12.5, variance 312.5.
        assert_eq!(texts, [["37.5 ± 17.7", "75.0"], ["0.0", "–"]]);
        let chart = chart(&rows, &["fp", "random"], CleanSet, "another clean set");
        assert_eq!(chart.lines.iter().map(|line| line.points.len()).collect::<Vec<_>>(), [2, 1, 2]);
    }
}
