//! `scour sweep --engine slurm`: plans here, and hands what is missing to Slurm.

use std::path::{Path, PathBuf};

use scour_core::{Experiment, Precision};
use scour_methods::Registry;
use scour_slurm::{
    Accelerators, Cluster, Command, Jobs, Measured, Prolog, Request, Resources, SbatchOptions, Submission,
    Tasks, divide,
};
use scour_sweep::plan_state;

use crate::args::{Rerun, SweepArgs};
use crate::output::say;
use crate::planning::{Failure, Planned, auto_precision, planned};
use crate::sweep::rerun;

/// The program that writes reports lies beside this one.
const REPORT: &str = "scour-report";

/// An error if an option is given that means something with `--engine slurm` only.
pub(crate) fn refuse_options(args: &SweepArgs) -> Result<(), Failure> {
    let slurm = &args.slurm;
    let given = [
        ("--prolog", slurm.prolog.is_some()),
        ("--tasks", slurm.tasks.is_some()),
        ("--max-running", slurm.max_running.is_some()),
        ("--max-array-size", slurm.max_array_size.is_some()),
        ("options after --", !slurm.sbatch.is_empty()),
    ];
    match given.iter().find(|(_, given)| *given) {
        Some((option, _)) => Err(Failure::Config(format!("{option}: only with --engine slurm"))),
        None => Ok(()),
    }
}

/// Submits the experiment, or shows with `--dry-run` what would be submitted.
pub(crate) fn submit(methods: &Registry, args: &SweepArgs) -> Result<(), Failure> {
    refuse_contradictions(args)?;
    let cluster = Cluster;
    let options = SbatchOptions::read(args.slurm.sbatch.clone())?;
    let accelerators = accelerators(&args.devices, &options, cluster)?;
    if !args.dry_run {
        cluster.check()?;
    }
    // A key holds one number format. This machine cannot ask the nodes; GPUs of the last years multiply bf16.
    let auto = match accelerators {
        Accelerators::Gpus(_) => Precision::Bf16,
        Accelerators::None => auto_precision(&[tch::Device::Cpu]),
    };
    let planned = planned(methods, &args.plan, auto)?;
    let known = plan_state(&planned.plan, &planned.store, rerun(args))?;
    let limit = args.slurm.tasks.map_or(usize::MAX, |tasks| tasks as usize);
    let tasks = divide(&planned.plan, &known.missing, limit);
    let measured = Measured::of(&planned.plan, &known.stored, accelerators);
    let jobs = args.jobs_per_device.map(|jobs| jobs as usize);
    let resources = Resources::estimate(accelerators, jobs, &measured);
    let request = request(args, &planned, auto, resources, options, cluster)?;
    let submission = Submission::prepare(request, &planned.plan, tasks.clone())?;
    // Nothing is said about a submission that fails but why.
    let jobs = if args.dry_run { None } else { Some(submission.submit(cluster)?) };
    for warning in &planned.plan.warnings {
        say(format_args!("warning: {warning}"));
    }
    if args.dry_run {
        say(submission.dry_run().trim_end());
    }
    announce(&planned, &tasks, known.missing.len(), &submission, auto);
    if !tasks.attacked.is_empty() {
        let longest = tasks.longest(&planned.plan, &known.missing, &measured);
        say(describe(&resources, &measured, longest, &args.slurm.sbatch));
    }
    if let Some(jobs) = jobs {
        say_how_to_go_on(&jobs, &submission, &planned.out);
    }
    Ok(())
}

fn refuse_contradictions(args: &SweepArgs) -> Result<(), Failure> {
    let given = [
        ("--shard", args.plan.shard.is_some(), "its tasks are shards already; --tasks N sets their number"),
        ("--fail-fast", args.fail_fast, "its tasks do not know of each other; `scancel` ends them"),
        ("--collect", args.collect, "it runs nothing, so that this machine can do it"),
        ("--part", args.part.is_some(), "it is for the scripts of tasks"),
        ("--on-end", args.on_end.is_some(), "sbatch sends mails: -- --mail-type=END,FAIL"),
        ("--metrics", args.metrics.is_some(), "its tasks run elsewhere; `cargo xtask status` reads theirs"),
        (
            "--rerun all",
            matches!(args.rerun, Some(Rerun::All)),
            "a task that is queued again could not tell what it has run again; name another store with --store",
        ),
    ];
    match given.iter().find(|(_, given, _)| *given) {
        Some((option, _, why)) => Err(Failure::Config(format!("{option} with --engine slurm: {why}"))),
        None => Ok(()),
    }
}

/// What a task computes on: what `--devices` says, what the options for `sbatch` ask for, or what the partition has.
fn accelerators(devices: &str, options: &SbatchOptions, cluster: Cluster) -> Result<Accelerators, Failure> {
    let contradicts = |asked: usize| {
        Failure::Config(format!("--devices {devices} and {asked} GPUs after -- contradict each other"))
    };
    match (devices, options.gpus()) {
        ("auto", Some(asked)) => Ok(Accelerators::Gpus(asked)),
        ("auto", None) if cluster.has_gpus(options) => Ok(Accelerators::Gpus(1)),
        ("auto" | "cpu", None) => Ok(Accelerators::None),
        ("cpu", Some(asked)) => Err(contradicts(asked)),
        (list, asked) => {
            let names: Vec<&str> = list.split(',').map(str::trim).collect();
            if let Some(wrong) = names.iter().enumerate().find(|(at, name)| **name != format!("cuda:{at}")) {
                return Err(Failure::Config(format!(
                    "--devices {devices} with --engine slurm: `{}`: auto, cpu, or the GPUs of one task from cuda:0 on, \
                     such as cuda:0,cuda:1",
                    wrong.1
                )));
            }
            match asked {
                Some(asked) if asked != names.len() => Err(contradicts(asked)),
                _ => Ok(Accelerators::Gpus(names.len())),
            }
        }
    }
}

fn request(
    args: &SweepArgs,
    planned: &Planned,
    auto: Precision,
    resources: Resources,
    options: SbatchOptions,
    cluster: Cluster,
) -> Result<Request, Failure> {
    let read = |path: &Path| {
        std::fs::read_to_string(path)
            .map_err(|error| Failure::Config(format!("cannot read {}: {error}", path.display())))
    };
    let prolog = match &args.slurm.prolog {
        Some(path) => Some(Prolog { file: path.display().to_string(), text: read(path)? }),
        None => None,
    };
    Ok(Request {
        name: planned.experiment.name.clone(),
        experiment: read(&args.plan.experiment)?,
        out: absolute(&planned.out)?,
        store: absolute(&planned.store)?,
        command: command(args, planned, auto, &resources)?,
        prolog,
        resources,
        options,
        max_running: args.slurm.max_running.map(|count| count as usize),
        max_array_size: match args.slurm.max_array_size {
            Some(size) => size as usize,
            None => cluster.max_array_size(),
        },
    })
}

fn command(
    args: &SweepArgs,
    planned: &Planned,
    auto: Precision,
    resources: &Resources,
) -> Result<Command, Failure> {
    let own = std::env::current_exe()
        .map_err(|error| Failure::Environment(format!("cannot find this program's own file: {error}")))?;
    let report = own.with_file_name(REPORT);
    let mut sweep = vec!["--store".into(), text(&absolute(&planned.store)?)?];
    sweep.extend(["--data".into(), text(&absolute(&args.plan.data)?)?]);
    if let Some(filter) = &args.plan.filter {
        sweep.extend(["--filter".into(), filter.clone()]);
    }
    for change in &args.plan.set {
        sweep.extend(["--set".into(), change.clone()]);
    }
    if let Some(format) = fixed_precision(&planned.experiment, auto) {
        sweep.extend(["--set".into(), format!("precision={format}")]);
    }
    let mut task = vec![
        "--devices".into(),
        match resources.accelerators {
            Accelerators::None => "cpu".into(),
            Accelerators::Gpus(count) => {
                (0..count).map(|index| format!("cuda:{index}")).collect::<Vec<_>>().join(",")
            }
        },
    ];
    if let Some(jobs) = args.jobs_per_device {
        task.extend(["--jobs-per-device".into(), jobs.to_string()]);
    }
    for (given, option) in [(args.share_devices, "--share-devices"), (args.fresh_workers, "--fresh-workers")]
    {
        if given {
            task.push(option.into());
        }
    }
    if let Some(limits) = &args.stage_limit {
        task.extend(["--stage-limit".into(), limits.to_string()]);
    }
    let here = std::env::current_dir()
        .map_err(|error| Failure::Environment(format!("the current folder cannot be read: {error}")))?;
    Ok(Command {
        scour: text(&own)?,
        report: if report.is_file() { Some(text(&report)?) } else { None },
        working_folder: text(&here)?,
        sweep,
        task,
        rerun_failed: args.rerun.is_some(),
    })
}

/// The number format that every task is told, where the experiment leaves it to the machine.
fn fixed_precision(experiment: &Experiment, auto: Precision) -> Option<&'static str> {
    match (experiment.precision, auto) {
        (Precision::Auto, Precision::Bf16) => Some("bf16"),
        (Precision::Auto, _) => Some("fp32"),
        _ => None,
    }
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path)
        .map_err(|error| Failure::Environment(format!("cannot find {}: {error}", path.display())))
}

fn text(path: &Path) -> Result<String, Failure> {
    path.to_str()
        .map(String::from)
        .ok_or_else(|| Failure::Config(format!("a script cannot name {}: it is not UTF-8", path.display())))
}

fn announce(planned: &Planned, tasks: &Tasks, missing: usize, submission: &Submission, auto: Precision) {
    let (name, cells) = (&planned.experiment.name, planned.plan.cells.len());
    if tasks.attacked.is_empty() {
        say(format_args!(
            "{name}: {cells} cells, and nothing is missing in the store: only the results and the report are to be written"
        ));
        return;
    }
    say(format_args!(
        "{name}: {cells} cells; stages to run: {missing}, for {} cells and analyses in {}{}",
        submission.planned(),
        counted(tasks.attacked.len(), "task"),
        match tasks.shared.len() {
            0 => String::new(),
            count => format!(", after {} with trainings that several of them need", counted(count, "task")),
        }
    ));
    if let Some(format) = fixed_precision(&planned.experiment, auto) {
        say(format_args!(
            "  precision  {format} in every task, since `auto` is decided here; --set precision=... chooses another"
        ));
    }
}

fn describe(resources: &Resources, measured: &Measured, longest: Option<f64>, sbatch: &[String]) -> String {
    let gpus = match resources.accelerators {
        Accelerators::None => String::new(),
        Accelerators::Gpus(count) => format!(", {}", counted(count, "GPU")),
    };
    let source = match measured.peak_mib {
        Some(peak) if resources.is_measured => format!("measured: a worker had {peak} MiB at most"),
        _ => "a default: nothing of this experiment is measured yet".into(),
    };
    let mut text = format!(
        "  each task  {}, {} MiB{gpus} ({source})",
        counted(resources.cpus, "CPU"),
        resources.memory_mib
    );
    if !sbatch.is_empty() {
        text += &format!("\n             where your options do not say otherwise: {}", sbatch.join(" "));
    }
    if let Some(seconds) = longest {
        let minutes = minutes(seconds);
        text +=
            &format!("\n  time       about {minutes} min for the longest task, by the stages in the store");
    }
    text
}

/// Whole minutes, rounded up.
fn minutes(seconds: f64) -> u64 {
    (seconds / 60.0).ceil().max(1.0) as u64
}

fn counted(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

fn say_how_to_go_on(jobs: &Jobs, submission: &Submission, out: &Path) {
    let all = jobs.all();
    for (word, ids) in [("shared", &jobs.shared), ("tasks", &jobs.tasks)] {
        if !ids.is_empty() {
            say(format_args!("  {word:<10} job {}", ids.join(", ")));
        }
    }
    if let Some(report) = &jobs.report {
        say(format_args!("  report     job {report}, when the others have ended, however they end"));
    }
    say(format_args!("  watch      squeue -j {}", all.join(",")));
    say(format_args!("             cargo xtask status {}", out.display()));
    say(format_args!("  logs       {}", submission.folder().display()));
    say(format_args!("  cancel     scancel {}", all.join(" ")));
    say("Submitting again does what is missing then.");
}
