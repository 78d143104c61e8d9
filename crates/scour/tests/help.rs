//! Every help text, word for word.

#[allow(dead_code, reason = "each test program uses its share")]
mod common;

use common::{run, text};

#[test]
fn help_texts_are_as_reviewed() {
    let dir = tempfile::tempdir().unwrap();
    for command in ["", "sweep", "evaluate", "status", "join", "gc", "bench", "list", "describe", "docs"] {
        let args: Vec<&str> = [command, "--help"].into_iter().filter(|arg| !arg.is_empty()).collect();
        let output = run(dir.path(), &args);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        let name = if command.is_empty() { "scour" } else { command };
        insta::assert_snapshot!(name, text(&output));
    }
}

#[test]
fn list_prints_the_methods_of_readmes_tables_in_their_order() {
    let dir = tempfile::tempdir().unwrap();
    let output = text(&run(dir.path(), &["list"]));
    let readme = include_str!("../../../README.md");
    for (heading, section) in
        ["data sets", "models", "attacks", "defenses", "analyses"].iter().zip(output.split("\n\n"))
    {
        let mut lines = section.lines();
        assert_eq!(lines.next(), Some(*heading));
        let (_, table) = readme.split_once(&format!("<!-- methods: {heading} -->")).unwrap();
        let (table, _) = table.split_once("<!-- end -->").unwrap();
        let rows = table.lines().filter_map(|row| row.strip_prefix("| [`")).map(|row| {
            let name = row.split('`').next().unwrap();
            (name, row.trim_end_matches(" |").rsplit("| ").next().unwrap())
        });
        let found: Vec<(&str, &str)> = lines
            .map(|line| line.trim().split_once(' ').map(|(name, text)| (name, text.trim())).unwrap())
            .collect();
        assert!(found.len() > 1, "{section}");
        assert_eq!(found, rows.collect::<Vec<_>>(), "{heading}");
    }
}

#[test]
fn a_method_is_described_as_reviewed_and_an_unknown_one_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    insta::assert_snapshot!("describe_tsbd", text(&run(dir.path(), &["describe", "tsbd"])));
    let output = run(dir.path(), &["describe", "tsdb"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output).contains("did you mean `tsbd`?"), "{}", text(&output));
}
