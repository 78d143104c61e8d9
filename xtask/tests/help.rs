//! Every help text, word for word.
//!
//! The expected texts are in tests/help. After a change of a text, write them again by
//! `XTASK_WRITE_HELP=1 cargo test -p xtask --test help`, and review the difference.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const COMMANDS: [&str; 16] = [
    "bench",
    "data",
    "describe",
    "docs",
    "doctor",
    "evaluate",
    "gc",
    "join",
    "kill-test",
    "list",
    "report",
    "setup",
    "slurm-smoke",
    "status",
    "sweep",
    "test",
];

/// What xtask prints with these arguments; it must succeed.
fn printed(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask")).args(arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "xtask {arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/help")
}

/// Compares with tests/help/NAME.txt, or writes it if XTASK_WRITE_HELP is set.
fn compare(name: &str, text: &str) {
    let file = folder().join(format!("{name}.txt"));
    if std::env::var_os("XTASK_WRITE_HELP").is_some() {
        fs::write(&file, text).unwrap_or_else(|error| panic!("cannot write {}: {error}", file.display()));
        return;
    }
    let expected = fs::read_to_string(&file).unwrap_or_else(|error| format!("(cannot be read: {error})\n"));
    if text == expected {
        return;
    }
    let mut lines = text.lines().zip(expected.lines()).enumerate();
    let first = lines.find(|(_, (printed, expected))| printed != expected);
    let count = text.lines().count().min(expected.lines().count());
    let number = first.map_or(count + 1, |(index, _)| index + 1);
    let line = |text: &str| text.lines().nth(number - 1).unwrap_or("(the text has ended)").to_owned();
    panic!(
        "the help differs from {} in line {number}:\nprinted:  {}\nexpected: {}\n\
         If the new text is right, write the files again and review the difference:\n\
         XTASK_WRITE_HELP=1 cargo test -p xtask --test help",
        file.display(),
        line(text),
        line(&expected)
    );
}

#[test]
fn help_texts_are_as_reviewed() {
    compare("xtask", &printed(&[]));
    for command in COMMANDS {
        compare(command, &printed(&["help", command]));
    }
}

#[test]
fn the_overview_is_printed_in_every_way_to_ask_for_it() {
    let overview = printed(&[]);
    for ask in ["help", "--help", "-h"] {
        assert_eq!(printed(&[ask]), overview, "{ask}");
    }
}

#[test]
fn a_page_is_printed_in_every_way_to_ask_for_it() {
    for command in COMMANDS {
        let page = printed(&["help", command]);
        for ask in ["--help", "-h"] {
            // That of `sweep` is tested below.
            if command != "sweep" {
                assert_eq!(printed(&[command, ask]), page, "{command} {ask}");
            }
        }
    }
}

#[test]
fn the_page_of_sweep_says_what_follows_after_scour_is_built() {
    // An xtask without other programs in its folder.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let debug = folder.path().join("debug");
    fs::create_dir(&debug).unwrap();
    fs::hard_link(env!("CARGO_BIN_EXE_xtask"), debug.join("xtask")).unwrap();
    let output = Command::new(debug.join("xtask")).args(["sweep", "--help"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let page = printed(&["help", "sweep"]);
    let expected = "\nAfter scour is built, this also prints the help of `scour sweep`.\n";
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{page}{expected}"));
}

#[test]
fn the_overview_has_exactly_the_commands_with_a_page() {
    let overview = printed(&[]);
    let listed = overview.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let listed: BTreeSet<&str> = listed.collect();
    assert_eq!(listed, COMMANDS.into_iter().collect());
    if std::env::var_os("XTASK_WRITE_HELP").is_some() {
        return;
    }
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let files: BTreeSet<String> =
        files.map(|file| file.file_stem().unwrap().to_string_lossy().into()).collect();
    assert_eq!(files, COMMANDS.into_iter().chain(["xtask"]).map(String::from).collect());
}
