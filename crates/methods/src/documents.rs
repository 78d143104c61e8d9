//! The documents that are generated from the registry: method cards, the tables of README, and the titles of the report.

use scour_core::{MethodKind, ParamError};

use crate::card::card;
use crate::list::readme_table;
use crate::{Described, Registry, all};

/// The tables of README, whose marks have the kind: `<!-- methods: attacks -->` and `<!-- end -->`.
const TABLES: [MethodKind; 5] =
    [MethodKind::Dataset, MethodKind::Model, MethodKind::Attack, MethodKind::Defense, MethodKind::Analysis];

/// The titles that the report shows: it does not link the registry.
const TITLES: &str = "crates/report/titles.csv";

/// Every generated document: its path below the repository's root, and its text. `readme` is the present text of README.md,
/// whose tables are replaced.
pub fn documents(methods: &Registry, readme: &str) -> Result<Vec<(String, String)>, ParamError> {
    let mut documents: Vec<(String, String)> = all(methods)?.iter().map(card).collect();
    let mut readme = readme.to_string();
    for kind in TABLES {
        readme = with_table(&readme, kind.plural(), &readme_table(methods, kind)?)?;
    }
    documents.push(("README.md".into(), readme));
    documents.push((TITLES.into(), titles(methods)?));
    Ok(documents)
}

/// `kind,name,title` of every method, for the report.
fn titles(methods: &Registry) -> Result<String, ParamError> {
    let line = |method: Described| {
        format!("{},{},{}\n", method.kind.word(), method.description.name, method.description.title)
    };
    Ok(all(methods)?.into_iter().map(line).collect())
}

/// `readme` with another table between the marks of that word.
fn with_table(readme: &str, word: &str, table: &str) -> Result<String, ParamError> {
    let (start, end) = (format!("<!-- methods: {word} -->"), "<!-- end -->");
    let missing = || ParamError(format!("README.md lacks the marks `{start}` and `{end}`"));
    let (before, rest) = readme.split_once(&start).ok_or_else(missing)?;
    let (_, after) = rest.split_once(end).ok_or_else(missing)?;
    Ok(format!("{before}{start}\n{table}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_table_is_replaced_between_its_marks() {
        let readme =
            "a\n<!-- methods: models -->\nold\n<!-- end -->\nb\n<!-- methods: attacks --><!-- end -->";
        assert_eq!(
            with_table(readme, "models", "new\n").unwrap(),
            "a\n<!-- methods: models -->\nnew\n<!-- end -->\nb\n<!-- methods: attacks --><!-- end -->"
        );
        assert!(with_table(readme, "defenses", "").unwrap_err().to_string().contains("methods: defenses"));
    }

    #[test]
    fn the_documents_in_the_repository_are_those_of_the_registry() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap_or_default();
        for (path, text) in documents(&Registry::shipped(), &read("README.md")).unwrap() {
            assert!(read(&path) == text, "{path} is out of date: run `cargo xtask docs`");
        }
    }

    #[test]
    fn no_card_is_of_a_method_that_is_not_registered() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let known: Vec<String> =
            all(&Registry::shipped()).unwrap().iter().map(|method| card(method).0).collect();
        for file in std::fs::read_dir(root.join("docs/methods")).unwrap() {
            let path = format!("docs/methods/{}", file.unwrap().file_name().to_string_lossy());
            assert!(known.contains(&path), "{path} is of no registered method: remove it");
        }
    }
}
