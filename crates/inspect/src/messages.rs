//! Text for people: messages on standard error during the work, results on standard output, numbers of bytes.

use std::io::{IsTerminal, Write};

/// Messages on standard error.
#[derive(Clone, Copy, Debug)]
pub struct Messages {
    terminal: bool,
    silent: bool,
}

impl Messages {
    /// Messages go to standard error, which may be a terminal.
    pub fn new() -> Self {
        let smart = std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        Self { terminal: std::io::stderr().is_terminal() && smart, silent: false }
    }

    /// Messages are dropped.
    pub fn silent() -> Self {
        Self { terminal: false, silent: true }
    }

    /// Whether a line can be overwritten, as a progress bar does.
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Prints one line. The work continues where standard error cannot be written to any more.
    pub fn print(&self, line: &str) {
        if !self.silent {
            let _ = writeln!(std::io::stderr(), "{line}");
        }
    }
}

impl Default for Messages {
    fn default() -> Self {
        Self::new()
    }
}

/// Prints a line of the result on standard output. The reader may have closed it, as `head` does.
pub fn print_result(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// A number of bytes for people: `170 MB`.
pub fn format_bytes(count: u64) -> String {
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
    fn bytes_are_formatted_with_a_unit_that_suits_their_number() {
        let cases = [
            (999, "999 bytes"),
            (99_620, "99.6 kB"),
            (248_100_043, "248 MB"),
            (2_500_000, "2.5 MB"),
            (12_345_678_901, "12.3 GB"),
        ];
        for (count, expected) in cases {
            assert_eq!(super::format_bytes(count), expected);
        }
    }
}
