//! The figures of a report as files.

use crate::context::Page;
use crate::figures::standalone;

/// Names and SVG texts, in the order of the page.
pub(crate) fn figure_files(page: &Page) -> Vec<(String, String)> {
    let mut files = vec![];
    for group in &page.groups {
        let figures =
            [("acc-asr", &group.scatter), ("asr", &group.bars), ("trigger-strengths", &group.strengths)];
        for (name, svg) in figures {
            files.extend(svg.as_ref().map(|svg| (format!("{}-{name}.svg", group.anchor), standalone(svg))));
        }
    }
    let of_ablations = page.ablations.iter().flat_map(|ablation| &ablation.panels);
    let of_analyses = page.analyses.iter().flat_map(|analysis| &analysis.panels);
    for panel in of_ablations.chain(of_analyses) {
        files.push((format!("{}.svg", panel.file), standalone(&panel.svg)));
    }
    files
}
