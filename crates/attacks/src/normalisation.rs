//! The data set's normalisation among a trigger's saved tensors, for triggers that change normalised images.

use scour_train::{Preprocess, TrainError};
use tch::Tensor;

use crate::saved::saved_as;

/// The tensors `mean` and `std`, f64 [3] each.
pub(crate) fn tensors(preprocess: &Preprocess) -> Vec<(String, Tensor)> {
    vec![
        ("mean".into(), Tensor::from_slice(&preprocess.mean)),
        ("std".into(), Tensor::from_slice(&preprocess.std)),
    ]
}

/// Reads the result of `tensors`. Augmentation is off.
pub(crate) fn from_tensors(tensors: &[(String, Tensor)]) -> Result<Preprocess, TrainError> {
    let three = |name: &str| -> Result<[f64; 3], TrainError> {
        let tensor = saved_as(tensors, name, &[3])?;
        Ok([0, 1, 2].map(|i| tensor.double_value(&[i])))
    };
    Ok(Preprocess { mean: three("mean")?, std: three("std")?, padding: 0, horizontal_flip: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normalisation_is_restored_as_saved() {
        let preprocess =
            Preprocess { mean: [0.1, 0.2, 0.3], std: [0.4, 0.5, 0.6], padding: 4, horizontal_flip: true };
        let back = from_tensors(&tensors(&preprocess)).unwrap();
        assert_eq!((back.mean, back.std, back.padding), (preprocess.mean, preprocess.std, 0));
        let bad = [("mean".to_string(), Tensor::from_slice(&[1.0])), ("std".to_string(), Tensor::from(1.0))];
        assert!(from_tensors(&bad).unwrap_err().to_string().contains("`mean`"));
    }
}
