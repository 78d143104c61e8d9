//! Clean-label poisoning: only images of the target class are changed, and every label stays true.

use scour_core::{Fidelity, Poisons};
use scour_train::{AttackContext, Prepared, TrainError, Trigger};

use crate::poison::{choose, replace};

/// Draws the images of the target class that are poisoned: their indices, ascending.
pub(crate) fn choose_in_target_class(
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
    let poisons = Poisons::TargetClass { clamp };
    if let Some(problem) = poisons.problem(context.map, context.poison_ratio, counts) {
        return Err(TrainError::Method(problem));
    }
    let target: Vec<u32> = (0..labels.len() as u32)
        .filter(|&i| !context.map.counts(labels[i as usize], context.classes))
        .collect();
    choose(context, &target, fidelity)
}

/// Puts the trigger on images of the target class.
pub(crate) fn clean_label<'a>(
    context: &AttackContext<'a>,
    fidelity: Fidelity,
    clamp: bool,
    trigger: Box<dyn Trigger>,
) -> Result<Prepared<'a>, TrainError> {
    let poisoned = choose_in_target_class(context, fidelity, clamp)?;
    let train = replace(context.train, &poisoned, trigger.as_ref(), None);
    Ok(Prepared { train, poisoned, in_batches: None, trigger: Some(trigger), maker: None })
}
