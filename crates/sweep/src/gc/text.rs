//! A survey in lines for people.

use std::fmt::{self, Display};

use super::{Deleted, Survey};

/// How many lines a list has at most.
const LINES: usize = 20;

/// Bytes as MiB.
struct Mib(u64);

impl Display for Mib {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(&format!("{:.1}", self.0 as f64 / 1_048_576.0))
    }
}

/// `1 stage`, `2 stages`.
fn count(number: usize, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

impl Survey {
    /// Bytes that would be removed.
    pub fn bytes(&self) -> u64 {
        let stages = self.unneeded.iter().chain(&self.droppable).map(|stage| stage.bytes);
        stages.chain(self.leftovers.iter().map(|leftover| leftover.bytes)).sum()
    }

    /// Whether there is nothing to remove.
    pub fn is_clean(&self) -> bool {
        self.unneeded.is_empty() && self.droppable.is_empty() && self.leftovers.is_empty()
    }

    /// What would be removed, in half a line.
    pub fn removes(&self) -> String {
        removed([self.unneeded.len(), self.droppable.len(), self.leftovers.len()], self.bytes())
    }
}

/// `3 stages, 1 leftover, 2.5 MiB`.
fn removed([stages, models, leftovers]: [usize; 3], bytes: u64) -> String {
    let counts = [(stages, "stage"), (models, "model"), (leftovers, "leftover")];
    let counts = counts.iter().filter(|(number, _)| *number > 0);
    let counts: String = counts.map(|(number, word)| format!("{}, ", count(*number, word))).collect();
    format!("{counts}{} MiB", Mib(bytes))
}

impl Display for Survey {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(f, "{}", self.store.display())?;
        writeln!(f, "\n  stages       MiB  of it shared  experiment")?;
        for usage in self.usage.iter().filter(|usage| usage.stages > 0) {
            let (bytes, shared) = (Mib(usage.bytes), Mib(usage.shared));
            writeln!(f, "{:>8} {bytes:>9} {shared:>13}  {}", usage.stages, usage.name)?;
        }
        let without = self.usage.iter().filter(|usage| usage.stages == 0).count();
        if without > 0 {
            writeln!(f, "{:>8} {:>9} {:>13}  {}", 0, Mib(0), Mib(0), count(without, "other experiment"))?;
        }
        let (stages, bytes) = self.needed;
        writeln!(f, "{stages:>8} {:>9} {:>13}  all of these; shared stages counted once", Mib(bytes), "")?;
        let notes = [
            (self.dropped, "of them have no model any more: it is made again if something needs it"),
            (self.models_needed, "of them keep their model: something that is to be run builds on it"),
            (self.unplanned, "of them are of a data set that is not here: what is needed of it is not known"),
            (self.newer, "stages were written by a newer scour, and stay"),
        ];
        for (number, text) in notes.iter().filter(|(number, _)| *number > 0) {
            writeln!(f, "{number:>8} {text}")?;
        }
        if self.checkpoints > 0 {
            writeln!(f, "         {} MiB of checkpoints of unfinished stages stay", Mib(self.checkpoints))?;
        }
        for line in &self.at_work {
            writeln!(f, "         {line}")?;
        }
        let stages = |list: &[super::StageSize]| -> Vec<(u64, String)> {
            list.iter().map(|stage| (stage.bytes, format!("{}  {}", stage.key, stage.title))).collect()
        };
        list(f, "stages that no experiment needs", &stages(&self.unneeded))?;
        list(f, "models whose results stay", &stages(&self.droppable))?;
        let leftovers = self.leftovers.iter();
        let leftovers: Vec<_> =
            leftovers.map(|one| (one.bytes, format!("{}  ({})", one.path.display(), one.what))).collect();
        list(f, "leftovers", &leftovers)
    }
}

/// The largest entries of a list, with how many there are and their size.
fn list(f: &mut fmt::Formatter, what: &str, entries: &[(u64, String)]) -> fmt::Result {
    if entries.is_empty() {
        return Ok(());
    }
    let bytes = entries.iter().map(|(bytes, _)| bytes).sum();
    writeln!(f, "\n{what}: {}, {} MiB", entries.len(), Mib(bytes))?;
    let mut largest: Vec<_> = entries.iter().collect();
    largest.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
    for (bytes, text) in largest.iter().take(LINES) {
        writeln!(f, "{:>18} MiB  {text}", Mib(*bytes))?;
    }
    if entries.len() > LINES {
        writeln!(f, "{:>24}and {} more", "", entries.len() - LINES)?;
    }
    Ok(())
}

impl Display for Deleted {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "removed {}", removed([self.stages, self.models, self.leftovers], self.bytes))?;
        if self.in_use > 0 {
            write!(f, "; {} stayed, since a sweep works on them", count(self.in_use, "stage"))?;
        }
        Ok(())
    }
}
