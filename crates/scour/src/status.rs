//! `scour status`: how far a sweep is, while it runs or after.

use std::io::{IsTerminal, stdout};
use std::time::Duration;

use scour_core::{ExitCode, FileError};
use scour_slurm::latest_status;
use scour_sweep::{Watched, now};

use crate::args::StatusArgs;
use crate::output::{give_up, say};

/// The time between two looks of `--watch`.
const INTERVAL: Duration = Duration::from_secs(2);

/// Prints the status once, or again and again until the sweep has ended.
pub(crate) fn run(args: &StatusArgs) -> ExitCode {
    loop {
        let (tasks, watched) = match read(args) {
            Ok(read) => read,
            Err(message) => return give_up(message, ExitCode::Environment),
        };
        if let Err(error) = print(tasks.as_deref(), &watched, args) {
            return give_up(error, ExitCode::Environment);
        }
        if !args.watch || !watched.running {
            return ExitCode::Done;
        }
        std::thread::sleep(INTERVAL);
    }
}

/// The status of the tasks that Slurm runs, with a line about them, or that of a sweep on this machine.
fn read(args: &StatusArgs) -> Result<(Option<String>, Watched), String> {
    if let Some((tasks, watched)) = latest_status(&args.dir).map_err(|error| error.to_string())? {
        return Ok((Some(tasks), watched));
    }
    Watched::read(&args.dir).map(|watched| (None, watched)).map_err(|error| explained(&error))
}

fn print(tasks: Option<&str>, watched: &Watched, args: &StatusArgs) -> Result<(), serde_json::Error> {
    if args.json {
        say(serde_json::to_string(watched)?);
        return Ok(());
    }
    // From the top of an empty screen, so that the lines stay where they are.
    let clear = if args.watch && stdout().is_terminal() { "\x1b[2J\x1b[H" } else { "" };
    let tasks = tasks.map(|line| format!("{line}\n")).unwrap_or_default();
    say(format_args!("{clear}{tasks}{}", watched.text(&now()).trim_end()));
    Ok(())
}

/// The error with what to do about it.
fn explained(error: &FileError) -> String {
    match error {
        FileError::Unreadable { path, source } if source.kind() == std::io::ErrorKind::NotFound => format!(
            "{} is not there: name the folder of results that a sweep writes to, such as results/quick",
            path.display()
        ),
        error => error.to_string(),
    }
}
