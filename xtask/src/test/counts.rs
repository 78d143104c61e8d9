//! The numbers of tests, from the output of the test programs.

use std::fmt;

/// The sum of what the test programs report.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
    /// Lines of results that this version of xtask cannot read.
    unread: u64,
}

impl Counts {
    /// Adds a line such as `test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; ...`. Other lines add nothing.
    pub(super) fn add(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else { return };
        let number = |what: &str| -> Option<u64> {
            let part = result.split([';', '.']).find_map(|part| part.trim().strip_suffix(what))?;
            part.trim().parse().ok()
        };
        match (number("passed"), number("failed"), number("ignored")) {
            (Some(passed), Some(failed), Some(ignored)) => {
                self.passed += passed;
                self.failed += failed;
                self.ignored += ignored;
            }
            _ => self.unread += 1,
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} passed, {} failed, {} ignored", self.passed, self.failed, self.ignored)?;
        if self.unread > 0 {
            write!(out, ", and {} test programs whose result line could not be read", self.unread)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_all_test_programs_are_added() {
        let mut counts = Counts::default();
        counts.add(
            "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n",
        );
        counts.add("test result: FAILED. 10 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out\n");
        counts.add("test some::test ... ok\n");
        assert_eq!(counts, Counts { passed: 15, failed: 2, ignored: 1, unread: 0 });
        assert_eq!(counts.to_string(), "15 passed, 2 failed, 1 ignored");
    }

    #[test]
    fn a_result_that_cannot_be_read_is_not_counted_as_zero() {
        let mut counts = Counts::default();
        counts.add("test result: ok. many passed; 0 failed; 0 ignored\n");
        let text = "0 passed, 0 failed, 0 ignored, and 1 test programs whose result line could not be read";
        assert_eq!(counts.to_string(), text);
    }
}
