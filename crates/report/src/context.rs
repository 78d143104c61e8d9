//! The data that the templates show, which is also the content of `context.json`.

use std::path::Path;

use rayon::prelude::*;
use scour_core::{ResultRow, RowStatus, StrengthRow};
use serde::Serialize;
use serde_json::Value;

use crate::ablations::Ablation;
use crate::aggregate::Summary;
use crate::analyses::AnalysisSection;
use crate::caption::caption;
use crate::cells::Table;
use crate::cost::{CostTable, costs};
use crate::counts::{Counts, status_text};
use crate::detection::{DetectionRow, detections};
use crate::failures::{Failure, failures};
use crate::figures::{acc_asr_scatter, asr_bars, color_of, strength_curves, swatch};
use crate::gallery::{Gallery, galleries};
use crate::glossary::{Term, glossary};
use crate::group::{Group, NONE, groups};
use crate::heading::heading;
use crate::lead::lead;
use crate::mixture::mixtures;
use crate::number::plural;
use crate::overview::{DefenseOverview, overview};
use crate::provenance::{Provenance, provenance};
use crate::published::{Published, PublishedRow, published};
use crate::recorded::Recorded;
use crate::seeds::{SeedRow, seed_rows};
use crate::settings::{Setting, settings};
use crate::table::{main_table, robust_table};
use crate::verdict::{Verdict, verdict};

/// The largest number of rows that the page lists itself.
const MOST_ROWS: usize = 2000;

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Page {
    pub(crate) title: String,
    pub(crate) description: Option<String>,
    /// The number of cells with each status, as text.
    pub(crate) counts: String,
    pub(crate) started: Option<String>,
    pub(crate) groups: Vec<Section>,
    /// ACC and ASR against parameters with several values.
    pub(crate) ablations: Vec<Ablation>,
    /// What analyses of the attacked models found.
    pub(crate) analyses: Vec<AnalysisSection>,
    pub(crate) galleries: Vec<Gallery>,
    /// Parameters whose values are not the published ones.
    pub(crate) settings: Vec<Setting>,
    /// Whether defenses have fewer epochs and steps, for a small machine.
    pub(crate) quick: bool,
    pub(crate) glossary: Vec<Term>,
    pub(crate) provenance: Provenance,
    /// Whether rows and ablations are on pages of their own and tables have no copy for paper, since all of it would make the
    /// page too large.
    pub(crate) apart: bool,
    /// Whether published figures were given.
    pub(crate) compared: bool,
    /// Warnings that are shown above the numbers, one line each.
    pub(crate) warnings: Vec<String>,
}

/// One table with its explanations, figures and lists.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Section {
    pub(crate) anchor: String,
    pub(crate) heading: String,
    pub(crate) ratios: String,
    /// The explanation of the numbers: n, ratios, missing rows.
    pub(crate) caption: String,
    pub(crate) lead: String,
    /// Whether the best defense is significantly better than the others.
    pub(crate) verdict: Option<Verdict>,
    pub(crate) overview: Vec<DefenseOverview>,
    pub(crate) table: Table,
    /// The table in parts that fit a page of paper.
    pub(crate) parts: Vec<Table>,
    pub(crate) robust: Option<Table>,
    /// Warnings that the rows differ in number format, device, processor or versions.
    #[serde(skip)]
    mixtures: Vec<String>,
    /// Cells that do not count, with their reasons.
    pub(crate) notes: Vec<String>,
    /// SVG, one for each defense.
    pub(crate) swatches: Vec<String>,
    /// SVG.
    pub(crate) scatter: Option<String>,
    /// SVG.
    pub(crate) bars: Option<String>,
    /// SVG: ASR by the strength of the trigger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) strengths: Option<String>,
    pub(crate) published: Published,
    pub(crate) failures: Vec<Failure>,
    pub(crate) detections: Vec<DetectionRow>,
    pub(crate) costs: Vec<CostTable>,
    pub(crate) seeds: Vec<SeedRow>,
}

/// Builds the page. Sections and images are made in parallel; the result does not depend on the order.
pub(crate) fn page(
    folder: &Path,
    (rows, strengths): (&[ResultRow], &[StrengthRow]),
    summaries: &[Summary],
    recorded: &Recorded,
    reference: Option<&[PublishedRow]>,
    decimals: usize,
) -> Page {
    let groups = groups(summaries, rows, recorded.planned_repeats(rows));
    let mut attacks: Vec<&str> = vec![];
    for row in rows {
        if !attacks.contains(&row.attack.as_str()) {
            attacks.push(&row.attack);
        }
    }
    let (sections, (galleries, left_out)) = rayon::join(
        || {
            groups
                .par_iter()
                .map(|group| section(group, strengths, reference.unwrap_or_default(), recorded, decimals))
                .collect::<Vec<_>>()
        },
        || galleries(folder, &attacks),
    );
    let mut warnings = recorded.file.as_ref().map(|file| file.warnings.clone()).unwrap_or_default();
    for section in &sections {
        let table = format!("{}, {}", section.heading, section.ratios);
        warnings.extend(section.mixtures.iter().map(|mixture| format!("{table}: {mixture}")));
    }
    warnings.extend(left_out);
    let none = |section: &Section| section.published.same.is_empty() && section.published.other.is_empty();
    if reference.is_some() && sections.iter().all(none) {
        warnings.push(
            "no published figure has the data set, model, attack, defense and ratios of a row of these results"
                .into(),
        );
    }
    let file = recorded.file.as_ref();
    Page {
        title: title(folder, recorded),
        description: file.and_then(|file| file.description.clone()).filter(|text| !text.trim().is_empty()),
        counts: counts(rows, recorded.planned_cells()),
        started: file.and_then(|file| file.started.clone()).filter(|text| !text.is_empty()),
        groups: sections,
        ablations: vec![],
        analyses: vec![],
        galleries,
        settings: settings(recorded.departures()),
        quick: recorded.is_quick(),
        glossary: glossary(false),
        provenance: provenance(recorded),
        apart: rows.len() > MOST_ROWS,
        compared: reference.is_some(),
        warnings,
    }
}

/// The title or name of an experiment, or the name of its folder.
pub(crate) fn title(folder: &Path, recorded: &Recorded) -> String {
    let file = recorded.file.as_ref();
    let given = file.map(|file| [&file.title, &file.name]).into_iter().flatten().flatten();
    let given = given.into_iter().find(|text| !text.trim().is_empty());
    let folder = || folder.file_name().map(|name| name.to_string_lossy().into_owned());
    given.cloned().or_else(folder).unwrap_or_else(|| "Results".into())
}

fn counts(rows: &[ResultRow], planned: Option<usize>) -> String {
    let counts = Counts::of(rows);
    let mut text = match planned.filter(|planned| *planned > rows.len()) {
        Some(planned) => format!("{} of {} in the results", rows.len(), plural(planned, "planned cell")),
        None => plural(rows.len(), "cell"),
    };
    text += &format!(": {} ok", counts.get(RowStatus::Ok));
    for status in RowStatus::ALL.into_iter().filter(|status| *status != RowStatus::Ok) {
        if counts.get(status) > 0 {
            text += &format!(", {} {}", counts.get(status), status_text(status));
        }
    }
    text
}

fn section(
    group: &Group,
    strengths: &[StrengthRow],
    reference: &[PublishedRow],
    recorded: &Recorded,
    decimals: usize,
) -> Section {
    let table = main_table(group, decimals);
    let overview = overview(group, decimals);
    let undefended = group.defenses.iter().position(|defense| *defense == NONE);
    let failures = failures(group);
    let heading = heading(group, recorded);
    let mixtures = mixtures(group);
    Section {
        anchor: group.anchor(),
        ratios: group.ratios(),
        caption: caption(group, &heading, &table, &mixtures, &recorded.validity(), recorded.is_quick()),
        heading,
        mixtures,
        lead: lead(group, &overview, decimals),
        notes: failures
            .iter()
            .map(|f| format!("{}, {}, {}: {} ({})", f.attack, f.defense, f.seeds, f.status, f.reason))
            .collect(),
        verdict: verdict(group, &overview, decimals),
        overview,
        parts: table.split(undefended),
        robust: robust_table(group, decimals),
        swatches: (0..group.defenses.len()).map(|at| swatch(&color_of(&group.defenses, at))).collect(),
        scatter: acc_asr_scatter(group, decimals),
        bars: asr_bars(group, decimals),
        strengths: strength_curves(group, strengths, decimals),
        published: published(group, reference, recorded, decimals),
        failures,
        detections: detections(group, decimals),
        costs: costs(group),
        seeds: seed_rows(group, decimals),
        table,
    }
}

/// The page without images and figures, which would make the file large.
pub(crate) fn slim(mut value: Value) -> Value {
    match &mut value {
        Value::String(text) if text.starts_with("data:") || text.starts_with("<svg") => {
            *text = if text.starts_with("data:") { "(image)" } else { "(figure)" }.into();
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = slim(item.take())),
        Value::Object(map) => map.values_mut().for_each(|item| *item = slim(item.take())),
        _ => {}
    }
    value
}
