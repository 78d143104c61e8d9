//! `scour-fetch`: the program behind `cargo xtask data get`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use scour_fetch::{FetchError, Got, Mirror, Patience, Request, get};
use scour_inspect::{Voice, original, registered, say, stop_on_signals, whole};

/// Fetches the public data sets.
#[derive(Parser)]
#[command(name = "scour-fetch", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fetches a data set, unless it is there; run again to go on after an interruption
    Get {
        /// The data set
        #[arg(value_name = "NAME")]
        name: String,
        /// Another place for the official archives: a folder that holds them, or the one archive itself
        #[arg(long, value_name = "URL|file:PATH")]
        mirror: Option<Mirror>,
        /// The folder with the data sets
        #[arg(long, value_name = "DIR", default_value = "data")]
        data: PathBuf,
    },
}

fn main() -> ExitCode {
    // Clap itself ends with 2 on wrong usage, which is `ExitCode::Config`.
    let arguments = Arguments::parse();
    let voice = Voice::new();
    stop_on_signals(voice);
    match run(&arguments.command, &voice) {
        Ok(()) => scour_core::ExitCode::Done.into(),
        Err(error) => {
            voice.line(&format!("error: {error}"));
            error.exit_code().into()
        }
    }
}

fn run(command: &Command, voice: &Voice) -> Result<(), FetchError> {
    let Command::Get { name, mirror, data } = command;
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
        data,
        mirror: mirror.as_ref(),
        patience: Patience::default(),
        whole: &|data| whole(source, data, voice),
        voice: *voice,
    })?;
    match got {
        Got::Already(words) => say(&format!("{name} is there already: {words}")),
        Got::Fetched(folder, words) => say(&format!("{}: {words}", folder.display())),
    }
    Ok(())
}
