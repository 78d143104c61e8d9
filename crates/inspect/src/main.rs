//! `scour-data`: the program behind `cargo xtask data list` and `cargo xtask data check`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use scour_inspect::{InspectError, Voice, check, list, registered, say, stop_on_signals};

/// Lists the public data sets and checks that one is whole.
#[derive(Parser)]
#[command(name = "scour-data", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Every data set: whether it is there, how large it is, on what terms
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Reads a data set as training does, counts it, and says what is missing or broken (exit code 3)
    Check {
        /// The data set
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        place: Place,
    },
}

/// So many broken files are listed.
const LISTED: usize = 50;

#[derive(clap::Args)]
struct Place {
    /// The folder with the data sets
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
}

fn main() -> ExitCode {
    // Clap itself ends with 2 on wrong usage, which is `ExitCode::Config`.
    let arguments = Arguments::parse();
    let voice = Voice::new();
    stop_on_signals(voice);
    match run(&arguments.command, &voice) {
        Ok(code) => code.into(),
        Err(error) => {
            voice.line(&format!("error: {error}"));
            error.exit_code().into()
        }
    }
}

fn run(command: &Command, voice: &Voice) -> Result<scour_core::ExitCode, InspectError> {
    match command {
        Command::List { place } => list(&place.data).iter().for_each(|line| say(line)),
        Command::Check { name, place } => {
            let finding = check(registered(name)?, &place.data, voice)?;
            finding.lines.iter().for_each(|line| say(line));
            finding.missing.iter().for_each(|line| say(&format!("MISSING   {line}")));
            finding.broken.iter().take(LISTED).for_each(|line| say(&format!("BROKEN    {line}")));
            if finding.broken.len() > LISTED {
                say(&format!("BROKEN    and {} more", finding.broken.len() - LISTED));
            }
            if !finding.missing.is_empty() || !finding.broken.is_empty() {
                return Ok(scour_core::ExitCode::Environment);
            }
        }
    }
    Ok(scour_core::ExitCode::Done)
}
