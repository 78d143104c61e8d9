//! A section of the report on one analysis.

use scour_core::ResultRow;
use serde::Serialize;

use super::data_table::DataTable;
use super::input::Analysed;
use super::studied::{Studied, studied};
use super::{activeness, correlation, coverage, stability};
use crate::figures::{Chart, Panel};
use crate::group::file_name;
use crate::names;
use crate::number::ratio_percent;

/// What one analysis found in one setting.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct AnalysisSection {
    pub(crate) anchor: String,
    pub(crate) heading: String,
    /// Data set, model and ratios.
    pub(crate) setting: String,
    /// What is measured.
    pub(crate) measured: &'static str,
    /// What would refute the claim.
    pub(crate) refuted: &'static str,
    /// The explanation of the figures.
    pub(crate) figure_caption: String,
    pub(crate) panels: Vec<Panel>,
    pub(crate) tables: Vec<DataTable>,
    /// Attacks that were not implanted, and analyses without tables.
    pub(crate) notes: Vec<String>,
}

/// The figures and tables of one analysis.
pub(super) struct Findings {
    pub(super) measured: &'static str,
    pub(super) refuted: &'static str,
    pub(super) figure_caption: String,
    /// Each with the end of its file's name.
    pub(super) charts: Vec<(String, Chart)>,
    pub(super) tables: Vec<DataTable>,
}

impl Findings {
    /// Of an analysis that the report does not know.
    fn none() -> Self {
        Self { measured: "", refuted: "", figure_caption: String::new(), charts: vec![], tables: vec![] }
    }
}

/// All sections, in the order of `analyses.csv`.
pub(crate) fn analysis_sections(analysed: &[Analysed], results: &[ResultRow]) -> Vec<AnalysisSection> {
    studied(analysed, results).iter().map(section).collect()
}

fn section(studied: &Studied) -> AnalysisSection {
    let head = studied.head;
    let findings = match head.name.as_str() {
        "nwc_correlation" => correlation::findings(studied),
        "activeness" => activeness::findings(studied),
        "coverage" => coverage::findings(studied),
        "ranking_stability" => stability::findings(studied),
        _ => Findings::none(),
    };
    let anchor = file_name(&format!(
        "{}-{}-{}-p{}-c{}",
        head.analysis, head.dataset, head.model, head.poison_ratio, head.clean_ratio
    ));
    let panel = |(end, chart): &(String, Chart)| Panel {
        file: file_name(&format!("{anchor}-{end}")),
        svg: chart.svg(),
    };
    AnalysisSection {
        heading: names::analysis(&head.analysis),
        setting: format!(
            "{}, {}, poison ratio {}, clean set {} of the training set",
            names::dataset(&head.dataset),
            names::model(&head.model),
            ratio_percent(head.poison_ratio),
            ratio_percent(head.clean_ratio)
        ),
        measured: findings.measured,
        refuted: findings.refuted,
        figure_caption: findings.figure_caption,
        panels: findings.charts.iter().map(panel).collect(),
        tables: findings.tables.into_iter().filter(|table| !table.rows.is_empty()).collect(),
        notes: not_implanted(studied).into_iter().chain(studied.missing.iter().cloned()).collect(),
        anchor,
    }
}

/// A model without a backdoor can neither support a claim about backdoors nor refute it.
fn not_implanted(studied: &Studied) -> Option<String> {
    let without: Vec<String> =
        studied.attacks.iter().filter(|attack| !attack.implanted).map(|attack| attack.name.clone()).collect();
    (!without.is_empty()).then(|| {
        format!(
            "‡ Not implanted in any seed: {}. Such a model has no backdoor and says nothing about the claim.",
            crate::number::listed(&without)
        )
    })
}
