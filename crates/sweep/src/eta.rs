//! How long the rest will take, from the seconds that similar stages took.

use scour_core::StageKind;

/// Mean seconds of stages, by kind.
#[derive(Debug, Default)]
pub(crate) struct Eta {
    /// Kind, sum and number.
    seen: Vec<(StageKind, f64, usize)>,
}

impl Eta {
    /// Records the seconds of a finished stage.
    pub(crate) fn learn(&mut self, kind: StageKind, seconds: f64) {
        match self.seen.iter_mut().find(|(seen, ..)| *seen == kind) {
            Some((_, sum, count)) => (*sum, *count) = (*sum + seconds, *count + 1),
            None => self.seen.push((kind, seconds, 1)),
        }
    }

    /// Seconds until all stages are finished on so many slots, `None` as long as a kind of stage is unknown.
    /// `remaining` are the stages not finished, each with the seconds that were spent on it already.
    pub(crate) fn seconds(
        &self,
        remaining: impl IntoIterator<Item = (StageKind, f64)>,
        slots: usize,
    ) -> Option<f64> {
        let mut work = 0.0;
        let mut longest: f64 = 0.0;
        for (kind, spent) in remaining {
            let (_, sum, count) = self.seen.iter().find(|(seen, ..)| *seen == kind)?;
            let left = (sum / *count as f64 - spent).max(0.0);
            work += left;
            longest = longest.max(left);
        }
        Some((work / slots.max(1) as f64).max(longest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_shared_out_but_no_stage_is_split() {
        let mut eta = Eta::default();
        assert_eq!(eta.seconds([(StageKind::Attack, 0.0)], 1), None);
        eta.learn(StageKind::Attack, 80.0);
        eta.learn(StageKind::Attack, 120.0);
        assert_eq!(eta.seconds([(StageKind::Attack, 30.0), (StageKind::Attack, 0.0)], 1), Some(170.0));
        assert_eq!(eta.seconds([(StageKind::Attack, 30.0), (StageKind::Attack, 0.0)], 2), Some(100.0));
        assert_eq!(eta.seconds([(StageKind::Defense, 0.0)], 1), None);
        assert_eq!(eta.seconds([], 1), Some(0.0));
    }
}
