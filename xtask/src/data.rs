//! `cargo xtask data`: builds the program that looks at data sets, or the one that fetches them, and runs it.

use std::ffi::{OsStr, OsString};
use std::process::Command;

use crate::failure::Failure;
use crate::project::Project;
use crate::{builder, process, say};

/// A program that knows the data sets. Neither needs libtorch.
#[derive(Debug, PartialEq, Eq)]
struct Program {
    name: &'static str,
    /// What is said before it is built for the first time.
    first_build: &'static str,
}

/// It consists of what a sweep builds as well.
static INSPECT: Program = Program {
    name: "scour-data",
    first_build: "Building the program that lists and checks data sets; the first time this takes some seconds after a \
                  sweep, else about a minute.",
};

/// It brings the network code along.
static FETCH: Program = Program {
    name: "scour-fetch",
    first_build: "Building the program that fetches data sets; the first time this takes a minute or two.",
};

/// `cargo xtask data list|get|check [ARGUMENTS]`.
pub(crate) fn run(project: &Project, arguments: &[OsString]) -> anyhow::Result<u8> {
    let Some(program) = arguments.first().and_then(|word| behind(word)) else {
        return Err(Failure::Usage(
            "data: what about it? `cargo xtask data list`, `cargo xtask data get NAME` or `cargo xtask data check NAME`"
                .into(),
        )
        .into());
    };
    if !project.program(program.name).exists() {
        say::progress(program.first_build);
    }
    builder::program(project, program.name)?;
    process::run(Command::new(project.program(program.name)).args(arguments))
}

/// The program behind a first word.
fn behind(word: &OsStr) -> Option<&'static Program> {
    match word.to_str()? {
        "list" | "check" => Some(&INSPECT),
        "get" => Some(&FETCH),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_get_needs_the_network_code() {
        assert_eq!(behind("list".as_ref()), Some(&INSPECT));
        assert_eq!(behind("check".as_ref()), Some(&INSPECT));
        assert_eq!(behind("get".as_ref()), Some(&FETCH));
        assert_eq!(behind("fetch".as_ref()), None);
    }
}
