//! What commands write for the person who started them.

use std::io::Write;

use scour_core::ExitCode;

/// Writes the one line with which a command gives up.
#[expect(clippy::print_stderr, reason = "the command's own message to its user")]
pub(crate) fn give_up(message: impl std::fmt::Display, code: ExitCode) -> ExitCode {
    eprintln!("scour: {message}");
    code
}

/// Writes a line that the user should know before the work begins.
#[expect(clippy::print_stderr, reason = "the command's own message to its user")]
pub(crate) fn warn(text: impl std::fmt::Display) {
    eprintln!("warning: {text}");
}

/// Writes a line of a command's result. A reader that has seen enough (`| head`) does not end the command's work.
pub(crate) fn say(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
