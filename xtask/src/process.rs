//! Runs other programs: they get Ctrl-C, and their exit code is passed on.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::failure::Failure;
use crate::{files, say};

/// The process id of the program that runs in the foreground, 0 for none.
static FOREGROUND: AtomicU32 = AtomicU32::new(0);
/// Whether a Ctrl-C, a SIGTERM or a SIGHUP came.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Handles SIGINT, SIGTERM and SIGHUP for the rest of this process.
///
/// The terminal sends Ctrl-C, and SIGHUP when it closes, to the program in the foreground as well; xtask only waits for
/// its exit code. SIGTERM reaches xtask alone, which sends it on. Without a program in the foreground each of them ends
/// xtask. If SIGHUP is ignored from the start, as under `nohup`, it remains ignored.
pub(crate) fn listen_for_signals() -> anyhow::Result<()> {
    let hang_up = (!ignores_hang_up()?).then_some(SIGHUP);
    let mut signals = Signals::new([SIGINT, SIGTERM].into_iter().chain(hang_up))
        .context("cannot install handlers for SIGINT, SIGTERM and SIGHUP")?;
    std::thread::spawn(move || {
        for signal in signals.forever() {
            INTERRUPTED.store(true, Ordering::SeqCst);
            let Some(program) = Pid::from_raw(FOREGROUND.load(Ordering::SeqCst).cast_signed()) else {
                std::process::exit(128 + signal);
            };
            if signal == SIGTERM {
                terminate(program);
            }
        }
    });
    Ok(())
}

fn terminate(program: Pid) {
    match kill_process(program, Signal::TERM) {
        // It has ended already.
        Ok(()) | Err(rustix::io::Errno::SRCH) => {}
        Err(error) => {
            say::error(&format!("cannot send SIGTERM to process {program}; end it by hand: {error}"));
        }
    }
}

/// Whether this process was started with SIGHUP ignored. Systems without /proc do not say; then it was not.
fn ignores_hang_up() -> anyhow::Result<bool> {
    let file = Path::new("/proc/self/status");
    let Some(status) = files::read_if_present(file)? else { return Ok(false) };
    let Some(mask) = status.lines().find_map(|line| line.strip_prefix("SigIgn:")) else { return Ok(false) };
    let mask = u64::from_str_radix(mask.trim(), 16)
        .with_context(|| format!("the field SigIgn of {} is no hexadecimal number", file.display()))?;
    Ok(mask >> (SIGHUP - 1) & 1 == 1)
}

/// Whether the user interrupted this command.
pub(crate) fn was_interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// A program in the foreground: it gets the signals that xtask gets.
pub(crate) struct Running {
    child: Child,
    name: String,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> anyhow::Result<Running> {
        let child = spawned(command)?;
        FOREGROUND.store(child.id(), Ordering::SeqCst);
        Ok(Running { child, name: name(command) })
    }

    /// Waits for its end and returns its exit code, 128 + the signal's number if a signal ended it.
    pub(crate) fn wait(mut self) -> anyhow::Result<u8> {
        let status = self.child.wait().with_context(|| format!("cannot wait for {}", self.name))?;
        Ok(code(status))
    }

    /// Its exit code if it has ended.
    pub(crate) fn try_wait(&mut self) -> anyhow::Result<Option<u8>> {
        let status = self.child.try_wait().with_context(|| format!("cannot wait for {}", self.name))?;
        Ok(status.map(code))
    }

    /// Its process id, which no other process has before it was waited for.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        FOREGROUND.store(0, Ordering::SeqCst);
    }
}

/// Runs a program to its end on our own stdin, stdout and stderr and returns its exit code, 128 + the signal's number
/// if a signal ended it.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<u8> {
    Running::start(command)?.wait()
}

/// Like [`run`], but `read` gets the program's stdout.
pub(crate) fn run_reading(
    command: &mut Command,
    read: impl FnOnce(ChildStdout) -> io::Result<()>,
) -> anyhow::Result<u8> {
    let mut running = Running::start(command.stdout(Stdio::piped()))?;
    let output = running.child.stdout.take().context("the program's stdout is no pipe")?;
    let read = read(output).with_context(|| format!("cannot read or pass on the output of {}", running.name));
    let code = running.wait()?;
    read?;
    Ok(code)
}

/// Like [`run`], but any exit code except 0 is an error.
pub(crate) fn run_or_fail(command: &mut Command) -> anyhow::Result<()> {
    let code = run(command)?;
    check(command, code)
}

/// An error if the command was interrupted or the exit code is not 0.
pub(crate) fn check(command: &Command, code: u8) -> anyhow::Result<()> {
    if was_interrupted() {
        return Err(Failure::Interrupted.into());
    }
    if code != 0 {
        return Err(Failure::Program { name: name(command), code }.into());
    }
    Ok(())
}

/// Runs a program with its output going to the file `log` and returns whether it succeeded. Every ten seconds, `every`
/// is called with the time since the start.
pub(crate) fn run_quietly(
    command: &mut Command,
    log: &Path,
    every: impl Fn(Duration),
) -> anyhow::Result<bool> {
    let cannot_write = || format!("cannot write {}; is its folder writable?", log.display());
    let file = File::create(log).with_context(cannot_write)?;
    command.stdout(file.try_clone().with_context(cannot_write)?).stderr(file);
    let mut running = Running::start(command)?;
    let (start, mut reported) = (Instant::now(), 0);
    let code = loop {
        if let Some(code) = running.try_wait()? {
            break code;
        }
        if start.elapsed().as_secs() / 10 > reported {
            reported = start.elapsed().as_secs() / 10;
            every(start.elapsed());
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    if was_interrupted() {
        return Err(Failure::Interrupted.into());
    }
    Ok(code == 0)
}

/// What a program prints on stdout, without white space at its ends.
///
/// # Errors
/// If it cannot run or fails: its name and the last line of its stderr.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let program = name(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot run {program}"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let reason =
            text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it printed no reason");
        return Err(anyhow!("{program} ended with exit code {}: {}", code(output.status), reason.trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Whether an error of this module means that the program does not exist.
pub(crate) fn is_missing(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// The last lines of a log, for the error message about a program that failed.
pub(crate) fn last_lines(log: &Path, count: usize) -> String {
    let bytes = match fs::read(log) {
        Ok(bytes) => bytes,
        Err(error) => return format!("(cannot read {}: {error})", log.display()),
    };
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

fn spawned(command: &mut Command) -> anyhow::Result<Child> {
    command.spawn().with_context(|| format!("cannot run {}", command.get_program().display()))
}

/// As a shell gives it. A process that was waited for has a code or a signal, both small enough for a u8.
fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

fn name(command: &Command) -> String {
    Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests;
