//! A Python with PyTorch, for the comparison.

use std::path::PathBuf;
use std::process::Command;

use super::super::args::WholeArgs;

/// A Python, what it needs in its environment, and the script that it is to run.
pub(super) struct Python {
    program: PathBuf,
    environment: Vec<(String, String)>,
    script: PathBuf,
}

impl Python {
    /// The one that the arguments name, if they do.
    pub(super) fn of(args: &WholeArgs) -> Option<Self> {
        let program = args.python.clone()?;
        Some(Self { program, environment: args.python_env.clone(), script: args.pytorch_script.clone() })
    }

    /// Ends well where torch and the script are there.
    pub(super) fn trial(&self) -> Command {
        let mut command = self.command();
        command.args(["-W", "ignore"]).arg(&self.script).arg("--help");
        command
    }

    /// The script with these arguments.
    pub(super) fn script(&self, arguments: &[&str]) -> Command {
        let mut command = self.command();
        command.arg(&self.script).args(arguments);
        command
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        for (name, value) in &self.environment {
            command.env(name, value);
        }
        command
    }
}
