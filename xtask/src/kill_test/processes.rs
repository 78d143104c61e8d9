//! Processes as `/proc` shows them: the children of a sweep, whatever they do and however long they live.

use std::path::Path;

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};

/// A process. Its start time tells it from a later one with the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) id: u32,
    /// In clock ticks since the machine was started.
    started: u64,
}

/// What `/proc/ID/stat` says of a process.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    state: char,
    parent: u32,
    started: u64,
}

impl Stat {
    /// Reads `ID (NAME) STATE PARENT ...`. The name may contain blanks and brackets; the last bracket ends it.
    fn parse(text: &str) -> Option<Stat> {
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        Some(Stat {
            state: fields.first()?.chars().next()?,
            parent: fields.get(1)?.parse().ok()?,
            // Field 22 of the line, of which 2 stand before the bracket.
            started: fields.get(19)?.parse().ok()?,
        })
    }

    /// `None` where the process has ended, also if its parent has not yet asked how.
    fn of(id: u32) -> Option<Stat> {
        let text = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        Stat::parse(&text).filter(|stat| !matches!(stat.state, 'Z' | 'X'))
    }
}

/// The processes that this one has started and that have not ended.
///
/// # Errors
/// If the machine has no `/proc`.
pub(super) fn children(parent: u32) -> anyhow::Result<Vec<Process>> {
    let folder = Path::new("/proc");
    let entries =
        std::fs::read_dir(folder).context("the kill test finds workers in /proc, which cannot be read")?;
    let ids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let children = ids.filter_map(|id| {
        let stat = Stat::of(id).filter(|stat| stat.parent == parent)?;
        Some(Process { id, started: stat.started })
    });
    Ok(children.collect())
}

impl Process {
    /// Whether it has not ended.
    pub(super) fn is_alive(self) -> bool {
        Stat::of(self.id).is_some_and(|stat| stat.started == self.started)
    }

    /// Sends a signal, if it has not ended.
    pub(super) fn send(self, signal: Signal) {
        if self.is_alive() {
            send(self.id, signal);
        }
    }
}

/// Sends a signal to a process of ours. One that has ended meanwhile is none of our business.
pub(super) fn send(id: u32, signal: Signal) {
    if let Some(id) = Pid::from_raw(id.cast_signed()) {
        let _ = kill_process(id, signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_line_of_proc_is_read_whatever_the_name_of_the_program() {
        let rest = (4..22).map(|number| number.to_string()).collect::<Vec<_>>().join(" ");
        let line = format!("17 (a) (b c) S {rest} 4711 23 24");
        let line = line.replacen("S 4 ", "S 99 ", 1);
        assert_eq!(Stat::parse(&line), Some(Stat { state: 'S', parent: 99, started: 4711 }));
        assert_eq!(Stat::parse("17 (a) S"), None);
    }

    #[test]
    fn a_child_is_found_until_it_ends() {
        let own = std::process::id();
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let found = children(own).unwrap().into_iter().find(|process| process.id == child.id()).unwrap();
        assert!(found.is_alive());
        assert!(!Process { started: found.started + 1, ..found }.is_alive(), "another process of that id");
        found.send(Signal::KILL);
        while found.is_alive() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        // It is a zombie now.
        assert!(!children(own).unwrap().contains(&found));
        child.wait().unwrap();
    }
}
