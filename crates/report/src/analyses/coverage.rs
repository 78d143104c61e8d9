//! How many of the neurons that a trigger changes most each ranking finds.

use scour_core::{AreaRow, CoverageRow, LayerScope, Subject};

use super::data_table::{DataCell, DataRow, DataTable, columns};
use super::input::Tables;
use super::over_seeds::{distinct, interval, statistic};
use super::section::Findings;
use super::studied::{Studied, StudiedAttack};
use crate::cells::{DASH, NOT_IMPLANTED};
use crate::figures::{Chart, ChartAxis, Dash, GREY, Line, LinePoint, line_style, shown};
use crate::names;
use crate::number::{mean, thousands};

const MEASURED: &str = "Measured: the share of the neurons with the highest trigger-activated change (TAC), which no defense can \
                        compute, that are among the first neurons of each defense's ranking.";
const REFUTED: &str = "The claim that a ranking finds the neurons of a backdoor would be refuted if its area were within the \
                       interval of random rankings, or as large for the TAC of a clean model under the same trigger.";

/// The ranking that the analysis adds as a control.
pub(super) const RANDOM: &str = "random";

/// A table of areas.
struct Areas {
    id: &'static str,
    tac: Subject,
    scope: LayerScope,
    caption: &'static str,
}

const AREAS: [Areas; 4] = [
    Areas {
        id: "areas",
        tac: Subject::Attacked,
        scope: LayerScope::AllLayers,
        caption: "for the TAC of the attacked model",
    },
    Areas {
        id: "areas-clean-model",
        tac: Subject::Clean,
        scope: LayerScope::AllLayers,
        caption: "for the TAC of a clean model under the same trigger, a control",
    },
    Areas {
        id: "areas-each-layer",
        tac: Subject::Attacked,
        scope: LayerScope::EachLayer,
        caption: "for the TAC of the attacked model, with a list of neurons for each layer, so that layers as a whole are not \
                  compared",
    },
    Areas {
        id: "areas-each-layer-clean-model",
        tac: Subject::Clean,
        scope: LayerScope::EachLayer,
        caption: "for the TAC of a clean model under the same trigger, a control, with a list of neurons for each layer",
    },
];

pub(super) fn findings(studied: &Studied) -> Findings {
    let rankings = rankings(studied);
    Findings {
        measured: MEASURED,
        refuted: REFUTED,
        figure_caption: "Coverage of the attacked model's TAC, mean over seeds. The dotted line is what a random ranking covers on \
                         average; the dashed one is one random ranking of each seed."
            .into(),
        charts: studied.attacks.iter().map(|attack| (attack.id.to_string(), chart(attack, &rankings))).collect(),
        tables: AREAS.iter().map(|kind| areas(studied, &rankings, kind)).collect(),
    }
}

/// Rankings by label, in the order of the tables, the random one last.
fn rankings<'a>(studied: &'a Studied) -> Vec<&'a str> {
    let rows =
        studied.attacks.iter().flat_map(|attack| &attack.models).flat_map(|model| match &model.tables {
            Tables::Coverage { points, .. } => points.as_slice(),
            _ => &[],
        });
    let mut found = distinct(rows.map(|row| row.ranking.as_str()));
    found.sort_by_key(|ranking| *ranking == RANDOM);
    found
}

/// The name of a ranking in figures and tables.
pub(super) fn ranking_name(label: &str) -> String {
    if label == RANDOM { "random ranking".into() } else { names::defense(label) }
}

/// The colour and dash of a ranking's line.
pub(super) fn ranking_line(index: usize, label: &str, points: Vec<LinePoint>) -> Line {
    let (color, dash) = if label == RANDOM { (GREY.into(), Dash::Dashed) } else { line_style(index) };
    Line { name: ranking_name(label), color, dash, points }
}

/// What a random ranking covers on average: as much as it chooses.
pub(super) fn chance() -> Line {
    let point = |x: f64| LinePoint { x, y: x, band: None, title: String::new() };
    Line {
        name: "chance".into(),
        color: "currentColor".into(),
        dash: Dash::Dotted,
        points: vec![point(0.0), point(1.0)],
    }
}

fn chart(attack: &StudiedAttack, rankings: &[&str]) -> Chart {
    let line = |(index, ranking): (usize, &&str)| ranking_line(index, ranking, curve(attack, ranking));
    Chart {
        title: attack.name.clone(),
        description: format!(
            "Coverage of the neurons with the highest TAC by ratio of neurons, {}",
            attack.name
        ),
        x: ChartAxis::linear("share of neurons chosen", [0.0, 1.0]),
        y: ChartAxis::linear("share of the top TAC neurons found", [0.0, 1.0]),
        clouds: vec![],
        lines: rankings.iter().enumerate().map(line).chain([chance()]).collect(),
    }
}

/// The mean curve over seeds.
fn curve(attack: &StudiedAttack, ranking: &str) -> Vec<LinePoint> {
    let rows: Vec<&CoverageRow> = attack
        .models
        .iter()
        .flat_map(|model| match &model.tables {
            Tables::Coverage { points, .. } => points.as_slice(),
            _ => &[],
        })
        .filter(|row| row.ranking == ranking && row.tac == Subject::Attacked)
        .filter(|row| row.scope == LayerScope::AllLayers)
        .collect();
    let mut ratios = distinct(rows.iter().map(|row| row.ratio));
    ratios.sort_by(f64::total_cmp);
    let point = |ratio: f64| {
        let covered: Vec<f64> = rows.iter().filter(|row| row.ratio == ratio).map(|row| row.covered).collect();
        let y = mean(&covered)?;
        let title = format!("{}, {ratio} of the neurons: {}", ranking_name(ranking), shown(y));
        Some(LinePoint { x: ratio, y, band: None, title })
    };
    ratios.into_iter().filter_map(point).collect()
}

fn areas(studied: &Studied, rankings: &[&str], kind: &Areas) -> DataTable {
    let Areas { id, caption, .. } = kind;
    let repeated = if studied.most_models() > 1 { ", mean ± standard deviation over seeds" } else { "" };
    let of_attacks = studied.attacks.iter().map(|attack| {
        if attack.implanted { attack.name.clone() } else { format!("{} {NOT_IMPLANTED}", attack.name) }
    });
    let of_attacks: Vec<String> = of_attacks.collect();
    let names: Vec<&str> =
        ["Neurons", "Random, 95 %"].into_iter().chain(of_attacks.iter().map(String::as_str)).collect();
    let row = |ranking: &&str| {
        let all: Vec<&AreaRow> =
            studied.attacks.iter().flat_map(|attack| of_ranking(attack, ranking, kind)).collect();
        let mut neurons = distinct(all.iter().map(|row| row.neurons));
        neurons.sort_unstable();
        let ends = |of: fn(&AreaRow) -> f64| mean(&all.iter().map(|row| of(row)).collect::<Vec<_>>());
        let random = match (ends(|row| row.random_low), ends(|row| row.random_high)) {
            (Some(low), Some(high)) => interval(low, high, 3),
            _ => DASH.into(),
        };
        let neurons: Vec<String> = neurons.into_iter().map(thousands).collect();
        let mut cells = vec![DataCell::plain(neurons.join(", ")), DataCell::plain(random)];
        cells.extend(studied.attacks.iter().map(|attack| area(&of_ranking(attack, ranking, kind))));
        DataRow { name: ranking_name(ranking), sign: None, cells }
    };
    DataTable {
        id,
        caption: format!(
            "Area under the coverage curve {caption}{repeated}. The interval has the areas of 95 % of random rankings of \
             as many neurons; bold: above it, italic: below it. Rankings differ in the neurons that they rank."
        ),
        columns: columns("Ranking", &names),
        rows: rankings.iter().map(row).collect(),
    }
}

fn of_ranking<'a>(attack: &'a StudiedAttack, ranking: &str, kind: &Areas) -> Vec<&'a AreaRow> {
    let all = attack.models.iter().flat_map(|model| match &model.tables {
        Tables::Coverage { areas, .. } => areas.as_slice(),
        _ => &[],
    });
    all.filter(|row| row.ranking == ranking && row.tac == kind.tac && row.scope == kind.scope).collect()
}

/// The mean area, and whether it is outside of the mean interval of random rankings.
fn area(rows: &[&AreaRow]) -> DataCell {
    let of = |field: fn(&AreaRow) -> f64| rows.iter().map(|row| field(row)).collect::<Vec<_>>();
    let Some(found) = statistic(&of(|row| row.area)) else { return DataCell::plain(DASH) };
    let ends = (mean(&of(|row| row.random_low)), mean(&of(|row| row.random_high)));
    let mark = match ends {
        (_, Some(high)) if found.mean > high => "above",
        (Some(low), _) if found.mean < low => "below",
        _ => "",
    };
    DataCell { text: found.text(3, 0), mark }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyses::input::Analysed;
    use scour_core::AnalysisRow;

    fn row(area: f64, random: [f64; 2]) -> AreaRow {
        AreaRow {
            ranking: "fp".into(),
            tac: Subject::Attacked,
            scope: LayerScope::AllLayers,
            neurons: 8,
            area,
            random_low: random[0],
            random_high: random[1],
        }
    }

    #[test]
    fn areas_are_compared_with_the_interval_of_random_rankings() {
        // Mean area 0.6, mean interval 0.45..0.55.
        let rows = [row(0.5, [0.4, 0.5]), row(0.7, [0.5, 0.6])];
        let cell = area(&rows.iter().collect::<Vec<_>>());
        assert_eq!((cell.text.as_str(), cell.mark), ("0.600 ± 0.141", "above"));
        assert_eq!(area(&[&row(0.3, [0.4, 0.6])]).mark, "below");
        assert_eq!(area(&[&row(0.5, [0.4, 0.6])]), DataCell::plain("0.500"));
        assert_eq!(area(&[]).text, "–");
    }

    #[test]
    fn curves_are_means_over_seeds_in_the_order_of_ratios() {
        let point = |ratio, covered| CoverageRow {
            ranking: "fp".into(),
            tac: Subject::Attacked,
            scope: LayerScope::AllLayers,
            neurons: 8,
            ratio,
            covered,
        };
        let model = |points: Vec<CoverageRow>| Analysed {
            row: AnalysisRow::default(),
            tables: Tables::Coverage { points, areas: vec![] },
        };
        let models = [
            model(vec![
                point(0.5, 0.6),
                point(0.1, 0.2),
                CoverageRow { tac: Subject::Clean, ..point(0.1, 1.0) },
                CoverageRow { scope: LayerScope::EachLayer, ..point(0.1, 1.0) },
            ]),
            model(vec![point(0.5, 0.8)]),
        ];
        let attack =
            StudiedAttack { id: "a", name: "A".into(), implanted: true, models: models.iter().collect() };
        let found: Vec<(f64, f64)> = curve(&attack, "fp").iter().map(|point| (point.x, point.y)).collect();
        assert_eq!(found, [(0.1, 0.2), (0.5, 0.7)]);
    }
}
