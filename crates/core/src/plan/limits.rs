//! What a data set is too small for, found before the first training.

use crate::{DatasetFacts, Experiment, LabelMap, Recipe};

/// Images that a clean set must have at least: BatchNorm needs more than one.
const LEAST_CLEAN: usize = 2;

/// Training images that are used: the recipe may cut the set.
pub(super) fn used(facts: &DatasetFacts, recipe: &Recipe) -> usize {
    match recipe.train_pictures {
        0 => facts.train_len(),
        count => count.min(facts.train_len()),
    }
}

/// The recipe as it comes out on this data set, so that what is no cut has the key of no cut, and what a reader should
/// know of it.
pub(super) fn fitted(recipe: Recipe, facts: &DatasetFacts) -> (Recipe, Vec<String>) {
    let (mut recipe, mut notes) = (recipe, vec![]);
    let all = facts.train_len();
    if recipe.train_pictures > all {
        notes.push(format!(
            "{}: train_pictures is {}, and the training set has {all} images: all are used",
            facts.name, recipe.train_pictures
        ));
    }
    if recipe.train_pictures >= all {
        recipe.train_pictures = 0;
    }
    let used = used(facts, &recipe);
    if recipe.batch_size > used {
        notes.push(format!(
            "{}: batch_size is {}, and {used} images are trained on: each epoch is one batch",
            facts.name, recipe.batch_size
        ));
        recipe.batch_size = used;
    }
    (recipe, notes)
}

/// What cannot be done with this data set, named by field; `None` where all is well.
pub(super) fn problem(experiment: &Experiment, facts: &DatasetFacts, recipe: &Recipe) -> Option<String> {
    let name = &facts.name;
    let used = used(facts, recipe);
    if facts.classes < 2 {
        return Some(format!(
            "datasets: {name} has {} class: a classifier needs two at least",
            facts.classes
        ));
    }
    if used < 2 {
        return Some(format!("datasets: {name} has {used} training image: BatchNorm needs more than one"));
    }
    if facts.test_len() == 0 {
        return Some(format!("datasets: {name} has no test image: there is nothing to measure ACC on"));
    }
    if let Some(problem) = experiment.label_map.problem(facts.classes) {
        return Some(format!("label_map: on {name}: {problem}"));
    }
    let attacked = experiment.attacks.iter().any(|attack| attack.name != "none");
    if attacked {
        if asr_images(facts, experiment.label_map) == 0 {
            return Some(format!(
                "label_map: every test image of {name} is of the target class already: there is nothing to measure \
                 ASR on; name another target with `label_map: {{all_to_one: LABEL}}`"
            ));
        }
        // The share is rounded as the attacks round it.
        let poisoned = |ratio: f64| (ratio * used as f64).round() as usize;
        if let Some(ratio) = experiment.poison_ratios.iter().find(|ratio| poisoned(**ratio) == 0) {
            return Some(format!(
                "poison_ratios: {ratio} of the {used} training images of {name} rounds to no image: raise it, or name \
                 attack `none` for a clean model"
            ));
        }
    }
    let defended = experiment.defenses.iter().any(|defense| defense.name != "none");
    let clean = |ratio: f64| (ratio * used as f64) as usize;
    if let Some(ratio) = experiment.clean_ratios.iter().find(|ratio| clean(**ratio) < LEAST_CLEAN)
        && defended
    {
        return Some(format!(
            "clean_ratios: {ratio} of the {used} training images of {name} leaves the defender {}: it needs \
             {LEAST_CLEAN} at least, a ratio of {}",
            match clean(*ratio) {
                0 => "no image".into(),
                count => format!("{count} image"),
            },
            (LEAST_CLEAN as f64 / used as f64 * 1e4).ceil() / 1e4
        ));
    }
    None
}

/// A line on each clean set that cannot have an image of every class.
pub(super) fn small_clean_sets(
    experiment: &Experiment,
    facts: &DatasetFacts,
    recipe: &Recipe,
) -> Vec<String> {
    let used = used(facts, recipe);
    let counts = experiment.clean_ratios.iter().map(|ratio| (ratio, (ratio * used as f64) as usize));
    let small = counts.filter(|(_, count)| *count < facts.classes as usize);
    small
        .map(|(ratio, count)| {
            format!(
                "{}: a clean ratio of {ratio} leaves the defender {count} images of {} classes: some classes are \
                 missing from it",
                facts.name, facts.classes
            )
        })
        .collect()
}

/// Test images that ASR is measured on.
fn asr_images(facts: &DatasetFacts, map: LabelMap) -> usize {
    let counted = |label: &usize| map.counts(*label as u32, facts.classes);
    (0..facts.test_per_class.len()).filter(counted).map(|label| facts.test_per_class[label]).sum()
}
