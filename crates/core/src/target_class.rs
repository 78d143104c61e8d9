//! From which classes an attack poisons images, and whether a target class is large enough for a clean-label attack.

use crate::LabelMap;

/// The training images that an attack may poison.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Poisons {
    /// Images of every class; their labels are changed.
    #[default]
    AnyClass,
    /// Images of the target class; their labels are kept (clean-label attack).
    TargetClass {
        /// What happens if the poison ratio asks for more images than the target class has: true poisons all of them, false
        /// refuses the attack.
        clamp: bool,
    },
}

impl Poisons {
    /// Why the attack cannot be run at this ratio; `None` if it can. `train_per_class` returns the number of training images
    /// of each class; it is called only if the answer depends on it, since it may have to read labels.
    pub fn problem(
        self,
        map: LabelMap,
        poison_ratio: f64,
        train_per_class: impl FnOnce() -> Vec<usize>,
    ) -> Option<String> {
        let Self::TargetClass { clamp } = self else { return None };
        let LabelMap::AllToOne(target) = map else {
            return Some(
                "a clean-label attack poisons one target class and keeps its label, and all-to-all has no such class: \
                 give `label_map: {all_to_one: N}`"
                    .into(),
            );
        };
        if clamp || poison_ratio == 0.0 {
            return None;
        }
        let counts = train_per_class();
        let available = counts.get(target as usize).copied().unwrap_or(0);
        too_few(available, counts.iter().sum(), poison_ratio, target)
    }
}

fn too_few(available: usize, total: usize, ratio: f64, target: u32) -> Option<String> {
    let wanted = (ratio * total as f64).round() as usize;
    if wanted <= available {
        return None;
    }
    // Rounded down, so that the attack can be run at this ratio.
    let largest = (1e6 * available as f64 / total as f64).floor() / 1e6;
    Some(format!(
        "a poison ratio of {ratio} asks for {wanted} of {total} training images, and target class {target} has \
         {available}: the largest ratio that can be poisoned with labels kept is {largest}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_has_the_numbers_and_the_largest_possible_ratio() {
        assert_eq!(too_few(5000, 50_000, 0.1, 0), None);
        assert_eq!(
            too_few(1989, 20_000, 0.1, 3).unwrap(),
            "a poison ratio of 0.1 asks for 2000 of 20000 training images, and target class 3 has 1989: the \
             largest ratio that can be poisoned with labels kept is 0.09945"
        );
        assert_eq!(too_few(1989, 20_000, 0.09945, 3), None);
        // A third, cut after six digits: 0.333333 of 3000 is 999.999, which is rounded to 1000.
        assert!(too_few(1000, 3000, 0.5, 0).unwrap().ends_with("0.333333"));
    }

    #[test]
    fn counts_are_requested_only_if_they_matter() {
        let with = |poisons: Poisons, map, ratio| {
            poisons.problem(map, ratio, || unreachable!("no counts are needed"))
        };
        let [strict, clamped] = [false, true].map(|clamp| Poisons::TargetClass { clamp });
        assert_eq!(with(strict, LabelMap::AllToOne(0), 0.0), None);
        assert_eq!(with(clamped, LabelMap::AllToOne(0), 1.0), None);
        assert_eq!(with(Poisons::AnyClass, LabelMap::AllToAll(1), 1.0), None);
        assert!(with(clamped, LabelMap::AllToAll(1), 0.1).unwrap().contains("all_to_one"));
    }

    #[test]
    fn a_target_class_that_is_too_small_is_refused() {
        let strict = Poisons::TargetClass { clamp: false };
        let problem = |ratio| strict.problem(LabelMap::AllToOne(1), ratio, || vec![80, 20]);
        assert_eq!(problem(0.2), None);
        assert!(problem(0.3).unwrap().ends_with("is 0.2"));
    }
}
