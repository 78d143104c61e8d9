//! Ranges of numeric parameters.

use std::fmt;

use crate::ParamError;

/// One end of a range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// The value itself is allowed.
    Included(f64),
    /// The value itself is not allowed.
    Excluded(f64),
}

/// A range of numbers; an absent end means no bound. NaN and infinities are in no range.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Range {
    /// The lower end.
    pub low: Option<Bound>,
    /// The upper end.
    pub high: Option<Bound>,
}

impl Range {
    /// Returns an error that names the parameter if the number is outside the range.
    pub fn check(&self, name: &str, value: f64) -> Result<(), ParamError> {
        let above = match self.low {
            None => true,
            Some(Bound::Included(low)) => value >= low,
            Some(Bound::Excluded(low)) => value > low,
        };
        let below = match self.high {
            None => true,
            Some(Bound::Included(high)) => value <= high,
            Some(Bound::Excluded(high)) => value < high,
        };
        if value.is_finite() && above && below {
            return Ok(());
        }
        match (self.low, self.high) {
            (None, None) => Err(ParamError(format!("`{name}` must be a finite number, not {value}"))),
            _ => Err(ParamError(format!("`{name}` must be {self}, not {value}"))),
        }
    }
}

/// `in [0, 1)`, `at least 1`, `above 0`; empty without bounds.
impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match (self.low, self.high) {
            (None, None) => Ok(()),
            (Some(Bound::Included(low)), None) => write!(f, "at least {low}"),
            (Some(Bound::Excluded(low)), None) => write!(f, "above {low}"),
            (None, Some(Bound::Included(high))) => write!(f, "at most {high}"),
            (None, Some(Bound::Excluded(high))) => write!(f, "below {high}"),
            (Some(low), Some(high)) => {
                match low {
                    Bound::Included(low) => write!(f, "in [{low}, ")?,
                    Bound::Excluded(low) => write!(f, "in ({low}, ")?,
                }
                match high {
                    Bound::Included(high) => write!(f, "{high}]"),
                    Bound::Excluded(high) => write!(f, "{high})"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Bound::{Excluded, Included};

    #[test]
    fn included_ends_are_allowed_and_excluded_ones_are_not() {
        for (low, high, text, allowed) in [
            (Some(Included(0.0)), Some(Included(1.0)), "in [0, 1]", [false, true, true, true, false]),
            (Some(Included(0.0)), Some(Excluded(1.0)), "in [0, 1)", [false, true, true, false, false]),
            (Some(Excluded(0.0)), Some(Included(1.0)), "in (0, 1]", [false, false, true, true, false]),
            (Some(Excluded(0.0)), None, "above 0", [false, false, true, true, true]),
            (Some(Included(0.0)), None, "at least 0", [false, true, true, true, true]),
            (None, Some(Excluded(1.0)), "below 1", [true, true, true, false, false]),
            (None, Some(Included(1.0)), "at most 1", [true, true, true, true, false]),
            (None, None, "", [true; 5]),
        ] {
            let range = Range { low, high };
            assert_eq!(range.to_string(), text);
            assert_eq!([-0.1, 0.0, 0.5, 1.0, 1.1].map(|x| range.check("x", x).is_ok()), allowed, "{text}");
            assert!([f64::NAN, f64::INFINITY, -f64::INFINITY].iter().all(|&x| range.check("x", x).is_err()));
        }
        let message =
            Range { low: Some(Excluded(0.0)), high: None }.check("lr", -1.0).unwrap_err().to_string();
        assert_eq!(message, "`lr` must be above 0, not -1");
    }
}
