//! A small chart: axes, lines with bands, clouds of points, and a legend within the figure, so that it can stand alone.

use super::at;
use super::chart_axis::{AxisScale, ChartAxis};
use crate::escape::xml;

const WIDTH: f64 = 440.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 428.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 250.0;
/// About the width of a letter.
const LETTER: f64 = 6.4;
const LINE: f64 = 18.0;
/// Bands of more lines than these are fainter, since they overlap.
const FEW_LINES: usize = 4;
/// Lines with more points have no markers.
const MOST_MARKERS: usize = 16;

/// One figure of a row of small ones.
#[derive(Clone, Debug)]
pub(crate) struct Chart {
    /// Above the plot.
    pub(crate) title: String,
    /// For people who do not see the figure.
    pub(crate) description: String,
    pub(crate) x: ChartAxis,
    pub(crate) y: ChartAxis,
    pub(crate) clouds: Vec<Cloud>,
    pub(crate) lines: Vec<Line>,
}

/// Points without an order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cloud {
    pub(crate) name: String,
    pub(crate) color: String,
    pub(crate) points: Vec<[f64; 2]>,
}

/// Points in the order of x.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) color: String,
    /// How the line is interrupted.
    pub(crate) dash: Dash,
    pub(crate) points: Vec<LinePoint>,
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dash {
    Solid,
    /// A control.
    Dashed,
    /// What chance gives.
    Dotted,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LinePoint {
    pub(crate) x: f64,
    pub(crate) y: f64,
    /// The ends of the band at this point.
    pub(crate) band: Option<[f64; 2]>,
    /// For a tooltip; no marker if empty.
    pub(crate) title: String,
}

impl Chart {
    /// The figure as SVG text.
    pub(crate) fn svg(&self) -> String {
        let legend = self.legend();
        let height = BOTTOM + 44.0 + LINE * legend.len() as f64;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" role=\"img\" class=\"panel\" \
             font-family=\"system-ui,sans-serif\" font-size=\"12\" fill=\"currentColor\">\n<title>{}</title>\n",
            at(WIDTH),
            at(height),
            xml(&self.description)
        );
        let (x, y) = (self.x.scale([LEFT, RIGHT]), self.y.scale([BOTTOM, TOP]));
        svg += &self.frame(&x, &y);
        for cloud in &self.clouds {
            svg += &cloud_svg(cloud, &x, &y);
        }
        let opacity = if self.lines.len() > FEW_LINES { "0.08" } else { "0.16" };
        for line in &self.lines {
            svg += &band_svg(line, &x, &y, opacity);
        }
        for line in &self.lines {
            svg += &line_svg(line, &x, &y);
        }
        for (row, items) in legend.iter().enumerate() {
            for (left, item) in items {
                svg += &legend_svg(item, *left, BOTTOM + 56.0 + LINE * row as f64);
            }
        }
        svg += "</svg>";
        svg
    }

    fn frame(&self, x: &AxisScale, y: &AxisScale) -> String {
        let mut svg = format!(
            "<text x=\"{}\" y=\"18\" font-weight=\"600\">{}</text>\n<g stroke=\"currentColor\" stroke-opacity=\"0.14\">",
            at(LEFT),
            xml(&self.title)
        );
        let across = self.x.placed(x, |text| LETTER * text.len() as f64 + 8.0);
        let up = self.y.placed(y, |_| 14.0);
        for (pixel, _) in &across {
            svg += &format!("<path d=\"M{} {}V{}\"/>", at(*pixel), at(TOP), at(BOTTOM));
        }
        for (pixel, _) in &up {
            svg += &format!("<path d=\"M{} {}H{}\"/>", at(LEFT), at(*pixel), at(RIGHT));
        }
        svg += "</g>\n<g opacity=\"0.85\">";
        for (pixel, text) in across.iter().filter(|(_, text)| !text.is_empty()) {
            svg += &format!(
                "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{text}</text>",
                at(*pixel),
                at(BOTTOM + 17.0)
            );
        }
        for (pixel, text) in up.iter().filter(|(_, text)| !text.is_empty()) {
            svg += &format!(
                "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{text}</text>",
                at(LEFT - 7.0),
                at(*pixel + 4.0)
            );
        }
        svg += &format!(
            "</g>\n<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n\
             <text transform=\"translate(13 {}) rotate(-90)\" text-anchor=\"middle\">{}</text>\n",
            at((LEFT + RIGHT) / 2.0),
            at(BOTTOM + 36.0),
            xml(&self.x.label),
            at((TOP + BOTTOM) / 2.0),
            xml(&self.y.label)
        );
        svg
    }

    /// The entries of the legend by row, each with its left end.
    fn legend(&self) -> Vec<Vec<(f64, Item<'_>)>> {
        let clouds =
            self.clouds.iter().map(|cloud| Item { name: &cloud.name, color: &cloud.color, dash: None });
        let lines = self.lines.iter().map(|line| Item {
            name: &line.name,
            color: &line.color,
            dash: Some(line.dash),
        });
        let mut rows: Vec<Vec<(f64, Item)>> = vec![];
        let mut left = f64::MAX;
        for item in clouds.chain(lines).filter(|item| !item.name.is_empty()) {
            let width = 30.0 + LETTER * item.name.chars().count() as f64;
            if left + width > RIGHT {
                rows.push(vec![]);
                left = LEFT;
            }
            if let Some(row) = rows.last_mut() {
                row.push((left, item));
            }
            left += width + 10.0;
        }
        rows
    }
}

/// An entry of the legend; without a dash it is a cloud.
struct Item<'a> {
    name: &'a str,
    color: &'a str,
    dash: Option<Dash>,
}

fn legend_svg(item: &Item, left: f64, height: f64) -> String {
    let mark = match item.dash {
        None => format!(
            "<circle cx=\"{}\" cy=\"{}\" r=\"3.5\" fill=\"{}\"/>",
            at(left + 10.0),
            at(height),
            item.color
        ),
        Some(dash) => format!(
            "<path d=\"M{} {}h20\" stroke=\"{}\" stroke-width=\"2\"{}/>",
            at(left),
            at(height),
            item.color,
            dashes(dash)
        ),
    };
    format!("{mark}<text x=\"{}\" y=\"{}\">{}</text>\n", at(left + 25.0), at(height + 4.0), xml(item.name))
}

fn dashes(dash: Dash) -> &'static str {
    match dash {
        Dash::Solid => "",
        Dash::Dashed => " stroke-dasharray=\"6 4\"",
        Dash::Dotted => " stroke-dasharray=\"1.5 4\" stroke-linecap=\"round\"",
    }
}

/// One path for all points, which keeps the figure small: each is a line of no length with round ends.
fn cloud_svg(cloud: &Cloud, x: &AxisScale, y: &AxisScale) -> String {
    let path: String =
        cloud.points.iter().map(|[px, py]| format!("M{} {}h0", at(x.pixel(*px)), at(y.pixel(*py)))).collect();
    format!(
        "<path d=\"{path}\" stroke=\"{}\" stroke-width=\"5\" stroke-linecap=\"round\" stroke-opacity=\"0.55\" \
         fill=\"none\"/>\n",
        cloud.color
    )
}

fn band_svg(line: &Line, x: &AxisScale, y: &AxisScale, opacity: &str) -> String {
    let ends: Vec<(f64, [f64; 2])> =
        line.points.iter().filter_map(|point| Some((x.pixel(point.x), point.band?))).collect();
    if ends.len() < 2 {
        return String::new();
    }
    let upper = ends.iter().map(|(pixel, [_, high])| format!("{} {}", at(*pixel), at(y.pixel(*high))));
    let lower = ends.iter().rev().map(|(pixel, [low, _])| format!("{} {}", at(*pixel), at(y.pixel(*low))));
    format!(
        "<path d=\"M{}Z\" fill=\"{}\" fill-opacity=\"{opacity}\"/>\n",
        upper.chain(lower).collect::<Vec<_>>().join("L"),
        line.color
    )
}

fn line_svg(line: &Line, x: &AxisScale, y: &AxisScale) -> String {
    let path: Vec<String> = line
        .points
        .iter()
        .map(|point| format!("{} {}", at(x.pixel(point.x)), at(y.pixel(point.y))))
        .collect();
    let mut svg = String::new();
    if path.len() > 1 {
        svg += &format!(
            "<path d=\"M{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"{}/>\n",
            path.join("L"),
            line.color,
            dashes(line.dash)
        );
    }
    if line.points.len() <= MOST_MARKERS {
        for point in line.points.iter().filter(|point| !point.title.is_empty()) {
            svg += &format!(
                "<circle cx=\"{}\" cy=\"{}\" r=\"3\" fill=\"{}\"><title>{}</title></circle>",
                at(x.pixel(point.x)),
                at(y.pixel(point.y)),
                line.color,
                xml(&point.title)
            );
        }
        svg += "\n";
    }
    svg
}

#[cfg(test)]
#[path = "chart_tests.rs"]
mod tests;
