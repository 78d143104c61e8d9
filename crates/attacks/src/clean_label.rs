//! Clean-label poisoning: only pictures of the target class are changed, and every label stays true.

use scour_core::LabelMap;
use scour_train::{TrainError, Trigger};

use crate::Fidelity;
use crate::attack::{AttackContext, Circumstances, Prepared};
use crate::poison::{choose, replace};

/// Why a clean-label attack cannot be run, if so. `clamp` says that a target class which is too small is poisoned
/// whole, instead of nothing being poisoned at all.
pub(crate) fn problem(circumstances: &Circumstances, clamp: bool) -> Option<String> {
    let LabelMap::AllToOne(target) = circumstances.map else {
        return Some(
            "a clean-label attack poisons one target class and keeps its label, and all-to-all has no such class: \
             give `label_map: {all_to_one: N}`"
                .into(),
        );
    };
    if clamp || circumstances.poison_ratio == 0.0 {
        return None;
    }
    let counts = (circumstances.train_per_class)();
    let total: usize = counts.iter().sum();
    too_few(counts.get(target as usize).copied().unwrap_or(0), total, circumstances.poison_ratio, target)
}

fn too_few(available: usize, total: usize, ratio: f64, target: u32) -> Option<String> {
    let asked = (ratio * total as f64).round() as usize;
    if asked <= available {
        return None;
    }
    // Cut, so that the ratio that is named really can be run.
    let largest = (1e6 * available as f64 / total as f64).floor() / 1e6;
    Some(format!(
        "a poison ratio of {ratio} asks for {asked} of {total} training pictures, and target class {target} has \
         {available}: the largest ratio that can be poisoned with labels kept is {largest}"
    ))
}

/// Which pictures of the target class are poisoned, ascending.
pub(crate) fn victims(
    context: &AttackContext,
    fidelity: Fidelity,
    clamp: bool,
) -> Result<Vec<u32>, TrainError> {
    let labels = context.train.classes();
    let counts = || {
        let mut counts = vec![0; context.classes as usize];
        labels.iter().for_each(|&label| counts[label as usize] += 1);
        counts
    };
    let circumstances =
        Circumstances { map: context.map, poison_ratio: context.poison_ratio, train_per_class: &counts };
    if let Some(problem) = problem(&circumstances, clamp) {
        return Err(TrainError::Method(problem));
    }
    let target: Vec<u32> = (0..labels.len() as u32)
        .filter(|&i| !context.map.counts(labels[i as usize], context.classes))
        .collect();
    choose(context, &target, fidelity)
}

/// Puts the trigger on pictures of the target class.
pub(crate) fn clean_label<'a>(
    context: &AttackContext<'a>,
    fidelity: Fidelity,
    clamp: bool,
    trigger: Box<dyn Trigger>,
) -> Result<Prepared<'a>, TrainError> {
    let poisoned = victims(context, fidelity, clamp)?;
    let train = replace(context.train, &poisoned, trigger.as_ref(), None);
    Ok(Prepared { train, poisoned, in_batches: None, trigger: Some(trigger), maker: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_says_the_numbers_and_the_way_out() {
        assert_eq!(too_few(5000, 50_000, 0.1, 0), None);
        assert_eq!(
            too_few(1989, 20_000, 0.1, 3).unwrap(),
            "a poison ratio of 0.1 asks for 2000 of 20000 training pictures, and target class 3 has 1989: the \
             largest ratio that can be poisoned with labels kept is 0.09945"
        );
        assert_eq!(too_few(1989, 20_000, 0.09945, 3), None);
        // A third, cut after six digits: 0.333333 of 3000 is 999.999, rounded to the 1000 there are.
        assert!(too_few(1000, 3000, 0.5, 0).unwrap().ends_with("0.333333"));
    }

    #[test]
    fn counts_are_not_asked_for_where_they_do_not_matter() {
        let never = || unreachable!("no counts are needed");
        let with = |map, poison_ratio, clamp| {
            problem(&Circumstances { map, poison_ratio, train_per_class: &never }, clamp)
        };
        assert_eq!(with(LabelMap::AllToOne(0), 0.0, false), None);
        assert_eq!(with(LabelMap::AllToOne(0), 1.0, true), None);
        assert!(with(LabelMap::AllToAll(1), 0.1, true).unwrap().contains("all_to_one"));
    }
}
