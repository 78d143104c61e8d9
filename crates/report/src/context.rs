//! Everything that the templates show, as plain data: `context.json` is this.

use std::path::Path;

use rayon::prelude::*;
use scour_core::ResultRow;
use serde::Serialize;
use serde_json::Value;

use crate::aggregate::Summary;
use crate::cost::{Cost, costs};
use crate::detection::{Detected, detected};
use crate::failures::{Failure, failures};
use crate::figures::{acc_asr_scatter, asr_bars, color_of, swatch};
use crate::gallery::{Gallery, galleries};
use crate::glance::{Glance, glances, lead};
use crate::glossary::{GLOSSARY, Term};
use crate::group::{Group, NONE, groups, is_oracle};
use crate::input::ExperimentFile;
use crate::number::plural;
use crate::published::{Published, PublishedRow, published};
use crate::seeds::{SeedRow, seed_rows};
use crate::settings::{Setting, settings};
use crate::table::{Table, main_table, robust_table};

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Page {
    pub(crate) title: String,
    pub(crate) description: Option<String>,
    /// How many cells ended how, in words.
    pub(crate) counts: String,
    pub(crate) started: Option<String>,
    pub(crate) groups: Vec<Section>,
    pub(crate) galleries: Vec<Gallery>,
    /// What is set otherwise than published.
    pub(crate) settings: Vec<Setting>,
    /// Whether defenses were shortened for a small machine.
    pub(crate) quick: bool,
    pub(crate) glossary: &'static [Term],
    pub(crate) provenance: Provenance,
    /// Whether published figures were asked for.
    pub(crate) compared: bool,
    pub(crate) warnings: Vec<String>,
}

/// One table with all that explains it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Section {
    pub(crate) anchor: String,
    pub(crate) heading: String,
    pub(crate) ratios: String,
    /// How to read the numbers: n, ratios, what is missing.
    pub(crate) caption: String,
    pub(crate) lead: String,
    pub(crate) glances: Vec<Glance>,
    pub(crate) table: Table,
    /// The table in parts that fit a page of paper.
    pub(crate) parts: Vec<Table>,
    pub(crate) robust: Option<Table>,
    pub(crate) notes: Vec<String>,
    /// SVG, one for each defense.
    pub(crate) swatches: Vec<String>,
    /// SVG.
    pub(crate) scatter: Option<String>,
    /// SVG.
    pub(crate) bars: Option<String>,
    pub(crate) published: Vec<Published>,
    pub(crate) failures: Vec<Failure>,
    pub(crate) detections: Vec<Detected>,
    pub(crate) costs: Vec<Cost>,
    pub(crate) seeds: Vec<SeedRow>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Provenance {
    pub(crate) command: Option<String>,
    /// Names and values; lists as JSON text.
    pub(crate) facts: Vec<Fact>,
    /// The effective experiment as JSON text.
    pub(crate) experiment: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Fact {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// Builds the page. Sections and pictures are made in parallel, which no order depends on.
pub(crate) fn page(
    folder: &Path,
    rows: &[ResultRow],
    summaries: &[Summary],
    experiment: &ExperimentFile,
    reference: Option<&[PublishedRow]>,
    decimals: usize,
) -> Page {
    let groups = groups(summaries, rows);
    let mut attacks: Vec<&str> = vec![];
    for row in rows {
        if !attacks.contains(&row.attack.as_str()) {
            attacks.push(&row.attack);
        }
    }
    let (sections, (galleries, mut warnings)) = rayon::join(
        || {
            groups
                .par_iter()
                .map(|group| section(group, reference.unwrap_or_default(), experiment.is_quick(), decimals))
                .collect::<Vec<_>>()
        },
        || galleries(folder, &attacks),
    );
    if reference.is_some() && sections.iter().all(|section| section.published.is_empty()) {
        warnings.push(
            "none of the published figures is about a data set, model, attack, defense and ratios of these results"
                .into(),
        );
    }
    Page {
        title: title(folder, experiment),
        description: experiment.description.clone().filter(|text| !text.trim().is_empty()),
        counts: counts(rows, experiment.planned()),
        started: as_text(&experiment.started),
        groups: sections,
        galleries,
        settings: settings(&experiment.departures),
        quick: experiment.is_quick(),
        glossary: &GLOSSARY,
        provenance: provenance(experiment),
        compared: reference.is_some(),
        warnings,
    }
}

fn title(folder: &Path, experiment: &ExperimentFile) -> String {
    let given =
        [&experiment.title, &experiment.name].into_iter().flatten().find(|text| !text.trim().is_empty());
    let folder = || folder.file_name().map(|name| name.to_string_lossy().into_owned());
    given.cloned().or_else(folder).unwrap_or_else(|| "Results".into())
}

fn counts(rows: &[ResultRow], planned: Option<usize>) -> String {
    let count = |status: &str| rows.iter().filter(|row| row.status == status).count();
    let mut text = match planned.filter(|planned| *planned > rows.len()) {
        Some(planned) => format!("{} of {} in the results", rows.len(), plural(planned, "planned cell")),
        None => plural(rows.len(), "cell"),
    };
    text += &format!(": {} ok", count("ok"));
    for status in ["failed", "n/a"] {
        if count(status) > 0 {
            text += &format!(", {} {status}", count(status));
        }
    }
    text
}

fn section(group: &Group, reference: &[PublishedRow], quick: bool, decimals: usize) -> Section {
    let table = main_table(group, decimals);
    let glances = glances(group, decimals);
    let undefended = group.defenses.iter().position(|defense| *defense == NONE);
    let failures = failures(group);
    Section {
        anchor: group.anchor(),
        heading: group.heading(),
        ratios: group.ratios(),
        caption: caption(group, &table, quick),
        lead: lead(group, &glances, decimals),
        notes: failures
            .iter()
            .map(|f| format!("{}, {}, {}: {} ({})", f.attack, f.defense, f.seeds, f.status, f.reason))
            .collect(),
        glances,
        parts: table.split(undefended),
        robust: robust_table(group, decimals),
        swatches: (0..group.defenses.len()).map(|at| swatch(&color_of(&group.defenses, at))).collect(),
        scatter: acc_asr_scatter(group, decimals),
        bars: asr_bars(group, decimals),
        published: published(group, reference, decimals),
        failures,
        detections: detected(group, decimals),
        costs: costs(group),
        seeds: seed_rows(group, decimals),
        table,
    }
}

/// What a reader of the table alone has to know.
fn caption(group: &Group, table: &Table, quick: bool) -> String {
    let mut text = format!("{}, {}. ACC, ASR and DER in %", group.heading(), group.ratios());
    let (fewest, most) = group.repeat_range();
    let n = if fewest == most { most.to_string() } else { format!("{fewest} to {most}") };
    text += &match table.any(|cell| cell.std.is_some()) {
        true => format!(", mean ± standard deviation over n = {n} seeds."),
        false if most > 1 => format!(", mean over n = {n} seeds."),
        false => ", n = 1 seed.".to_string(),
    };
    if table.any(|cell| cell.mark == "best") {
        text += " Bold: the best defense of a row";
        text += if table.any(|cell| cell.mark == "second") { "; underlined: the second best." } else { "." };
    }
    let count = |status: &str| group.rows.iter().filter(|row| row.status == status).count();
    let (failed, declared) = (count("failed"), count("n/a"));
    if failed + declared > 0 {
        text += &format!(
            " Of {}, {failed} failed and {declared} did not apply; they are left out of all means.",
            plural(group.rows.len(), "cell")
        );
    }
    if table.any(|cell| cell.part.is_some()) {
        text += " A superscript k/n marks numbers from k of n seeds.";
    }
    if table.any(|cell| cell.dagger) {
        text += " † The average leaves out attacks for which this defense has no number, and is not ranked.";
    }
    if group.defenses.iter().any(|defense| is_oracle(defense)) {
        text += " Oracle: chosen by test pictures, which no defender has; not ranked.";
    }
    if quick {
        text += " Quick profile: defenses run fewer epochs and steps than published.";
    }
    text
}

fn provenance(experiment: &ExperimentFile) -> Provenance {
    let mut facts = vec![];
    flatten("", &experiment.provenance, &mut facts);
    let experiment_text = match &experiment.experiment {
        Value::Null => None,
        value => serde_json::to_string_pretty(value).ok(),
    };
    let command = match &experiment.command {
        Value::Array(words) => Some(words.iter().filter_map(as_text).collect::<Vec<_>>().join(" "))
            .filter(|text| !text.is_empty()),
        other => as_text(other),
    };
    Provenance { command, facts, experiment: experiment_text }
}

/// Nested names are joined, so that a list of facts is all that the page has to lay out.
fn flatten(prefix: &str, value: &Value, facts: &mut Vec<Fact>) {
    if let Value::Object(map) = value {
        for (name, value) in map {
            flatten(format!("{prefix} {}", name.replace('_', " ")).trim_start(), value, facts);
        }
    } else if let Some(value) = as_text(value) {
        facts.push(Fact { name: if prefix.is_empty() { "provenance".into() } else { prefix.into() }, value });
    }
}

/// Text as it is, nothing for null, JSON for the rest.
fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        other => Some(other.to_string()),
    }
}

/// The page without pictures and figures, which no one debugs as text.
pub(crate) fn slim(mut value: Value) -> Value {
    match &mut value {
        Value::String(text) if text.starts_with("data:") || text.starts_with("<svg") => {
            *text = if text.starts_with("data:") { "(picture)" } else { "(figure)" }.into();
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = slim(item.take())),
        Value::Object(map) => map.values_mut().for_each(|item| *item = slim(item.take())),
        _ => {}
    }
    value
}
