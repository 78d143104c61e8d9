//! The scripts that Slurm runs.

use std::fmt::Write;

use crate::shell::{command_line, quoted, sbatch_path};
use crate::{Resources, SbatchOptions};

/// Seconds before its time limit at which a task is told. Slurm may be a minute early; workers save a checkpoint within
/// 20 seconds.
const SIGNAL_SECONDS: u32 = 120;

/// A task that is queued again continues its log.
const APPEND: &str = "--open-mode=append";

/// Lines of the user's in front of what each script does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prolog {
    /// The file that they come from.
    pub file: String,
    /// The lines.
    pub text: String,
}

/// How scour is called in the scripts. All paths are absolute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command {
    /// The program.
    pub scour: String,
    /// The program that writes reports; without it the last job writes the results only.
    pub report: Option<String>,
    /// The folder in which the programs run: that of the submission, for relative paths in the experiment.
    pub working_folder: String,
    /// What `scour sweep` is given in every job, without the folder of its results.
    pub sweep: Vec<String>,
    /// What it is given besides in tasks: devices and workers.
    pub task: Vec<String>,
    /// Whether tasks run again what failed.
    pub rerun_failed: bool,
}

/// What all scripts of a submission have in common.
#[derive(Clone, Copy)]
pub(crate) struct Scripts<'a> {
    /// The experiment's name.
    pub(crate) name: &'a str,
    pub(crate) command: &'a Command,
    pub(crate) prolog: Option<&'a Prolog>,
    pub(crate) resources: &'a Resources,
    pub(crate) user: &'a SbatchOptions,
    /// Folder of the results.
    pub(crate) out: &'a str,
    /// Folder of the submission.
    pub(crate) folder: &'a str,
}

/// A job array: the tasks `offset + 1` to `offset + count` of the file of parts.
pub(crate) struct Array<'a> {
    /// `tasks` or `shared`: the file of parts is `NAME.txt`.
    pub(crate) kind: &'a str,
    /// The name of the script without its ending.
    pub(crate) name: &'a str,
    pub(crate) offset: usize,
    pub(crate) count: usize,
    pub(crate) max_running: Option<usize>,
}

impl Scripts<'_> {
    /// The script of a job array.
    pub(crate) fn array(&self, array: &Array) -> String {
        let Array { kind, name, offset, count, max_running } = array;
        let limit = max_running.map(|limit| format!("%{limit}")).unwrap_or_default();
        let mut directives = vec![format!("--array=1-{count}{limit}"), APPEND.into()];
        if !self.user.has_any(&["no-requeue"]) {
            directives.push("--requeue".into());
        }
        directives.push(format!("--signal=B:USR1@{SIGNAL_SECONDS}"));
        let log = format!("{name}.%a.log");
        let mut text = self.head(&format!("{kind} of"), &log, &directives, self.resources);
        let _ = write!(
            text,
            "task=$((SLURM_ARRAY_TASK_ID + {offset}))\n\
             out={folder}/{kind}-$task\n\n{BEFORE_THE_LIMIT}",
            folder = quoted(self.folder),
        );
        self.add_prolog(&mut text);
        let parts = format!("{}/{kind}.txt", self.folder);
        let _ = write!(
            text,
            "# Logs of stages lie where those of a local sweep lie.\n\
             mkdir -p \"$out\" && ln -sfn {logs} \"$out/logs\" || exit 3\n",
            logs = quoted(&format!("{}/logs", self.out)),
        );
        if self.command.rerun_failed {
            // After a restart the failures that are left are those of this submission.
            text += "rerun=(--rerun failed)\n[ \"${SLURM_RESTART_COUNT:-0}\" = 0 ] || rerun=()\n";
        }
        let words = [self.command.scour.as_str(), "sweep"].into_iter();
        let words = words.chain(self.command.sweep.iter().map(String::as_str));
        let words = command_line(words.chain(self.command.task.iter().map(String::as_str)));
        let rerun = if self.command.rerun_failed { " \"${rerun[@]}\"" } else { "" };
        let _ = write!(
            text,
            "code=130\n\
             if [ -z \"$stop\" ]; then\n  \
               \"${{launch[@]}}\" {words} \\\n    \
                 --out \"$out\" --part {parts}:\"$task\"{rerun} &\n{WAIT}fi\n{REQUEUE}",
            parts = quoted(&parts),
        );
        text
    }

    /// The script of the last job.
    pub(crate) fn report(&self) -> String {
        let mut text = self.head("report of", "report.log", &[APPEND.into()], &Resources::OF_REPORT);
        self.add_prolog(&mut text);
        let words = [self.command.scour.as_str(), "sweep"].into_iter();
        let words = words.chain(self.command.sweep.iter().map(String::as_str));
        let words = command_line(words.chain(["--devices", "cpu", "--out", self.out, "--collect"]));
        let _ = write!(
            text,
            "# Writes the results from what is in the store, and runs nothing.\n\
             \"${{launch[@]}}\" {words}\ncode=$?\n"
        );
        if let Some(report) = &self.command.report {
            let report = command_line([report.as_str(), self.out]);
            let _ =
                write!(text, "case $code in\n  0|5|100) \"${{launch[@]}}\" {report} || exit $? ;;\nesac\n");
        }
        text += "exit \"$code\"\n";
        text
    }

    /// The first lines: what Slurm is asked for.
    fn head(&self, what: &str, log: &str, directives: &[String], resources: &Resources) -> String {
        let mut text = String::from("#!/bin/bash\n");
        let own = [
            format!("--job-name=scour-{}", self.name),
            format!("--output={}", sbatch_path_in(self.folder, log)),
        ];
        let resources = resources.directives(self.user);
        for directive in own.iter().chain(directives).chain(&resources) {
            // What the user decides is on the command line of sbatch.
            let option = directive.trim_start_matches('-').split('=').next().unwrap_or_default();
            if !self.user.has_any(&[option]) {
                let _ = writeln!(text, "#SBATCH {directive}");
            }
        }
        let name = self.name;
        let _ = write!(
            text,
            "# Written by `scour sweep --engine slurm`: {what} {name}. Submitting again writes new scripts for what is\n\
             # missing then; these are not read again.\n\
             cd {} || exit 3\n",
            quoted(&self.command.working_folder)
        );
        text
    }

    fn add_prolog(&self, text: &mut String) {
        text.push_str("# A prolog may set the command in which the programs run, such as (apptainer exec --nv x.sif).\nlaunch=()\n");
        if let Some(prolog) = self.prolog {
            let _ = write!(text, "\n# --- {} ---\n{}\n# --- end ---\n", prolog.file, prolog.text.trim_end());
            text.push_str("set +eu\n");
        }
        text.push('\n');
    }
}

/// The path of a log: in the folder's name `%` has no meaning, in the file's name it has.
fn sbatch_path_in(folder: &str, log: &str) -> String {
    let path = sbatch_path(&format!("{folder}/"));
    match path.strip_suffix('"') {
        Some(quoted) => format!("{quoted}{log}\""),
        None => format!("{path}{log}"),
    }
}

/// The shell gets SIGUSR1 alone and asks scour to stop. SIGTERM goes to every process of a job that is cancelled or out of
/// time; scour then stops by itself, and a second one would make it stop at once.
const BEFORE_THE_LIMIT: &str = "\
# Before the time limit: scour ends its workers, which save checkpoints, and the task is queued again.
stop= child=
trap 'stop=1; [ -z \"$child\" ] || kill -TERM \"$child\"' USR1
# Slurm sends SIGTERM to scour as well; this shell waits for it.
trap : TERM
";

/// `wait` returns early for a signal with a trap.
const WAIT: &str = "  \
  child=$!
  while wait \"$child\"; code=$?; kill -0 \"$child\" 2> /dev/null; do :; done
";

const REQUEUE: &str = "\
if [ -n \"$stop\" ] && [ \"$code\" -eq 130 ]; then
  scontrol requeue \"${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}\" ||
    echo 'This task was not queued again: submitting the experiment again does the rest.'
fi
exit \"$code\"
";

#[cfg(test)]
mod tests;
