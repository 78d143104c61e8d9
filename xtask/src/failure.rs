//! The kinds of failure, with the exit codes that all programs of the project share.

use std::fmt;

/// An error that decides the exit code. Any other error is about a file or a process of this machine: code 3.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line or an environment variable is wrong: 2.
    Usage(String),
    /// Something is missing on this machine, with the way out: 3.
    Environment(String),
    /// Ctrl-C or SIGTERM: 130.
    Interrupted,
    /// A program failed and has printed why; its exit code is passed on.
    Program { name: String, code: u8 },
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Usage(line) | Failure::Environment(line) => out.write_str(line),
            Failure::Interrupted => out.write_str("interrupted: run the same command again to continue"),
            Failure::Program { name, code } => {
                write!(out, "{name} ended with exit code {code}: its messages are above")
            }
        }
    }
}

impl std::error::Error for Failure {}

/// The exit code that an error stands for.
pub(crate) fn exit_code(error: &anyhow::Error) -> u8 {
    match error.downcast_ref::<Failure>() {
        Some(Failure::Usage(_)) => 2,
        Some(Failure::Environment(_)) | None => 3,
        Some(Failure::Interrupted) => 130,
        Some(Failure::Program { code, .. }) => *code,
    }
}

/// The error for a wrong command line.
pub(crate) fn usage(line: impl Into<String>) -> anyhow::Error {
    Failure::Usage(line.into()).into()
}

/// The error for something that is missing on this machine; the line includes the way out.
pub(crate) fn environment(line: impl Into<String>) -> anyhow::Error {
    Failure::Environment(line.into()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_follows_the_kind_of_failure() {
        assert_eq!(exit_code(&usage("x")), 2);
        assert_eq!(exit_code(&environment("x")), 3);
        assert_eq!(exit_code(&anyhow::anyhow!("a file that cannot be read")), 3);
        assert_eq!(exit_code(&Failure::Interrupted.into()), 130);
        assert_eq!(exit_code(&Failure::Program { name: "cargo".into(), code: 101 }.into()), 101);
    }

    #[test]
    fn context_keeps_the_exit_code() {
        let error = anyhow::Error::from(Failure::Interrupted).context("while installing");
        assert_eq!(exit_code(&error), 130);
    }
}
