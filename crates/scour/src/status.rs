//! `scour status`: how far a sweep is, while it runs or after.

use std::io::{IsTerminal, stdout};
use std::path::Path;
use std::time::Duration;

use scour_core::{ExitCode, FileError};
use scour_slurm::latest_status;
use scour_sweep::{Watched, now};

use crate::args::StatusArgs;
use crate::output::{give_up, say};

/// The time between two looks of `--watch`.
const INTERVAL: Duration = Duration::from_secs(2);

/// Prints the status once, or again and again until no sweep is running.
pub(crate) fn run(args: &StatusArgs) -> ExitCode {
    if args.watch && !args.json && stdout().is_terminal() {
        // An empty screen, which the text is written to again and again.
        say("\x1b[2J");
    }
    loop {
        let all = match args.dirs.iter().map(|dir| read(dir)).collect::<Result<Vec<_>, _>>() {
            Ok(all) => all,
            Err(message) => return give_up(message, ExitCode::Environment),
        };
        if let Err(error) = print(&all, args) {
            return give_up(error, ExitCode::Environment);
        }
        if !args.watch || all.iter().all(|read| !read.watched.running) {
            return ExitCode::Done;
        }
        std::thread::sleep(INTERVAL);
    }
}

/// The status of a sweep, and a line about the tasks where it runs on Slurm.
struct Read {
    tasks: Option<String>,
    watched: Watched,
}

/// The status of the tasks that Slurm runs, or that of a sweep on this machine.
fn read(dir: &Path) -> Result<Read, String> {
    if let Some((tasks, watched)) = latest_status(dir).map_err(|error| error.to_string())? {
        return Ok(Read { tasks: Some(tasks), watched });
    }
    Watched::read(dir).map(|watched| Read { tasks: None, watched }).map_err(|error| explained(&error))
}

fn print(all: &[Read], args: &StatusArgs) -> Result<(), serde_json::Error> {
    if args.json {
        for Read { watched, .. } in all {
            say(serde_json::to_string(watched)?);
        }
        return Ok(());
    }
    let now = now();
    let of_one = |Read { tasks, watched }: &Read| {
        tasks.as_ref().map(|line| format!("{line}\n")).unwrap_or_default() + &watched.text(&now)
    };
    let mut text: String = all.iter().map(of_one).collect();
    if all.len() > 1 {
        text += &Watched::total(&all.iter().map(|read| &read.watched).collect::<Vec<_>>());
    }
    // In place of the text before, line by line, so that nothing flickers.
    if args.watch && stdout().is_terminal() {
        text = format!("\x1b[H{}\x1b[J", text.trim_end().replace('\n', "\x1b[K\n") + "\x1b[K");
    }
    say(text.trim_end());
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
