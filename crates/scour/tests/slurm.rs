//! A sweep handed to Slurm: programs of the same names run the tasks one after the other.

#[allow(dead_code, reason = "each test program uses its share")]
mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;

use common::{MINI, run, scour, text};

/// Runs every task of the script at once, as Slurm would later, and prints the next job id. What it was given is in
/// `calls`.
const SBATCH: &str = r#"#!/bin/bash
here=$(dirname "$0")
[ "$1" != --version ] || { echo "slurm 0 for tests"; exit 0; }
for script; do :; done
if [ -e "$here/refuse" ] && grep -q "$(cat "$here/refuse")" "$script"; then
  echo "sbatch: error: invalid partition specified" >&2
  exit 1
fi
id=$(($(cat "$here/id" 2> /dev/null || echo 100) + 1))
echo $id > "$here/id"
echo "$id ${*:1:$#-1} $(basename "$script")" >> "$here/calls"
last=$(sed -n 's/^#SBATCH --array=1-\([0-9]*\).*/\1/p' "$script")
log=$(sed -n 's/^#SBATCH --output=\(.*\)/\1/p' "$script")
if [ -n "$last" ]; then
  for task in $(seq "$last"); do
    SLURM_ARRAY_JOB_ID=$id SLURM_ARRAY_TASK_ID=$task bash "$script" >> "${log/\%a/$task}" 2>&1
    code=$?
    echo "$id $(basename "$script") $task $code" >> "$here/ended"
  done
else
  bash "$script" >> "$log" 2>&1
  code=$?
  echo "$id $(basename "$script") - $code" >> "$here/ended"
fi
echo "$id"
"#;
const SCONTROL: &str = "#!/bin/bash\n[ \"$1\" = show ] && echo 'MaxArraySize            = 4'\n";
const OTHERS: &str =
    "#!/bin/bash\n[ -z \"$1\" ] || echo \"$(basename \"$0\") $*\" >> \"$(dirname \"$0\")/calls\"\n";

struct Site {
    dir: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        let site = Self { dir: tempfile::tempdir().unwrap() };
        fs::create_dir(site.path("bin")).unwrap();
        let programs = [("sbatch", SBATCH), ("scontrol", SCONTROL), ("squeue", OTHERS), ("scancel", OTHERS)];
        for (name, program) in programs {
            let path = site.path(&format!("bin/{name}"));
            fs::write(&path, program).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::write(site.path("mini.yaml"), eight_cells()).unwrap();
        site
    }

    fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    /// `scour sweep mini.yaml --engine slurm ARGS`
    fn submit(&self, args: &[&str]) -> Output {
        let mut all = vec!["sweep", "mini.yaml", "--out", "out", "--engine", "slurm"];
        all.extend(args);
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        scour(self.dir.path(), &all).env("PATH", path).output().unwrap()
    }

    fn submitted(&self, args: &[&str]) -> String {
        let output = self.submit(args);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        text(&output)
    }

    /// The lines of a file that the programs wrote, which is emptied.
    fn lines(&self, file: &str) -> Vec<String> {
        let path = self.path("bin").join(file);
        let lines = fs::read_to_string(&path).unwrap_or_default().lines().map(String::from).collect();
        let _ = fs::remove_file(path);
        lines
    }
}

/// Two attacks on two seeds, undefended and fine-tuned.
fn eight_cells() -> String {
    let (head, rest) = MINI.split_once("defenses:").unwrap();
    let rest = rest.split_once('\n').unwrap().1.replace("epochs: 6", "epochs: 2");
    format!("{head}defenses: [none, {{ft: {{epochs: 1}}}}]\n{rest}")
}

/// The rows without times and memory.
fn rows(out: &Path) -> Vec<String> {
    const OF_THE_RUN: [&str; 5] =
        ["seconds", "seconds_from", "finished", "peak_memory_mib", "gpu_peak_memory_mib"];
    let mut reader = csv::Reader::from_path(out.join("results.csv")).unwrap();
    let headers = reader.headers().unwrap().clone();
    let row = |record: csv::StringRecord| {
        let fields = headers.iter().zip(&record).filter(|(name, _)| !OF_THE_RUN.contains(name));
        fields.map(|(_, field)| field.to_string()).collect::<Vec<_>>().join(",")
    };
    reader.records().map(|record| row(record.unwrap())).collect()
}

#[test]
fn what_a_failed_task_left_is_done_by_the_next_submission_and_the_results_are_those_of_a_local_sweep() {
    let site = Site::new();
    // The second task dies in its first submission.
    let prolog = "[ \"$SLURM_ARRAY_JOB_ID.$SLURM_ARRAY_TASK_ID\" != 101.2 ] || exit 9\n";
    fs::write(site.path("prolog.sh"), prolog).unwrap();
    let said = site.submitted(&["--prolog", "prolog.sh", "--", "--partition=all"]);
    // Of MaxArraySize 4 an array has three tasks.
    let calls = site.lines("calls");
    assert_eq!(
        calls,
        [
            "101 --parsable --partition=all tasks-part-1.sh",
            "102 --parsable --partition=all tasks-part-2.sh",
            "103 --parsable --dependency=afterany:101:102 --partition=all report.sh",
        ]
    );
    assert!(said.contains("squeue -j 101,102,103") && said.contains("scancel 101 102 103"), "{said}");
    assert_eq!(
        site.lines("ended"),
        [
            "101 tasks-part-1.sh 1 0",
            "101 tasks-part-1.sh 2 9",
            "101 tasks-part-1.sh 3 0",
            "102 tasks-part-2.sh 1 0",
            "103 report.sh - 5",
        ]
    );
    assert_eq!(rows(&site.path("out")).len(), 6);

    let said = site.submitted(&[]);
    assert!(said.contains("stages to run: 2, for 2 cells and analyses in 1 task"), "{said}");
    assert!(said.contains("measured: a worker had"), "{said}");
    assert_eq!(
        site.lines("calls")[1..],
        ["104 --parsable tasks.sh", "105 --parsable --dependency=afterany:104 report.sh"]
    );
    assert_eq!(site.lines("ended"), ["104 tasks.sh 1 0", "105 report.sh - 0"]);

    let said = site.submitted(&[]);
    assert!(said.contains("nothing is missing"), "{said}");
    assert_eq!(site.lines("ended"), ["106 report.sh - 0"]);

    let local = run(site.dir.path(), &["sweep", "mini.yaml", "--out", "local", "--devices", "cpu"]);
    assert_eq!(local.status.code(), Some(0), "{}", text(&local));
    assert_eq!(rows(&site.path("out")), rows(&site.path("local")));
    for file in ["cells.csv", "gallery/index.json"] {
        let read = |out: &str| fs::read_to_string(site.path(out).join(file)).unwrap();
        assert_eq!(read("out"), read("local"), "{file}");
    }
}

#[test]
fn a_dry_run_submits_and_writes_nothing() {
    let site = Site::new();
    let said = site.submitted(&["--dry-run", "--devices", "cuda:0", "--", "--mem=20G"]);
    assert!(said.contains("#SBATCH --gres=gpu:1") && said.contains("--set precision=bf16"), "{said}");
    assert!(said.contains("sbatch --parsable --mem=20G") && !said.contains("#SBATCH --mem=16384M"), "{said}");
    assert!(!site.path("out").exists() && site.lines("calls").is_empty());
}

#[test]
fn a_refused_job_is_reported_with_what_sbatch_said_and_those_before_it_are_cancelled() {
    let site = Site::new();
    fs::write(site.path("bin/refuse"), "report of").unwrap();
    // Nothing is trained for this test.
    fs::write(site.path("prolog.sh"), "exit 0\n").unwrap();
    let output = site.submit(&["--prolog", "prolog.sh", "--max-array-size", "1001"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    let said = text(&output);
    assert!(said.contains("sbatch refused: sbatch: error: invalid partition specified"), "{said}");
    assert!(said.contains("jobs 101, which were submitted before it, are cancelled"), "{said}");
    assert_eq!(site.lines("calls"), ["101 --parsable tasks.sh", "scancel 101"]);
}

#[test]
fn contradictory_options_and_a_machine_without_slurm_are_refused_in_one_line() {
    let site = Site::new();
    let refused = |args: &[&str], code: i32, parts: &[&str]| {
        let output = site.submit(args);
        let said = text(&output);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert_eq!(said.trim_end().lines().count(), 1, "{said}");
        assert!(parts.iter().all(|part| said.contains(part)), "{said}");
    };
    refused(&["--shard", "1/2"], 2, &["--shard with --engine slurm", "--tasks"]);
    refused(&["--fail-fast"], 2, &["--fail-fast with --engine slurm"]);
    refused(&["--rerun", "all"], 2, &["--rerun all with --engine slurm", "--store"]);
    refused(&["--collect"], 2, &["--collect with --engine slurm"]);
    refused(&["--devices", "cpu", "--", "--gres=gpu:1"], 2, &["contradict"]);
    refused(&["--devices", "cuda:1"], 2, &["`cuda:1`", "cuda:0"]);
    refused(&["--", "--array=1-3"], 2, &["--array after --", "--max-running"]);
    refused(&["--prolog", "none.sh"], 2, &["none.sh"]);
    fs::write(site.path("out"), "no folder").unwrap();
    refused(&[], 3, &["out", "--out"]);
    assert!(site.lines("calls").is_empty());

    let output = run(site.dir.path(), &["sweep", "mini.yaml", "--engine", "slurm"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert!(text(&output).contains("there is no `sbatch` in PATH"), "{}", text(&output));
    let output = run(site.dir.path(), &["sweep", "mini.yaml", "--", "--partition=gpu"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("only with --engine slurm"), "{}", text(&output));
}
