//! `scour-fetch`: the program behind `cargo xtask data get`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use scour_fetch::{FetchError, Mirror, Outcome, Request, RetryPolicy, get};
use scour_inspect::{Messages, check_complete, official, print_result, registered, stop_on_signals};

/// Downloads the public data sets.
#[derive(Parser)]
#[command(name = "scour-fetch", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Downloads a data set, unless it is present; run again to continue after an interruption
    Get {
        /// The data set
        #[arg(value_name = "NAME")]
        name: String,
        /// Another source of the official archives: a folder that holds them, or the only archive itself
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
    let messages = Messages::new();
    stop_on_signals(messages);
    match run(&arguments.command, &messages) {
        Ok(()) => scour_core::ExitCode::Done.into(),
        Err(error) => {
            messages.print(&format!("error: {error}"));
            error.exit_code().into()
        }
    }
}

fn run(command: &Command, messages: &Messages) -> Result<(), FetchError> {
    let Command::Get { name, mirror, data } = command;
    let dataset = registered(name)?;
    let profile = dataset.source.profile();
    let Some(official) = official(name) else {
        let reason = if profile.layouts.is_empty() {
            "it is drawn, there is nothing to download".to_string()
        } else {
            format!("it is your own: put it below --data as {}", profile.layouts)
        };
        return Err(FetchError::Usage(format!("{name}: {reason}")));
    };
    messages.print(&format!("{}: {}", dataset.description.title, profile.licence));
    let outcome = get(&Request {
        official,
        data,
        mirror: mirror.as_ref(),
        retry: RetryPolicy::default(),
        check: &|data| check_complete(&dataset, data, messages),
        messages: *messages,
    })?;
    match outcome {
        Outcome::AlreadyPresent(summary) => print_result(&format!("{name} is already present: {summary}")),
        Outcome::Downloaded(folder, summary) => print_result(&format!("{}: {summary}", folder.display())),
    }
    Ok(())
}
