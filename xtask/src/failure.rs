//! The ways a command ends badly, with the exit codes that the whole project shares.

use std::fmt;

/// An error that decides the exit code. Any other error is the machine's (a file, a process): code 3.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Wrong words on the command line: 2.
    Usage(String),
    /// Something the machine lacks, with the way out: 3.
    Environment(String),
    /// Ctrl-C: 130.
    Interrupted,
    /// A program that we ran failed and has said why itself; its exit code is passed on.
    Program { name: String, code: u8 },
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Usage(line) | Failure::Environment(line) => out.write_str(line),
            Failure::Interrupted => out.write_str("interrupted: run the same command again to continue"),
            Failure::Program { name, code } => write!(out, "{name} ended with exit code {code}: see above"),
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

/// Shorthand for an error about the machine, with the way out in the line.
pub(crate) fn environment(line: impl Into<String>) -> anyhow::Error {
    Failure::Environment(line.into()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_follows_the_kind_of_failure() {
        assert_eq!(exit_code(&Failure::Usage("x".into()).into()), 2);
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
