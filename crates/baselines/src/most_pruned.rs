//! How far to prune: as far as clean accuracy allows. FP, ANP and RNP choose by this.
//!
//! The usual benchmark uses test sets here: FP's search the accuracy on clean test images, ANP's threshold the ASR. A
//! defender has neither, so that all three use the defender's clean images. FP and ANP offer the published choice as
//! `choose: oracle`, and the rows of such settings are marked.

use scour_train::{Progress, Reporter, TrainError};

/// Tolerance for the rounding of percentages.
const ROUNDING: f64 = 1e-9;

/// What a search found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct MostPruned {
    /// Index of the most pruned state that keeps accuracy; `None` where already the first loses too much.
    pub(crate) state: Option<usize>,
    /// Accuracy before pruning.
    pub(crate) before: f64,
    /// Accuracy in the chosen state.
    pub(crate) after: f64,
}

/// Tries states 0, 1, .. `states`, each more pruned than the last, up to the first whose accuracy is below
/// (1 - `max_drop`) times that before pruning, and chooses the state before it.
///
/// `accuracy` measures a state, `None` being the unpruned model, in percent.
pub(crate) fn most_pruned(
    states: usize,
    max_drop: f64,
    reporter: &dyn Reporter,
    mut accuracy: impl FnMut(Option<usize>) -> f64,
) -> Result<MostPruned, TrainError> {
    let before = accuracy(None);
    let mut found = MostPruned { state: None, before, after: before };
    for state in 0..states {
        if reporter.interrupted() {
            return Err(TrainError::Interrupted);
        }
        let after = accuracy(Some(state));
        let (done, total) = (state as u64 + 1, states as u64);
        reporter.progress(Progress { step: "pruning", done, total, loss: None, accuracy: Some(after) });
        if after < (1.0 - max_drop) * before - ROUNDING {
            break;
        }
        found = MostPruned { state: Some(state), before, after };
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use scour_train::Silent;

    fn search(before: f64, states: &[f64], max_drop: f64) -> (Option<usize>, f64) {
        let accuracy = |state: Option<usize>| state.map_or(before, |state| states[state]);
        let found = most_pruned(states.len(), max_drop, &Silent, accuracy).unwrap();
        assert_eq!(found.before, before);
        (found.state, found.after)
    }

    #[test]
    fn it_goes_back_to_the_last_state_before_the_fall() {
        assert_eq!(search(80.0, &[80.0, 90.0, 72.0, 71.9, 80.0], 0.1), (Some(2), 72.0));
        assert_eq!(search(80.0, &[79.0, 80.0], 0.0), (None, 80.0));
        assert_eq!(search(80.0, &[75.0, 74.0], 0.1), (Some(1), 74.0));
        assert_eq!(search(0.0, &[0.0], 0.1), (Some(0), 0.0));
        assert_eq!(search(50.0, &[], 0.1), (None, 50.0));
        // 0.7 * 90 is 62.99999999999999 or 63, by the order in which it is computed.
        assert_eq!(search(90.0, &[63.0], 0.3), (Some(0), 63.0));
    }
}
