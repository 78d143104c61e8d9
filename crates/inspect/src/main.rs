//! `scour-data`: the program behind `cargo xtask data list` and `cargo xtask data check`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use scour_inspect::{InspectError, Messages, check, list, print_result, registered, stop_on_signals};

/// Lists the public data sets and checks whether one is complete.
#[derive(Parser)]
#[command(name = "scour-data", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Lists every data set: whether it is present, its size and its terms
    List {
        #[command(flatten)]
        folder: DataFolder,
    },
    /// Reads a data set as training does, counts it, and prints what is missing or broken (exit code 3)
    Check {
        /// The data set
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        folder: DataFolder,
    },
}

/// The largest number of broken files that are listed.
const LISTED: usize = 50;

#[derive(clap::Args)]
struct DataFolder {
    /// The folder with the data sets
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
}

fn main() -> ExitCode {
    // Clap itself ends with 2 on wrong usage, which is `ExitCode::Config`.
    let arguments = Arguments::parse();
    let messages = Messages::new();
    stop_on_signals(messages);
    match run(&arguments.command, &messages) {
        Ok(code) => code.into(),
        Err(error) => {
            messages.print(&format!("error: {error}"));
            error.exit_code().into()
        }
    }
}

fn run(command: &Command, messages: &Messages) -> Result<scour_core::ExitCode, InspectError> {
    match command {
        Command::List { folder } => list(&folder.data)?.iter().for_each(|line| print_result(line)),
        Command::Check { name, folder } => {
            let report = check(&registered(name)?, &folder.data, messages)?;
            report.lines.iter().for_each(|line| print_result(line));
            report.missing.iter().for_each(|line| print_result(&format!("MISSING   {line}")));
            report.broken.iter().take(LISTED).for_each(|line| print_result(&format!("BROKEN    {line}")));
            if report.broken.len() > LISTED {
                print_result(&format!("BROKEN    and {} more", report.broken.len() - LISTED));
            }
            if !report.missing.is_empty() || !report.broken.is_empty() {
                return Ok(scour_core::ExitCode::Environment);
            }
        }
    }
    Ok(scour_core::ExitCode::Done)
}
