//! Observation 1: weight changes of clean and of poison unlearning.

use scour_core::{Compared, CorrelationRow};

use super::data_table::{DataCell, DataRow, DataTable, attack_row, columns};
use super::input::Tables;
use super::neurons::{MOST_POINTS, clouds};
use super::over_seeds::{interval, mean_text};
use super::section::Findings;
use super::studied::{Studied, StudiedAttack};
use crate::cells::DASH;
use crate::figures::{Chart, ChartAxis, from_zero};
use crate::number::{mean, thousands};

const MEASURED: &str = "Measured: for every neuron, how much its weights change (NWC) when the attacked model unlearns clean \
                        images, and when it unlearns triggered ones.";
const REFUTED: &str = "The claim that clean images are enough to find the neurons of a backdoor would be refuted if the \
                       correlation of the two were near 0, or no higher than for a clean model, which has no backdoor to \
                       unlearn. If shuffled labels give the same correlation, true labels are not needed for it.";

/// The layers of [`CorrelationRow`] that are shown.
const LAYERS: [(&str, &str); 2] = [("all", "all neurons"), ("last", "last convolution")];

/// The column that says over which neurons.
const OVER: usize = 1;

/// The comparisons, in the order of the columns.
const COMPARED: [Compared; 3] = [Compared::Attacked, Compared::CleanModel, Compared::Shuffled];

/// One of the two coefficients, with its interval.
type Coefficient = fn(&CorrelationRow) -> [Option<f64>; 3];

pub(super) fn findings(studied: &Studied) -> Findings {
    Findings {
        measured: MEASURED,
        refuted: REFUTED,
        figure_caption: format!(
            "NWC of each neuron in clean and in poison unlearning, for the first seed of each attack. Of each of the two groups \
             at most {} neurons are drawn: every k-th in the order of the file, with the smallest k that suffices.",
            MOST_POINTS / 2
        ),
        charts: studied
            .attacks
            .iter()
            .filter_map(|attack| Some((attack.id.to_string(), chart(attack)?)))
            .collect(),
        tables: vec![
            table(studied, "pearson", "Pearson's correlation", |row| {
                [row.pearson, row.pearson_low, row.pearson_high]
            }),
            table(studied, "spearman", "Spearman's rank correlation", |row| {
                [row.spearman, row.spearman_low, row.spearman_high]
            }),
        ],
    }
}

fn chart(attack: &StudiedAttack) -> Option<Chart> {
    let first = attack.models.iter().min_by_key(|model| model.row.seed)?;
    let Tables::Correlation { changes, .. } = &first.tables else { return None };
    let clouds = clouds(changes);
    let range = |axis: usize| from_zero(changes.iter().map(|row| [row.clean, row.poison][axis]));
    Some(Chart {
        title: format!("{}, seed {}", attack.name, first.row.seed),
        description: format!("NWC of clean and of poison unlearning for each neuron, {}", attack.name),
        x: ChartAxis::linear("NWC of clean unlearning", range(0)),
        y: ChartAxis::linear("NWC of poison unlearning", range(1)),
        clouds,
        lines: vec![],
    })
}

fn table(studied: &Studied, id: &'static str, name: &str, coefficient: Coefficient) -> DataTable {
    let repeated = if studied.most_models() > 1 { " ± standard deviation" } else { "" };
    let mut table = DataTable {
        id,
        caption: format!(
            "{name} of the NWC of clean and of poison unlearning over neurons: mean{repeated} over n seeds, and in brackets the \
             mean ends of the seeds' 95 % confidence intervals, which take neurons as independent. Controls: the same two \
             unlearnings of a clean model; shuffled labels in place of the true ones in clean unlearning."
        ),
        columns: columns(
            "Attack",
            &["Over", "Neurons", "n", "Attacked model", "Clean model", "Shuffled labels"],
        ),
        rows: studied.attacks.iter().flat_map(|attack| rows(attack, coefficient)).collect(),
    };
    table.columns[OVER].numeric = false;
    table
}

fn rows(attack: &StudiedAttack, coefficient: Coefficient) -> Vec<DataRow> {
    let row = |(layer, shown): (&str, &str)| {
        let of = |compared: Compared| -> Vec<&CorrelationRow> {
            let rows = attack.models.iter().filter_map(|model| match &model.tables {
                Tables::Correlation { correlations, .. } => {
                    correlations.iter().find(|row| row.compared == compared && row.layer == layer)
                }
                _ => None,
            });
            rows.collect()
        };
        let found = of(Compared::Attacked);
        let neurons = found.first()?.neurons;
        let mut cells = vec![
            DataCell::plain(shown),
            DataCell::plain(thousands(neurons)),
            DataCell::plain(found.len().to_string()),
        ];
        cells.extend(COMPARED.map(|compared| DataCell::plain(text(&of(compared), coefficient))));
        Some(attack_row(attack, cells))
    };
    LAYERS.into_iter().filter_map(row).collect()
}

/// `0.743 [0.700, 0.780]`.
fn text(rows: &[&CorrelationRow], coefficient: Coefficient) -> String {
    let of = |at: usize| -> Vec<f64> { rows.iter().filter_map(|row| coefficient(row)[at]).collect() };
    let values = of(0);
    if values.is_empty() {
        return DASH.into();
    }
    match (mean(&of(1)), mean(&of(2))) {
        (Some(low), Some(high)) => format!("{} {}", mean_text(&values, 3), interval(low, high, 3)),
        _ => mean_text(&values, 3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(pearson: Option<f64>, low: Option<f64>, high: Option<f64>) -> CorrelationRow {
        CorrelationRow {
            compared: Compared::Attacked,
            layer: "all".into(),
            neurons: 4,
            pearson,
            pearson_low: low,
            pearson_high: high,
            spearman: None,
            spearman_low: None,
            spearman_high: None,
        }
    }

    #[test]
    fn correlations_are_means_over_seeds_with_mean_intervals() {
        let coefficient: Coefficient = |row| [row.pearson, row.pearson_low, row.pearson_high];
        // Values 0.5 and 0.7, intervals 0.3..0.6 and 0.5..0.8; the third is constant and has no correlation.
        let rows = [
            row(Some(0.5), Some(0.3), Some(0.6)),
            row(Some(0.7), Some(0.5), Some(0.8)),
            row(None, None, None),
        ];
        let all: Vec<&CorrelationRow> = rows.iter().collect();
        assert_eq!(text(&all, coefficient), "0.600 ± 0.141 [0.400, 0.700]");
        assert_eq!(text(&all[2..], coefficient), "–");
        assert_eq!(text(&[&row(Some(1.0), None, None)], coefficient), "1.000");
    }
}
