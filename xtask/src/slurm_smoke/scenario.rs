//! What happens on the cluster.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::cluster::Cluster;
use crate::project::Project;
use crate::{process, say};

const EXPERIMENT: &str = include_str!("experiment.yaml");
/// The cells of the experiment.
const CELLS: usize = 16;
/// All jobs of a submission have to end within this time.
const PATIENCE: Duration = Duration::from_secs(20 * 60);

/// Submits, disturbs, submits again, and compares.
pub(super) fn play(project: &Project, cluster: &Cluster, folder: &Path) -> anyhow::Result<u8> {
    let experiment = folder.join("experiment.yaml");
    fs::write(&experiment, EXPERIMENT).with_context(|| format!("cannot write {}", experiment.display()))?;
    say::answer(&format!("slurm      {}", cluster.output("sinfo", &["--version"])?));

    let first = submit(project, cluster, folder)?;
    disturb(cluster, &first)?;
    wait_for_all(cluster)?;
    let before = statuses(folder)?;
    say::answer(&format!("first submission: {}", in_words(&before)));
    if before.values().sum::<usize>() == CELLS {
        bail!("a task was cancelled and one was killed, but no cell is missing after the first submission");
    }
    submit(project, cluster, folder)?;
    wait_for_all(cluster)?;
    let after = statuses(folder)?;
    say::answer(&format!("second submission: {}", in_words(&after)));
    if after.values().sum::<usize>() != CELLS || after.contains_key("failed") {
        bail!("not all of the {CELLS} cells are there: see {}", folder.display());
    }
    let third = scour(project, cluster, folder, &["--dry-run"])?;
    if !third.contains("nothing is missing") {
        bail!("something is missing after the second submission: {third}");
    }
    let page = folder.join("out/report/index.html");
    if !page.is_file() {
        bail!("there is no report {}", page.display());
    }
    say::answer(&format!("report     {}\nslurm-smoke: all {CELLS} cells are there", page.display()));
    Ok(0)
}

/// `scour sweep` of the experiment, handed to the cluster. A node of the smoke test has little memory.
fn scour(project: &Project, cluster: &Cluster, folder: &Path, options: &[&str]) -> anyhow::Result<String> {
    let mut command = cluster.command(project.program("scour"))?;
    command.current_dir(folder).args(["sweep", "experiment.yaml", "--out", "out", "--engine", "slurm"]);
    command.args(["--devices", "cpu"]).args(options);
    process::output(command.args(["--", "--cpus-per-task=1", "--mem=1000M"]))
}

/// Submits and returns the id of the array of tasks.
fn submit(project: &Project, cluster: &Cluster, folder: &Path) -> anyhow::Result<String> {
    let said = scour(project, cluster, folder, &[])?;
    say::answer(&said);
    let tasks = said.lines().find_map(|line| line.trim().strip_prefix("tasks ")?.trim().strip_prefix("job "));
    tasks.map(String::from).context("scour named no job of tasks")
}

/// Of the tasks that run, asks the first one to stop as before its time limit, cancels the second one, and kills the sweep
/// of the third one.
fn disturb(cluster: &Cluster, array: &str) -> anyhow::Result<()> {
    let mut seen: Vec<String> = vec![];
    let start = Instant::now();
    while seen.len() < 3 {
        if start.elapsed() > PATIENCE {
            bail!("no task has begun within {}", say::seconds(PATIENCE));
        }
        std::thread::sleep(Duration::from_millis(200));
        for task in running(cluster, array)? {
            if seen.len() == 3 || seen.contains(&task) || process_of(array, &task, is_sweep)?.is_none() {
                continue;
            }
            // Its sweep has to listen for signals.
            std::thread::sleep(Duration::from_secs(2));
            let name = format!("{array}_{task}");
            let what = match seen.len() {
                0 => {
                    // As slurmd does for --signal=B:USR1. `scancel --batch --signal` does it too, but says that it failed.
                    signal(process_of(array, &task, is_shell)?, rustix::process::Signal::USR1)?;
                    "its shell got SIGUSR1, as before its time limit"
                }
                1 => {
                    cluster.output("scancel", &[&name])?;
                    "cancelled"
                }
                _ => {
                    signal(process_of(array, &task, is_sweep)?, rustix::process::Signal::KILL)?;
                    "its sweep got SIGKILL"
                }
            };
            say::answer(&format!("task {name}  {what}"));
            seen.push(task);
        }
    }
    Ok(())
}

/// Sends a signal to a process that must be there.
fn signal(process: Option<i32>, signal: rustix::process::Signal) -> anyhow::Result<()> {
    let process = process.and_then(rustix::process::Pid::from_raw);
    let process = process.context("the task has ended before it could be disturbed")?;
    Ok(rustix::process::kill_process(process, signal)?)
}

fn is_sweep(words: &[&[u8]]) -> bool {
    words.first().is_some_and(|program| program.ends_with(b"/scour")) && words.get(1) == Some(&&b"sweep"[..])
}

/// The shell that slurmd starts with a copy of the script.
fn is_shell(words: &[&[u8]]) -> bool {
    words.get(1).is_some_and(|script| script.ends_with(b"/slurm_script"))
}

/// The indices of the tasks that run.
fn running(cluster: &Cluster, array: &str) -> anyhow::Result<Vec<String>> {
    let said = cluster.output("squeue", &["--noheader", "--states=R", "--array", "--format=%F %K"])?;
    let own = said.lines().filter_map(|line| line.trim().strip_prefix(array)?.strip_prefix(' '));
    Ok(own.map(|index| index.trim().to_owned()).collect())
}

/// The process of a task whose command line is as wanted.
fn process_of(array: &str, task: &str, is_wanted: impl Fn(&[&[u8]]) -> bool) -> anyhow::Result<Option<i32>> {
    let wanted = [format!("SLURM_ARRAY_JOB_ID={array}"), format!("SLURM_ARRAY_TASK_ID={task}")];
    for entry in fs::read_dir("/proc").context("cannot read /proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // Processes end while the folder is read.
        let Ok(environment) = fs::read(entry.path().join("environ")) else { continue };
        let Ok(words) = fs::read(entry.path().join("cmdline")) else { continue };
        let words: Vec<&[u8]> = words.split(|byte| *byte == 0).collect();
        let variables: Vec<&[u8]> = environment.split(|byte| *byte == 0).collect();
        if is_wanted(&words) && wanted.iter().all(|variable| variables.contains(&variable.as_bytes())) {
            return Ok(Some(pid));
        }
    }
    Ok(None)
}

/// Waits until the queue is empty, and prints when jobs end.
fn wait_for_all(cluster: &Cluster) -> anyhow::Result<()> {
    let start = Instant::now();
    let mut last = String::new();
    loop {
        let said = cluster.output("squeue", &["--noheader", "--format=%i %T %r"])?;
        if said.is_empty() {
            return Ok(());
        }
        if start.elapsed() > PATIENCE {
            bail!("jobs have not ended within {}:\n{said}", say::seconds(PATIENCE));
        }
        if said != last {
            say::progress(&format!(
                "[{:>4.0} s] {}",
                start.elapsed().as_secs_f64(),
                said.replace('\n', "; ")
            ));
            last = said;
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// How many rows of `results.csv` have each status.
fn statuses(folder: &Path) -> anyhow::Result<BTreeMap<String, usize>> {
    let file = folder.join("out/status.json");
    let text = fs::read_to_string(&file)
        .with_context(|| format!("the report job has not written {}", file.display()))?;
    // xtask links no JSON: of the object `ended`, whose values are numbers, the lines are read.
    let mut lines = text.lines().skip_while(|line| !line.contains("\"ended\""));
    lines.next();
    let mut counts = BTreeMap::new();
    for line in lines.take_while(|line| !line.contains('}')) {
        let (status, count) =
            line.trim().trim_end_matches(',').split_once(": ").context("a line of `ended`")?;
        let count = count.parse().with_context(|| format!("{}: {line}", file.display()))?;
        counts.insert(status.trim_matches('"').to_owned(), count);
    }
    Ok(counts)
}

fn in_words(statuses: &BTreeMap<String, usize>) -> String {
    let parts: Vec<String> = statuses.iter().map(|(status, count)| format!("{count} {status}")).collect();
    format!("{} of {CELLS} cells: {}", statuses.values().sum::<usize>(), parts.join(", "))
}
