//! ASR of each attack, a bar for each defense.

use scour_core::RowStatus;

use super::axis::{Scale, upward_axis};
use super::palette::color_of;
use super::{at, opening};
use crate::counts::status_text;
use crate::escape::xml;
use crate::group::Group;
use crate::names;

const WIDTH: f64 = 900.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 890.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 240.0;
/// Narrower bars than this cannot be distinguished.
const NARROWEST: f64 = 5.0;

/// The figure as SVG text; `None` without bars, or with too many to distinguish. Colours and their order are those of
/// the tables and of the scatter plot.
pub(crate) fn asr_bars(group: &Group, decimals: usize) -> Option<String> {
    let attacks = group.counted_attacks();
    let room = (RIGHT - LEFT) / attacks.len().max(1) as f64;
    let width = (0.82 * room / group.defenses.len() as f64).min(26.0);
    let any = attacks
        .iter()
        .any(|attack| group.defenses.iter().any(|d| group.ok(attack, d).is_some_and(|s| s.asr.is_some())));
    if !any || width < NARROWEST {
        return None;
    }
    let y = Scale { data: [0.0, 100.0], pixels: [BOTTOM, TOP] };
    let slanted = room < 74.0;
    let height = BOTTOM + if slanted { 72.0 } else { 30.0 };
    let mut svg = opening([WIDTH, height], "ASR of each attack, one bar for each defense");
    svg += &upward_axis(&y, [LEFT, RIGHT], "ASR (%)");
    for (index, attack) in attacks.iter().enumerate() {
        let middle = LEFT + (index as f64 + 0.5) * room;
        let first = middle - 0.5 * width * group.defenses.len() as f64;
        for (slot, defense) in group.defenses.iter().enumerate() {
            let left = first + width * slot as f64;
            svg += &bar(group, attack, slot, defense, [left, width], &y, decimals);
        }
        svg += &attack_label(attack, middle, slanted);
    }
    svg += "</svg>";
    Some(svg)
}

fn bar(
    group: &Group,
    attack: &str,
    slot: usize,
    defense: &str,
    [left, width]: [f64; 2],
    y: &Scale,
    decimals: usize,
) -> String {
    let center = left + 0.5 * width;
    let name = format!("{}, {}", names::attack(attack), names::defense(defense));
    let Some(asr) = group.ok(attack, defense).and_then(|figures| figures.asr) else {
        // A gap would look like an ASR of 0.
        let status = group.get(attack, defense).and_then(|summary| summary.counts.shown_status());
        return format!(
            "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\" font-size=\"11\" opacity=\"0.7\">×<title>{}: {}\
             </title></text>\n",
            at(center),
            at(BOTTOM - 3.0),
            xml(&name),
            status.filter(|status| *status != RowStatus::Ok).map_or("no number", status_text)
        );
    };
    let paint = color_of(&group.defenses, slot);
    let top = y.pixel(asr.mean).min(BOTTOM - 1.0);
    let (opacity, inset) = if paint.hollow { ("0.15", 0.9) } else { ("1", 0.4) };
    let mut svg = format!(
        "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{color}\" fill-opacity=\"{opacity}\" \
         stroke=\"{color}\" stroke-width=\"{}\"><title>{}: ASR {}</title></rect>\n",
        at(left + inset),
        at(top),
        at(width - 2.0 * inset),
        at(BOTTOM - top),
        if paint.hollow { "1.4" } else { "0" },
        xml(&name),
        asr.text(decimals, group.planned),
        color = paint.color
    );
    if let Some(std) = asr.std.filter(|std| *std > 0.0) {
        svg += &format!(
            "<path d=\"M{} {}V{}\" stroke=\"currentColor\" stroke-opacity=\"0.6\" fill=\"none\"/>\n",
            at(center),
            at(y.clamped(asr.mean - std)),
            at(y.clamped(asr.mean + std))
        );
    }
    svg
}

fn attack_label(attack: &str, middle: f64, slanted: bool) -> String {
    let name = xml(&names::attack(attack));
    if slanted {
        format!(
            "<text transform=\"translate({} {}) rotate(-35)\" text-anchor=\"end\">{name}</text>\n",
            at(middle + 4.0),
            at(BOTTOM + 16.0)
        )
    } else {
        format!(
            "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{name}</text>\n",
            at(middle),
            at(BOTTOM + 20.0)
        )
    }
}
