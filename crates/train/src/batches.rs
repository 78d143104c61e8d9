//! The batch sizes that BatchNorm can normalise.

use scour_models::Model;

use crate::TrainError;

/// Checks that `images` images can be split into batches of `batch_size`, where the last one may be smaller, such that
/// BatchNorm can normalise the last one. `step` names the work in the error.
pub fn check_batches(model: &Model, images: usize, batch_size: usize, step: &str) -> Result<(), TrainError> {
    if images == 0 {
        return Err(TrainError::Method(format!("{step}: there are no images to train on")));
    }
    let batch = batch_size.clamp(1, images);
    let last = (images - 1) % batch + 1;
    if last >= model.min_batch() {
        return Ok(());
    }
    let size = model.spec.size;
    Err(TrainError::Method(format!(
        "{step}: {images} images in batches of {batch} leave a last batch of {last}, too small for BatchNorm to normalise \
         at {size}x{size} pixels: change `batch_size`, or the number of images with clean_ratios"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use scour_models::ModelSpec;
    use tch::Device;

    #[test]
    fn a_last_batch_of_one_image_is_refused_when_it_shrinks_to_a_single_pixel() {
        let model = |size| {
            let params = serde_json::json!({"width": 2});
            let spec = ModelSpec { name: "preact_resnet18".into(), params, classes: 3, size };
            Model::new(&spec, Device::Cpu, 1).unwrap()
        };
        let (small, large) = (model(8), model(16));
        for (images, batch_size, fits) in
            [(5, 4, false), (6, 4, true), (8, 4, true), (1, 4, false), (2, 4, true), (3, 1, false)]
        {
            let found = check_batches(&small, images, batch_size, "fine-tuning");
            assert_eq!(found.is_ok(), fits, "{images} in batches of {batch_size}: {found:?}");
            assert!(check_batches(&large, images, batch_size, "fine-tuning").is_ok());
        }
        let message = check_batches(&small, 5, 4, "fine-tuning").unwrap_err().to_string();
        assert!(message.contains("leave a last batch of 1") && !message.contains('\n'), "{message}");
        assert!(check_batches(&large, 0, 4, "fine-tuning").is_err());
    }
}
