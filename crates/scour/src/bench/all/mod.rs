//! `scour bench --all`: all that a device can do for a sweep, in minutes and without cargo. It starts itself as child
//! processes: one measurement each, as fresh as a worker.

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
use crate::command::say;
use crate::planning::Failure;
use crate::worker::versions;
use crate::worker_environment;
use budget::Budget;
use children::{Children, Interrupted};
use findings::Findings;
use python::Python;
use scale::Scale;

/// Shares of the whole time, by the end of which a part takes nothing up any more: a slow device is to show a little of
/// everything. What a part leaves over, the next ones have.
const SPEEDS_BY: f64 = 0.35;
const ATTACKED_BY: f64 = 0.65;
const SIDE_BY_SIDE_BY: f64 = 0.8;

/// What every part needs to know.
struct Whole {
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

impl Whole {
    /// `scour bench` on the device, as a child process.
    fn bench(&self, path: Timed, precision: &str, batch: u32, seconds: f64, threads: usize) -> Command {
        let mut command = Command::new(&self.program);
        if path == Timed::Sweep {
            // Else the child would start itself anew.
            command.envs(worker_environment::missing());
        }
        command.args(["bench", "--json", "--path", path.word(), "--precision", precision]);
        command.args(["--device", &self.device, "--threads", &threads.to_string()]);
        command.args(["--width", &self.scale.width.to_string(), "--batch", &batch.to_string()]);
        command.args(["--seconds", &seconds.to_string()]);
        command
    }

    /// A line on what is going on.
    #[expect(clippy::print_stderr, reason = "progress belongs on stderr, away from the tables")]
    fn tell(&self, line: &str) {
        eprintln!("[{:>4.0} s] {line}", self.budget.elapsed().as_secs_f64());
    }
}

/// Measures, prints tables and writes `gpu.json`.
pub(super) fn run(args: &BenchArgs) -> Result<ExitCode, Failure> {
    let scale = if args.whole.tiny { Scale::tiny() } else { Scale::full() };
    let budget = Budget::new(args.whole.minutes.unwrap_or(scale.minutes));
    let device = args.device.clone().unwrap_or_else(default_device);
    let on = parse_device(&device).map_err(Failure::Config)?;
    let out = args.whole.out.clone();
    let cannot = |what: String| move |error: std::io::Error| Failure::Environment(format!("{what}: {error}"));
    std::fs::create_dir_all(&out).map_err(cannot(format!("cannot make {}", out.display())))?;
    let whole = Whole {
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
        versions: versions(),
        threads: whole.threads,
        tiny: args.whole.tiny,
        width: whole.scale.width,
        auto: resolve_precision(Precision::Auto, on).word(),
        ..Findings::default()
    };
    let ended = parts(&whole, args, &mut findings);
    findings.projection = projection::of(&findings, whole.scale.batches[0]);
    findings.seconds = whole.budget.elapsed().as_secs_f64();
    let file = whole.out.join("gpu.json");
    findings.write(&file).map_err(Failure::Environment)?;
    say(tables::text(&findings));
    say(format_args!("\n{}", file.display()));
    match ended {
        Err(Interrupted) => Ok(ExitCode::Interrupted),
        Ok(()) if findings.speeds.is_empty() => Err(Failure::Environment(format!(
            "nothing could be measured: give it more --minutes; {} has what the programs said",
            whole.out.join("bench.log").display()
        ))),
        Ok(()) => Ok(ExitCode::Done),
    }
}

fn default_device() -> String {
    if tch::Cuda::is_available() { "cuda:0".into() } else { "cpu".into() }
}

fn parts(whole: &Whole, args: &BenchArgs, findings: &mut Findings) -> Result<(), Interrupted> {
    speeds::of_scour(whole, findings)?;
    attacked::measure(whole, &args.whole.data, findings)?;
    side_by_side::measure(whole, findings)?;
    // Last, since nobody knows in advance how long PyTorch takes to compile a model.
    match Python::of(&args.whole) {
        Some(python) => speeds::of_pytorch(whole, &python, findings),
        None => {
            findings.leave_out("PyTorch", "no --python was given");
            Ok(())
        }
    }
}

/// Whether a part has no time for another measurement, which is then taken down as left out.
fn is_out_of_time(part: &budget::Part, findings: &mut Findings, what: &str) -> bool {
    let out_of_time = !part.allows(Instant::now());
    if out_of_time {
        findings.leave_out(what, "no time left");
    }
    out_of_time
}
