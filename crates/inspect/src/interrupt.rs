//! What Ctrl-C does to the programs behind `cargo xtask data`.

use scour_core::ExitCode;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::Messages;

/// Makes SIGINT and SIGTERM print a line and end the process with [`ExitCode::Interrupted`]. Nothing has to be cleaned
/// up, since a run may be killed at any time without leaving invalid files.
pub fn stop_on_signals(messages: Messages) {
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM]) else { return };
    std::thread::spawn(move || {
        if signals.forever().next().is_some() {
            messages.print("interrupted: run the same command again to continue");
            std::process::exit(ExitCode::Interrupted as i32);
        }
    });
}
