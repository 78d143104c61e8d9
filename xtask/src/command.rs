//! A command of `cargo xtask`: its name, options, help page and the function that runs it.
//!
//! The options are written down once. The parser reads them, the help pages print them, and unit tests compare them
//! with the programs that get them.

use std::ffi::OsString;
use std::ops::RangeInclusive;

use crate::arguments::{self, Given};
use crate::option::Opt;
use crate::project::Project;

/// A command of `cargo xtask`.
pub(crate) struct Command {
    pub(crate) name: &'static str,
    /// Its arguments, for the overview.
    pub(crate) arguments: &'static str,
    /// What it does, in a few words, for the overview.
    pub(crate) summary: &'static str,
    /// The first lines of its page, each without `cargo xtask`.
    pub(crate) usage: &'static [&'static str],
    /// The rest of its page.
    pub(crate) sections: &'static [Section],
    /// How many arguments it takes besides options.
    pub(crate) operands: RangeInclusive<usize>,
    /// A command line that is correct, for the error message if operands are missing.
    pub(crate) example: &'static str,
    /// Runs it with the words after its name, and returns the exit code.
    pub(crate) run: fn(&Project, &[OsString]) -> anyhow::Result<u8>,
}

/// A paragraph or more of a help page, and the options that follow it.
pub(crate) struct Section {
    /// Empty if the options continue those of the section before.
    pub(crate) text: &'static str,
    pub(crate) options: &'static [Opt],
}

impl Command {
    /// All options of its page.
    pub(crate) fn options(&self) -> Vec<&'static [Opt]> {
        self.sections.iter().map(|section| section.options).collect()
    }

    /// Reads a command line of this command.
    ///
    /// # Errors
    /// `Failure::Usage` if an option is unknown or lacks its value, or if the number of operands is wrong.
    pub(crate) fn read(&self, words: &[OsString]) -> anyhow::Result<Given> {
        let given = arguments::read(self.name, &self.options(), words)?;
        given.check_operands(self.name, &self.operands, self.example)?;
        Ok(given)
    }
}
