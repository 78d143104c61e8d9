//! A submission: its scripts, its folder, and the jobs that come of it.
//!
//! ```text
//! OUT/slurm/N/submission.json   the ids of the jobs
//! OUT/slurm/N/experiment.yaml   the experiment as it was then
//! OUT/slurm/N/*.sh, *.txt       scripts, and the parts of the plan, a line a task
//! OUT/slurm/N/*.log             what the tasks print
//! OUT/slurm/N/tasks-K/          the folder of results of task K
//! ```

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use scour_core::{FileFormat, Key, Plan, write_json};
use scour_sweep::{now, writable_folder};

use crate::cluster::submit_words;
use crate::error::AtPath;
use crate::part::write_parts;
use crate::record::{FOLDER, Jobs, RECORD, Record, latest, numbers};
use crate::script::{Array, Command, Prolog, Scripts};
use crate::shell::command_line;
use crate::{Cluster, Resources, SbatchOptions, SlurmError, Tasks};

/// What is to be submitted.
#[derive(Clone, Debug)]
pub struct Request {
    /// The experiment's name.
    pub name: String,
    /// The text of the experiment's file.
    pub experiment: String,
    /// Folder of the results, absolute.
    pub out: PathBuf,
    /// Folder of the store, absolute.
    pub store: PathBuf,
    /// How scour is called.
    pub command: Command,
    /// The user's lines.
    pub prolog: Option<Prolog>,
    /// What a task asks for.
    pub resources: Resources,
    /// The user's options for `sbatch`.
    pub options: SbatchOptions,
    /// Tasks of an array that run at the same time, at most.
    pub max_running: Option<usize>,
    /// One more than the highest index of a task in an array.
    pub max_array_size: usize,
}

/// A script, and which others it follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// `shared`, `tasks` or `report`.
    pub kind: &'static str,
    /// The file of the script.
    pub script: PathBuf,
    /// Its text.
    pub text: String,
}

/// A submission that is ready.
#[derive(Clone, Debug)]
pub struct Submission {
    request: Request,
    tasks: Tasks,
    planned: usize,
    folder: PathBuf,
    /// Its jobs, in the order in which they are submitted.
    pub jobs: Vec<Job>,
}

impl Submission {
    /// Writes the scripts in memory; nothing is made or changed.
    ///
    /// # Errors
    /// [`SlurmError::Usage`] for a path that no script can name, and for a site without job arrays.
    pub fn prepare(request: Request, plan: &Plan, tasks: Tasks) -> Result<Self, SlurmError> {
        let (folder, folder_text) = next_folder(&request.out)?;
        let out = text_of(&request.out)?;
        if request.max_array_size < 2 {
            return Err(SlurmError::Usage(format!(
                "an array of {} tasks is too small: Slurm's MaxArraySize, or --max-array-size, must be 2 at least",
                request.max_array_size
            )));
        }
        let mut command = request.command.clone();
        command.sweep.insert(0, format!("{folder_text}/experiment.yaml"));
        let scripts = Scripts {
            name: &request.name,
            command: &command,
            prolog: request.prolog.as_ref(),
            resources: &request.resources,
            user: &request.options,
            out: &out,
            folder: &folder_text,
        };
        let mut jobs = vec![];
        for (kind, tasks) in [("shared", &tasks.shared), ("tasks", &tasks.attacked)] {
            for array in arrays(kind, tasks, &request) {
                let name = if array.1 { format!("{kind}-part-{}", array.0) } else { kind.into() };
                let array = Array { name: &name, ..array.2 };
                jobs.push(Job {
                    kind,
                    script: folder.join(format!("{name}.sh")),
                    text: scripts.array(&array),
                });
            }
        }
        jobs.push(Job { kind: "report", script: folder.join("report.sh"), text: scripts.report() });
        let planned = planned(plan, &tasks);
        Ok(Self { request, tasks, planned, folder, jobs })
    }

    /// The scripts and the commands that would submit them.
    pub fn dry_run(&self) -> String {
        let mut text = String::new();
        for job in &self.jobs {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "==> {}\n{}", job.script.display(), job.text);
        }
        let mut ids: Vec<(&str, String)> = vec![];
        for job in &self.jobs {
            let after: Vec<&str> = follows(job.kind, &ids);
            let words = submit_words(&self.request.options, &after);
            let words = ["sbatch"].into_iter().chain(words.iter().map(String::as_str));
            let script = job.script.display().to_string();
            let _ = writeln!(text, "{}", command_line(words.chain([script.as_str()])));
            let name = job.script.file_stem().unwrap_or_default().to_string_lossy();
            ids.push((job.kind, format!("ID-OF-{name}")));
        }
        text
    }

    /// Writes the files, submits the jobs, and returns their ids.
    ///
    /// # Errors
    /// If a folder cannot be written to, if jobs of an earlier submission have not ended, and if `sbatch` refuses one; those
    /// submitted before it are cancelled then.
    pub fn submit(&self, cluster: Cluster) -> Result<Jobs, SlurmError> {
        cluster.check()?;
        writable_folder(&self.request.out, "--out")?;
        writable_folder(&self.request.store, "--store")?;
        if let Some((_, record)) = latest(&self.request.out)? {
            let left = cluster.unfinished(&record.jobs.all());
            if !left.is_empty() {
                let left = left.join(" ");
                return Err(SlurmError::Usage(format!(
                    "jobs of the last submission have not ended: {left}. Wait for them, or cancel them with `scancel {left}`"
                )));
            }
        }
        self.write()?;
        let mut jobs = Jobs::default();
        let mut ids: Vec<(&str, String)> = vec![];
        for job in &self.jobs {
            let submitted = cluster.submit(&job.script, &self.request.options, &follows(job.kind, &ids));
            let id = submitted.map_err(|error| give_back(cluster, &jobs, error))?;
            match job.kind {
                "shared" => jobs.shared.push(id.clone()),
                "tasks" => jobs.tasks.push(id.clone()),
                _ => jobs.report = Some(id.clone()),
            }
            ids.push((job.kind, id));
        }
        self.record(&jobs)?;
        Ok(jobs)
    }

    fn write(&self) -> Result<(), SlurmError> {
        let parent = self.folder.parent().unwrap_or(&self.folder);
        fs::create_dir_all(parent).at("create", parent)?;
        // Not `create_dir_all`: of two submissions at the same time one gets the number.
        fs::create_dir(&self.folder).at("create", &self.folder)?;
        let logs = self.request.out.join("logs");
        fs::create_dir_all(&logs).at("create", &logs)?;
        let experiment = self.folder.join("experiment.yaml");
        fs::write(&experiment, &self.request.experiment).at("write", &experiment)?;
        write_parts(&self.folder.join("shared.txt"), &self.tasks.shared, true)?;
        write_parts(&self.folder.join("tasks.txt"), &self.tasks.attacked, false)?;
        for job in &self.jobs {
            fs::write(&job.script, &job.text).at("write", &job.script)?;
        }
        Ok(())
    }

    fn record(&self, jobs: &Jobs) -> Result<(), SlurmError> {
        let record = Record {
            version: Record::VERSION,
            name: self.request.name.clone(),
            submitted: now(),
            shared_tasks: self.tasks.shared.len(),
            tasks: self.tasks.attacked.len(),
            planned: self.planned,
            jobs: jobs.clone(),
        };
        let path = self.folder.join(RECORD);
        write_json(&path, &record).at("write", &path)
    }

    /// Its folder, with the logs of its tasks.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// How many cells and analyses its tasks have, those that are known already included.
    pub fn planned(&self) -> usize {
        self.planned
    }
}

/// The arrays of these tasks: the number of each, whether there are several, and the array without its name.
fn arrays<'a>(kind: &'a str, tasks: &[Vec<Key>], request: &Request) -> Vec<(usize, bool, Array<'a>)> {
    // Indices begin at 1.
    let size = request.max_array_size - 1;
    let several = tasks.len() > size;
    let array = |(at, chunk): (usize, &[Vec<Key>])| {
        let (offset, count) = (at * size, chunk.len());
        (at + 1, several, Array { kind, name: "", offset, count, max_running: request.max_running })
    };
    tasks.chunks(size).enumerate().map(array).collect()
}

/// The jobs that one of this kind waits for.
fn follows<'a>(kind: &str, before: &'a [(&str, String)]) -> Vec<&'a str> {
    let waits_for = |other: &str| match kind {
        "shared" => false,
        "tasks" => other == "shared",
        _ => true,
    };
    before.iter().filter(|(other, _)| waits_for(other)).map(|(_, id)| id.as_str()).collect()
}

fn planned(plan: &Plan, tasks: &Tasks) -> usize {
    let models = tasks.attacked.iter().flatten().collect::<std::collections::BTreeSet<_>>();
    plan.cells.iter().filter(|cell| models.contains(&cell.attacked)).count()
        + plan.analyses.iter().filter(|analysis| models.contains(&analysis.attacked)).count()
}

/// The error of a job that could not be submitted, after those before it were cancelled.
fn give_back(cluster: Cluster, jobs: &Jobs, error: SlurmError) -> SlurmError {
    let before = jobs.all();
    if before.is_empty() {
        return error;
    }
    let list = before.join(" ");
    let what = match cluster.cancel(&before) {
        true => format!("jobs {list}, which were submitted before it, are cancelled"),
        false => format!("jobs {list} were submitted before it: cancel them with `scancel {list}`"),
    };
    SlurmError::Slurm(format!("{error}; {what}"))
}

/// A path as text for a script.
fn text_of(path: &Path) -> Result<String, SlurmError> {
    match path.to_str().filter(|text| !text.contains('\n')) {
        Some(text) => Ok(text.into()),
        None => Err(SlurmError::Usage(format!(
            "a script cannot name {}: name a folder in UTF-8, without line breaks",
            path.display()
        ))),
    }
}

/// The folder of the next submission.
fn next_folder(out: &Path) -> Result<(PathBuf, String), SlurmError> {
    let number = numbers(out)?.into_iter().max().unwrap_or_default() + 1;
    let folder = out.join(FOLDER).join(number.to_string());
    let text = text_of(&folder)?;
    Ok((folder, text))
}

#[cfg(test)]
mod tests;
