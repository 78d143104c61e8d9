//! What BatchNorm asks of batches.

use scour_models::Model;

use crate::TrainError;

/// Refuses to go over so many images in batches of `batch_size`, the last one smaller, where BatchNorm could not normalise
/// the last one. `step` says what for.
pub fn check_batches(model: &Model, images: usize, batch_size: usize, step: &str) -> Result<(), TrainError> {
    if images == 0 {
        return Err(TrainError::Method(format!("{step}: there are no images to train on")));
    }
    let batch = batch_size.clamp(1, images);
    let last = (images - 1) % batch + 1;
    if last >= model.least_batch() {
        return Ok(());
    }
    let size = model.spec.size;
    Err(TrainError::Method(format!(
        "{step}: of {images} images in batches of {batch} the last has {last}, too few for BatchNorm to normalise at \
         {size}x{size} pixels: change `batch_size`, or the number of images by clean_ratios"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use scour_models::ModelSpec;
    use tch::Device;

    #[test]
    fn a_last_batch_of_one_image_is_refused_where_a_single_pixel_is_left_of_it() {
        let model = |size| {
            let params = serde_json::json!({"width": 2});
            let spec = ModelSpec { name: "preact_resnet18".into(), params, classes: 3, size };
            Model::new(&spec, Device::Cpu, 1).unwrap()
        };
        let (tiny, usual) = (model(8), model(16));
        for (images, batch_size, fits) in
            [(5, 4, false), (6, 4, true), (8, 4, true), (1, 4, false), (2, 4, true), (3, 1, false)]
        {
            let found = check_batches(&tiny, images, batch_size, "fine-tuning");
            assert_eq!(found.is_ok(), fits, "{images} in batches of {batch_size}: {found:?}");
            assert!(check_batches(&usual, images, batch_size, "fine-tuning").is_ok());
        }
        let message = check_batches(&tiny, 5, 4, "fine-tuning").unwrap_err().to_string();
        assert!(message.contains("the last has 1") && !message.contains('\n'), "{message}");
        assert!(check_batches(&usual, 0, 4, "fine-tuning").is_err());
    }
}
