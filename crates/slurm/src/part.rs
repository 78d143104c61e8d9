//! The part of a plan that a task does, as a line of a file that the submission wrote.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::str::FromStr;

use scour_core::{Key, Plan};

use crate::SlurmError;
use crate::error::AtPath;

/// A line of a file of parts: the file, and the number of the line from 1. As text `FILE:NUMBER`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    file: std::path::PathBuf,
    line: usize,
}

/// Begins the line of a task with attacked models.
const ATTACKED: &str = "attacked";
/// Begins the line of a task with stages that other tasks share.
const SHARED: &str = "shared";

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.rsplit_once(':').and_then(|(file, line)| Some((file, line.parse().ok()?)));
        match parsed {
            Some((file, line)) if line >= 1 => Ok(Self { file: file.into(), line }),
            _ => Err("expected FILE:NUMBER, as a script of `--engine slurm` gives it".into()),
        }
    }
}

impl Part {
    /// The part of the plan that the line names.
    pub fn of(&self, plan: &Plan) -> Result<Plan, SlurmError> {
        let text = std::fs::read_to_string(&self.file).at("read", &self.file)?;
        let mut words = text.lines().nth(self.line - 1).unwrap_or_default().split(' ');
        let (kind, keys): (_, BTreeSet<&str>) = (words.next().unwrap_or_default(), words.collect());
        let (part, found) = match kind {
            ATTACKED => {
                let all = plan.cells.iter().map(|cell| &cell.attacked);
                let named: BTreeSet<Key> = all.filter(|key| keys.contains(key.as_str())).cloned().collect();
                (plan.of_attacked(&named), named.len())
            }
            SHARED => {
                let named = plan.stages.keys().filter(|key| keys.contains(key.as_str()));
                let named: Vec<Key> = named.cloned().collect();
                (plan.only_stages(&named), named.len())
            }
            _ => return Err(SlurmError::Usage(format!("{} names no task", self.place()))),
        };
        if found == keys.len() {
            return Ok(part);
        }
        Err(SlurmError::Usage(format!(
            "{}: {} of {} stages are not in the plan any more: the data, the program or its options have changed since \
             this was submitted; submit again",
            self.place(),
            keys.len() - found,
            keys.len()
        )))
    }

    fn place(&self) -> String {
        format!("line {} of {}", self.line, self.file.display())
    }
}

/// Writes a file of parts, a line a task.
pub(crate) fn write_parts(path: &Path, tasks: &[Vec<Key>], are_shared: bool) -> Result<(), SlurmError> {
    let mut text = String::new();
    for keys in tasks {
        text.push_str(if are_shared { SHARED } else { ATTACKED });
        for key in keys {
            // Writing to a string cannot fail.
            let _ = write!(text, " {key}");
        }
        text.push('\n');
    }
    std::fs::write(path, text).at("write", path)
}
