//! Backdoor activeness: how large the gradients of a neuron's weights are while clean data is unlearned.
//!
//! At each unlearning step a_k = sum_i |dL/dW[k, i]| over one layer's filters k; at each epoch's end the mean and the
//! unbiased variance over its steps.

use std::path::Path;

use scour_train::TrainError;
use tch::{Kind, Tensor, no_grad};

/// Collects a layer's activeness over the steps of an epoch, and epochs in a file.
pub(crate) struct Activeness {
    weight: Tensor,
    steps: Vec<Tensor>,
    writer: csv::Writer<std::fs::File>,
}

impl Activeness {
    /// Of the layer whose weight [out, in, k, k] this is; rows go to `activeness.csv` in `out`.
    pub(crate) fn new(weight: Tensor, out: &Path) -> Result<Self, TrainError> {
        let path = out.join("activeness.csv");
        let file = |error: csv::Error| TrainError::File(format!("{}: {error}", path.display()));
        let mut writer = csv::Writer::from_path(&path).map_err(file)?;
        let filters = weight.size()[0];
        let header = ["epoch".to_string(), "statistic".into()].into_iter();
        writer.write_record(header.chain((0..filters).map(|k| format!("neuron_{k}")))).map_err(file)?;
        Ok(Self { weight, steps: vec![], writer })
    }

    /// To be called after each backward pass, before the step.
    pub(crate) fn record(&mut self) {
        self.steps.push(of_gradient(&self.weight.grad()));
    }

    /// Writes the epoch's mean and variance, and forgets its steps. Returns the mean over neurons of the mean.
    pub(crate) fn end_epoch(&mut self, epoch: u32) -> Result<f64, TrainError> {
        let steps = Tensor::stack(&std::mem::take(&mut self.steps), 0).to_kind(Kind::Double);
        let (mean, variance) = statistics(&steps);
        for (name, values) in [("mean", &mean), ("variance", &variance)] {
            let values =
                Vec::<f64>::try_from(values).map_err(|error| TrainError::Method(error.to_string()))?;
            let record = [epoch.to_string(), name.into()].into_iter();
            self.writer
                .write_record(record.chain(values.iter().map(|value| format!("{value:.6e}"))))
                .map_err(|error| TrainError::File(format!("activeness.csv: {error}")))?;
        }
        self.writer.flush().map_err(|error| TrainError::File(format!("activeness.csv: {error}")))?;
        Ok(mean.mean(None).double_value(&[]))
    }
}

/// Gradient [out, ...] to activeness [out]: the sum of absolute values of each filter.
fn of_gradient(gradient: &Tensor) -> Tensor {
    no_grad(|| gradient.reshape([gradient.size()[0], -1]).abs().sum_dim_intlist(1, false, Kind::Float))
}

/// [steps, neurons] to mean and unbiased variance over steps; the variance of one step is NaN.
fn statistics(steps: &Tensor) -> (Tensor, Tensor) {
    (steps.mean_dim(0, false, None::<Kind>), steps.var_dim(0, true, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activeness_is_the_l1_norm_of_each_filters_gradient() {
        let gradient = Tensor::from_slice(&[1f32, -2.0, 3.0, 0.0, -0.5, 0.25]).reshape([2, 3, 1, 1]);
        assert_eq!(Vec::<f32>::try_from(of_gradient(&gradient)).unwrap(), [6.0, 0.75]);
    }

    #[test]
    fn the_variance_is_unbiased() {
        let steps = Tensor::from_slice(&[1.0, 10.0, 2.0, 10.0, 6.0, 10.0]).reshape([3, 2]);
        let (mean, variance) = statistics(&steps);
        assert_eq!(Vec::<f64>::try_from(mean).unwrap(), [3.0, 10.0]);
        assert_eq!(Vec::<f64>::try_from(variance).unwrap(), [7.0, 0.0]);
    }
}
