//! `scour list`, and the tables of README.

use std::fmt::Write;

use scour_core::{MethodKind, ParamError};

use crate::{Described, Registry, all};

/// The kinds in the order in which they are listed.
const KINDS: [MethodKind; 5] =
    [MethodKind::Dataset, MethodKind::Model, MethodKind::Attack, MethodKind::Defense, MethodKind::Analysis];

/// All names by kind with their summaries, one line a method.
pub fn list(methods: &Registry) -> Result<String, ParamError> {
    let all = all(methods)?;
    let width = all.iter().map(|method| method.description.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for kind in KINDS {
        if !text.is_empty() {
            text.push('\n');
        }
        let _ = writeln!(text, "{}", kind.plural());
        for Described { description, .. } in all.iter().filter(|method| method.kind == kind) {
            let _ = writeln!(text, "  {:width$}  {}", description.name, description.summary);
        }
    }
    text.push_str("\n`scour describe NAME` says more of one.\n");
    Ok(text)
}

/// The registered methods of a kind as a Markdown table.
pub(crate) fn readme_table(methods: &Registry, kind: MethodKind) -> Result<String, ParamError> {
    let mut text = String::from("| name | | what it does |\n|---|---|---|\n");
    for Described { description, .. } in all(methods)?.iter().filter(|method| method.kind == kind) {
        let (name, title) = (description.name, description.title);
        let link = format!("[`{name}`](docs/methods/{}.md)", crate::card::file_stem(kind, name));
        let _ = writeln!(text, "| {link} | {title} | {} |", description.summary);
    }
    Ok(text)
}
