//! Backdoor activeness: the size of the gradients of a neuron's weights while clean data is unlearned.
//!
//! At each unlearning step, for each filter k of one layer: a_k = sum over i of |dL/dW[k, i]|. For each epoch: the mean and
//! the unbiased variance of a_k over its steps.

use std::path::Path;

use scour_train::TrainError;
use tch::{Kind, Tensor, no_grad};

/// The name of the file with the values of each epoch.
pub(crate) const FILE: &str = "activeness.csv";

/// Records the activeness of one layer's filters at each step, and its mean and variance over each epoch.
pub(crate) struct Activeness {
    weight: Tensor,
    /// a_k at each step of the current epoch, f32 [filters].
    steps: Vec<Tensor>,
    /// Mean and variance of each finished epoch, f64 [2, filters].
    epochs: Vec<Tensor>,
}

impl Activeness {
    /// For the layer with the weight `weight` [filters, in, k, k].
    pub(crate) fn new(weight: Tensor) -> Self {
        Self { weight, steps: vec![], epochs: vec![] }
    }

    /// Records a_k of the current gradient; to be called after each backward pass, before the optimizer's step.
    pub(crate) fn record(&mut self) {
        self.steps.push(activeness(&self.weight.grad()));
    }

    /// Computes the epoch's mean and variance, and clears its steps.
    pub(crate) fn end_epoch(&mut self) {
        let steps = Tensor::stack(&std::mem::take(&mut self.steps), 0).to_kind(Kind::Double);
        let (mean, variance) = statistics(&steps);
        self.epochs.push(Tensor::stack(&[mean, variance], 0));
    }

    /// The values of every finished epoch, f64 [epochs, 2, filters], for [`Activeness::restore`]. There must be at least one.
    pub(crate) fn table(&self) -> Tensor {
        Tensor::stack(&self.epochs, 0)
    }

    /// Restores the epochs of an earlier worker.
    pub(crate) fn restore(&mut self, table: &Tensor) {
        self.epochs = table.unbind(0);
    }

    /// The first epoch's mean activeness, averaged over the filters; NaN before the first epoch ends.
    pub(crate) fn first(&self) -> f64 {
        self.epochs.first().map_or(f64::NAN, |epoch| epoch.get(0).mean(None).double_value(&[]))
    }

    /// Writes `activeness.csv` into the folder `out`: two rows for each epoch.
    pub(crate) fn write(&self, out: &Path) -> Result<(), TrainError> {
        let path = out.join(FILE);
        let file = |error: csv::Error| TrainError::of_file(&path, &error.into());
        let mut writer = csv::Writer::from_path(&path).map_err(file)?;
        let header = ["epoch".to_string(), "statistic".into()].into_iter();
        let filters = self.weight.size()[0];
        writer.write_record(header.chain((0..filters).map(|k| format!("neuron_{k}")))).map_err(file)?;
        for (epoch, statistics) in self.epochs.iter().enumerate() {
            for (row, name) in ["mean", "variance"].into_iter().enumerate() {
                let values = Vec::<f64>::try_from(statistics.get(row as i64))
                    .map_err(|error| TrainError::Method(error.to_string()))?;
                let record = [epoch.to_string(), name.into()].into_iter();
                let values = values.iter().map(|value| format!("{value:.6e}"));
                writer.write_record(record.chain(values)).map_err(file)?;
            }
        }
        writer.flush().map_err(|error| TrainError::of_file(&path, &error))
    }
}

/// The activeness of every filter in one epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct EpochActiveness {
    /// Mean over the steps.
    pub mean: Vec<f64>,
    /// Unbiased variance over the steps; NaN for an epoch of one step.
    pub variance: Vec<f64>,
}

/// Reads the `activeness.csv` that unlearning has left in a folder: one entry for each epoch.
pub fn read(folder: &Path) -> Result<Vec<EpochActiveness>, TrainError> {
    let path = folder.join(FILE);
    let damaged = |what: &str| TrainError::File(format!("{}: {what}", path.display()));
    let mut reader = csv::Reader::from_path(&path).map_err(|error| damaged(&error.to_string()))?;
    let mut rows = vec![];
    for record in reader.records() {
        let record = record.map_err(|error| damaged(&error.to_string()))?;
        let values = record.iter().skip(2).map(str::parse);
        rows.push(values.collect::<Result<Vec<f64>, _>>().map_err(|error| damaged(&error.to_string()))?);
    }
    let mut epochs = vec![];
    let mut rows = rows.into_iter();
    while let Some(mean) = rows.next() {
        let variance = rows.next().ok_or_else(|| damaged("an epoch has no variances"))?;
        epochs.push(EpochActiveness { mean, variance });
    }
    Ok(epochs)
}

/// a_k = sum over i of |g[k, i]|: from a gradient [filters, ...] to f32 [filters].
fn activeness(gradient: &Tensor) -> Tensor {
    no_grad(|| gradient.reshape([gradient.size()[0], -1]).abs().sum_dim_intlist(1, false, Kind::Float))
}

/// Mean and unbiased variance over the steps, from [steps, filters]; with one step the variance is NaN.
fn statistics(steps: &Tensor) -> (Tensor, Tensor) {
    let mean = steps.mean_dim(0, false, None::<Kind>);
    // For one step libtorch also returns NaN, but prints a warning.
    let variance = if steps.size()[0] < 2 { mean.full_like(f64::NAN) } else { steps.var_dim(0, true, false) };
    (mean, variance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activeness_is_the_l1_norm_of_each_filters_gradient() {
        let gradient = Tensor::from_slice(&[1f32, -2.0, 3.0, 0.0, -0.5, 0.25]).reshape([2, 3, 1, 1]);
        assert_eq!(Vec::<f32>::try_from(activeness(&gradient)).unwrap(), [6.0, 0.75]);
    }

    #[test]
    fn the_file_is_read_as_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut activeness = Activeness::new(Tensor::zeros([2, 1, 1, 1], (Kind::Float, tch::Device::Cpu)));
        for steps in [&[[1.5f32, 2.0], [2.5, 4.0]][..], &[[0.25, 0.5]]] {
            activeness.steps = steps.iter().map(|step| Tensor::from_slice(step)).collect();
            activeness.end_epoch();
        }
        activeness.write(folder.path()).unwrap();
        let epochs = read(folder.path()).unwrap();
        assert_eq!(epochs[0], EpochActiveness { mean: vec![2.0, 3.0], variance: vec![0.5, 2.0] });
        assert_eq!((epochs.len(), epochs[1].mean.as_slice()), (2, &[0.25, 0.5][..]));
        assert!(epochs[1].variance.iter().all(|variance| variance.is_nan()));
        let path = folder.path().join(FILE);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.trim_end().rsplit_once('\n').unwrap().0).unwrap();
        assert!(read(folder.path()).unwrap_err().to_string().contains("activeness.csv"));
    }

    #[test]
    fn the_variance_is_unbiased() {
        let steps = Tensor::from_slice(&[1.0, 10.0, 2.0, 10.0, 6.0, 10.0]).reshape([3, 2]);
        let (mean, variance) = statistics(&steps);
        assert_eq!(Vec::<f64>::try_from(mean).unwrap(), [3.0, 10.0]);
        assert_eq!(Vec::<f64>::try_from(variance).unwrap(), [7.0, 0.0]);
        let (mean, variance) = statistics(&steps.narrow(0, 0, 1));
        assert_eq!(Vec::<f64>::try_from(mean).unwrap(), [1.0, 10.0]);
        assert!(Vec::<f64>::try_from(variance).unwrap().iter().all(|value| value.is_nan()));
    }
}
