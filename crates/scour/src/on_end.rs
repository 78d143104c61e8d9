//! `--on-end`: a command of the user's own that is run when the sweep has ended.

use std::path::Path;
use std::process::{Command, Stdio};

use scour_core::ExitCode;
use scour_sweep::Summary;

use crate::output::warn;

/// What the command is told, as environment variables.
pub(crate) struct Notice<'a> {
    pub(crate) exit: ExitCode,
    /// The folder of results, as far as it is known.
    pub(crate) out: Option<&'a Path>,
    /// `None` where the sweep ended with an error.
    pub(crate) summary: Option<&'a Summary>,
    /// The exit summary, or the error.
    pub(crate) text: &'a str,
    /// Since the program was started.
    pub(crate) seconds: f64,
}

impl Notice<'_> {
    fn variables(&self) -> [(&'static str, String); 6] {
        let count = |of: fn(&Summary) -> usize| self.summary.map_or(0, of).to_string();
        [
            ("SCOUR_OUT", self.out.map(|out| out.display().to_string()).unwrap_or_default()),
            ("SCOUR_EXIT_CODE", (self.exit as u8).to_string()),
            ("SCOUR_OK", count(|summary| summary.ok)),
            ("SCOUR_FAILED", count(|summary| summary.failed + summary.analyses_failed)),
            ("SCOUR_SECONDS", format!("{:.0}", self.seconds)),
            ("SCOUR_SUMMARY", self.text.into()),
        ]
    }

    /// Runs the command by `sh -c`. That it fails is said, and changes nothing else.
    pub(crate) fn run(&self, command: &str) {
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).envs(self.variables()).stdin(Stdio::null());
        match shell.status() {
            Ok(status) if status.success() => {}
            Ok(status) => warn(format_args!("--on-end '{command}' failed: {status}")),
            Err(error) => warn(format_args!("--on-end '{command}' cannot be run: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice() -> Notice<'static> {
        Notice {
            exit: ExitCode::Environment,
            out: Some(Path::new("/o")),
            summary: None,
            text: "two\nlines 'quoted' $HOME",
            seconds: 12.6,
        }
    }

    #[test]
    fn the_command_gets_the_end_in_its_environment() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("said");
        let names = "\"$SCOUR_OUT|$SCOUR_EXIT_CODE|$SCOUR_OK|$SCOUR_FAILED|$SCOUR_SECONDS|$SCOUR_SUMMARY\"";
        notice().run(&format!("printf %s {names} > '{}'", file.display()));
        let said = std::fs::read_to_string(file).unwrap();
        assert_eq!(said, "/o|3|0|0|13|two\nlines 'quoted' $HOME");
    }

    #[test]
    fn a_command_that_fails_is_no_failure() {
        notice().run("exit 7");
    }
}
