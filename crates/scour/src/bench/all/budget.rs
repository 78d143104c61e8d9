//! The time limit, and which measurements still fit into it.

use std::time::{Duration, Instant};

/// The time limit of all measurements.
pub(super) struct Budget {
    began: Instant,
    limit: Duration,
}

impl Budget {
    /// A limit that starts now.
    pub(super) fn new(minutes: f64) -> Self {
        Self { began: Instant::now(), limit: Duration::from_secs_f64(60.0 * minutes) }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// The end of the time; processes that still run then are killed.
    pub(super) fn end(&self) -> Instant {
        self.began + self.limit
    }

    /// The time limit of a group of measurements: it ends after the share `by` of the total time. `guess` is the expected number
    /// of seconds of the first measurement.
    pub(super) fn part(&self, by: f64, guess: f64) -> Part {
        Part { end: self.began + self.limit.mul_f64(by), expected: Duration::from_secs_f64(guess) }
    }
}

/// The time limit of a group of measurements.
pub(super) struct Part {
    end: Instant,
    expected: Duration,
}

impl Part {
    /// Whether a measurement that starts at `now` is expected to end in time.
    pub(super) fn allows(&self, now: Instant) -> bool {
        now + self.expected <= self.end
    }

    /// Records how long a measurement took; the next one is expected to take as long.
    pub(super) fn record(&mut self, time: Duration) {
        self.expected = time;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measurement_is_allowed_if_it_ends_within_its_part() {
        let budget = Budget::new(1.0);
        let at = |seconds| budget.began + Duration::from_secs(seconds);
        assert_eq!(budget.end(), at(60));
        let half = budget.part(0.5, 10.0);
        assert!(half.allows(at(0)) && half.allows(at(20)) && !half.allows(at(21)));
        // A later part can use the time that an earlier one has not used.
        let rest = budget.part(1.0, 10.0);
        assert!(rest.allows(at(0)) && rest.allows(at(50)) && !rest.allows(at(51)));
    }

    #[test]
    fn the_next_measurement_is_expected_to_take_as_long_as_the_last() {
        let budget = Budget::new(1.0);
        let at = |seconds| budget.began + Duration::from_secs(seconds);
        let mut part = budget.part(0.5, 10.0);
        part.record(Duration::from_secs(25));
        assert!(part.allows(at(5)) && !part.allows(at(6)));
        part.record(Duration::from_secs(2));
        assert!(part.allows(at(28)) && !part.allows(at(29)));
    }
}
