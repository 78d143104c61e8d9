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

/// Coordinates with one decimal: more are not visible and make the file larger.
fn at(value: f64) -> String {
    crate::number::fixed(value, 1)
}

/// The first lines of a figure of that width and height.
fn opening([width, height]: [f64; 2], title: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" role=\"img\" class=\"figure\" \
         font-family=\"system-ui,sans-serif\" font-size=\"12\" fill=\"currentColor\">\n\
         <title>{title}</title>\n",
        at(width),
        at(height)
    )
}
