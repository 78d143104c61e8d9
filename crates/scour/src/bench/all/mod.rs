//! `scour bench --all`: measures the speed of sweeps on a device within minutes. Each measurement is a child process of this
//! program, like a worker.

mod attacked;
mod budget;
mod children;
mod findings;
mod projection;
mod python;
mod scale;
mod side_by_side;
mod speeds;
mod tables;

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use scour_core::{ExitCode, Precision};
use scour_torch::{device_name, parse_device, processor, resolve_precision};

use super::args::{BenchArgs, Timed};
use crate::output::say;
use crate::planning::Failure;
use crate::worker_environment;
use budget::Budget;
use children::{Children, Interrupted};
use findings::Findings;
use python::Python;
use scale::Scale;

/// Shares of the total time after which a part starts no further measurement, so that on a slow device every part has some
/// results. Later parts can use the time that earlier ones have not used.
const SPEEDS_BY: f64 = 0.35;
const ATTACKED_BY: f64 = 0.65;
const SIDE_BY_SIDE_BY: f64 = 0.8;

/// What every part of the measurements needs.
struct Context {
    /// This program.
    program: PathBuf,
    device: String,
    on_gpu: bool,
    threads: usize,
    scale: Scale,
    budget: Budget,
    children: Children,
    /// Folder for the results.
    out: PathBuf,
}

impl Context {
    /// The command of a child process that runs `scour bench` on the device.
    fn bench(&self, path: Timed, precision: &str, batch: u32, seconds: f64, threads: usize) -> Command {
        let mut command = Command::new(&self.program);
        if path == Timed::Sweep {
            // Without these variables the child would start itself again.
            command.envs(worker_environment::missing());
        }
        command.args(["bench", "--json", "--path", path.word(), "--precision", precision]);
        command.args(["--device", &self.device, "--threads", &threads.to_string()]);
        command.args(["--width", &self.scale.width.to_string(), "--batch", &batch.to_string()]);
        command.args(["--seconds", &seconds.to_string()]);
        command
    }

    /// Prints a line of progress.
    #[expect(clippy::print_stderr, reason = "progress belongs on stderr, the tables on stdout")]
    fn report(&self, line: &str) {
        eprintln!("[{:>4.0} s] {line}", self.budget.elapsed().as_secs_f64());
    }
}

/// Measures, prints tables and writes `gpu.json`.
pub(super) fn run(args: &BenchArgs) -> Result<ExitCode, Failure> {
    let scale = if args.all_args.tiny { Scale::tiny() } else { Scale::full() };
    let budget = Budget::new(args.all_args.minutes.unwrap_or(scale.minutes));
    let device = args.device.clone().unwrap_or_else(default_device);
    let on = parse_device(&device).map_err(Failure::Config)?;
    let out = args.all_args.out.clone();
    let cannot = |what: String| move |error: std::io::Error| Failure::Environment(format!("{what}: {error}"));
    std::fs::create_dir_all(&out).map_err(cannot(format!("cannot create {}", out.display())))?;
    let context = Context {
        program: std::env::current_exe().map_err(cannot("cannot find this program's own file".into()))?,
        children: Children::new(&out.join("bench.log"))?,
        device,
        on_gpu: on.is_cuda(),
        threads: args.threads(),
        scale,
        budget,
        out,
    };
    let mut findings = Findings {
        device: device_name(on),
        processor: processor(),
        versions: scour_worker::versions(on),
        threads: context.threads,
        tiny: args.all_args.tiny,
        width: context.scale.width,
        auto: resolve_precision(Precision::Auto, on).word(),
        ..Findings::default()
    };
    let ended = parts(&context, args, &mut findings);
    findings.projection = projection::of(&findings, context.scale.batches[0]);
    findings.seconds = context.budget.elapsed().as_secs_f64();
    let file = context.out.join("gpu.json");
    findings.write(&file).map_err(Failure::Environment)?;
    say(tables::text(&findings));
    say(format_args!("\n{}", file.display()));
    match ended {
        Err(Interrupted) => Ok(ExitCode::Interrupted),
        Ok(()) if findings.speeds.is_empty() => Err(Failure::Environment(format!(
            "nothing could be measured: give it more --minutes; {} has the messages of the programs",
            context.out.join("bench.log").display()
        ))),
        Ok(()) => Ok(ExitCode::Done),
    }
}

fn default_device() -> String {
    if tch::Cuda::is_available() { "cuda:0".into() } else { "cpu".into() }
}

fn parts(context: &Context, args: &BenchArgs, findings: &mut Findings) -> Result<(), Interrupted> {
    speeds::of_scour(context, findings)?;
    attacked::measure(context, &args.all_args.data, findings)?;
    side_by_side::measure(context, findings)?;
    // Last, since the time that PyTorch takes to compile a model is not known in advance.
    match Python::of(&args.all_args) {
        Some(python) => speeds::of_pytorch(context, &python, findings),
        None => {
            findings.leave_out("PyTorch", "no --python was given");
            Ok(())
        }
    }
}

/// Whether a part has no time for another measurement. The measurement is then recorded as left out.
fn is_out_of_time(part: &budget::Part, findings: &mut Findings, what: &str) -> bool {
    let out_of_time = !part.allows(Instant::now());
    if out_of_time {
        findings.leave_out(what, "no time left");
    }
    out_of_time
}
