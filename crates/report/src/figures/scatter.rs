//! ACC against ASR: one point for each attack and defense.

use super::axis::{Scale, percent_range, ticks};
use super::marker::marker;
use super::palette::{Paint, color_of};
use super::{at, opening};
use crate::escape::xml;
use crate::group::{Group, NONE};
use crate::names;
use crate::number::Statistic;

const WIDTH: f64 = 900.0;
const PLOT: [f64; 4] = [58.0, 18.0, 720.0, 0.0];
const LEGEND_X: f64 = 748.0;
const LINE: f64 = 18.0;

/// The figure as SVG text; `None` if no cell has both numbers.
pub(crate) fn acc_asr_scatter(group: &Group, decimals: usize) -> Option<String> {
    let attacks = group.counted_attacks();
    let mut points: Vec<(usize, usize, Statistic, Statistic)> = vec![];
    for (defense_at, defense) in group.defenses.iter().enumerate() {
        for (attack_at, attack) in attacks.iter().enumerate() {
            if let Some(figures) = group.ok(attack, defense)
                && let (Some(acc), Some(asr)) = (figures.acc, figures.asr)
            {
                points.push((attack_at, defense_at, acc, asr));
            }
        }
    }
    if points.is_empty() {
        return None;
    }
    let clean = group.ok(NONE, NONE).and_then(|summary| summary.acc).map(|acc| acc.mean);
    let legend_lines = (group.defenses.len() + attacks.len()) as f64 + 4.5;
    let bottom = (legend_lines * LINE).max(400.0);
    let [left, top, right, _] = PLOT;
    let x = Scale { data: [-2.0, 102.0], pixels: [left, right] };
    let spread = |acc: &Statistic| {
        let std = acc.std.unwrap_or(0.0);
        [acc.mean - std, acc.mean + std]
    };
    let range = percent_range(
        points.iter().flat_map(|(_, _, acc, _)| spread(acc)).map(|v| v.clamp(0.0, 100.0)).chain(clean),
    );
    let y = Scale { data: range, pixels: [bottom, top] };

    let mut svg = opening([WIDTH, bottom + 46.0], "ACC against ASR, one point for each attack and defense");
    svg += &frame(&x, &y, [left, top, right, bottom]);
    if let Some(clean) = clean {
        let height = at(y.pixel(clean));
        svg += &format!(
            "<line x1=\"{0}\" x2=\"{1}\" y1=\"{height}\" y2=\"{height}\" stroke=\"currentColor\" \
             stroke-opacity=\"0.55\" stroke-dasharray=\"5 4\"/>\n",
            at(left),
            at(right)
        );
    }
    // Whiskers are drawn first, so that they do not cover markers.
    for (_, defense_at, acc, asr) in &points {
        let Paint { color, .. } = color_of(&group.defenses, *defense_at);
        svg += &whisker(&x, &y, acc, asr, &color);
    }
    for (attack_at, defense_at, acc, asr) in &points {
        let title = format!(
            "{}, {}: ACC {}, ASR {}",
            names::attack(attacks[*attack_at]),
            names::defense(group.defenses[*defense_at]),
            acc.text(decimals, group.planned),
            asr.text(decimals, group.planned)
        );
        let paint = color_of(&group.defenses, *defense_at);
        svg += &marker(*attack_at, [x.pixel(asr.mean), y.pixel(acc.mean)], 5.0, &paint, &xml(&title));
    }
    svg += &legend(group, &attacks, clean.is_some(), top);
    svg += "</svg>";
    Some(svg)
}

fn frame(x: &Scale, y: &Scale, [left, top, right, bottom]: [f64; 4]) -> String {
    let mut svg = String::from("<g stroke=\"currentColor\" stroke-opacity=\"0.13\">\n");
    let (across, up) = (ticks([0.0, 100.0]), ticks(y.data));
    for (value, _) in &across {
        let pixel = at(x.pixel(*value));
        svg += &format!("<line x1=\"{pixel}\" x2=\"{pixel}\" y1=\"{}\" y2=\"{}\"/>\n", at(top), at(bottom));
    }
    for (value, _) in &up {
        let pixel = at(y.pixel(*value));
        svg += &format!("<line x1=\"{}\" x2=\"{}\" y1=\"{pixel}\" y2=\"{pixel}\"/>\n", at(left), at(right));
    }
    svg += "</g>\n<g opacity=\"0.8\">\n";
    for (value, text) in &across {
        svg += &format!(
            "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{text}</text>\n",
            at(x.pixel(*value)),
            at(bottom + 18.0)
        );
    }
    for (value, text) in &up {
        svg += &format!(
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{text}</text>\n",
            at(left - 8.0),
            at(y.pixel(*value) + 4.0)
        );
    }
    let middle = [(left + right) / 2.0, (top + bottom) / 2.0];
    svg += &format!(
        "</g>\n<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">ASR (%), lower is better</text>\n\
         <text transform=\"translate(14 {}) rotate(-90)\" text-anchor=\"middle\">ACC (%), higher is better</text>\n",
        at(middle[0]),
        at(bottom + 38.0),
        at(middle[1])
    );
    // An arrow to the corner with the best results.
    svg += &format!(
        "<g opacity=\"0.6\"><path d=\"M{0} {1}l-16 -11m0 0l8.5 0.6m-8.5 -0.6l3.6 7.6\" fill=\"none\" \
         stroke=\"currentColor\" stroke-width=\"1.4\"/>\
         <text x=\"{2}\" y=\"{3}\" font-style=\"italic\">better</text></g>\n",
        at(left + 44.0),
        at(top + 21.0),
        at(left + 49.0),
        at(top + 26.0)
    );
    svg
}

fn whisker(x: &Scale, y: &Scale, acc: &Statistic, asr: &Statistic, color: &str) -> String {
    let mut path = String::new();
    if let Some(std) = asr.std.filter(|std| *std > 0.0) {
        let (from, to) = (x.clamped((asr.mean - std).max(0.0)), x.clamped((asr.mean + std).min(100.0)));
        path += &format!("M{} {}H{}", at(from), at(y.pixel(acc.mean)), at(to));
    }
    if let Some(std) = acc.std.filter(|std| *std > 0.0) {
        let (from, to) = (y.clamped(acc.mean - std), y.clamped(acc.mean + std));
        path += &format!("M{} {}V{}", at(x.pixel(asr.mean)), at(from), at(to));
    }
    if path.is_empty() {
        return path;
    }
    format!(
        "<path d=\"{path}\" fill=\"none\" stroke=\"{color}\" stroke-opacity=\"0.35\" stroke-width=\"1.2\"/>\n"
    )
}

fn legend(group: &Group, attacks: &[&str], clean: bool, top: f64) -> String {
    let mut svg = String::new();
    let mut line = top + 8.0;
    let heading = |text: &str, line: f64| {
        format!(
            "<text x=\"{}\" y=\"{}\" font-weight=\"600\">{text}</text>\n",
            at(LEGEND_X - 6.0),
            at(line + 4.0)
        )
    };
    svg += &heading("Defense (colour)", line);
    for (index, defense) in group.defenses.iter().enumerate() {
        line += LINE;
        svg += &marker(0, [LEGEND_X, line], 5.0, &color_of(&group.defenses, index), "");
        svg += &label(&names::defense(defense), line);
    }
    if clean {
        line += LINE;
        svg += &format!(
            "<line x1=\"{}\" x2=\"{}\" y1=\"{2}\" y2=\"{2}\" stroke=\"currentColor\" stroke-opacity=\"0.55\" \
             stroke-dasharray=\"5 4\"/>\n",
            at(LEGEND_X - 7.0),
            at(LEGEND_X + 7.0),
            at(line)
        );
        svg += &label("No attack (ACC)", line);
    }
    line += 1.5 * LINE;
    svg += &heading("Attack (shape)", line);
    let grey = Paint { color: "var(--none,#6b7280)".into(), hollow: false };
    for (index, attack) in attacks.iter().enumerate() {
        line += LINE;
        svg += &marker(index, [LEGEND_X, line], 5.0, &grey, "");
        svg += &label(&names::attack(attack), line);
    }
    svg
}

/// Long names are cut, since SVG text does not wrap; the whole name is in the tooltip.
fn label(name: &str, line: f64) -> String {
    let short: String = if name.chars().count() > 20 {
        name.chars().take(19).chain(['…']).collect()
    } else {
        name.to_string()
    };
    format!(
        "<text x=\"{}\" y=\"{}\">{}<title>{}</title></text>\n",
        at(LEGEND_X + 14.0),
        at(line + 4.0),
        xml(&short),
        xml(name)
    )
}
