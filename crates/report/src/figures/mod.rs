//! Figures as inline SVG, drawn by hand so that the same numbers give the same bytes.

mod axis;
mod bars;
mod marker;
mod palette;
mod scatter;
mod strengths;

pub(crate) use bars::asr_bars;
pub(crate) use palette::{color_of, swatch};
pub(crate) use scatter::acc_asr_scatter;
pub(crate) use strengths::strength_curves;

/// Coordinates with one decimal: finer ones cannot be seen, and the file stays readable.
fn at(value: f64) -> String {
    crate::number::fixed(value, 1)
}
