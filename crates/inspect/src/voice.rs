//! What people read: lines on standard error while they wait, the answer on standard output, lengths.

use std::io::{IsTerminal, Write};

/// Speaks on standard error.
#[derive(Clone, Copy, Debug)]
pub struct Voice {
    terminal: bool,
    silent: bool,
}

impl Voice {
    /// Speaks as the terminal allows.
    pub fn new() -> Self {
        let smart = std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        Self { terminal: std::io::stderr().is_terminal() && smart, silent: false }
    }

    /// Says nothing.
    pub fn silent() -> Self {
        Self { terminal: false, silent: true }
    }

    /// Whether a line can be drawn over, as a bar is, and not only a next one written.
    pub fn terminal(&self) -> bool {
        self.terminal
    }

    /// A line that stays. Where it cannot be written any more, the work still goes on.
    pub fn line(&self, text: &str) {
        if !self.silent {
            let _ = writeln!(std::io::stderr(), "{text}");
        }
    }
}

impl Default for Voice {
    fn default() -> Self {
        Self::new()
    }
}

/// A line of the answer, on standard output. Whoever reads it may have seen enough, as `head` has.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// A length for people: `170 MB`.
pub fn bytes(count: u64) -> String {
    let megabytes = count as f64 / 1e6;
    match count {
        0..1000 => format!("{count} bytes"),
        1000..100_000 => format!("{:.1} kB", count as f64 / 1e3),
        100_000..10_000_000 => format!("{megabytes:.1} MB"),
        10_000_000..10_000_000_000 => format!("{megabytes:.0} MB"),
        _ => format!("{:.1} GB", megabytes / 1e3),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn lengths_read_well_at_every_size() {
        let cases = [
            (999, "999 bytes"),
            (99_620, "99.6 kB"),
            (248_100_043, "248 MB"),
            (2_500_000, "2.5 MB"),
            (12_345_678_901, "12.3 GB"),
        ];
        for (count, expected) in cases {
            assert_eq!(super::bytes(count), expected);
        }
    }
}
