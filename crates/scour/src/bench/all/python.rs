//! The Python interpreter with PyTorch, for the comparison.

use std::path::PathBuf;
use std::process::Command;

use super::super::args::AllArgs;

/// A Python interpreter, its environment variables, and the script that measures PyTorch.
pub(super) struct Python {
    program: PathBuf,
    environment: Vec<(String, String)>,
    script: PathBuf,
}

impl Python {
    /// The interpreter that the arguments name, if any.
    pub(super) fn of(args: &AllArgs) -> Option<Self> {
        let program = args.python.clone()?;
        Some(Self { program, environment: args.python_env.clone(), script: args.pytorch_script.clone() })
    }

    /// A command that succeeds if PyTorch and the script can be used.
    pub(super) fn check(&self) -> Command {
        let mut command = self.command();
        command.args(["-W", "ignore"]).arg(&self.script).arg("--help");
        command
    }

    /// The command that runs the script with these arguments.
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
