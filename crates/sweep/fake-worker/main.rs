//! A fake worker for the tests of the sweep engine, and a program to be killed in place of `scour sweep`.
//!
//! `work` carries out a task as the file `behaviour` in the data folder says, one `ATTACK[/DEFENSE]=WORD` a line, and
//! adds a line to `runs.log` there. `sweep DIR` sweeps the plan of the tests in DIR, `sweep DIR FIELDS` one with these
//! fields of the experiment.

mod catalog;

use std::fs::{self, OpenOptions};
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use scour_core::{
    Environment, Experiment, FailureReason, Measured, Plan, Provenance, ResultDetails, StageConfig, Status,
    Task, TaskResult, TestImages, WorkerEvent,
};
use scour_sweep::{Rerun, Slot, SweepOptions};

fn main() -> std::process::ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["work"] => work().expect("the work of a test"),
        ["sweep", dir] => return sweep(Path::new(dir), catalog::planned()),
        ["sweep", dir, fields] => return sweep(Path::new(dir), catalog::planned_from(fields)),
        _ => return std::process::ExitCode::from(2),
    }
    std::process::ExitCode::SUCCESS
}

fn sweep(dir: &Path, (experiment, plan): (Experiment, Plan)) -> std::process::ExitCode {
    let options = SweepOptions {
        experiment,
        plan,
        complete: true,
        out: dir.join("out"),
        store: dir.join("store"),
        data: dir.join("data"),
        slots: vec![Slot { name: "cpu".into(), device: "cpu".into(), environment: vec![], threads: 1 }],
        worker: std::env::current_exe().expect("a path of its own"),
        worker_args: vec!["work".into()],
        rerun: Rerun::No,
        fail_fast: false,
        provenance: Provenance::default(),
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

fn work() -> io::Result<()> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let task: Task = serde_json::from_str(&line)?;
    let name = match &task.config {
        StageConfig::Resource(config) => format!("{}-resource", config.attack.label),
        StageConfig::Attack(config) => config.attack.label.clone(),
        StageConfig::Control(config) => format!("{}-control", config.attack.label),
        StageConfig::Preparation(config) => {
            format!("{}/{}-preparation", config.attacked.attack.label, config.defense.name)
        }
        StageConfig::Defense(config) => {
            format!("{}/{}", config.attacked.attack.label, config.defense.label)
        }
        StageConfig::Analysis(config) => {
            format!("{}/{}", config.attacked.attack.label, config.analysis.label)
        }
    };
    for (_, folder) in &task.requires {
        fs::read(folder.join("model.bin"))?;
    }
    let mut runs = OpenOptions::new().create(true).append(true).open(task.data.join("runs.log"))?;
    runs.write_all(format!("{name}\n").as_bytes())?;
    let behaviour = fs::read_to_string(task.data.join("behaviour")).unwrap_or_default();
    let behaviour = behaviour.lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
    fs::write(task.out.join("model.bin"), task.key.as_str())?;
    send(&WorkerEvent::Note { text: format!("working on {name}") })?;
    let running = task.data.join("running").join(task.key.as_str());
    fs::create_dir_all(task.data.join("running"))?;
    fs::write(&running, "")?;
    let status = behave(behaviour.unwrap_or("ok"), &task)?;
    fs::remove_file(running)?;
    if let StageConfig::Attack(_) = task.config {
        fs::create_dir(task.out.join("gallery"))?;
        fs::write(task.out.join("gallery/000-clean.png"), "an image")?;
    }
    if let StageConfig::Analysis(_) = task.config {
        fs::write(task.out.join("coverage.csv"), format!("key\n{}\n", task.key))?;
    }
    let seed = number_of(task.key.as_str());
    let result = TaskResult {
        measured: measured(&task, behaviour.unwrap_or("ok"), &status),
        seconds: seed,
        preparation_seconds: if task.requires.len() > 1 { 100.0 } else { 0.0 },
        precision: "fp32".into(),
        test_images: Some(TestImages { acc: 20, asr: 10 }),
        environment: Some(Environment { device: "cpu".into(), threads: 1, ..Environment::default() }),
        details: ResultDetails { poisoned: Some(7), unlearn_epochs: Some(3), ..ResultDetails::default() },
        ..TaskResult::of_status(status)
    };
    send(&WorkerEvent::Finished { result: Box::new(result) })
}

/// Figures that count, unless the behaviour asks for others. The test set has two classes of the same size.
fn measured(task: &Task, behaviour: &str, status: &Status) -> Option<Measured> {
    let seed = number_of(task.key.as_str());
    let (acc, asr) = match (&task.config, behaviour) {
        (StageConfig::Resource(_) | StageConfig::Preparation(_) | StageConfig::Analysis(_), _) => {
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

fn behave(word: &str, task: &Task) -> io::Result<Status> {
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
        // Runs out of memory once, and then succeeds only where no other worker is running.
        "crowded" => {
            if !first.exists() {
                fs::write(first, "")?;
                die("CUDA out of memory");
            }
            if fs::read_dir(task.data.join("running"))?.count() > 1 {
                return Ok(failed(FailureReason::Nan, "not alone"));
            }
        }
        "wait" => wait(task)?,
        _ => {}
    }
    Ok(Status::Ok)
}

fn die(message: &str) -> ! {
    let _ = writeln!(io::stderr(), "{message}");
    std::process::exit(1)
}

/// Works until the file `go` appears in the data folder, or saves a checkpoint and ends when standard input does.
fn wait(task: &Task) -> io::Result<()> {
    let ended = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&ended);
    std::thread::spawn(move || {
        // Nothing more is written to it: the read ends when the sweep closes it.
        let _ = io::stdin().lock().read_line(&mut String::new());
        flag.store(true, Ordering::Relaxed);
    });
    fs::write(task.data.join("waiting"), std::process::id().to_string())?;
    while !task.data.join("go").exists() {
        if ended.load(Ordering::Relaxed) {
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
