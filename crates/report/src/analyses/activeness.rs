//! Observation 2: activeness of the attacked model's neurons beside that of a clean model's.

use scour_core::{ActivenessRatioRow, Subject};

use super::data_table::{DataCell, DataRow, DataTable, attack_row, columns};
use super::input::{Analysed, Tables};
use super::over_seeds::{mean_text, statistic};
use super::section::Findings;
use super::studied::{Studied, StudiedAttack};
use crate::figures::{Chart, ChartAxis, Dash, Line, LinePoint, shown};
use crate::number::mean;

const MEASURED: &str = "Measured: the activeness of the last convolution's neurons, which is the size of their gradients, while \
                        the attacked model and a clean model unlearn the same clean images.";
const REFUTED: &str = "The claim that the neurons of a backdoored model are more active would be refuted if the ratio of the \
                       first epoch were at most 1, or if half of the neurons or fewer were more active in the attacked model.";

/// The lines: the model, its name and its colour.
const MODELS: [(Subject, &str, &str); 2] = [
    (Subject::Attacked, "attacked model", "var(--c2,#d55e00)"),
    (Subject::Clean, "clean model", "var(--c1,#0072b2)"),
];

pub(super) fn findings(studied: &Studied) -> Findings {
    Findings {
        measured: MEASURED,
        refuted: REFUTED,
        figure_caption: "Mean activeness by epoch of clean unlearning, over neurons and seeds. The band is one standard deviation \
                         over neurons, averaged over seeds; it ends at the edge of the plot. The axis is \
                         logarithmic where values are far apart. Seeds that ended earlier are missing in later epochs."
            .into(),
        charts: studied
            .attacks
            .iter()
            .filter_map(|attack| Some((attack.id.to_string(), chart(attack)?)))
            .collect(),
        tables: vec![table(studied)],
    }
}

fn chart(attack: &StudiedAttack) -> Option<Chart> {
    let lines: Vec<Line> = MODELS
        .into_iter()
        .map(|(model, name, color)| Line {
            name: name.into(),
            color: color.into(),
            dash: Dash::Solid,
            points: points(&attack.models, model, name),
        })
        .filter(|line| !line.points.is_empty())
        .collect();
    let last = lines.iter().flat_map(|line| &line.points).map(|point| point.x as usize).max()?;
    let lowest = lines.iter().flat_map(|line| &line.points).map(|point| point.y).fold(f64::MAX, f64::min);
    let highest =
        lines.iter().flat_map(|line| &line.points).map(|point| point.band.map_or(point.y, |band| band[1]));
    Some(Chart {
        title: attack.name.clone(),
        description: format!(
            "Mean activeness by epoch of the attacked and of a clean model, {}",
            attack.name
        ),
        x: ChartAxis::epochs("epoch of clean unlearning", last),
        y: ChartAxis::positive("activeness", lowest, highest.fold(0.0, f64::max)),
        clouds: vec![],
        lines,
    })
}

/// One point for each epoch, counted from 1.
fn points(models: &[&Analysed], subject: Subject, name: &str) -> Vec<LinePoint> {
    let mut points = vec![];
    for epoch in 0.. {
        // Mean and standard deviation over neurons, for each seed.
        let of_seed = |model: &&Analysed| {
            let Tables::Activeness { neurons, .. } = &model.tables else { return None };
            let values: Vec<f64> = neurons
                .iter()
                .filter(|row| row.model == subject && row.epoch == epoch)
                .map(|row| row.mean)
                .collect();
            statistic(&values)
        };
        let seeds: Vec<_> = models.iter().filter_map(of_seed).collect();
        let Some(y) = mean(&seeds.iter().map(|seed| seed.mean).collect::<Vec<_>>()) else { break };
        let std = mean(&seeds.iter().filter_map(|seed| seed.std).collect::<Vec<_>>());
        points.push(LinePoint {
            x: (epoch + 1) as f64,
            y,
            band: std.map(|std| [(y - std).max(0.0), y + std]),
            title: format!("{name}, epoch {}: {}", epoch + 1, shown(y)),
        });
    }
    points
}

fn table(studied: &Studied) -> DataTable {
    let repeated = if studied.most_models() > 1 { ", mean ± standard deviation over n seeds" } else { "" };
    DataTable {
        id: "first-epoch",
        caption: format!(
            "Activeness in the first epoch of clean unlearning{repeated}: mean over neurons in both models, their ratio, and the \
             share of neurons that are more active in the attacked model."
        ),
        columns: columns(
            "Attack",
            &["Neurons", "n", "Attacked model", "Clean model", "Ratio", "More active (%)"],
        ),
        rows: studied.attacks.iter().filter_map(row).collect(),
    }
}

fn row(attack: &StudiedAttack) -> Option<DataRow> {
    let first: Vec<&ActivenessRatioRow> = attack
        .models
        .iter()
        .filter_map(|model| match &model.tables {
            Tables::Activeness { ratios, .. } => ratios.iter().find(|row| row.epoch == 0),
            _ => None,
        })
        .collect();
    let neurons = first.first()?.neurons;
    let text = |of: &dyn Fn(&ActivenessRatioRow) -> Option<f64>, decimals| {
        DataCell::plain(mean_text(&first.iter().filter_map(|row| of(row)).collect::<Vec<_>>(), decimals))
    };
    let cells = vec![
        DataCell::plain(neurons.to_string()),
        DataCell::plain(first.len().to_string()),
        text(&|row| Some(row.attacked), 3),
        text(&|row| Some(row.clean), 3),
        text(&|row| row.ratio, 2),
        text(&|row| Some(100.0 * row.more_active), 1),
    ];
    Some(attack_row(attack, cells))
}

#[cfg(test)]
mod tests {
    use super::*;
    use scour_core::{ActivenessRow, AnalysisRow};

    fn model(seed: u64, first: [f64; 2], ratio: f64) -> Analysed {
        let row = |epoch, neuron, mean| ActivenessRow {
            model: Subject::Attacked,
            epoch,
            neuron,
            mean,
            variance: None,
        };
        let mut neurons = vec![row(0, 0, first[0]), row(0, 1, first[1])];
        if seed == 0 {
            neurons.push(row(1, 0, 9.0));
        }
        let ratios = vec![ActivenessRatioRow {
            epoch: 0,
            neurons: 2,
            attacked: ratio,
            clean: 1.0,
            ratio: Some(ratio),
            more_active: 0.5,
        }];
        Analysed {
            row: AnalysisRow { seed, ..AnalysisRow::default() },
            tables: Tables::Activeness { neurons, ratios },
        }
    }

    #[test]
    fn points_and_the_first_epoch_by_hand() {
        // Seed 0: 1 and 3, mean 2, deviation sqrt(2). Seed 1: 4 and 4, mean 4, deviation 0.
        let models = [model(0, [1.0, 3.0], 2.0), model(1, [4.0, 4.0], 4.0)];
        let all: Vec<&Analysed> = models.iter().collect();
        let points = points(&all, Subject::Attacked, "attacked model");
        let half = 2f64.sqrt() / 2.0;
        assert_eq!(points.len(), 2);
        assert_eq!((points[0].x, points[0].y), (1.0, 3.0));
        let [low, high] = points[0].band.unwrap();
        assert!((low - (3.0 - half)).abs() < 1e-9 && (high - (3.0 + half)).abs() < 1e-9);
        assert_eq!((points[1].x, points[1].y, points[1].band), (2.0, 9.0, None), "one seed, one neuron");
        let attack = StudiedAttack { id: "a", name: "A".into(), implanted: true, models: all };
        let texts: Vec<String> = row(&attack).unwrap().cells.into_iter().map(|cell| cell.text).collect();
        assert_eq!(texts, ["2", "2", "3.000 ± 1.414", "1.000 ± 0.000", "3.00 ± 1.41", "50.0 ± 0.0"]);
    }
}
