//! The meanings of the abbreviations: one sentence and one formula each, read from `docs/glossary.md`.

use std::sync::LazyLock;

use serde::Serialize;

/// The project's glossary, one line a term.
const TEXT: &str = include_str!("../../../docs/glossary.md");

/// The terms that the report explains, in its order.
const NAMES: [&str; 4] = ["ACC", "ASR", "RA", "DER"];

/// A figure of the report.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Term {
    pub(crate) name: &'static str,
    /// `↑` if more is better.
    pub(crate) arrow: &'static str,
    pub(crate) long: &'static str,
    pub(crate) meaning: &'static str,
    pub(crate) formula: &'static str,
}

/// The report's terms.
pub(crate) static GLOSSARY: LazyLock<Vec<Term>> = LazyLock::new(|| {
    NAMES.iter().filter_map(|name| TEXT.lines().find_map(|line| term(line, name))).collect()
});

/// The term `name`, if this is its line: ``- **ACC** (accuracy, ↑): Meaning. `formula` ``.
fn term(line: &'static str, name: &'static str) -> Option<Term> {
    let line = line.strip_prefix("- **")?.strip_prefix(name)?.strip_prefix("** (")?;
    let (head, body) = line.split_once("): ")?;
    let (long, arrow) = head.rsplit_once(", ")?;
    let (meaning, formula) = body.strip_suffix('`')?.split_once(" `")?;
    Some(Term { name, arrow, long, meaning, formula })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_term_is_in_the_glossary_with_all_its_parts() {
        let names: Vec<&str> = GLOSSARY.iter().map(|term| term.name).collect();
        assert_eq!(names, NAMES);
        let accuracy = &GLOSSARY[0];
        assert_eq!((accuracy.long, accuracy.arrow), ("accuracy", "↑"));
        assert!(accuracy.meaning.ends_with('.') && accuracy.formula.starts_with("100 · #("), "{accuracy:?}");
    }

    #[test]
    fn the_glossary_is_one_line_a_term_in_alphabetical_order() {
        let terms: Vec<String> = TEXT
            .lines()
            .filter_map(|line| line.strip_prefix("- **")?.split_once("**"))
            .map(|(name, _)| name.to_lowercase().replace('-', " "))
            .collect();
        assert!(terms.is_sorted_by(|a, b| a < b), "{terms:?}");
    }
}
