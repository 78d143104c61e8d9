//! `cargo xtask data`: builds the program that inspects data sets, or the one that downloads them, and runs it.

use std::ffi::OsString;

use crate::arguments::{self, Given};
use crate::command::{Command, Section};
use crate::failure::usage;
use crate::option::valued;
use crate::project::Project;
use crate::{builder, process, say};

/// The command.
pub(crate) static DATA: Command = Command {
    name: "data",
    arguments: "list|get NAME|check NAME",
    summary: "the public data sets: list them, download one, check one",
    usage: &[
        "data list [--data DIR]",
        "data get NAME [--data DIR] [--mirror URL|file:PATH]",
        "data check NAME [--data DIR]",
    ],
    sections: &[
        Section {
            text: "  \
  list        print every data set: whether it is present, its size and its terms
  get NAME    download cifar10, cifar100, gtsrb or tiny_imagenet, unless it is present
  check NAME  read a data set as training does, count its images, print what is missing (exit code 3)",
            options: &[
                valued("data", "DIR", "the folder with the data sets (default: data)"),
                valued(
                    "mirror",
                    "URL|file:PATH",
                    "another source of the official archives: a folder that holds them under their official names, or \
                     the only archive itself",
                ),
            ],
        },
        Section {
            text: "\
An archive is used only if its checksum is right. After an interruption, the same command resumes the download. A data
set appears in its folder only when it is complete.

No libtorch is needed. The first `get` builds the network code, in a minute or two; `list` and `check` do not need it.",
            options: &[],
        },
    ],
    operands: 1..=2,
    example: "data list",
    run,
};

/// A program for data sets. None needs libtorch.
#[derive(Debug, PartialEq, Eq)]
struct Program {
    name: &'static str,
    /// What is printed before it is built for the first time.
    first_build: &'static str,
}

/// It depends only on crates that a sweep builds as well.
static INSPECT: Program = Program {
    name: "scour-data",
    first_build: "Building the program that lists and checks data sets; the first time this takes some seconds after a \
                  sweep, otherwise about a minute.",
};

/// It contains the network code.
static FETCH: Program = Program {
    name: "scour-fetch",
    first_build: "Building the program that downloads data sets; the first time this takes a minute or two.",
};

fn run(project: &Project, arguments: &[OsString]) -> anyhow::Result<u8> {
    let program = program_for(&arguments::read(DATA.name, &DATA.options(), arguments)?)?;
    if !project.program(program.name).exists() {
        say::progress(program.first_build);
    }
    builder::program(project, program.name)?;
    process::run(std::process::Command::new(project.program(program.name)).args(arguments))
}

/// The program for the first word; the number of the other words must be right.
fn program_for(given: &Given) -> anyhow::Result<&'static Program> {
    given.check_operands(DATA.name, &(1..=usize::MAX), DATA.example)?;
    let word = given.operands[0].to_string_lossy();
    let (program, operands, example) = match &*word {
        "list" => (&INSPECT, 1..=1, "data list"),
        "check" => (&INSPECT, 2..=2, "data check cifar10"),
        "get" => (&FETCH, 2..=2, "data get cifar10"),
        other => {
            let (problem, known) = (format!("data: unknown command `{other}`"), ["list", "get", "check"]);
            return Err(arguments::unknown(
                &problem,
                other,
                &known,
                "`cargo xtask data --help` explains them",
            ));
        }
    };
    given.check_operands(DATA.name, &operands, example)?;
    if given.has("mirror") && *program != FETCH {
        return Err(usage(format!("data: --mirror is an option of `data get`: leave it out with `{word}`")));
    }
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::tests::words;

    fn program(line: &[&str]) -> anyhow::Result<&'static Program> {
        program_for(&arguments::read("data", &DATA.options(), &words(line)).unwrap())
    }

    #[test]
    fn only_get_needs_the_network_code() {
        assert_eq!(program(&["list", "--data", "x"]).unwrap(), &INSPECT);
        assert_eq!(program(&["check", "gtsrb"]).unwrap(), &INSPECT);
        assert_eq!(program(&["get", "gtsrb", "--mirror=file:/x"]).unwrap(), &FETCH);
    }

    #[test]
    fn wrong_words_are_named() {
        for (line, named) in [
            (&["lst"][..], "did you mean `list`?"),
            (&["fetch"], "data: unknown command `fetch`"),
            (&[], "for example `cargo xtask data list`"),
            (&["get"], "for example `cargo xtask data get cifar10`"),
            (&["list", "gtsrb"], "unexpected argument `gtsrb`"),
            (&["list", "--mirror", "x"], "`data get`"),
        ] {
            let error = program(line).unwrap_err();
            assert!(error.to_string().contains(named), "{error}");
            assert_eq!(crate::failure::exit_code(&error), 2);
        }
    }
}
