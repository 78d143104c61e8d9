//! What several defenses' parameters have in common: defaults that depend on the data set, and the recipe of fine-tuning.

use scour_core::{DatasetFacts, ParamError, Recipe, Schedule};

/// How the published experiments fine-tune all weights on a data set: 100 epochs with a cosine, and on Tiny ImageNet 200
/// epochs that lower the rate on a plateau of the loss.
pub(crate) fn fine_tuning(facts: &DatasetFacts) -> (u32, Schedule) {
    if facts.name == "tiny_imagenet" { (200, Schedule::Plateau) } else { (100, Schedule::Cosine) }
}

/// Refuses a recipe that cannot be trained. Zero epochs are allowed: the defense then leaves its training out.
pub(crate) fn recipe(recipe: Recipe) -> Result<(), ParamError> {
    let (epochs, cosine_epochs) = (recipe.epochs.max(1), recipe.cosine_epochs.max(1));
    let problem = Recipe { epochs, cosine_epochs, ..recipe }.problem();
    problem.map_or(Ok(()), |problem| Err(ParamError(problem)))
}

/// SGD over the whole clean set with a cosine as long as the training, as fine-tuning goes in all baselines.
pub(crate) fn cosine(epochs: u32, batch_size: usize, lr: f64, momentum: f64, weight_decay: f64) -> Recipe {
    let schedule = Schedule::Cosine;
    Recipe {
        epochs,
        batch_size,
        lr,
        momentum,
        weight_decay,
        schedule,
        cosine_epochs: epochs,
        train_images: 0,
    }
}
