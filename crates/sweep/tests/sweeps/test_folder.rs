//! A sweep in a folder of its own, with the fake worker.

use std::fs;
use std::path::PathBuf;

use crate::catalog::planned;
use scour_core::{Provenance, ResultRow};
use scour_sweep::{Rerun, Slot, SweepOptions, Watching, WorkerOptions};

pub(crate) const FAKE_WORKER: &str = env!("CARGO_BIN_EXE_scour-sweep-fake-worker");

pub(crate) struct TestFolder {
    pub(crate) dir: tempfile::TempDir,
}

impl TestFolder {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("data")).unwrap();
        Self { dir }
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    pub(crate) fn behave(&self, lines: &str) {
        fs::write(self.path("data/behaviour"), lines).unwrap();
    }

    pub(crate) fn options(&self) -> SweepOptions {
        let (experiment, plan) = planned();
        SweepOptions {
            experiment,
            plan,
            complete: true,
            out: self.path("out"),
            store: self.path("store"),
            data: self.path("data"),
            slots: vec![cpu("cpu")],
            worker: FAKE_WORKER.into(),
            worker_args: vec!["work".into()],
            workers: WorkerOptions::default(),
            rerun: Rerun::No,
            fail_fast: false,
            provenance: Provenance { commit: Some("abc".into()), ..Provenance::default() },
            watching: Watching::default(),
        }
    }

    /// Lets stages that `wait` go on once so many have begun.
    pub(crate) fn let_go_after(&self, runs: usize) -> std::thread::JoinHandle<()> {
        let data = self.path("data");
        std::thread::spawn(move || {
            while fs::read_to_string(data.join("runs.log")).unwrap_or_default().lines().count() < runs {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            fs::write(data.join("go"), "").unwrap();
        })
    }

    /// The stages that workers ran since the last call, in order.
    pub(crate) fn runs(&self) -> Vec<String> {
        let path = self.path("data/runs.log");
        let text = fs::read_to_string(&path).unwrap_or_default();
        let _ = fs::remove_file(path);
        text.lines().map(String::from).collect()
    }

    /// What each stage saw of its process, in the order in which they began; see the fake worker.
    pub(crate) fn processes(&self) -> Vec<Seen> {
        let text = fs::read_to_string(self.path("data/processes.log")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The rows without what depends on which sweep did the work.
    pub(crate) fn results(&self) -> Vec<ResultRow> {
        self.results_in("out")
    }

    pub(crate) fn results_in(&self, folder: &str) -> Vec<ResultRow> {
        let rows = scour_core::read_results(&self.path(folder).join("results.csv")).unwrap();
        rows.into_iter().map(|row| ResultRow { seconds_from: None, ..row }).collect()
    }

    pub(crate) fn rows(&self) -> Vec<ResultRow> {
        scour_core::read_results(&self.path("out/results.csv")).unwrap()
    }

    /// Status and reason of the row.
    pub(crate) fn outcome(&self, attack: &str, defense: &str) -> (String, String) {
        let rows = self.rows();
        let row = rows.iter().find(|row| row.attack == attack && row.defense == defense).unwrap();
        (row.status.to_string(), row.reason.clone())
    }
}

pub(crate) fn cpu(name: &str) -> Slot {
    Slot { name: name.into(), device: "cpu".into(), environment: vec![], threads: 1 }
}

/// What a stage saw of its process.
#[derive(Clone, Debug, serde::Deserialize)]
pub(crate) struct Seen {
    pub(crate) stage: String,
    pub(crate) process: u32,
    /// What the task says.
    pub(crate) device: String,
    /// `CUDA_VISIBLE_DEVICES`.
    pub(crate) visible: Option<String>,
    /// `CUDA_DEVICE_ORDER`.
    pub(crate) order: Option<String>,
    /// `OMP_NUM_THREADS`.
    pub(crate) threads: Option<String>,
}
