//! A fake worker for the tests of the sweep engine, and a program to be killed in place of `scour sweep`.
//!
//! `work` carries out tasks as the file `behaviour` in the data folder says, one `ATTACK[/DEFENSE]=WORD` a line, and adds a
//! line for each to `runs.log` and `processes.log` there. `sweep DIR [OUT]` sweeps the plan of the tests in DIR, or that of
//! the experiment whose fields are in `fields.yaml` there.

mod catalog;

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use scour_channel::{Received, Tasks};
use scour_core::{
    Environment, FailureReason, Measured, Provenance, ResultDetails, StageConfig, Status, Task, TaskResult,
    TestImages, WorkerEvent,
};
use scour_sweep::{Rerun, Slot, SweepOptions, Watching, WorkerOptions};
use serde_json::json;

fn main() -> std::process::ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["work"] => work().expect("the work of a test"),
        ["sweep", dir] => return sweep(Path::new(dir), "out"),
        ["sweep", dir, out] => return sweep(Path::new(dir), out),
        _ => return std::process::ExitCode::from(2),
    }
    std::process::ExitCode::SUCCESS
}

fn sweep(dir: &Path, out: &str) -> std::process::ExitCode {
    let fields = fs::read_to_string(dir.join("fields.yaml"));
    let (experiment, plan) =
        fields.map_or_else(|_| catalog::planned(), |fields| catalog::planned_from(&fields));
    let options = SweepOptions {
        experiment,
        plan,
        complete: true,
        out: dir.join(out),
        store: dir.join("store"),
        data: dir.join("data"),
        slots: vec![Slot { name: "cpu".into(), device: "cpu".into(), environment: vec![], threads: 1 }],
        worker: std::env::current_exe().expect("a path of its own"),
        worker_args: vec!["work".into()],
        workers: WorkerOptions::default(),
        rerun: Rerun::No,
        fail_fast: false,
        provenance: Provenance::default(),
        watching: Watching::default(),
    };
    match scour_sweep::sweep(options) {
        Ok(summary) => summary.exit.into(),
        Err(error) => error.exit_code().into(),
    }
}

fn send(event: &WorkerEvent) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    serde_json::to_writer(&mut stdout, event)?;
    stdout.write_all(b"\n")?;
    stdout.flush()
}

/// Works on one task after another, as `scour worker` does.
fn work() -> io::Result<()> {
    let tasks = Tasks::listen(io::stdin(), || ());
    while let Some(Received { task, log, held }) = tasks.next_task()? {
        if let Some(log) = log {
            rustix::stdio::dup2_stderr(&log)?;
        }
        let name = name_of(&task.config);
        let behaviour = fs::read_to_string(task.data.join("behaviour")).unwrap_or_default();
        let behaviour = behaviour.lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
        let behaviour = behaviour.unwrap_or("ok");
        let status = work_on(&task, &name, behaviour, &tasks)?;
        if matches!(status, Status::Failed { .. }) {
            return Ok(());
        }
        drop(held);
        let grown_mib = if behaviour == "grow" { 1 << 20 } else { 0 };
        send(&WorkerEvent::Ready { grown_mib: Some(grown_mib) })?;
        if behaviour == "end-later" {
            die("after its stage");
        }
    }
    Ok(())
}

fn name_of(config: &StageConfig) -> String {
    match config {
        StageConfig::Resource(config) => format!("{}-resource", config.attack.label),
        StageConfig::Attack(config) => config.attack.label.clone(),
        StageConfig::Control(config) => format!("{}-control", config.attack.label),
        StageConfig::Preparation(config) => {
            format!("{}/{}-preparation", config.attacked.attack.label, config.defense.name)
        }
        StageConfig::Ranking(config) => {
            format!("{}/{}-ranking", config.attacked.attack.label, config.defense.label)
        }
        StageConfig::Defense(config) => {
            format!("{}/{}", config.attacked.attack.label, config.defense.label)
        }
        StageConfig::Analysis(config) => {
            format!("{}/{}", config.attacked.attack.label, config.analysis.label)
        }
    }
}

/// Carries out a task as its behaviour says, and sends its result.
fn work_on(task: &Task, name: &str, behaviour: &str, tasks: &Tasks) -> io::Result<Status> {
    for (_, folder) in &task.requires {
        fs::read(folder.join("model.bin"))?;
    }
    write_down(task, name)?;
    if behaviour == "talk" {
        // Standard error, and output that is no event: both belong to the log of this stage.
        writeln!(io::stdout(), "printed by {name}")?;
        writeln!(io::stderr(), "said by {name}")?;
    }
    fs::write(task.out.join("model.bin"), task.key.as_str())?;
    send(&WorkerEvent::Note { text: format!("working on {name}") })?;
    let running = task.data.join("running").join(task.key.as_str());
    fs::create_dir_all(task.data.join("running"))?;
    fs::write(&running, "")?;
    let status = behave(behaviour, task, tasks)?;
    fs::remove_file(running)?;
    if let StageConfig::Attack(_) = task.config {
        fs::create_dir(task.out.join("gallery"))?;
        fs::write(task.out.join("gallery/000-clean.png"), "an image")?;
    }
    if let StageConfig::Analysis(_) = task.config {
        fs::write(task.out.join("coverage.csv"), format!("key\n{}\n", task.key))?;
    }
    let result = TaskResult {
        measured: measured(task, behaviour, &status),
        seconds: number_of(task.key.as_str()),
        preparation_seconds: if task.requires.len() > 1 { 100.0 } else { 0.0 },
        precision: "fp32".into(),
        test_images: Some(TestImages { acc: 20, asr: 10 }),
        environment: Some(Environment { device: "cpu".into(), threads: 1, ..Environment::default() }),
        details: ResultDetails { poisoned: Some(7), unlearn_epochs: Some(3), ..ResultDetails::default() },
        ..TaskResult::of_status(status.clone())
    };
    send(&WorkerEvent::Finished { result: Box::new(result) })?;
    Ok(status)
}

/// Adds the stage to `runs.log`, and what it sees of its process to `processes.log`.
fn write_down(task: &Task, name: &str) -> io::Result<()> {
    let append = |file| OpenOptions::new().create(true).append(true).open(task.data.join(file));
    let variable = |name| std::env::var(name).ok();
    let seen = json!({
        "stage": name,
        "process": std::process::id(),
        "device": task.device,
        "visible": variable("CUDA_VISIBLE_DEVICES"),
        "order": variable("CUDA_DEVICE_ORDER"),
        "threads": variable("OMP_NUM_THREADS"),
    });
    append("processes.log")?.write_all(format!("{seen}\n").as_bytes())?;
    append("runs.log")?.write_all(format!("{name}\n").as_bytes())
}

/// Figures that count, unless the behaviour asks for others. The test set has two classes of the same size.
fn measured(task: &Task, behaviour: &str, status: &Status) -> Option<Measured> {
    let seed = number_of(task.key.as_str());
    let (acc, asr) = match (&task.config, behaviour) {
        (
            StageConfig::Resource(_)
            | StageConfig::Preparation(_)
            | StageConfig::Ranking(_)
            | StageConfig::Analysis(_),
            _,
        ) => {
            return None;
        }
        (_, "collapsed" | "degenerate") => (51.0, 0.0),
        (_, "not-implanted") => (80.0, 3.0),
        (StageConfig::Control(_), "natural") => (80.0, 90.0),
        (StageConfig::Attack(_), _) => (80.0 + seed / 7.0, 75.0 + seed * 24.0),
        _ => (80.0 + seed / 7.0, seed * 33.0 / 3.1),
    };
    let kept = matches!(status, Status::Ok | Status::Failed { reason: FailureReason::Degenerate, .. });
    kept.then_some(Measured { acc, asr: Some(asr), ra: Some(seed) })
}

/// A number in [0, 1) that depends on the text.
fn number_of(text: &str) -> f64 {
    f64::from(text.bytes().fold(7u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte))))
        / 4_294_967_296.0
}

fn behave(word: &str, task: &Task, tasks: &Tasks) -> io::Result<Status> {
    let failed = |reason, message: &str| Status::Failed { reason, message: message.into() };
    let first = task.scratch.join("tried");
    match word {
        "nan" => return Ok(failed(FailureReason::Nan, "loss is not finite")),
        "degenerate" => return Ok(failed(FailureReason::Degenerate, "one class only")),
        "n/a" => return Ok(Status::NotApplicable { why: "not for this model".into() }),
        "die" => die("index out of bounds"),
        "die-once" if !first.exists() => {
            fs::write(first, "")?;
            die("once");
        }
        "full" => die("No space left on device"),
        "kill" => {
            let pid = rustix::process::getpid();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL)?;
        }
        // Runs out of memory once, and then succeeds only where there is no other worker.
        "crowded" => {
            if !first.exists() {
                fs::write(first, "")?;
                die("CUDA out of memory");
            }
            if fs::read_dir(task.data.join("running"))?.count() > 1 || another_process_lives(task)? {
                return Ok(failed(FailureReason::Nan, "not alone"));
            }
        }
        "wait" => wait(task, tasks)?,
        // As on a machine that computes otherwise.
        "other-model" => fs::write(task.out.join("model.bin"), "another")?,
        // Longer than any test, but not for ever: a test that fails may leave it behind.
        "hang" => {
            std::thread::sleep(Duration::from_secs(600));
            die("nobody ended it");
        }
        "hang-once" if !first.exists() => {
            fs::write(first, "")?;
            while !tasks.have_ended() {
                std::thread::sleep(Duration::from_millis(5));
            }
            std::process::exit(130);
        }
        _ => {}
    }
    Ok(Status::Ok)
}

/// Whether a process of another stage is there, at work or waiting.
fn another_process_lives(task: &Task) -> io::Result<bool> {
    let mut lives = false;
    for line in fs::read_to_string(task.data.join("processes.log"))?.lines() {
        let seen: serde_json::Value = serde_json::from_str(line)?;
        let process = seen["process"].as_u64().unwrap_or_default();
        lives |= process != u64::from(std::process::id()) && fs::exists(format!("/proc/{process}"))?;
    }
    Ok(lives)
}

fn die(message: &str) -> ! {
    let _ = writeln!(io::stderr(), "{message}");
    std::process::exit(1)
}

/// Works until the file `go` appears in the data folder, or saves a checkpoint and ends when standard input does.
fn wait(task: &Task, tasks: &Tasks) -> io::Result<()> {
    fs::write(task.data.join("waiting"), std::process::id().to_string())?;
    while !task.data.join("go").exists() {
        if tasks.have_ended() {
            fs::write(task.scratch.join("checkpoint"), "state")?;
            fs::write(task.data.join("saved"), "")?;
            std::process::exit(0);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    if task.scratch.join("checkpoint").exists() {
        fs::write(task.data.join("resumed"), "")?;
    }
    Ok(())
}
