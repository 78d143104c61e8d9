//! `scour-data`: the program behind `cargo xtask data`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use scour_fetch::{
    FetchError, Got, Mirror, Patience, Request, Voice, check, get, list, original, registered, whole,
};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Fetches the public data sets and checks that they are whole.
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
    /// Fetches a data set, unless it is there; run again to go on after an interruption
    Get {
        /// The data set
        #[arg(value_name = "NAME")]
        name: String,
        /// Another place for the official archives: a folder that holds them, or the one archive itself
        #[arg(long, value_name = "URL|file:PATH")]
        mirror: Option<Mirror>,
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

/// Every state on disk is one that a killed run may leave, so that there is nothing to tidy up.
fn stop_on_signals(voice: Voice) {
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM]) else { return };
    std::thread::spawn(move || {
        if signals.forever().next().is_some() {
            voice.line("interrupted: the same command goes on from here");
            std::process::exit(scour_core::ExitCode::Interrupted as i32);
        }
    });
}

fn run(command: &Command, voice: &Voice) -> Result<scour_core::ExitCode, FetchError> {
    match command {
        Command::List { place } => list(&place.data).iter().for_each(|line| say(line)),
        Command::Get { name, mirror, place } => {
            let source = registered(name)?;
            let Some(original) = original(name) else {
                let terms = if source.profile().layouts.is_empty() {
                    "it is drawn, there is nothing to fetch".to_string()
                } else {
                    format!("it is your own: put it below --data as {}", source.profile().layouts)
                };
                return Err(FetchError::Usage(format!("{name}: {terms}")));
            };
            voice.line(&format!("{}: {}", source.title(), source.profile().licence));
            let got = get(&Request {
                original,
                data: &place.data,
                mirror: mirror.as_ref(),
                patience: Patience::default(),
                whole: &|data| whole(source, data, voice),
                voice: *voice,
            })?;
            match got {
                Got::Already(words) => say(&format!("{name} is there already: {words}")),
                Got::Fetched(folder, words) => say(&format!("{}: {words}", folder.display())),
            }
        }
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

/// A line of the answer. Whoever reads it may have seen enough, as `head` has.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
