//! How long a sweep of many cells takes besides the work of its stages: planning, a dry run, resuming a half-filled store,
//! the status, and a stage that costs nothing. Workers are fake.
//!
//! `cargo bench --profile dev -p scour-sweep --bench many_cells [-- CELLS]`: 10,000 cells if no number is given.

#![allow(clippy::print_stdout, reason = "a benchmark prints what it has measured")]

#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../fake-worker/catalog.rs"]
mod catalog;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use scour_sweep::{Rerun, Watched, dry_run};

const FAKE_WORKER: &str = env!("CARGO_BIN_EXE_scour-sweep-fake-worker");

/// The cells of a seed: two attacks, four defenses.
const OF_A_SEED: usize = 8;

/// Stages over which the time of one is measured.
const MEASURED: usize = 500;

fn main() {
    let cells = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(10_000);
    let dir = tempfile::tempdir().expect("a temporary folder");
    let dir = dir.path();
    fs::create_dir(dir.join("data")).expect("a folder for the fake data");
    let seeds: Vec<String> = (0..cells / OF_A_SEED).map(|seed| seed.to_string()).collect();
    let fields = format!(
        "attacks: [badnets, blended]\ndefenses: [none, ft, tsbd, rnp]\nseeds: [{}]\n",
        seeds.join(", ")
    );
    fs::write(dir.join("fields.yaml"), &fields).expect("the experiment");

    let start = Instant::now();
    let (_, plan) = catalog::planned_from(&fields);
    let (cells, stages) = (plan.cells.len(), plan.stages.len());
    say(&format!("planning {cells} cells with {stages} stages"), start);

    let half = stages / 2;
    let mut filling = Sweep::start(dir);
    filling.until(1);
    let start = Instant::now();
    filling.until(MEASURED);
    say_stages("a stage of an empty store", start);
    filling.until(half - MEASURED);
    let start = Instant::now();
    filling.until(half);
    say_stages("a stage of a store that is half full", start);
    filling.end(Signal::KILL);

    let start = Instant::now();
    dry_run(&plan, &dir.join("store"), Rerun::No).expect("a dry run");
    say("dry run of the half-filled store", start);

    let start = Instant::now();
    let mut resumed = Sweep::start(dir);
    resumed.until(half + 1);
    say(&format!("resuming it, until a stage has begun ({} MiB)", resumed.peak_mib()), start);
    let start = Instant::now();
    resumed.until(half + MEASURED);
    say_stages("a stage after that", start);
    println!("{:<60} {:>6} MiB", "peak memory of the sweep", resumed.peak_mib());
    resumed.end(Signal::TERM);

    let start = Instant::now();
    let watched = Watched::read(&dir.join("out")).expect("a status");
    assert!(!watched.text(&scour_sweep::now()).is_empty());
    say("status", start);
}

fn say(what: &str, since: Instant) {
    println!("{what:<60} {:>6.2} s", since.elapsed().as_secs_f64());
}

fn say_stages(what: &str, since: Instant) {
    println!("{what:<60} {:>6.1} ms", since.elapsed().as_secs_f64() * 1000.0 / MEASURED as f64);
}

/// A sweep in a process of its own.
struct Sweep<'a> {
    child: Child,
    dir: &'a Path,
}

impl<'a> Sweep<'a> {
    fn start(dir: &'a Path) -> Self {
        let mut command = Command::new(FAKE_WORKER);
        command.arg("sweep").arg(dir).stderr(Stdio::null());
        Self { child: command.spawn().expect("the fake sweep"), dir }
    }

    /// Waits until so many stages have begun.
    fn until(&mut self, stages: usize) {
        let log = self.dir.join("data/runs.log");
        while fs::read(&log).unwrap_or_default().iter().filter(|byte| **byte == b'\n').count() < stages {
            assert!(self.child.try_wait().expect("its state").is_none(), "the sweep ended early");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn peak_mib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        line.and_then(|text| text.trim().split(' ').next()?.parse().ok()).unwrap_or(0) / 1024
    }

    fn end(mut self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a running sweep");
        self.child.wait().expect("its end");
    }
}
