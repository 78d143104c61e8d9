//! Figures as inline SVG, drawn by hand so that the same numbers give the same bytes.

mod axis;
mod bars;
mod chart;
mod chart_axis;
mod marker;
mod palette;
mod panel;
mod scatter;
mod standalone;
mod strengths;

pub(crate) use bars::asr_bars;
pub(crate) use chart::{Chart, Cloud, Dash, Line, LinePoint};
pub(crate) use chart_axis::{ChartAxis, from_percentages, from_zero, shown};
pub(crate) use palette::{GREY, color_of, line_style, swatch};
pub(crate) use panel::Panel;
pub(crate) use scatter::acc_asr_scatter;
pub(crate) use standalone::standalone;
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
