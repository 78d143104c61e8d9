//! Renders templates. They are part of the binary, so that a report needs no file but the results.

use std::sync::LazyLock;

use rayon::prelude::*;
use serde::Serialize;
use tera::{Context, Delimiters, EscapeFn, Tera};

use crate::ReportError;
use crate::ablations::Ablation;
use crate::cell_pages::CellPage;
use crate::compare::ComparePage;
use crate::context::{Page, Section};
use crate::escape;
use crate::seeds::SeedRow;

macro_rules! templates {
    ($($name:literal),* $(,)?) => { [$(($name, include_str!(concat!("../templates/", $name)))),*] };
}

fn fault(error: impl std::fmt::Display) -> ReportError {
    ReportError::Template(error.to_string().replace('\n', " "))
}

fn rendered(tera: &Tera, name: &str, page: &impl Serialize) -> Result<String, ReportError> {
    tera.render(name, &Context::from_serialize(page).map_err(fault)?).map_err(fault)
}

/// The HTML templates, parsed once. Every page extends `base.html`, which has its head, its theme and its scripts.
static HTML: LazyLock<Result<Tera, String>> = LazyLock::new(|| {
    let mut tera = Tera::new();
    let added = tera.add_raw_templates(templates![
        "base.html",
        "theme.js",
        "sort.js",
        "style.css",
        "index.html",
        "overview.html",
        "verdict.html",
        "table.html",
        "figures.html",
        "published.html",
        "failures.html",
        "detections.html",
        "costs.html",
        "seeds.html",
        "seeds_page.html",
        "gallery.html",
        "ablations.html",
        "ablations_page.html",
        "analyses.html",
        "settings.html",
        "glossary.html",
        "provenance.html",
        "cell.html",
        "compare.html",
    ]);
    added.map(|()| tera).map_err(|error| error.to_string())
});

fn html_page(name: &str, page: &impl Serialize) -> Result<String, ReportError> {
    rendered(HTML.as_ref().map_err(fault)?, name, page)
}

/// `index.html`, `tables.md` and `tables.tex`.
pub(crate) fn documents(page: &Page) -> Result<[String; 3], ReportError> {
    let (html, (md, tex)) = rayon::join(|| html(page), || rayon::join(|| markdown(page), || latex(page)));
    Ok([html?, md?, tex?])
}

pub(crate) fn html(page: &Page) -> Result<String, ReportError> {
    html_page("index.html", page)
}

/// The page of a cell. It links the files of [`CELL_ASSETS`], which all pages of cells share.
pub(crate) fn cell_document(page: &CellPage) -> Result<String, ReportError> {
    html_page("cell.html", page)
}

/// The files that the pages of cells link, by name and content.
pub(crate) const CELL_ASSETS: [(&str, &str); 2] = [
    ("style.css", include_str!("../templates/style.css")),
    ("theme.js", include_str!("../templates/theme.js")),
];

/// The rows of a table on a page of their own.
#[derive(Serialize)]
struct SeedsPage<'a> {
    group: SeedsOf<'a>,
}

/// The part of a [`Section`] that this page shows.
#[derive(Serialize)]
struct SeedsOf<'a> {
    anchor: &'a str,
    heading: &'a str,
    ratios: &'a str,
    seeds: &'a [SeedRow],
}

/// Ablations on a page of their own.
#[derive(Serialize)]
struct AblationsPage<'a> {
    title: &'a str,
    ablations: &'a [Ablation],
}

/// The pages that are apart from the report, if it is too large: with the rows of each table, and with ablations.
pub(crate) fn apart_documents(page: &Page) -> Result<Vec<(String, String)>, ReportError> {
    if !page.apart {
        return Ok(vec![]);
    }
    let document = |section: &Section| {
        let Section { anchor, heading, ratios, seeds, .. } = section;
        let text =
            html_page("seeds_page.html", &SeedsPage { group: SeedsOf { anchor, heading, ratios, seeds } })?;
        Ok((format!("{anchor}.html"), text))
    };
    let mut files: Vec<_> = page.groups.par_iter().map(document).collect::<Result<_, ReportError>>()?;
    if !page.ablations.is_empty() {
        let ablations = AblationsPage { title: &page.title, ablations: &page.ablations };
        files.push(("ablations.html".into(), html_page("ablations_page.html", &ablations)?));
    }
    Ok(files)
}

pub(crate) fn markdown(page: &Page) -> Result<String, ReportError> {
    let mut tera = escaping(".md", escape::markdown);
    tera.add_raw_templates(templates!["tables.md", "table.md", "verdict.md", "analyses.md"])
        .map_err(fault)?;
    rendered(&tera, "tables.md", page)
}

pub(crate) fn latex(page: &Page) -> Result<String, ReportError> {
    let mut tera = escaping(".tex", escape::latex);
    // LaTeX uses many braces, which would conflict with the usual delimiters.
    tera.set_delimiters(Delimiters {
        block_start: "<%".into(),
        block_end: "%>".into(),
        variable_start: "<<".into(),
        variable_end: ">>".into(),
        comment_start: "<#".into(),
        comment_end: "#>".into(),
    })
    .map_err(fault)?;
    tera.add_raw_templates(templates!["tables.tex", "table.tex", "verdict.tex", "analyses.tex"])
        .map_err(fault)?;
    rendered(&tera, "tables.tex", page)
}

/// `compare.html` and `compare.md`.
pub(crate) fn comparison(page: &ComparePage) -> Result<[String; 2], ReportError> {
    let mut markdown = escaping(".md", escape::markdown);
    markdown.add_raw_templates(templates!["compare.md"]).map_err(fault)?;
    Ok([html_page("compare.html", page)?, rendered(&markdown, "compare.md", page)?])
}

fn escaping(suffix: &'static str, escape: EscapeFn) -> Tera {
    let mut tera = Tera::new();
    tera.autoescape_on([suffix]);
    tera.set_escape_fn(escape);
    tera
}
