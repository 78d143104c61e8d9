//! Running other programs: Ctrl-C belongs to them, their exit code comes back.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::failure::Failure;

/// The process id of the program that runs in the foreground, 0 for none.
static FOREGROUND: AtomicU32 = AtomicU32::new(0);
/// Whether a Ctrl-C or a SIGTERM came.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Takes over SIGINT, SIGTERM and SIGHUP for the rest of this process.
///
/// The terminal sends Ctrl-C, and SIGHUP when it closes, to the program in the foreground as well: xtask stays to pass
/// on its exit code. SIGTERM reaches xtask alone, so it is sent on. With nothing in the foreground each ends xtask at
/// once. Where SIGHUP is ignored from the start, as under `nohup`, it stays ignored.
pub(crate) fn listen_for_signals() -> anyhow::Result<()> {
    let mut signals =
        Signals::new([SIGINT, SIGTERM].into_iter().chain((!ignores_hang_up()).then_some(SIGHUP)))
            .context("cannot listen for signals")?;
    std::thread::spawn(move || {
        for signal in signals.forever() {
            INTERRUPTED.store(true, Ordering::SeqCst);
            match FOREGROUND.load(Ordering::SeqCst) {
                0 => std::process::exit(128 + signal),
                child if signal == SIGTERM => {
                    if let Some(child) = Pid::from_raw(child.cast_signed()) {
                        // A failure means that the program has ended already.
                        let _ = kill_process(child, Signal::TERM);
                    }
                }
                _ => {}
            }
        }
    });
    Ok(())
}

/// Whether this process was started with SIGHUP ignored, as far as the system tells.
fn ignores_hang_up() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (SIGHUP - 1) & 1 == 1
}

/// Whether the user interrupted this command.
pub(crate) fn was_interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// Runs a program to its end on our own stdin, stdout and stderr and returns its exit code, 128 + the signal's
/// number where a signal ended it.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<u8> {
    let mut child = command.spawn().with_context(|| format!("cannot run {}", name(command)))?;
    FOREGROUND.store(child.id(), Ordering::SeqCst);
    let status = child.wait();
    FOREGROUND.store(0, Ordering::SeqCst);
    Ok(code(status.with_context(|| format!("lost track of {}", name(command)))?))
}

/// Like [`run`], with the program's stdout going to `read` (it must be piped).
pub(crate) fn run_reading(
    command: &mut Command,
    read: impl FnOnce(ChildStdout) -> std::io::Result<()>,
) -> anyhow::Result<u8> {
    let mut child = command.spawn().with_context(|| format!("cannot run {}", name(command)))?;
    FOREGROUND.store(child.id(), Ordering::SeqCst);
    let read = child.stdout.take().map_or(Ok(()), read);
    let status = child.wait();
    FOREGROUND.store(0, Ordering::SeqCst);
    read.context("cannot pass on what the program prints")?;
    Ok(code(status.with_context(|| format!("lost track of {}", name(command)))?))
}

/// Like [`run`], but any exit code but 0 is an error.
pub(crate) fn run_or_fail(command: &mut Command) -> anyhow::Result<()> {
    let code = run(command)?;
    if was_interrupted() {
        return Err(Failure::Interrupted.into());
    }
    if code != 0 {
        return Err(Failure::Program { name: name(command), code }.into());
    }
    Ok(())
}

/// Runs a program with its output going to the file `log` and returns whether it ended well; `every` is called
/// with the time since the start, every ten seconds.
pub(crate) fn run_quietly(
    command: &mut Command,
    log: &Path,
    every: impl Fn(Duration),
) -> anyhow::Result<bool> {
    let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    command.stdout(file.try_clone()?).stderr(file);
    let mut child = command.spawn().with_context(|| format!("cannot run {}", name(command)))?;
    FOREGROUND.store(child.id(), Ordering::SeqCst);
    let (began, mut told) = (Instant::now(), 0);
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if began.elapsed().as_secs() / 10 > told {
            told = began.elapsed().as_secs() / 10;
            every(began.elapsed());
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    FOREGROUND.store(0, Ordering::SeqCst);
    if was_interrupted() {
        return Err(Failure::Interrupted.into());
    }
    Ok(status.success())
}

/// What a program prints on stdout, trimmed; `None` where it cannot run or fails.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The last lines of a log, to be shown where a quiet program failed.
pub(crate) fn last_lines(log: &Path, count: usize) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    u8::try_from(code).unwrap_or(1)
}

fn name(command: &Command) -> String {
    Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn exit_codes_and_signals_come_back_as_a_shell_gives_them() {
        assert_eq!(run(&mut shell("exit 0")).unwrap(), 0);
        assert_eq!(run(&mut shell("exit 100")).unwrap(), 100);
        assert_eq!(run(&mut shell("kill -TERM $$")).unwrap(), 143);
    }

    #[test]
    fn a_program_that_does_not_exist_is_an_error_that_names_it() {
        let error = run(&mut Command::new("/nonexistent/tool")).unwrap_err();
        assert!(error.to_string().contains("tool"), "{error}");
    }

    #[test]
    fn a_failed_program_carries_its_exit_code() {
        let error = run_or_fail(&mut shell("exit 101")).unwrap_err();
        assert_eq!(crate::failure::exit_code(&error), 101);
    }

    #[test]
    fn a_quiet_program_leaves_its_words_in_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        assert!(
            !run_quietly(&mut shell("echo one; echo two >&2; echo three; exit 1"), &log, |_| ()).unwrap()
        );
        assert_eq!(last_lines(&log, 2), "two\nthree");
    }

    #[test]
    fn output_is_none_where_the_program_fails() {
        assert_eq!(output(&mut shell("echo ' 2.11.0 '")), Some("2.11.0".into()));
        assert_eq!(output(&mut shell("echo x; exit 1")), None);
        assert_eq!(output(&mut Command::new("/nonexistent/tool")), None);
    }
}
