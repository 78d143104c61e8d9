//! The settings of one measurement.

use std::time::{Duration, Instant};

use scour_core::DatasetFacts;
use scour_models::{Model, ModelSpec, architecture};
use scour_torch::{NumberFormat, parse_device, resolve_precision, use_threads};
use scour_train::TrainError;
use serde_json::json;
use tch::Device;

use super::BenchArgs;
use crate::planning::Failure;

/// Classes of the random images.
const CLASSES: u32 = 10;

/// Network, device, number format and duration of a measurement.
pub(super) struct Setting {
    pub(super) spec: ModelSpec,
    pub(super) device: Device,
    pub(super) format: NumberFormat,
    /// Images in a batch.
    pub(super) batch: usize,
    /// Minimum duration of the measurement in seconds.
    pub(super) seconds: f64,
    /// The earliest end of the warm-up.
    pub(super) warm_until: Instant,
}

impl Setting {
    /// The settings from the arguments. Also sets the number of threads of this process.
    pub(super) fn of(args: &BenchArgs) -> Result<Self, Failure> {
        let warm_until = Instant::now() + Duration::from_secs_f64(args.warm_up);
        use_threads(args.threads());
        let device = parse_device(args.device.as_deref().unwrap_or("cpu")).map_err(Failure::Config)?;
        let resolved = architecture(&args.model).and_then(|entry| {
            entry.resolve(&args.model, &json!({"width": args.width}), &DatasetFacts::default())
        });
        let params = match resolved {
            Ok(resolved) => resolved.config.params,
            Err(error) => return Err(Failure::Config(format!("model {}: {error}", args.model))),
        };
        Ok(Self {
            spec: ModelSpec { name: args.model.clone(), params, classes: CLASSES, size: args.size },
            device,
            format: resolve_precision(args.precision, device),
            batch: args.batch as usize,
            seconds: args.seconds,
            warm_until,
        })
    }

    /// A newly initialised model.
    pub(super) fn model(&self) -> Result<Model, TrainError> {
        Model::new(&self.spec, self.device, 0).map_err(TrainError::Method)
    }
}

#[cfg(test)]
impl Setting {
    /// A tiny network, tiny images and a short duration.
    pub(super) fn for_tests(format: NumberFormat) -> Self {
        let params = json!({"width": 2});
        Self {
            spec: ModelSpec { name: "preact_resnet10".into(), params, classes: CLASSES, size: 16 },
            device: Device::Cpu,
            format,
            batch: 4,
            seconds: 0.02,
            warm_until: Instant::now(),
        }
    }
}
