//! ASR by the strength of the trigger: one line for each defense, with means over the attacks.

use scour_core::{RowStatus, StrengthRow};

use super::axis::{Scale, ticks, upward_axis};
use super::marker::marker;
use super::palette::color_of;
use super::{at, opening};
use crate::escape::xml;
use crate::group::Group;
use crate::names;
use crate::number::{fixed, mean};

const WIDTH: f64 = 900.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 640.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 240.0;
const LEGEND_X: f64 = 668.0;
const LINE: f64 = 18.0;

/// A line: a defense, and its mean ASR by strength, weakest first.
#[derive(Debug, PartialEq)]
struct Curve<'a> {
    /// Its index among the table's defenses, which decides its colour.
    index: usize,
    defense: &'a str,
    points: Vec<(f64, f64)>,
}

/// The figure as SVG text; `None` if fewer than two strengths were measured. Cells that do not count are left out.
pub(crate) fn strength_curves(group: &Group, strengths: &[StrengthRow], decimals: usize) -> Option<String> {
    let curves = curves(group, strengths);
    if curves.iter().all(|curve| curve.points.len() < 2) {
        return None;
    }
    let x = Scale { data: [0.0, 1.0], pixels: [LEFT, RIGHT] };
    let y = Scale { data: [0.0, 100.0], pixels: [BOTTOM, TOP] };
    let mut svg =
        opening([WIDTH, BOTTOM + 44.0], "ASR against the share of the trigger, one line for each defense");
    svg += &frame(&x, &y);
    for curve in &curves {
        svg += &curve_svg(curve, group, &x, &y, decimals);
    }
    for (line, curve) in curves.iter().enumerate() {
        let height = TOP + 8.0 + LINE * line as f64;
        svg += &marker(0, [LEGEND_X, height], 4.5, &color_of(&group.defenses, curve.index), "");
        svg += &format!(
            "<text x=\"{}\" y=\"{}\">{}</text>\n",
            at(LEGEND_X + 12.0),
            at(height + 4.0),
            xml(&names::defense(curve.defense))
        );
    }
    svg += "</svg>";
    Some(svg)
}

/// Defenses in the order of the table, those without a measured strength left out.
fn curves<'a>(group: &Group<'a>, strengths: &[StrengthRow]) -> Vec<Curve<'a>> {
    let mut shares: Vec<f64> = strengths.iter().map(|row| row.strength).collect();
    shares.sort_by(f64::total_cmp);
    shares.dedup();
    let of = |(index, defense): (usize, &&'a str)| {
        let cells: Vec<_> =
            group.rows.iter().filter(|row| row.defense == *defense && row.status == RowStatus::Ok).collect();
        let at = |share: f64| {
            let own = |row: &&StrengthRow| row.strength == share && cells.iter().any(|cell| row.is_of(cell));
            let values: Vec<f64> = strengths.iter().filter(own).map(|row| row.asr).collect();
            Some((share, mean(&values)?))
        };
        let points: Vec<_> = shares.iter().filter_map(|share| at(*share)).collect();
        (!points.is_empty()).then_some(Curve { index, defense, points })
    };
    group.defenses.iter().enumerate().filter_map(of).collect()
}

fn frame(x: &Scale, y: &Scale) -> String {
    let mut svg = upward_axis(y, [LEFT, RIGHT], "mean ASR (%)");
    for (value, text) in ticks(x.data) {
        svg += &format!(
            "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\" opacity=\"0.8\">{text}</text>\n",
            at(x.pixel(value)),
            at(BOTTOM + 18.0)
        );
    }
    svg += &format!(
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">share of the trigger (0: none, 1: complete)</text>\n",
        at((LEFT + RIGHT) / 2.0),
        at(BOTTOM + 38.0)
    );
    svg
}

fn curve_svg(curve: &Curve, group: &Group, x: &Scale, y: &Scale, decimals: usize) -> String {
    let paint = color_of(&group.defenses, curve.index);
    let path: Vec<String> = curve
        .points
        .iter()
        .map(|(share, asr)| format!("{} {}", at(x.pixel(*share)), at(y.pixel(*asr))))
        .collect();
    let mut svg = format!(
        "<path d=\"M{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>\n",
        path.join("L"),
        paint.color
    );
    for (share, asr) in &curve.points {
        let title = format!(
            "{}, {share} of the trigger: ASR {}",
            names::defense(curve.defense),
            fixed(*asr, decimals)
        );
        svg += &marker(0, [x.pixel(*share), y.pixel(*asr)], 4.0, &paint, &xml(&title));
    }
    svg
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::aggregate;
    use crate::group::groups;
    use scour_core::{AtStrength, ResultRow};

    fn row(attack: &str, defense: &str, status: RowStatus) -> ResultRow {
        ResultRow {
            dataset: "signs".into(),
            model: "m".into(),
            attack: attack.into(),
            defense: defense.into(),
            acc: Some(90.0),
            asr: Some(50.0),
            status,
            ..ResultRow::default()
        }
    }

    #[test]
    fn a_curve_is_the_mean_over_attacks_that_count() {
        let rows = [
            row("a", "none", RowStatus::Ok),
            row("b", "none", RowStatus::Ok),
            row("c", "none", RowStatus::NotImplanted),
            row("a", "ft", RowStatus::Ok),
        ];
        let at = |row: usize, strength, asr| StrengthRow::new(&rows[row], AtStrength { strength, asr });
        let strengths =
            [at(0, 1.0, 90.0), at(0, 0.5, 10.0), at(1, 0.5, 30.0), at(1, 1.0, 70.0), at(2, 1.0, 0.0)];
        let summaries = aggregate(&rows).unwrap();
        let groups = groups(&summaries, &rows, 1);
        let found = curves(&groups[0], &strengths);
        assert_eq!(found, [Curve { index: 0, defense: "none", points: vec![(0.5, 20.0), (1.0, 80.0)] }]);
        let svg = strength_curves(&groups[0], &strengths, 1).unwrap();
        assert!(svg.contains("0.5 of the trigger: ASR 20.0"), "{svg}");
        assert_eq!(strength_curves(&groups[0], &strengths[..1], 1), None, "one point is no curve");
        assert_eq!(strength_curves(&groups[0], &[], 1), None);
    }
}
