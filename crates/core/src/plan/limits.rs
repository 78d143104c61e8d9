//! Checks before the first training that a data set is large enough for an experiment.

use crate::{DatasetFacts, Experiment, LabelMap, Recipe};

/// The minimum size of a clean set: BatchNorm needs more than one image.
const MIN_CLEAN_IMAGES: usize = 2;

/// The number of training images in use; the recipe may limit it.
pub(super) fn used(facts: &DatasetFacts, recipe: &Recipe) -> usize {
    match recipe.train_images {
        0 => facts.train_len(),
        count => count.min(facts.train_len()),
    }
}

/// The recipe with limits that do not exceed the size of the data set, and notes on what was changed. A limit that has no
/// effect then gives the same key as no limit.
pub(super) fn fitted(recipe: Recipe, facts: &DatasetFacts) -> (Recipe, Vec<String>) {
    let (mut recipe, mut notes) = (recipe, vec![]);
    let all = facts.train_len();
    if recipe.train_images > all {
        notes.push(format!(
            "{}: train_images is {}, and the training set has {all} images: all are used",
            facts.name, recipe.train_images
        ));
    }
    if recipe.train_images >= all {
        recipe.train_images = 0;
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

/// The field of the experiment that this data set is too small for, with an explanation; `None` if there is none.
pub(super) fn problem(experiment: &Experiment, facts: &DatasetFacts, recipe: &Recipe) -> Option<String> {
    let name = &facts.name;
    let used = used(facts, recipe);
    if facts.classes < 2 {
        return Some(format!(
            "datasets: {name} has {} class: a classifier needs at least two",
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
        // Attacks round in the same way.
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
    if let Some(ratio) = experiment.clean_ratios.iter().find(|ratio| clean(**ratio) < MIN_CLEAN_IMAGES)
        && defended
    {
        return Some(format!(
            "clean_ratios: {ratio} of the {used} training images of {name} leaves the defender {}: it needs \
             {MIN_CLEAN_IMAGES} at least, a ratio of {}",
            match clean(*ratio) {
                0 => "no image".into(),
                count => format!("{count} image"),
            },
            (MIN_CLEAN_IMAGES as f64 / used as f64 * 1e4).ceil() / 1e4
        ));
    }
    None
}

/// A warning for each clean set that is too small to have an image of every class.
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
                 missing",
                facts.name, facts.classes
            )
        })
        .collect()
}

/// The number of test images on which ASR is measured.
fn asr_images(facts: &DatasetFacts, map: LabelMap) -> usize {
    let counted = |label: &usize| map.counts(*label as u32, facts.classes);
    (0..facts.test_per_class.len()).filter(counted).map(|label| facts.test_per_class[label]).sum()
}
