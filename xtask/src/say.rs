//! All output of xtask itself: results on stdout, progress and errors on stderr.

use std::io::Write as _;
use std::time::{Duration, Instant};

/// A line of the result. If its reader, such as `head`, has closed the pipe, the command ends without a message.
pub(crate) fn answer(line: &str) {
    if let Err(problem) = writeln!(std::io::stdout(), "{line}") {
        if problem.kind() == std::io::ErrorKind::BrokenPipe {
            std::process::exit(0);
        }
        error(&format!("cannot write to the standard output; is the disk full?: {problem}"));
        std::process::exit(3);
    }
}

/// A line about what is going on.
pub(crate) fn progress(line: &str) {
    // If stderr is closed, there is nowhere to report that.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The line of an error.
pub(crate) fn error(line: &str) {
    progress(&format!("error: {line}"));
}

/// Progress lines of a longer job, each with the seconds since its start.
pub(crate) struct Job {
    name: &'static str,
    start: Instant,
}

impl Job {
    pub(crate) fn begin(name: &'static str) -> Job {
        Job { name, start: Instant::now() }
    }

    pub(crate) fn line(&self, line: &str) {
        progress(&format!("{} [{:>4.0} s] {line}", self.name, self.start.elapsed().as_secs_f64()));
    }
}

/// A readable duration: `7.0 s`, `3 min 20 s`.
pub(crate) fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 10.0 {
        format!("{seconds:.1} s")
    } else if seconds < 120.0 {
        format!("{seconds:.0} s")
    } else {
        format!("{} min {} s", duration.as_secs() / 60, duration.as_secs() % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_readable_at_every_size() {
        assert_eq!(seconds(Duration::from_millis(340)), "0.3 s");
        assert_eq!(seconds(Duration::from_secs(75)), "75 s");
        assert_eq!(seconds(Duration::from_secs(200)), "3 min 20 s");
    }
}
