//! Which process holds a lease, in words that mean the same on every machine.

use std::fmt;
use std::fs;

use serde::{Deserialize, Serialize};

/// A process: its machine, and what identifies it there. What the system does not tell is empty; then nothing is known
/// of another process but its heartbeat.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Holder {
    /// The machine's name.
    pub(crate) host: String,
    /// The id that the kernel gave itself when it started.
    pub(crate) boot: String,
    /// The table in which the process id counts: a container has its own.
    pub(crate) process_table: String,
    /// The process id.
    pub(crate) process: u32,
    /// When the process began, in ticks since the boot: a later process can have the same id.
    pub(crate) began: u64,
}

impl Holder {
    /// This process.
    pub(crate) fn here() -> Self {
        let line = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
        let table = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
        let process = std::process::id();
        Self {
            host: line("/proc/sys/kernel/hostname"),
            boot: line("/proc/sys/kernel/random/boot_id"),
            process_table: table.display().to_string(),
            process,
            began: began(process).unwrap_or_default(),
        }
    }

    /// Whether both processes run under one kernel and name, so that a lock of one keeps the other out. Copies of a
    /// virtual machine can have one boot id, and then differ by their names.
    pub(crate) fn shares_machine_with(&self, other: &Self) -> bool {
        !self.boot.is_empty() && self.boot == other.boot && self.host == other.host
    }

    /// Whether a process id means the same to both.
    pub(crate) fn shares_processes_with(&self, other: &Self) -> bool {
        self.shares_machine_with(other)
            && !self.process_table.is_empty()
            && self.process_table == other.process_table
    }

    /// Whether the process is alive. Only for one that shares processes with this one.
    pub(crate) fn is_running(&self) -> bool {
        began(self.process).is_some_and(|began| began == self.began)
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let host = if self.host.is_empty() { "an unknown host" } else { &self.host };
        write!(f, "process {} on {host}", self.process)
    }
}

/// When a process of this process table began; `None` where there is none of that id, or a dead one only.
fn began(process: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field is the program's name in parentheses, in which anything can stand.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    // The 22nd field, of which the third was the first one here.
    let began = fields.nth(18)?.parse().ok()?;
    (!matches!(state, "Z" | "X")).then_some(began)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn this_process_runs_and_a_later_one_of_its_id_is_another() {
        let here = Holder::here();
        assert!(here.shares_processes_with(&here) && here.is_running());
        assert!(!Holder { began: here.began + 1, ..here.clone() }.is_running());
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let process = child.id();
        let other = Holder { process, began: began(process).unwrap(), ..here };
        assert!(other.is_running());
        // Dead, and not yet waited for: a process that only its parent can still see.
        child.kill().unwrap();
        while other.is_running() {
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert!(!other.is_running());
    }

    #[test]
    fn nothing_is_shared_where_host_boot_or_process_table_differ() {
        let here = Holder::here();
        let host = Holder { host: "other".into(), ..here.clone() };
        let boot = Holder { boot: "other".into(), ..here.clone() };
        let table = Holder { process_table: "other".into(), ..here.clone() };
        let unknown = Holder { boot: String::new(), ..here.clone() };
        assert!([&host, &boot].iter().all(|other| !here.shares_machine_with(other)));
        assert!(here.shares_machine_with(&table) && !here.shares_processes_with(&table));
        assert!(!unknown.shares_machine_with(&unknown));
        assert_eq!(host.to_string(), format!("process {} on other", here.process));
    }
}
