//! The time that may be used, and what still fits into it.

use std::time::{Duration, Instant};

/// The whole time.
pub(super) struct Budget {
    began: Instant,
    limit: Duration,
}

impl Budget {
    /// From now on.
    pub(super) fn new(minutes: f64) -> Self {
        Self { began: Instant::now(), limit: Duration::from_secs_f64(60.0 * minutes) }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// When everything is over: what still runs then is ended.
    pub(super) fn end(&self) -> Instant {
        self.began + self.limit
    }

    /// The time until the share `by` of the whole is over, for measurements that are expected to take `guess` seconds each
    /// until one has shown how long they take.
    pub(super) fn part(&self, by: f64, guess: f64) -> Part {
        Part { end: self.began + self.limit.mul_f64(by), expected: Duration::from_secs_f64(guess) }
    }
}

/// The time of one part.
pub(super) struct Part {
    end: Instant,
    expected: Duration,
}

impl Part {
    /// Whether a measurement that starts at `now` can be expected to be over in time.
    pub(super) fn allows(&self, now: Instant) -> bool {
        now + self.expected <= self.end
    }

    /// Takes down how long a measurement took: the next is expected to take as long.
    pub(super) fn took(&mut self, time: Duration) {
        self.expected = time;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measurement_starts_where_it_ends_within_its_part() {
        let budget = Budget::new(1.0);
        let at = |seconds| budget.began + Duration::from_secs(seconds);
        assert_eq!(budget.end(), at(60));
        let half = budget.part(0.5, 10.0);
        assert!(half.allows(at(0)) && half.allows(at(20)) && !half.allows(at(21)));
        // What an earlier part leaves over is the later one's.
        let rest = budget.part(1.0, 10.0);
        assert!(rest.allows(at(0)) && rest.allows(at(50)) && !rest.allows(at(51)));
    }

    #[test]
    fn the_last_measurement_tells_how_long_the_next_takes() {
        let budget = Budget::new(1.0);
        let at = |seconds| budget.began + Duration::from_secs(seconds);
        let mut part = budget.part(0.5, 10.0);
        part.took(Duration::from_secs(25));
        assert!(part.allows(at(5)) && !part.allows(at(6)));
        part.took(Duration::from_secs(2));
        assert!(part.allows(at(28)) && !part.allows(at(29)));
    }
}
