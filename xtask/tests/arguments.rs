//! Wrong command lines end with exit code 2 and a message, before anything is set up or built.

use std::process::Command;

/// Runs xtask with a cargo that does not exist: a command that tries to build would end with another error.
fn refused(line: &str) -> String {
    let arguments = line.split(' ').filter(|word| !word.is_empty());
    let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
    let output = xtask.args(arguments).env("CARGO", "/nonexistent/cargo").output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "xtask {line}: {message}");
    assert!(output.stdout.is_empty(), "xtask {line}");
    message.trim_end().strip_prefix("error: ").unwrap().to_owned()
}

#[test]
fn unknown_commands_are_refused_with_the_nearest_name() {
    let expected = "unknown command `swep`: did you mean `sweep`? `cargo xtask help` lists all";
    assert_eq!(refused("swep"), expected);
    assert_eq!(refused("swep --help"), expected);
    assert_eq!(refused("help swep"), expected);
    assert_eq!(refused("--sweep"), expected.replace("swep", "--sweep"));
    assert_eq!(refused("xyz"), "unknown command `xyz`: `cargo xtask help` lists all");
    assert!(refused("help sweep test").contains("unexpected argument `test`"));
}

#[test]
fn unknown_options_are_refused_with_the_nearest_name() {
    for (line, command, near) in [
        ("sweep --dry-rum", "sweep", "--dry-run"),
        ("sweep a.yaml --fiter attack=badnets", "sweep", "--filter"),
        ("evaluate --devices cpu", "evaluate", "--device"),
        ("report results/quick --publish x.csv", "report", "--published"),
        ("join a b --in results", "join", "--into"),
        ("docs --chek", "docs", "--check"),
        ("data get gtsrb --miror x", "data", "--mirror"),
        ("bench --treads 2", "bench", "--threads"),
        ("bench --pytorch --round 2", "bench --pytorch", "--rounds"),
        ("bench --gpu --minute 2", "bench --gpu", "--minutes"),
    ] {
        let message = refused(line);
        assert!(message.starts_with(&format!("{command}: unknown option `--")), "{message}");
        assert!(message.contains(&format!("did you mean `{near}`? ")), "{message}");
        let name = command.split(' ').next().unwrap();
        assert!(message.ends_with(&format!("`cargo xtask {name} --help` explains the command")), "{message}");
    }
}

#[test]
fn commands_without_options_refuse_each() {
    for command in ["setup", "doctor", "list", "describe"] {
        let expected = format!(
            "{command}: unknown option `--quick`: `cargo xtask {command} --help` explains the command"
        );
        assert_eq!(refused(&format!("{command} --quick")), expected);
    }
}

#[test]
fn wrong_numbers_of_arguments_are_refused() {
    for command in ["setup", "doctor", "list", "docs", "bench", "bench --pytorch", "bench --gpu"] {
        let message = refused(&format!("{command} extra"));
        assert!(message.starts_with(&format!("{command}: unexpected argument `extra`")), "{message}");
    }
    assert!(refused("sweep a.yaml b.yaml").starts_with("sweep: unexpected argument `b.yaml`"));
    assert_eq!(
        refused("report"),
        "report: an argument is missing: for example `cargo xtask report results/quick`"
    );
    assert!(refused("join").contains("`cargo xtask join results/paper-1 results/paper-2`"));
    assert!(refused("describe").contains("`cargo xtask describe tsbd`"));
    assert!(refused("data").contains("`cargo xtask data list`"));
    assert!(refused("bench --gpu --pytorch").contains("leave out --pytorch"));
}
