//! `cargo xtask bench --gpu`: builds scour, looks for a Python with PyTorch, and lets `scour bench --all` do the rest.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;

use super::pytorch::PyTorch;
use crate::project::Project;
use crate::{builder, process, say, setup};

/// `cargo xtask bench --gpu [OPTIONS OF scour bench --all]`.
pub(super) fn run(project: &Project, arguments: &[OsString]) -> anyhow::Result<u8> {
    let libtorch = setup::ensure(project)?;
    builder::program(project, "scour")?;
    let mut command = Command::new(project.program("scour"));
    command.args(["bench", "--all"]).args(passed_on(arguments, &project.root));
    if !names(arguments, "--python") {
        match PyTorch::present(project, &libtorch) {
            Some(python) => {
                command.args(python.options()).arg("--pytorch-script").arg(PyTorch::script(project));
            }
            None => say::progress(
                "No Python with PyTorch belongs to this libtorch: it is not measured. `--python PROGRAM` names yours, \
                 and `cargo xtask bench --pytorch` installs what is missing.",
            ),
        }
    }
    process::run(&mut command)
}

/// The user's words but the first one of all, and the usual folder where none is named: the project's, wherever the
/// command was given.
fn passed_on(arguments: &[OsString], root: &Path) -> Vec<OsString> {
    let mut all: Vec<OsString> = arguments.iter().filter(|word| *word != "--gpu").cloned().collect();
    for (option, folder) in [("--out", "results/bench"), ("--data", "data")] {
        if !names(arguments, option) {
            all.extend([OsString::from(option), root.join(folder).into_os_string()]);
        }
    }
    all
}

/// Whether an option is given a value, in either spelling.
fn names(arguments: &[OsString], option: &str) -> bool {
    let is_it = |word: &OsStr| {
        let rest = word.as_encoded_bytes().strip_prefix(option.as_bytes());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"="))
    };
    arguments.iter().any(|word| is_it(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(list: &[&str]) -> Vec<OsString> {
        let words: Vec<OsString> = list.iter().map(OsString::from).collect();
        passed_on(&words, Path::new("/project"))
    }

    #[test]
    fn results_and_data_are_the_projects_where_nothing_else_is_said() {
        let expected = ["--tiny", "--out", "/project/results/bench", "--data", "/project/data"];
        assert_eq!(passed(&["--gpu", "--tiny"]), expected.map(OsString::from));
    }

    #[test]
    fn what_the_user_names_is_passed_on_untouched() {
        let line = ["--out=here", "--data", "there", "--minutes", "3"];
        assert_eq!(passed(&[&["--gpu"][..], &line].concat()), line.map(OsString::from));
    }

    #[test]
    fn an_option_is_no_other_one_that_begins_like_it() {
        let words: Vec<OsString> = ["--python-env", "A=b"].iter().map(OsString::from).collect();
        assert!(!names(&words, "--python"));
        assert!(names(&[OsString::from("--python=python3")], "--python"));
    }
}
