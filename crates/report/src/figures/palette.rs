//! Colours of defenses. The page sets the custom properties for light and dark; the fallbacks are for an SVG outside of
//! it.

use super::Dash;
use crate::group::NONE;

/// Colours that colour-blind readers can distinguish, after Okabe and Ito, without the yellow that is invisible on
/// white.
const COLORS: [&str; 8] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#6a51a3", "#8c6d31"];

/// The grey of controls and of "no defense".
pub(crate) const GREY: &str = "var(--none,#6b7280)";

/// The colour of line number `index` of a chart; the ninth and later ones are dashed.
pub(crate) fn line_style(index: usize) -> (String, Dash) {
    let slot = index % COLORS.len();
    let dash = if index < COLORS.len() { Dash::Solid } else { Dash::Dashed };
    (format!("var(--c{},{})", slot + 1, COLORS[slot]), dash)
}

/// How a defense is drawn.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Paint {
    pub(crate) color: String,
    /// From the ninth defense on, the colours are used again, without a fill.
    pub(crate) hollow: bool,
}

/// The paint of defense number `index` of a table; "no defense" is grey and takes no colour from the list.
pub(crate) fn color_of(defenses: &[&str], index: usize) -> Paint {
    if defenses.get(index) == Some(&NONE) {
        return Paint { color: GREY.into(), hollow: false };
    }
    let real = defenses[..index].iter().filter(|defense| **defense != NONE).count();
    let slot = real % COLORS.len();
    Paint { color: format!("var(--c{},{})", slot + 1, COLORS[slot]), hollow: (real / COLORS.len()) % 2 == 1 }
}

/// A small square in the paint of a defense, for tables.
pub(crate) fn swatch(paint: &Paint) -> String {
    let fill = if paint.hollow { "none" } else { &paint.color };
    format!(
        "<svg class=\"swatch\" width=\"10\" height=\"10\" viewBox=\"0 0 10 10\" aria-hidden=\"true\">\
         <rect x=\"1\" y=\"1\" width=\"8\" height=\"8\" rx=\"1.5\" fill=\"{fill}\" stroke=\"{}\" stroke-width=\"1.6\"/>\
         </svg>",
        paint.color
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_defense_of_a_wide_table_is_drawn_in_its_own_way() {
        let defenses = ["none", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
        let paints: Vec<Paint> = (0..defenses.len()).map(|at| color_of(&defenses, at)).collect();
        for (at, paint) in paints.iter().enumerate() {
            assert!(!paints[..at].contains(paint), "{at}");
        }
        assert!(!paints[8].hollow && paints[9].hollow);
        // If "no defense" is last, the first real defense still has the first colour.
        assert_eq!(color_of(&["a", "none"], 0), paints[1]);
    }
}
