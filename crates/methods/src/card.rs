//! Method cards: `docs/methods/NAME.md`, generated from the registry.

use std::fmt::Write;

use scour_core::{MethodKind, Parameter};

use crate::Described;
use crate::describe::{example, shown};

/// The file name of a card without its ending. Names are unique but for `none`.
pub(crate) fn file_stem(kind: MethodKind, name: &str) -> String {
    if name == "none" { format!("no_{}", kind.word()) } else { name.into() }
}

/// The path of a method's card below the repository's root, and its Markdown text.
pub(crate) fn card(method: &Described) -> (String, String) {
    let Described { kind, description, parameters, needs } = method;
    let mut text = format!("# {}\n\n", description.title);
    text.push_str(
        "<!-- Generated from the registry: `cargo xtask docs` writes it, and a test compares it. -->\n\n",
    );
    let _ = writeln!(
        text,
        "`{}`, {}: {}. {}",
        description.name,
        kind.word(),
        description.family,
        description.summary
    );
    let source = description.source;
    if !source.paper.is_empty() {
        let _ = writeln!(
            text,
            "\nSource: {}, {}: <{}>. Published values are those of {}.",
            source.paper, source.section, source.link, source.values
        );
    }
    section(&mut text, "Idea", description.idea);
    section(&mut text, "Procedure", description.formula);
    if !description.departures.is_empty() {
        text.push_str("\n## Departures\n\n");
        for departure in description.departures {
            let _ = writeln!(text, "- {departure}");
        }
    }
    section(&mut text, "Measured", description.measured);
    let cost = [needs.join(" "), description.cost.to_string()].join(" ");
    section(&mut text, "Needs and cost", cost.trim());
    text.push_str("\n## Parameters\n\n");
    if parameters.is_empty() {
        text.push_str("None.\n");
    } else {
        text.push_str(
            "| name | default | published | quick | allowed | what it is |\n|---|---|---|---|---|---|\n",
        );
        parameters.iter().for_each(|parameter| row(&mut text, parameter));
    }
    let _ = write!(text, "\n```yaml\n{}```\n", example(*kind, description.name, parameters));
    (format!("docs/methods/{}.md", file_stem(*kind, description.name)), text)
}

fn section(text: &mut String, heading: &str, body: &str) {
    if !body.is_empty() {
        let _ = write!(text, "\n## {heading}\n\n{body}\n");
    }
}

fn row(text: &mut String, parameter: &Parameter) {
    let unit = if parameter.unit.is_empty() { String::new() } else { format!(" {}", parameter.unit) };
    let quick = parameter.quick.as_ref().map_or_else(String::new, shown);
    let _ = writeln!(
        text,
        "| `{}` | {}{unit} | {} | {quick} | {} | {} |",
        parameter.name,
        shown(&parameter.default),
        shown(&parameter.published),
        parameter.allowed().replace('|', "\\|"),
        parameter.text.replace('|', "\\|"),
    );
}
