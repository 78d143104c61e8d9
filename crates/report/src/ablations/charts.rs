//! The figures of ablations.

use serde::Serialize;

use super::axis::varied;
use super::parameters::variants;
use crate::ReportError;
use crate::figures::{Chart, ChartAxis, Dash, Line, LinePoint, Panel, from_percentages, line_style};
use crate::group::{Group, NONE, file_name};
use crate::metric::Metric;
use crate::names;
use crate::number::{Statistic, ratio_percent};
use crate::recorded::Recorded;
use crate::stage_folder::StageFolders;

/// ACC and ASR against one parameter.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Ablation {
    pub(crate) heading: String,
    /// Data set, model and what else is fixed.
    pub(crate) setting: String,
    pub(crate) panels: Vec<Panel>,
}

/// A parameter with its values, and where each value's figures are.
struct Points<'a, 'g> {
    /// For the axis.
    label: String,
    /// The value, the table and the defense.
    values: Vec<(f64, &'g Group<'a>, &'a str)>,
}

/// All ablations of the tables: parameters of defenses, then poison ratios, then clean ratios.
pub(crate) fn ablations(
    groups: &[Group],
    recorded: &Recorded,
    stages: &StageFolders,
    decimals: usize,
) -> Result<Vec<Ablation>, ReportError> {
    let mut found = vec![];
    for group in groups {
        for set in varied(&variants(group, recorded, stages)?) {
            let fixed: Vec<String> = [group.ratios()].into_iter().chain(set.fixed.iter().cloned()).collect();
            let points = Points {
                label: set.parameter.clone(),
                values: set.values.iter().map(|(value, label)| (*value, group, *label)).collect(),
            };
            let heading = format!("{}: {}", names::defense(&set.name), set.parameter);
            found.extend(ablation(heading, &fixed.join(", "), &points, decimals));
        }
    }
    found.extend(of_ratios(
        groups,
        "poison ratio",
        |group| (group.poison_ratio, group.clean_ratio),
        decimals,
    ));
    found.extend(of_ratios(groups, "clean ratio", |group| (group.clean_ratio, group.poison_ratio), decimals));
    Ok(found)
}

/// One for each defense, where tables differ in one ratio only. `ratios` is the ratio that varies, and the other.
fn of_ratios(
    groups: &[Group],
    name: &str,
    ratios: fn(&Group) -> (f64, f64),
    decimals: usize,
) -> Vec<Ablation> {
    let mut found = vec![];
    for (at, first) in groups.iter().enumerate() {
        let alike = |group: &&Group| {
            (group.dataset, group.model, ratios(group).1) == (first.dataset, first.model, ratios(first).1)
        };
        if groups[..at].iter().any(|group| alike(&group)) {
            continue;
        }
        let mut tables: Vec<&Group> = groups.iter().filter(alike).collect();
        tables.sort_by(|a, b| ratios(a).0.total_cmp(&ratios(b).0));
        if tables.len() < 2 {
            continue;
        }
        // Attacked models do not depend on the clean set.
        let defenses = first.defenses.iter().filter(|defense| name == "poison ratio" || **defense != NONE);
        let other = if name == "poison ratio" { "clean set" } else { "poison ratio" };
        for &defense in defenses {
            let points = Points {
                label: name.into(),
                values: tables.iter().map(|group| (ratios(group).0, *group, defense)).collect(),
            };
            let heading = format!("{}: {name}", names::defense(defense));
            found.extend(ablation(
                heading,
                &format!("{other} {}", ratio_percent(ratios(first).1)),
                &points,
                decimals,
            ));
        }
    }
    found
}

/// `None` if no attack has two points.
fn ablation(heading: String, fixed: &str, points: &Points, decimals: usize) -> Option<Ablation> {
    let (_, first, _) = points.values.first()?;
    let setting = format!("{}, {}, {fixed}", names::dataset(first.dataset), names::model(first.model));
    let panels: Vec<Panel> = [Metric::Acc, Metric::Asr]
        .into_iter()
        .filter_map(|metric| {
            let svg = chart(&heading, points, metric, decimals)?.svg();
            let file = panel_file(&format!("ablation {heading} {setting} {}", metric.name()));
            Some(Panel { file, svg })
        })
        .collect();
    (!panels.is_empty()).then_some(Ablation { heading, setting, panels })
}

/// A short name of a file: lower case, with single hyphens.
fn panel_file(text: &str) -> String {
    let name = file_name(&text.to_lowercase());
    name.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

fn chart(heading: &str, points: &Points, metric: Metric, decimals: usize) -> Option<Chart> {
    let mut attacks: Vec<&str> = vec![];
    for (_, group, _) in &points.values {
        for attack in group.counted_attacks() {
            if !attacks.contains(&attack) {
                attacks.push(attack);
            }
        }
    }
    let lines: Vec<Line> = attacks
        .iter()
        .enumerate()
        .map(|(index, attack)| line(index, attack, points, metric, decimals))
        .collect();
    if lines.iter().all(|line| line.points.len() < 2) {
        return None;
    }
    let ends =
        lines.iter().flat_map(|line| &line.points).flat_map(|point| point.band.unwrap_or([point.y; 2]));
    let values: Vec<f64> = points.values.iter().map(|(value, ..)| *value).collect();
    let better = if metric.higher_is_better() { "higher" } else { "lower" };
    Some(Chart {
        title: format!("{}, {better} is better", metric.name()),
        description: format!("{} by {heading}, one line for each attack", metric.name()),
        x: ChartAxis::at_values(&points.label, &values),
        y: ChartAxis::linear(&format!("{} (%)", metric.name()), from_percentages(ends)),
        clouds: vec![],
        lines,
    })
}

fn line(index: usize, attack: &str, points: &Points, metric: Metric, decimals: usize) -> Line {
    let point = |(value, group, defense): &(f64, &Group, &str)| {
        let statistic = metric.of(group.ok(attack, defense)?)?;
        let title = format!(
            "{}, {} {value}: {} {}",
            names::attack(attack),
            points.label,
            metric.name(),
            statistic.text(decimals, group.planned)
        );
        Some(LinePoint { x: *value, y: statistic.mean, band: band(&statistic), title })
    };
    let (color, dash): (String, Dash) = line_style(index);
    Line {
        name: names::attack(attack),
        color,
        dash,
        points: points.values.iter().filter_map(point).collect(),
    }
}

/// One standard deviation over seeds; none for a single seed.
fn band(statistic: &Statistic) -> Option<[f64; 2]> {
    let std = statistic.std?;
    Some([(statistic.mean - std).max(0.0), (statistic.mean + std).min(100.0)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::aggregate;
    use crate::group::groups;
    use crate::recorded::recorded_for_test;
    use scour_core::ResultRow;
    use serde_json::json;

    fn row(defense: &str, poison_ratio: f64, seed: u64, asr: f64) -> ResultRow {
        ResultRow {
            dataset: "cifar10".into(),
            model: "m".into(),
            attack: "badnets".into(),
            poison_ratio,
            clean_ratio: 0.05,
            seed,
            defense: defense.into(),
            acc: Some(90.0),
            asr: Some(asr),
            ..ResultRow::default()
        }
    }

    #[test]
    fn recorded_values_are_on_the_axis_with_means_and_bands_over_seeds() {
        let rows = [
            row("wide", 0.1, 0, 10.0),
            row("wide", 0.1, 1, 20.0),
            row("narrow", 0.1, 0, 40.0),
            row("narrow", 0.01, 0, 60.0),
        ];
        let recorded = recorded_for_test(
            json!({"defenses": [{"tsbd": {"n": 0.3}, "as": "wide"}, {"tsbd": {"n": 0.1}, "as": "narrow"}],
                   "seeds": [0, 1]}),
            json!([]),
        );
        let summaries = aggregate(&rows).unwrap();
        let groups = groups(&summaries, &rows, 2);
        let found = ablations(&groups, &recorded, &StageFolders::default(), 1).unwrap();
        let headings: Vec<&str> = found.iter().map(|one| one.heading.as_str()).collect();
        assert_eq!(headings, ["TSBD: n", "narrow: poison ratio"]);
        assert_eq!(found[0].panels.len(), 2);
        assert_eq!(
            found[0].panels[0].file,
            "ablation-tsbd-n-cifar-10-m-poison-ratio-10-clean-set-5-of-the-training-set-acc"
        );
        let asr = &found[0].panels[1].svg;
        assert!(asr.contains("BadNets, n 0.1: ASR 40.0 (1 of 2 seeds)"), "{asr}");
        assert!(asr.contains("BadNets, n 0.3: ASR 15.0 ± 7.1"), "{asr}");
        assert!(found[1].panels[1].svg.contains("BadNets, poison ratio 0.01: ASR 60.0"));
        assert!(found[1].setting.ends_with("clean set 5%"), "{}", found[1].setting);
        // 10 and 20: one standard deviation is sqrt(50).
        let band = band(&Statistic { mean: 15.0, std: Some(50f64.sqrt()), n: 2 }).unwrap();
        assert!((band[0] - 7.929).abs() < 1e-3 && (band[1] - 22.071).abs() < 1e-3);
    }
}
