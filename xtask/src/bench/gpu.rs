//! `cargo xtask bench --gpu`: builds scour, looks for a Python with PyTorch, and runs `scour bench --all`.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use super::GPU_OPTIONS;
use super::pytorch::PyTorch;
use crate::arguments::{self, Given};
use crate::project::Project;
use crate::{builder, process, say, setup};

pub(super) fn run(project: &Project, arguments: &[OsString]) -> anyhow::Result<u8> {
    let given = read(arguments)?;
    let libtorch = setup::ensure(project)?;
    builder::program(project, "scour")?;
    let mut command = Command::new(project.program("scour"));
    command.args(["bench", "--all"]).args(passed_on(&given, arguments, &project.root));
    if !given.has("python") {
        match PyTorch::present(project, &libtorch) {
            Ok(python) => {
                command.args(python.options()).arg("--pytorch-script").arg(PyTorch::script(project));
            }
            Err(error) => say::progress(&format!(
                "PyTorch is not measured: {error:#}. `--python PROGRAM` names a Python of yours, and `cargo xtask \
                 bench --pytorch` installs what is missing."
            )),
        }
    }
    process::run(&mut command)
}

fn read(arguments: &[OsString]) -> anyhow::Result<Given> {
    let given = arguments::read(super::GPU, &[GPU_OPTIONS], arguments)?;
    given.check_operands(super::GPU, &(0..=0), super::GPU)?;
    Ok(given)
}

/// The user's words without `--gpu`, and the project's folders unless others are named, wherever the command is run.
fn passed_on(given: &Given, arguments: &[OsString], root: &Path) -> Vec<OsString> {
    let mut all: Vec<OsString> = arguments.iter().filter(|word| *word != "--gpu").cloned().collect();
    for (option, folder) in [("out", "results/bench"), ("data", "data")] {
        if !given.has(option) {
            all.extend([OsString::from(format!("--{option}")), root.join(folder).into_os_string()]);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::tests::words;

    fn passed(list: &[&str]) -> Vec<OsString> {
        let line = words(list);
        passed_on(&read(&line).unwrap(), &line, Path::new("/project"))
    }

    #[test]
    fn results_and_data_are_in_the_project_by_default() {
        let expected = ["--tiny", "--out", "/project/results/bench", "--data", "/project/data"];
        assert_eq!(passed(&["--gpu", "--tiny"]), words(&expected));
    }

    #[test]
    fn what_the_user_names_is_passed_on_unchanged() {
        let line = ["--out=here", "--data", "there", "--minutes", "3"];
        assert_eq!(passed(&[&["--gpu"][..], &line].concat()), words(&line));
    }

    #[test]
    fn options_of_a_single_measurement_are_refused() {
        let error = read(&words(&["--gpu", "--widths", "8"])).unwrap_err();
        assert!(error.to_string().starts_with("bench --gpu: unknown option `--widths`"), "{error}");
    }
}
