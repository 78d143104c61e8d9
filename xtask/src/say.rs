//! Everything xtask itself prints goes through here: results to stdout, progress and errors to stderr.

use std::io::Write as _;
use std::time::Instant;

/// A line of the answer the user asked for. A reader that has seen enough, such as `head`, ends the command quietly.
pub(crate) fn answer(line: &str) {
    if let Err(error) = writeln!(std::io::stdout(), "{line}")
        && error.kind() == std::io::ErrorKind::BrokenPipe
    {
        std::process::exit(0);
    }
}

/// A line on what is going on.
#[expect(clippy::print_stderr, reason = "progress belongs on stderr, away from answers")]
pub(crate) fn progress(line: &str) {
    eprintln!("{line}");
}

/// The one line of an error.
pub(crate) fn error(line: &str) {
    progress(&format!("error: {line}"));
}

/// Progress lines of one longer job, each with the seconds since the job began.
pub(crate) struct Job {
    name: &'static str,
    began: Instant,
}

impl Job {
    pub(crate) fn begin(name: &'static str) -> Job {
        Job { name, began: Instant::now() }
    }

    pub(crate) fn line(&self, line: &str) {
        progress(&format!("{} [{:>4.0} s] {line}", self.name, self.began.elapsed().as_secs_f64()));
    }
}

/// Seconds for people: `7 s`, `3 min 20 s`.
pub(crate) fn seconds(duration: std::time::Duration) -> String {
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
    use std::time::Duration;

    #[test]
    fn durations_read_well_at_every_size() {
        assert_eq!(super::seconds(Duration::from_millis(340)), "0.3 s");
        assert_eq!(super::seconds(Duration::from_secs(75)), "75 s");
        assert_eq!(super::seconds(Duration::from_secs(200)), "3 min 20 s");
    }
}
