//! What Ctrl-C does to the programs behind `cargo xtask data`.

use scour_core::ExitCode;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::Voice;

/// Lets SIGINT and SIGTERM end the process with a line and [`ExitCode::Interrupted`]. Every state on disk is one that a
/// killed run may leave, so that there is nothing to tidy up.
pub fn stop_on_signals(voice: Voice) {
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM]) else { return };
    std::thread::spawn(move || {
        if signals.forever().next().is_some() {
            voice.line("interrupted: the same command goes on from here");
            std::process::exit(ExitCode::Interrupted as i32);
        }
    });
}
