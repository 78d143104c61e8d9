//! `cargo xtask`: from a fresh clone to a report or a test run, with nothing to install by hand.
//!
//! It finds or installs a libtorch, builds the other programs with cargo and runs them. It links neither tch nor
//! polars, and hardly anything else: it stands before everything, so it must build in seconds. It must not know
//! what an experiment means; whatever follows a command's own words goes to the program behind it untouched.

mod bench;
mod builder;
mod data;
mod doctor;
mod failure;
mod help;
mod libtorch;
mod machine;
mod process;
mod project;
mod report;
mod say;
mod setup;
mod sweep;
mod test;

use std::ffi::OsString;
use std::process::ExitCode;

use crate::failure::Failure;
use crate::project::Project;

fn main() -> ExitCode {
    let mut arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let command = if arguments.is_empty() { OsString::from("help") } else { arguments.remove(0) };
    match dispatch(&command.to_string_lossy(), &arguments) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            say::error(&format!("{error:#}"));
            ExitCode::from(failure::exit_code(&error))
        }
    }
}

/// Runs one command and returns the exit code it ended with.
fn dispatch(command: &str, arguments: &[OsString]) -> anyhow::Result<u8> {
    if matches!(command, "help" | "-h" | "--help") {
        let page = arguments.first().map(|name| name.to_string_lossy().into_owned());
        return help::print(page.as_deref().unwrap_or("xtask"));
    }
    if help::is_asked_for(arguments) {
        help::print(command)?;
        return if command == "sweep" { sweep::help_of_scour() } else { Ok(0) };
    }
    process::listen_for_signals()?;
    let project = Project::here()?;
    match command {
        "setup" => no_arguments(command, arguments).and_then(|()| setup::run(&project)),
        "doctor" => no_arguments(command, arguments).and_then(|()| doctor::run(&project)),
        "sweep" => sweep::run(&project, arguments),
        "report" => report::run(&project, arguments),
        "evaluate" => sweep::evaluate(&project, arguments),
        "join" | "list" | "describe" | "docs" => sweep::scour(&project, command, arguments),
        "data" => data::run(&project, arguments),
        "test" => test::run(&project, arguments),
        "bench" => bench::run(&project, arguments),
        unknown => {
            Err(Failure::Usage(format!("no command `{unknown}`: there are {}", help::COMMANDS.join(", ")))
                .into())
        }
    }
}

fn no_arguments(command: &str, arguments: &[OsString]) -> anyhow::Result<()> {
    match arguments.first() {
        None => Ok(()),
        Some(extra) => Err(Failure::Usage(format!(
            "`{command}` takes no arguments, but `{}` was given: leave it out",
            extra.to_string_lossy()
        ))
        .into()),
    }
}
