//! `scour bench`: training throughput of PreAct-ResNet18 on random pictures, the path that every sweep trains on.

use std::time::Instant;

use scour_core::{ExitCode, Precision};
use scour_models::{Model, ModelSpec};
use scour_torch::{Random, Sgd, channels_last, parse_device, resolve_precision, use_threads, with_autocast};
use serde_json::json;
use tch::{Device, Kind};

use crate::command::{BenchArgs, give_up, say};

/// Steps before the clock starts.
const WARM_UP: usize = 5;

/// Measures and prints.
pub(crate) fn run(args: &BenchArgs) -> ExitCode {
    use_threads(args.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)));
    let device = match parse_device(&args.device) {
        Ok(device) => device,
        Err(message) => return give_up(message, ExitCode::Config),
    };
    let precision = if args.precision == "fp32" { Precision::Fp32 } else { Precision::Auto };
    let format = resolve_precision(precision, device);
    let spec = ModelSpec {
        name: "preact_resnet18".into(),
        params: json!({"width": args.width}),
        classes: 10,
        size: 32,
    };
    let model = match Model::new(&spec, device, 0) {
        Ok(model) => model,
        Err(message) => return give_up(message, ExitCode::Config),
    };
    model.state().to_channels_last();
    let mut sgd = Sgd::new(model.state().parameters(), 0.9, 5e-4);
    let mut random = Random::new(0);
    let input = channels_last(&random.normal(&[args.batch, 3, 32, 32], device));
    let labels = random.integers(args.batch as usize, 10, device);
    let mut step = || {
        let logits = with_autocast(format, device, || model.train(&input)).to_kind(Kind::Float);
        sgd.minimise(&logits.cross_entropy_for_logits(&labels), 0.01);
    };
    (0..WARM_UP).for_each(|_| step());
    wait(device);
    let started = Instant::now();
    let mut steps = 0;
    while started.elapsed().as_secs_f64() < args.seconds {
        step();
        steps += 1;
    }
    wait(device);
    let rate = (steps * args.batch) as f64 / started.elapsed().as_secs_f64();
    if args.json {
        say(
            json!({"width": args.width, "batch": args.batch, "precision": format.word(), "pictures_per_second": rate}),
        );
    } else {
        say(format!(
            "width {}, batch {}, {}: {rate:.0} pictures a second",
            args.width,
            args.batch,
            format.word()
        ));
    }
    ExitCode::Done
}

fn wait(device: Device) {
    if let Device::Cuda(index) = device {
        tch::Cuda::synchronize(index as i64);
    }
}
