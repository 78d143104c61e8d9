//! The programs of Slurm: `sbatch`, and where they work `scontrol`, `sinfo` and `squeue`. `sacct` is never needed: many
//! sites keep no accounts.

use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::{SbatchOptions, SlurmError};

/// The default of Slurm for `MaxArraySize`.
const DEFAULT_MAX_ARRAY_SIZE: usize = 1001;

/// The cluster of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cluster;

impl Cluster {
    /// Whether `sbatch` is there.
    ///
    /// # Errors
    /// [`SlurmError::Slurm`] if it is not.
    pub fn check(self) -> Result<(), SlurmError> {
        run(Command::new("sbatch").arg("--version")).map(|_| ())
    }

    /// One more than the highest index of a task: what `scontrol show config` says, or Slurm's default.
    pub fn max_array_size(self) -> usize {
        let said = answer(Command::new("scontrol").args(["show", "config"]));
        said.and_then(|text| max_array_size(&text)).unwrap_or(DEFAULT_MAX_ARRAY_SIZE)
    }

    /// Whether the partition of the user's options, or the default one, has GPUs, as far as `sinfo` says.
    pub fn has_gpus(self, options: &SbatchOptions) -> bool {
        let said = answer(Command::new("sinfo").args(["--noheader", "--format=%P %G"]));
        said.is_some_and(|text| has_gpus(&text, options.value("partition")))
    }

    /// The jobs among these that have not ended. Where `squeue` does not work, none is known.
    pub fn unfinished(self, jobs: &[String]) -> Vec<String> {
        let list = jobs.join(",");
        // Array tasks are listed one by one; %F is the id of the array.
        let said = answer(Command::new("squeue").args(["--noheader", "--format=%F", "--jobs", &list]));
        let said = said.unwrap_or_default();
        let left: Vec<&str> = said.lines().map(str::trim).collect();
        jobs.iter().filter(|job| left.contains(&job.as_str())).cloned().collect()
    }

    /// Submits a script and returns the id of the job. `after` are the jobs that must have ended before, however.
    pub(crate) fn submit(
        self,
        script: &Path,
        options: &SbatchOptions,
        after: &[&str],
    ) -> Result<String, SlurmError> {
        let output = run(Command::new("sbatch").args(submit_words(options, after)).arg(script))?;
        let text = String::from_utf8_lossy(&output.stdout);
        // With several clusters it is `ID;CLUSTER`. A site's own wrapper may print lines before it.
        let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let id = last.trim().split(';').next().unwrap_or_default();
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(SlurmError::Slurm(format!(
                "sbatch printed no job id but: {}. Look at `squeue --me` for what it submitted",
                text.trim()
            )));
        }
        Ok(id.into())
    }

    /// Cancels jobs, after a later one could not be submitted. What `scancel` says is shown by it.
    pub(crate) fn cancel(self, jobs: &[String]) -> bool {
        !jobs.is_empty() && Command::new("scancel").args(jobs).status().is_ok_and(|status| status.success())
    }
}

/// What `sbatch` is given before the script.
pub(crate) fn submit_words(options: &SbatchOptions, after: &[&str]) -> Vec<String> {
    let mut words = vec!["--parsable".to_string()];
    if !after.is_empty() {
        words.push(format!("--dependency=afterany:{}", after.join(":")));
    }
    words.extend(options.words().iter().cloned());
    words
}

/// The output of a program that has to work.
fn run(command: &mut Command) -> Result<Output, SlurmError> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(|error| match error.kind() {
        ErrorKind::NotFound => SlurmError::Slurm(format!(
            "there is no `{name}` in PATH: --engine slurm works where jobs are submitted, such as a login node of the \
             cluster; --engine local runs the sweep on this machine"
        )),
        _ => SlurmError::Slurm(format!("cannot run {name}: {error}")),
    })?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = if said.trim().is_empty() { "it printed no reason" } else { said.trim() };
    Err(SlurmError::Slurm(format!("{name} refused: {said}")))
}

/// The output of a program that may be missing.
fn answer(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn max_array_size(config: &str) -> Option<usize> {
    let line = config.lines().find(|line| line.trim_start().starts_with("MaxArraySize"))?;
    line.split_once('=')?.1.trim().parse().ok()
}

/// From lines of a partition's name, with a star after the default one, and its resources.
fn has_gpus(sinfo: &str, partition: Option<&str>) -> bool {
    sinfo.lines().filter_map(|line| line.trim().split_once(' ')).any(|(name, resources)| {
        let wanted = match partition {
            Some(wanted) => wanted.split(',').any(|one| one == name.trim_end_matches('*')),
            None => name.ends_with('*'),
        };
        wanted && resources.contains("gpu")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_arrays_is_read_from_the_configuration() {
        let config =
            "MailProg                = /bin/mail\nMaxArraySize            = 2500\nMaxJobCount = 10000\n";
        assert_eq!(max_array_size(config), Some(2500));
        assert_eq!(max_array_size("MaxJobCount = 1\n"), None);
    }

    #[test]
    fn the_default_partition_counts_unless_another_is_named() {
        let sinfo = "debug* (null)\ngpu gpu:a100:4(S:0-1)\nold gpu:2\n";
        assert!(!has_gpus(sinfo, None));
        assert!(has_gpus(sinfo, Some("gpu")) && has_gpus(sinfo, Some("debug,old")));
        assert!(!has_gpus(sinfo, Some("debug")));
        assert!(has_gpus("gpu* gpu:1\n", None));
    }
}
