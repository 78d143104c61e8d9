//! Trigger-activated change: how much a trigger changes the output of a neuron.
//!
//! For neuron k of module f: TAC_k = mean over x of || f_k(x + trigger) - f_k(x) ||_2, where f_k is the map of channel k.
//! (Zheng et al., 2022, Data-free Backdoor Removal based on Channel Lipschitzness, section 3.)

use std::collections::BTreeMap;

use scour_models::{Model, Pass};
use scour_torch::{BatchNormMode, channels_last};
use scour_train::{AnalysisView, ImageSet, TrainError};
use tch::{Device, Kind, Tensor, no_grad};

/// Images in a batch.
const BATCH: usize = 100;

/// The trigger-activated change of every output channel of these modules. `images` are those on which the trigger is put;
/// the model is in eval mode.
pub(crate) fn trigger_activated_changes(
    model: &Model,
    images: &ImageSet,
    modules: &[&str],
    view: &AnalysisView,
) -> Result<BTreeMap<String, Vec<f64>>, TrainError> {
    let mut sums: BTreeMap<String, Tensor> = BTreeMap::new();
    model.state().to_channels_last();
    for batch in images.batches(BATCH) {
        if view.reporter.interrupted() {
            return Err(TrainError::Interrupted);
        }
        let clean = outputs(model, &batch.pixels, modules, view);
        let triggered = outputs(model, &view.trigger.apply(&batch.pixels), modules, view);
        for (module, triggered) in triggered {
            let difference = (triggered - &clean[&module]).to_kind(Kind::Double);
            let (n, channels) = (difference.size()[0], difference.size()[1]);
            let change =
                difference.reshape([n, channels, -1]).square().sum_dim_intlist(2, false, Kind::Double);
            let change = change.sqrt().sum_dim_intlist(0, false, Kind::Double);
            let sum = sums.entry(module).or_insert_with(|| change.zeros_like());
            *sum += change;
        }
    }
    let mean = |(module, sum): (String, Tensor)| {
        let mean = (sum / images.len() as f64).to_device(Device::Cpu);
        let mean = Vec::<f64>::try_from(mean).map_err(|error| TrainError::Method(error.to_string()))?;
        Ok((module, mean))
    };
    let changes: BTreeMap<String, Vec<f64>> =
        sums.into_iter().map(mean).collect::<Result<_, TrainError>>()?;
    match modules.iter().find(|module| !changes.contains_key(**module)) {
        Some(missing) => Err(TrainError::Method(format!("the model has no module `{missing}`"))),
        None => Ok(changes),
    }
}

/// The outputs of the modules for u8 images [n, 3, size, size]: each [n, channels, h, w] or [n, channels].
fn outputs(
    model: &Model,
    images: &Tensor,
    modules: &[&str],
    view: &AnalysisView,
) -> BTreeMap<String, Tensor> {
    let mut found = BTreeMap::new();
    let mut keep = |name: &str, output: Tensor| {
        if modules.contains(&name) {
            found.insert(name.to_string(), output.shallow_clone());
        }
        output
    };
    no_grad(|| {
        let input = channels_last(&view.preprocess.normalise(images));
        let _ = model.forward(&input, &mut Pass::tapped(BatchNormMode::Eval, &mut keep));
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Fixture, model};

    #[test]
    fn the_change_is_the_mean_norm_of_the_difference_of_each_map() {
        let fixture = Fixture::new();
        let view = fixture.view();
        let (model, images) = (model(), fixture.test.first(7));
        let found =
            trigger_activated_changes(&model, &images, &["layer1.0.conv1", "features"], &view).unwrap();
        let clean = outputs(&model, &images.pixels, &["layer1.0.conv1", "features"], &view);
        let triggered =
            outputs(&model, &view.trigger.apply(&images.pixels), &["layer1.0.conv1", "features"], &view);
        for (module, changes) in &found {
            for (channel, change) in changes.iter().enumerate() {
                let of_image = |image: i64| {
                    let map = |outputs: &BTreeMap<String, Tensor>| {
                        outputs[module].get(image).get(channel as i64).to_kind(Kind::Double)
                    };
                    (map(&triggered) - map(&clean)).square().sum(Kind::Double).double_value(&[]).sqrt()
                };
                let expected = (0..7).map(of_image).sum::<f64>() / 7.0;
                assert!((change - expected).abs() < 1e-6 * expected.max(1e-3), "{module} {channel}");
                assert!(*change > 0.0 || module == "features");
            }
        }
        assert_eq!(found["layer1.0.conv1"].len(), 4);
        assert_eq!(found["features"].len(), 32);
    }

    #[test]
    fn without_a_change_of_the_image_there_is_none_and_a_missing_module_is_named() {
        let fixture = Fixture::with_trigger(0);
        let view = fixture.view();
        let images = fixture.test.first(5);
        let found = trigger_activated_changes(&model(), &images, &["features"], &view).unwrap();
        assert!(found["features"].iter().all(|change| *change == 0.0));
        let error = trigger_activated_changes(&model(), &images, &["layer9"], &view).unwrap_err();
        assert!(error.to_string().contains("layer9"), "{error}");
    }
}
