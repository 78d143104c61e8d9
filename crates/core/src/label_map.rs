//! The target class of a triggered image.

use serde::{Deserialize, Serialize};

/// The map from an image's true class to its target class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "LabelMapFields", into = "LabelMapFields")]
pub enum LabelMap {
    /// Every class has this target class.
    AllToOne(u32),
    /// Class y has the target class (y + shift) mod classes.
    AllToAll(u32),
}

/// The representation in files: `all_to_one: 0`.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LabelMapFields {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    all_to_one: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    all_to_all: Option<u32>,
}

impl TryFrom<LabelMapFields> for LabelMap {
    type Error = String;

    fn try_from(fields: LabelMapFields) -> Result<Self, String> {
        match (fields.all_to_one, fields.all_to_all) {
            (Some(target), None) => Ok(Self::AllToOne(target)),
            (None, Some(shift)) => Ok(Self::AllToAll(shift)),
            _ => Err("give either `all_to_one: TARGET` or `all_to_all: SHIFT`".into()),
        }
    }
}

impl From<LabelMap> for LabelMapFields {
    fn from(map: LabelMap) -> Self {
        match map {
            LabelMap::AllToOne(target) => Self { all_to_one: Some(target), all_to_all: None },
            LabelMap::AllToAll(shift) => Self { all_to_one: None, all_to_all: Some(shift) },
        }
    }
}

impl Default for LabelMap {
    fn default() -> Self {
        Self::AllToOne(0)
    }
}

impl LabelMap {
    /// The target class of an image of the true class `label`.
    pub fn map(self, label: u32, classes: u32) -> u32 {
        match self {
            Self::AllToOne(target) => target,
            Self::AllToAll(shift) => (label + shift % classes) % classes,
        }
    }

    /// Whether a test image of the true class `label` counts for ASR and RA: its target class must be another one.
    pub fn counts(self, label: u32, classes: u32) -> bool {
        self.map(label, classes) != label
    }

    /// What is wrong with this map for a data set of `classes` classes; `None` if nothing is.
    pub fn problem(self, classes: u32) -> Option<String> {
        match self {
            Self::AllToOne(target) if target >= classes => Some(format!(
                "target label {target} does not exist: the data set has classes 0 to {}",
                classes.saturating_sub(1)
            )),
            Self::AllToAll(shift) if shift % classes == 0 => {
                Some(format!("a shift of {shift} over {classes} classes maps every class to itself"))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn all_to_one_leaves_out_the_target_class() {
        let map = LabelMap::AllToOne(3);
        assert_eq!((0..5).filter(|&y| map.counts(y, 5)).collect::<Vec<_>>(), [0, 1, 2, 4]);
        assert!((0..5).all(|y| map.map(y, 5) == 3));
        assert!(map.problem(3).is_some());
    }

    #[test]
    fn triggered_test_sets_of_the_three_data_sets_have_their_known_sizes() {
        // CIFAR-10, GTSRB with its official counts by class, and Tiny ImageNet: the images that count for target class 0.
        let gtsrb = [
            60, 720, 750, 450, 660, 630, 150, 450, 450, 480, 660, 420, 690, 720, 270, 210, 150, 360, 390, 60,
            90, 90, 120, 150, 90, 480, 180, 60, 150, 90, 150, 270, 60, 210, 120, 390, 120, 60, 690, 90, 90,
            60, 90,
        ];
        let counted_images = |counts: &[u32]| {
            let classes = counts.len() as u32;
            let counted = (0..classes).filter(|&label| LabelMap::default().counts(label, classes));
            counted.map(|label| counts[label as usize]).sum::<u32>()
        };
        let sizes = [counted_images(&[1000; 10]), counted_images(&gtsrb), counted_images(&[50; 200])];
        assert_eq!(sizes, [9_000, 12_570, 9_950]);
        assert_eq!(gtsrb.iter().sum::<u32>(), 12_630);
    }

    proptest! {
        #[test]
        fn all_to_all_is_a_permutation_without_fixed_classes(classes in 2u32..500, shift in 1u32..2000) {
            let map = LabelMap::AllToAll(shift);
            let mut image: Vec<u32> = (0..classes).map(|y| map.map(y, classes)).collect();
            image.sort_unstable();
            prop_assert_eq!(image, (0..classes).collect::<Vec<_>>());
            let changes_all = (0..classes).all(|y| map.counts(y, classes));
            prop_assert_eq!(changes_all, map.problem(classes).is_none());
        }
    }
}
