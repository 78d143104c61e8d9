//! The meanings of the terms that the report uses, read from `docs/glossary.md`. The four metrics also have a long name, an
//! arrow and a formula there.

use serde::Serialize;

/// The project's glossary, one line a term.
const TEXT: &str = include_str!("../../../docs/glossary.md");

/// The terms of every report, in its order.
const NAMES: [&str; 9] =
    ["ACC", "ASR", "RA", "DER", "poison ratio", "clean set", "seed", "not implanted", "collapsed"];

/// The terms of reports with analyses.
const OF_ANALYSES: [&str; 4] = ["NWC", "activeness", "TAC", "coverage"];

/// A term with its meaning.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Term {
    pub(crate) name: &'static str,
    /// `↑` if more is better; empty for a term that is no metric, as are `long` and `formula`.
    pub(crate) arrow: &'static str,
    pub(crate) long: &'static str,
    pub(crate) meaning: &'static str,
    pub(crate) formula: &'static str,
}

/// The terms of a report.
pub(crate) fn glossary(with_analyses: bool) -> Vec<Term> {
    let more = if with_analyses { &OF_ANALYSES[..] } else { &[] };
    NAMES.iter().chain(more).filter_map(|name| TEXT.lines().find_map(|line| term(line, name))).collect()
}

/// The term `name`, if this is its line: `- **term**: Meaning.` or ``- **ACC** (accuracy, ↑): Meaning. `formula` ``.
fn term(line: &'static str, name: &'static str) -> Option<Term> {
    let rest = line.strip_prefix("- **")?.strip_prefix(name)?.strip_prefix("**")?;
    if let Some(meaning) = rest.strip_prefix(": ") {
        return Some(Term { name, arrow: "", long: "", meaning, formula: "" });
    }
    let (head, body) = rest.strip_prefix(" (")?.split_once("): ")?;
    let (long, arrow) = head.rsplit_once(", ")?;
    let (meaning, formula) = body.strip_suffix('`')?.split_once(" `")?;
    Some(Term { name, arrow, long, meaning, formula })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_term_is_in_the_glossary_with_all_its_parts() {
        let names = |with| glossary(with).iter().map(|term| term.name).collect::<Vec<_>>();
        assert_eq!(names(false), NAMES);
        assert_eq!(names(true).len(), NAMES.len() + OF_ANALYSES.len());
        let accuracy = &glossary(false)[0];
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
