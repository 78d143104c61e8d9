//! How well a defense distinguished poisoned training images from clean ones. Rates are percentages, 0..100.

use serde::{Deserialize, Serialize};

/// Verdicts on training images, compared with which of them were poisoned.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// Number of images held to be poisoned.
    pub suspects: usize,
    /// True positive rate: share of the poisoned images that are suspects; `None` where nothing was poisoned.
    pub tpr: Option<f64>,
    /// False positive rate: share of the clean images that are suspects; `None` where everything was poisoned.
    pub fpr: Option<f64>,
}

impl Detection {
    /// `verdicts` are one a training image, `poisoned` the indices of those that are.
    ///
    /// # Panics
    /// If an index lies beyond the verdicts.
    pub fn of(verdicts: &[bool], poisoned: &[u32]) -> Self {
        let suspects = verdicts.iter().filter(|verdict| **verdict).count();
        let found = poisoned.iter().filter(|&&index| verdicts[index as usize]).count();
        let share = |hits: usize, of: usize| (of > 0).then(|| 100.0 * hits as f64 / of as f64);
        Self {
            suspects,
            tpr: share(found, poisoned.len()),
            fpr: share(suspects - found, verdicts.len() - poisoned.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_of_the_poisoned_and_of_the_clean_images() {
        let verdicts = [true, true, false, false, true, false];
        // One of two poisoned images is found, and two of four clean ones are suspected.
        let expected = Detection { suspects: 3, tpr: Some(50.0), fpr: Some(50.0) };
        assert_eq!(Detection::of(&verdicts, &[0, 2]), expected);
        assert_eq!(Detection::of(&verdicts, &[]), Detection { suspects: 3, tpr: None, fpr: Some(50.0) });
        assert_eq!(Detection::of(&[true], &[0]), Detection { suspects: 1, tpr: Some(100.0), fpr: None });
    }
}
