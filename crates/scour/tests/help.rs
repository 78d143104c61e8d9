//! Every help text, word for word.

#[allow(dead_code, reason = "each test program uses its share")]
mod common;

use common::{run, text};

#[test]
fn help_texts_are_as_reviewed() {
    let dir = tempfile::tempdir().unwrap();
    for command in ["", "sweep", "evaluate", "join", "bench", "list", "describe", "docs"] {
        let args: Vec<&str> = [command, "--help"].into_iter().filter(|arg| !arg.is_empty()).collect();
        let output = run(dir.path(), &args);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        let name = if command.is_empty() { "scour" } else { command };
        insta::assert_snapshot!(name, text(&output));
    }
}

#[test]
fn what_is_registered_is_listed_and_described_as_reviewed() {
    let dir = tempfile::tempdir().unwrap();
    insta::assert_snapshot!("list_output", text(&run(dir.path(), &["list"])));
    insta::assert_snapshot!("describe_tsbd", text(&run(dir.path(), &["describe", "tsbd"])));
    let output = run(dir.path(), &["describe", "tsdb"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output).contains("did you mean `tsbd`?"), "{}", text(&output));
}
