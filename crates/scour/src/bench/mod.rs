//! `scour bench`: training throughput on random images, of a training step or of the complete path of a sweep.

mod all;
mod args;
mod setting;
mod step;
mod sweep_path;

use scour_core::ExitCode;
use scour_torch::device_name;
use serde_json::json;

use crate::output::say;
use crate::planning::Failure;
use crate::worker_environment;
use args::Timed;
use setting::Setting;

pub(crate) use args::BenchArgs;

/// Measures and prints.
pub(crate) fn run(args: &BenchArgs) -> ExitCode {
    let outcome = if args.all_args.all { all::run(args) } else { one(args) };
    outcome.unwrap_or_else(Failure::give_up)
}

/// Runs one measurement.
fn one(args: &BenchArgs) -> Result<ExitCode, Failure> {
    if args.path == Timed::Sweep {
        worker_environment::ensure()?;
    }
    let setting = Setting::of(args)?;
    let speed = match args.path {
        Timed::Step => step::measure(&setting),
        Timed::Sweep => sweep_path::measure(&setting),
    };
    let speed = speed.map_err(|error| Failure::Config(error.to_string()))?;
    let (path, format) = (args.path.word(), setting.format.word());
    if args.json {
        say(json!({
            "path": path,
            "model": args.model,
            "width": args.width,
            "size": args.size,
            "batch": args.batch,
            "threads": args.threads(),
            "precision": format,
            "device": device_name(setting.device),
            "images_per_second": speed,
        }));
    } else {
        say(format_args!(
            "{path} path, {} of width {}, {size}x{size}, batch {}, {format}: {speed:.0} images a second",
            args.model,
            args.width,
            args.batch,
            size = args.size
        ));
    }
    Ok(ExitCode::Done)
}
