//! Why a worker ended without a result, by its exit status and the end of its log.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use scour_core::{FailureReason, Status, one_line};

const KILLED: i32 = 9;

/// The status of a stage whose worker ended without a result. `log` is the end of what it wrote.
pub(crate) fn diagnose(exit: ExitStatus, log: &str) -> Status {
    let ending = match (exit.code(), exit.signal()) {
        (_, Some(signal)) => format!("was killed by signal {signal}"),
        (Some(code), _) => format!("ended with exit code {code}"),
        _ => "ended".to_string(),
    };
    let lower = log.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    // Of a process that has ended, only its text is left. A worker that lives recognises a full disk by the kind of its
    // I/O error.
    let (reason, ending) = if has(&["no space left on device", "disk quota exceeded"]) {
        (FailureReason::NoSpace, ending)
    } else if has(&[
        "out of memory",
        "cannot allocate memory",
        "can't allocate memory",
        "std::bad_alloc",
        "memory allocation of",
    ]) {
        (FailureReason::Oom, ending)
    } else if exit.signal() == Some(KILLED) {
        // The kernel kills processes that take too much memory in this way; no part of scour sends this signal to a
        // worker that is at work.
        (FailureReason::Oom, format!("{ending} (out of memory?)"))
    } else {
        (FailureReason::Panic, ending)
    };
    let message = match cause_line(log) {
        Some(line) => format!("the worker {ending}; its log ends with: {}", one_line(line)),
        None => format!("the worker {ending}, and its log is empty"),
    };
    Status::Failed { reason, message }
}

/// The line that says most: the message of a Rust panic if there is one, else the last line.
fn cause_line(log: &str) -> Option<&str> {
    let mut lines: Vec<&str> = log.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if let Some(at) = lines.iter().rposition(|line| line.contains(" panicked at ")) {
        lines.truncate(at + 2);
    } else if let Some(at) = lines.iter().rposition(|line| line.starts_with("Exception raised from")) {
        lines.truncate(at);
    }
    lines.pop()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnosed(raw: i32, log: &str) -> (FailureReason, String) {
        match diagnose(ExitStatus::from_raw(raw), log) {
            Status::Failed { reason, message } => (reason, message),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn endings_have_reasons() {
        let (reason, message) = diagnosed(9, "");
        assert_eq!(reason, FailureReason::Oom);
        assert_eq!(message, "the worker was killed by signal 9 (out of memory?), and its log is empty");
        let (reason, message) = diagnosed(3 << 8, "a\nlast\n\n");
        assert_eq!(reason, FailureReason::Panic);
        assert_eq!(message, "the worker ended with exit code 3; its log ends with: last");
        assert_eq!(diagnosed(1 << 8, "CUDA out of memory. Tried").0, FailureReason::Oom);
        assert_eq!(diagnosed(6, "memory allocation of 8 bytes failed").0, FailureReason::Oom);
        assert_eq!(diagnosed(1 << 8, "write: No space left on device (os 28)").0, FailureReason::NoSpace);
        assert_eq!(diagnosed(11, "x").0, FailureReason::Panic);
    }

    #[test]
    fn a_panic_is_quoted_by_its_message() {
        let log = "thread 'main' panicked at src/x.rs:3:5:\nindex out of bounds\nnote: run with `RUST_BACKTRACE=1`\n";
        assert!(diagnosed(101 << 8, log).1.ends_with("its log ends with: index out of bounds"));
        let log = "out of range\nException raised from x at y.cpp:3 (most recent call first):\nframe #0: z\nframe #1: w\n";
        assert!(diagnosed(1 << 8, log).1.ends_with("its log ends with: out of range"));
    }
}
