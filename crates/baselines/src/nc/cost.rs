//! How much a mask's size costs, and when a search has nothing left to gain.

/// Factor by which the cost grows after success. It falls by this factor to the power of 1.5.
const FACTOR: f64 = 2.0;
/// Epochs without a mask smaller by a hundredth after which the search may end.
const STALLED: u32 = 25;

/// The weight of |M|_1: higher while the patch works, lower while it does not.
#[derive(Debug)]
pub(super) struct Cost {
    /// The weight now.
    pub(super) value: f64,
    patience: u32,
    good: u32,
    bad: u32,
    rose: bool,
    fell: bool,
    best: f64,
    idle: u32,
}

impl Cost {
    /// `patience`: epochs of success or failure after which the cost moves.
    pub(super) fn new(value: f64, patience: u32) -> Self {
        Self { value, patience, good: 0, bad: 0, rose: false, fell: false, best: f64::INFINITY, idle: 0 }
    }

    /// After an epoch: whether the patch worked, and the smallest norm of a working mask so far (infinite without one).
    /// Returns whether the search is over: no progress for 25 epochs, and the cost has both risen and fallen.
    pub(super) fn epoch_ended(&mut self, worked: bool, best: f64) -> bool {
        if best.is_finite() {
            self.idle = if best >= 0.99 * self.best { self.idle + 1 } else { 0 };
        }
        self.best = best.min(self.best);
        if self.idle >= STALLED && self.rose && self.fell {
            return true;
        }
        (self.good, self.bad) = if worked { (self.good + 1, 0) } else { (0, self.bad + 1) };
        if self.good == self.patience {
            (self.value, self.good, self.rose) = (self.value * FACTOR, 0, true);
        } else if self.bad == self.patience {
            (self.value, self.bad, self.fell) = (self.value / FACTOR.powf(1.5), 0, true);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_after_success_and_falls_faster_after_failure() {
        let mut cost = Cost::new(1.0, 3);
        let mut after = |worked: &[bool]| {
            worked.iter().for_each(|&worked| assert!(!cost.epoch_ended(worked, f64::INFINITY)));
            cost.value
        };
        assert_eq!(after(&[true, true]), 1.0);
        assert_eq!(after(&[false, true, true]), 1.0, "a failure starts the count again");
        assert_eq!(after(&[true]), 2.0);
        assert_eq!(after(&[true, true, true]), 4.0);
        assert!((after(&[false, false, false]) - 2f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn it_ends_when_nothing_is_gained_and_both_ways_were_tried() {
        let mut cost = Cost::new(1.0, 5);
        let ended = (0..200).position(|epoch| cost.epoch_ended(epoch % 20 < 10, 10.0));
        // The first epoch is an improvement on nothing; 25 without one follow.
        assert_eq!(ended, Some(25));
        let mut never_fell = Cost::new(1.0, 5);
        assert!((0..200).all(|_| !never_fell.epoch_ended(true, 10.0)));
        let mut improving = Cost::new(1.0, 5);
        assert!((0..200).all(|epoch| !improving.epoch_ended(epoch % 20 < 10, 1e3 * 0.98f64.powi(epoch))));
    }
}
