//! `cargo xtask`: the commands that lead from a fresh clone to a report or a test run.
//!
//! It finds or installs a libtorch, builds the other programs with cargo and runs them. It is built before everything
//! else, so it links neither tch nor polars, and few other crates. It knows the options of the programs, so that a
//! wrong one is refused before minutes of building, but not what they mean: the words go to the program unchanged.

mod arguments;
mod bench;
mod builder;
mod command;
mod commands;
mod data;
mod doctor;
mod failure;
mod files;
mod help;
mod kill_test;
mod libtorch;
mod machine;
mod option;
mod process;
mod project;
mod report;
mod say;
mod scour;
mod setup;
mod slurm_smoke;
mod sweep;
mod test;

use std::ffi::OsString;
use std::process::ExitCode;

use crate::project::Project;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match dispatch(&arguments) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            say::error(&format!("{error:#}"));
            ExitCode::from(failure::exit_code(&error))
        }
    }
}

/// Runs one command and returns its exit code.
fn dispatch(arguments: &[OsString]) -> anyhow::Result<u8> {
    let Some((name, arguments)) = arguments.split_first() else { return help::run(&[]) };
    let name = name.to_string_lossy();
    if matches!(&*name, "help" | "-h" | "--help") {
        return help::run(arguments);
    }
    let command = commands::find(&name)?;
    if help::is_requested(arguments) {
        say::answer(&help::page(command));
        return if command.name == "sweep" { scour::print_help_of_sweep() } else { Ok(0) };
    }
    process::listen_for_signals()?;
    (command.run)(&Project::here()?, arguments)
}
