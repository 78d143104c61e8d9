//! How long the rest will take, from the seconds that similar stages took.

use scour_core::{StageKind, TimeLeft};

/// The relative standard deviation of stages of a kind of which only one has been seen.
const UNKNOWN_SPREAD: f64 = 0.5;

/// The seconds of finished stages, by kind.
#[derive(Debug, Default)]
pub(crate) struct Eta {
    seen: Vec<(StageKind, Seconds)>,
}

/// Number, sum and sum of squares of seconds.
#[derive(Clone, Copy, Debug, Default)]
struct Seconds {
    count: f64,
    sum: f64,
    squares: f64,
}

impl Seconds {
    fn mean(self) -> f64 {
        self.sum / self.count
    }

    /// The unbiased variance of the stages seen, and with it the uncertainty of their mean.
    fn variance(self) -> f64 {
        if self.count < 2.0 {
            return (UNKNOWN_SPREAD * self.mean()).powi(2);
        }
        ((self.squares - self.sum * self.sum / self.count) / (self.count - 1.0)).max(0.0)
    }
}

impl Eta {
    /// Records the seconds of a finished stage.
    pub(crate) fn learn(&mut self, kind: StageKind, seconds: f64) {
        let at = self.seen.iter().position(|(seen, _)| *seen == kind).unwrap_or_else(|| {
            self.seen.push((kind, Seconds::default()));
            self.seen.len() - 1
        });
        let seen = &mut self.seen[at].1;
        (seen.count, seen.sum, seen.squares) =
            (seen.count + 1.0, seen.sum + seconds, seen.squares + seconds * seconds);
    }

    /// The time until all stages are finished on so many slots, `None` as long as a kind of stage is unknown.
    /// `remaining` are the stages not finished, each with the seconds that were spent on it already.
    ///
    /// The stages of a kind are taken as independent draws from those seen: n of them have the variance n v + n^2 v / m,
    /// where v is the variance of the m stages seen. The second part is the uncertainty of their mean.
    pub(crate) fn time_left(
        &self,
        remaining: impl IntoIterator<Item = (StageKind, f64)>,
        slots: usize,
    ) -> Option<TimeLeft> {
        let (mut work, mut longest): (f64, f64) = (0.0, 0.0);
        let mut counts = vec![0.0; self.seen.len()];
        for (kind, spent) in remaining {
            let at = self.seen.iter().position(|(seen, _)| *seen == kind)?;
            let left = (self.seen[at].1.mean() - spent).max(0.0);
            work += left;
            longest = longest.max(left);
            counts[at] += 1.0;
        }
        let of_kind = |(n, (_, seen)): (&f64, &(StageKind, Seconds))| {
            n * seen.variance() + n * n * seen.variance() / seen.count
        };
        let variance: f64 = counts.iter().zip(&self.seen).map(of_kind).sum();
        let slots = slots.max(1) as f64;
        let (seconds, spread) = ((work / slots).max(longest), 2.0 * variance.sqrt() / slots);
        Some(TimeLeft { seconds, low: (seconds - spread).max(0.0), high: seconds + spread })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(eta: &Eta, remaining: &[(StageKind, f64)], slots: usize) -> Option<f64> {
        eta.time_left(remaining.iter().copied(), slots).map(|left| left.seconds)
    }

    #[test]
    fn work_is_shared_out_but_no_stage_is_split() {
        let mut eta = Eta::default();
        assert_eq!(seconds(&eta, &[(StageKind::Attack, 0.0)], 1), None);
        eta.learn(StageKind::Attack, 80.0);
        eta.learn(StageKind::Attack, 120.0);
        let two = [(StageKind::Attack, 30.0), (StageKind::Attack, 0.0)];
        assert_eq!(seconds(&eta, &two, 1), Some(170.0));
        assert_eq!(seconds(&eta, &two, 2), Some(100.0));
        assert_eq!(seconds(&eta, &[(StageKind::Defense, 0.0)], 1), None);
        assert_eq!(seconds(&eta, &[], 1), Some(0.0));
    }

    #[test]
    fn the_spread_is_that_of_the_stages_seen_and_of_their_mean() {
        let mut eta = Eta::default();
        eta.learn(StageKind::Attack, 100.0);
        let left = eta.time_left([(StageKind::Attack, 0.0)], 1).unwrap();
        // One seen: a deviation of 50, and as much for the mean: 2 sqrt(2 * 2500).
        assert!((left.high - (100.0 + 2.0 * 5000f64.sqrt())).abs() < 1e-9 && left.low == 0.0);
        eta.learn(StageKind::Attack, 120.0);
        // Mean 110, variance 200: four to go have 4 * 200 + 16 * 200 / 2 = 2400.
        let left = eta.time_left([(StageKind::Attack, 0.0); 4], 2).unwrap();
        assert!((left.seconds - 220.0).abs() < 1e-9);
        assert!((left.high - left.seconds - 2400f64.sqrt()).abs() < 1e-9, "{left:?}");
        assert!((left.seconds - left.low - 2400f64.sqrt()).abs() < 1e-9);
    }
}
