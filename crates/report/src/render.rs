//! Renders templates. They are part of the binary, so that a report needs no file but the results.

use rayon::prelude::*;
use serde::Serialize;
use tera::{Context, Delimiters, EscapeFn, Tera};

use crate::ReportError;
use crate::cell_pages::CellPage;
use crate::compare::ComparePage;
use crate::context::{Page, Section};
use crate::escape;

macro_rules! templates {
    ($($name:literal),* $(,)?) => { [$(($name, include_str!(concat!("../templates/", $name)))),*] };
}

fn fault(error: impl std::fmt::Display) -> ReportError {
    ReportError::Template(error.to_string().replace('\n', " "))
}

fn rendered(tera: &Tera, name: &str, page: &impl Serialize) -> Result<String, ReportError> {
    tera.render(name, &Context::from_serialize(page).map_err(fault)?).map_err(fault)
}

/// `index.html`, `tables.md` and `tables.tex`.
pub(crate) fn documents(page: &Page) -> Result<[String; 3], ReportError> {
    let (html, (md, tex)) = rayon::join(|| html(page), || rayon::join(|| markdown(page), || latex(page)));
    Ok([html?, md?, tex?])
}

pub(crate) fn html(page: &Page) -> Result<String, ReportError> {
    let mut tera = Tera::new();
    tera.add_raw_templates(templates![
        "index.html",
        "style.html",
        "theme.html",
        "theme_button.html",
        "script.html",
        "overview.html",
        "verdict.html",
        "table.html",
        "figures.html",
        "published.html",
        "failures.html",
        "detections.html",
        "costs.html",
        "seeds.html",
        "gallery.html",
        "ablations.html",
        "analyses.html",
        "settings.html",
        "glossary.html",
        "provenance.html",
    ])
    .map_err(fault)?;
    rendered(&tera, "index.html", page)
}

/// The style sheet that the pages of cells share.
const STYLE: &str = include_str!("../templates/style.html");

/// The pages of cells by name, and their style sheet.
pub(crate) fn cell_documents(pages: &[CellPage]) -> Result<Vec<(String, String)>, ReportError> {
    let mut tera = Tera::new();
    tera.add_raw_templates(templates!["cell.html", "theme.html", "theme_button.html"]).map_err(fault)?;
    let document = |page: &CellPage| Ok((page.file.clone(), rendered(&tera, "cell.html", page)?));
    let mut files: Vec<_> = pages.par_iter().map(document).collect::<Result<_, ReportError>>()?;
    if !files.is_empty() {
        let style = STYLE.trim().trim_start_matches("<style>").trim_end_matches("</style>");
        files.push(("style.css".into(), style.into()));
    }
    Ok(files)
}

/// The rows of a table on a page of their own.
#[derive(Serialize)]
struct SeedsPage<'a> {
    group: &'a Section,
}

/// The pages that are apart from the report, if it is too large: with the rows of each table, and with ablations.
pub(crate) fn apart_documents(page: &Page) -> Result<Vec<(String, String)>, ReportError> {
    if !page.apart {
        return Ok(vec![]);
    }
    let mut tera = Tera::new();
    tera.add_raw_templates(templates![
        "seeds_page.html",
        "ablations_page.html",
        "ablations.html",
        "seeds.html",
        "style.html",
        "script.html",
        "theme.html",
        "theme_button.html"
    ])
    .map_err(fault)?;
    let document = |group: &Section| {
        // The page is in a folder beside those of cells.
        let mut group = group.clone();
        for page in group.seeds.iter_mut().filter_map(|row| row.page.as_mut()) {
            *page = format!("../{page}");
        }
        let text = rendered(&tera, "seeds_page.html", &SeedsPage { group: &group })?;
        Ok((format!("{}.html", group.anchor), text))
    };
    let mut files: Vec<_> = page.groups.par_iter().map(document).collect::<Result<_, ReportError>>()?;
    if !page.ablations.is_empty() {
        files.push(("ablations.html".into(), rendered(&tera, "ablations_page.html", page)?));
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
    let mut html = Tera::new();
    html.add_raw_templates(templates!["compare.html", "style.html", "script.html"]).map_err(fault)?;
    let mut markdown = escaping(".md", escape::markdown);
    markdown.add_raw_templates(templates!["compare.md"]).map_err(fault)?;
    Ok([rendered(&html, "compare.html", page)?, rendered(&markdown, "compare.md", page)?])
}

fn escaping(suffix: &'static str, escape: EscapeFn) -> Tera {
    let mut tera = Tera::new();
    tera.autoescape_on([suffix]);
    tera.set_escape_fn(escape);
    tera
}
