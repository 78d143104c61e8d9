//! `scour describe NAME`: one method on a terminal.

use std::fmt::Write;

use scour_core::{MethodKind, ParamError, Parameter, unknown};
use serde_json::Value;

use crate::{Described, Registry, all};

/// Columns of a line of text.
const WIDTH: usize = 100;

/// Everything that is known of the methods of that name: an attack and a defense may share one (`none`).
pub fn describe(methods: &Registry, name: &str) -> Result<String, ParamError> {
    let all = all(methods)?;
    let found: Vec<&Described> = all.iter().filter(|method| method.description.name == name).collect();
    if found.is_empty() {
        let names = all.iter().map(|method| method.description.name);
        return Err(ParamError(unknown("method", name, names)));
    }
    Ok(found.into_iter().map(text).collect::<Vec<_>>().join("\n"))
}

fn text(method: &Described) -> String {
    let Described { kind, description, parameters, needs } = method;
    let mut text =
        format!("{} ({}, {}): {}\n", description.name, kind.word(), description.family, description.title);
    paragraph(&mut text, "", description.summary);
    let source = description.source;
    if !source.paper.is_empty() {
        paragraph(
            &mut text,
            "source     ",
            &format!("{} ({}), {}", source.paper, source.section, source.link),
        );
        paragraph(&mut text, "published  ", &format!("values are those of {}", source.values));
    }
    for need in needs {
        paragraph(&mut text, "needs      ", need);
    }
    paragraph(&mut text, "costs      ", description.cost);
    let _ = writeln!(text, "version    {}", description.impl_version);
    if parameters.is_empty() {
        text.push_str("\nIt has no parameters.\n");
    } else {
        let _ = write!(text, "\nparameters (default; published and quick values where they differ)\n");
        parameters.iter().for_each(|parameter| describe_parameter(&mut text, parameter));
    }
    let _ = write!(text, "\nin an experiment\n{}", example(*kind, description.name, parameters));
    text
}

fn describe_parameter(text: &mut String, parameter: &Parameter) {
    let mut line = format!("  {}: {}", parameter.name, shown(&parameter.default));
    if !parameter.unit.is_empty() {
        let _ = write!(line, " {}", parameter.unit);
    }
    if parameter.published != parameter.default {
        let _ = write!(line, "; published {}", shown(&parameter.published));
    }
    if let Some(quick) = &parameter.quick {
        let _ = write!(line, "; quick {}", shown(quick));
    }
    let allowed = parameter.allowed();
    if !allowed.is_empty() {
        let _ = write!(line, "; {allowed}");
    }
    let _ = writeln!(text, "{line}");
    paragraph(text, "      ", parameter.text);
}

/// A value as experiments spell it.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "not set".into(),
        Value::String(text) if text.is_empty() => "empty".into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// How an experiment names the method: as it is, and with the published values or a parameter.
pub(crate) fn example(kind: MethodKind, name: &str, parameters: &[Parameter]) -> String {
    let field = match kind {
        MethodKind::Dataset => "datasets",
        MethodKind::Model => "models",
        MethodKind::Attack => "attacks",
        MethodKind::Defense => "defenses",
        MethodKind::Analysis => "analyses",
    };
    let departs =
        |parameter: &&Parameter| parameter.published != parameter.default && !parameter.published.is_null();
    let published: Vec<String> = parameters
        .iter()
        .filter(departs)
        .map(|parameter| format!("{}: {}", parameter.name, shown(&parameter.published)))
        .collect();
    if !published.is_empty() {
        let given = published.join(", ");
        return format!("  {field}:\n    - {name}\n    - {{{name}: {{{given}}}, as: {name}-published}}\n");
    }
    match parameters.iter().find(|parameter| !parameter.default.is_null()) {
        None => format!("  {field}: [{name}]\n"),
        Some(parameter) => format!(
            "  {field}:\n    - {name}\n    - {{{name}: {{{}: {}}}, as: {name}-2}}\n",
            parameter.name, parameter.default
        ),
    }
}

/// `text` in lines of at most [`WIDTH`] columns, the first behind `head` and the others below it.
fn paragraph(out: &mut String, head: &str, text: &str) {
    let mut line = head.to_string();
    for word in text.split_whitespace() {
        if line.len() > head.len() && line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(out, "{}", line.trim_end());
            line = " ".repeat(head.len());
        }
        if line.len() > head.len() {
            line.push(' ');
        }
        line.push_str(word);
    }
    let _ = writeln!(out, "{}", line.trim_end());
}
