//! The last lines of a sweep: how it ended, and what its user can run next.

use scour_core::{ExitCode, FailedCell};

use crate::scheduler::Stop;
use crate::{Summary, SweepOptions, clock};

/// The most failures that are printed one by one; `scour status` has all of them.
const FAILURES: usize = 10;

/// The lines for a sweep that has ended without an error of its own.
pub(crate) fn lines(
    options: &SweepOptions,
    summary: &Summary,
    failures: &[FailedCell],
    stop: Option<&Stop>,
) -> Vec<String> {
    let mut lines: Vec<String> = failures.iter().take(FAILURES).map(failure).collect();
    if failures.len() > FAILURES {
        let status = options.watching.next.as_ref().map_or("`scour status`", |next| next.status.as_str());
        lines.push(format!("failed  and {} more: {status}", failures.len() - FAILURES));
    }
    lines.push(counts(summary));
    if summary.analyses > 0 {
        let ended = summary.analyses_ok + summary.analyses_failed;
        let others = summary.analyses.saturating_sub(ended + summary.analyses_pending);
        lines.push(format!(
            "{} analyses: {}",
            summary.analyses,
            nonzero(&[
                (summary.analyses_ok, "ok"),
                (summary.analyses_failed, "failed"),
                (others, "n/a"),
                (summary.analyses_pending, "missing"),
            ])
        ));
    }
    match stop {
        Some(Stop::NoSpace(message)) => lines.push(format!("stopped: {message}")),
        Some(Stop::FailFast) => lines.push("stopped at the first failure, as --fail-fast asks".into()),
        Some(Stop::Interrupted) if summary.exit == ExitCode::Interrupted => lines.push("interrupted".into()),
        _ => {}
    }
    lines.push(format!("results: {}", options.out.join("results.csv").display()));
    lines.extend(next(options, summary));
    lines
}

fn failure(FailedCell { title, reason, log }: &FailedCell) -> String {
    let log = log.as_ref().map(|path| format!(" (log: {})", path.display())).unwrap_or_default();
    format!("failed  {title}: {reason}{log}")
}

/// The counts that are not 0: `3 ok, 1 failed`.
fn nonzero(counts: &[(usize, &str)]) -> String {
    let shown: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    if shown.is_empty() { "none".into() } else { shown.join(", ") }
}

fn counts(summary: &Summary) -> String {
    let by_status = nonzero(&[
        (summary.ok, "ok"),
        (summary.not_implanted, "not implanted"),
        (summary.collapsed, "collapsed"),
        (summary.not_evaluated, "not evaluated"),
        (summary.failed, "failed"),
        (summary.not_applicable, "n/a"),
        (summary.pending, "missing"),
    ]);
    let done = match (summary.trained, summary.pending + summary.analyses_pending) {
        (0, 0) => "all known before, nothing was run".into(),
        (stages, _) => {
            let known = if summary.cached > 0 {
                format!(", {} cells known before", summary.cached)
            } else {
                String::new()
            };
            format!("{stages} stages run in {}{known}", clock::duration(summary.seconds))
        }
    };
    format!("{} cells: {by_status}; {done}", summary.cells)
}

/// What to run next: a reason, and the command on a line of its own, to be copied.
fn next(options: &SweepOptions, summary: &Summary) -> Vec<String> {
    let commands = options.watching.next.as_ref();
    let command = |why: String, command: Option<&String>, in_words: &str| match command {
        Some(command) => vec![format!("next: {why}:"), format!("    {command}")],
        None => vec![format!("next: {why}: {in_words}")],
    };
    let missing = summary.pending + summary.analyses_pending;
    let again = commands.map(|next| &next.again);
    match summary.exit {
        ExitCode::Interrupted => {
            let why = format!("continue where it stopped ({missing} missing)");
            command(why, again, "the same command")
        }
        ExitCode::Environment => {
            let why = format!("once there is space, continue where it stopped ({missing} missing)");
            command(why, again, "the same command")
        }
        ExitCode::CellsFailed => {
            let failed = summary.failed + summary.analyses_failed;
            let rest =
                if missing > 0 { format!(", and the {missing} that are missing") } else { String::new() };
            let why = format!("once the cause is removed, run what failed again ({failed}{rest})");
            command(why, commands.map(|next| &next.rerun_failed), "the same command with --rerun failed")
        }
        ExitCode::Incomplete => {
            let part = match options.watching.part {
                Some((index, count)) => {
                    format!("this was part {index} of {count}; when all parts are done, one table of all")
                }
                None => "this was a part of the experiment; the rest".into(),
            };
            let in_words = "the same command without --shard and --filter";
            command(part, commands.map(|next| &next.whole), in_words)
        }
        _ => match commands.and_then(|next| next.report.as_ref()) {
            Some(report) => command("the report".into(), Some(report), ""),
            None => vec![],
        },
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::{NextCommands, Rerun, Watching};
    use scour_core::{Experiment, Plan, Provenance, parse_experiment};

    fn options(next: bool) -> SweepOptions {
        let experiment: Experiment = parse_experiment(
            "name: t\ndatasets: [dots]\nattacks: [badnets]\ndefenses: [none]\n",
            "t.yaml",
            &[],
        )
        .unwrap();
        let commands = NextCommands {
            again: "scour sweep t.yaml".into(),
            rerun_failed: "scour sweep t.yaml --rerun failed".into(),
            whole: "scour sweep t.yaml".into(),
            report: Some("scour-report out".into()),
            status: "scour status out".into(),
        };
        SweepOptions {
            workers: crate::WorkerOptions::default(),
            experiment,
            plan: Plan::default(),
            complete: true,
            out: "/out".into(),
            store: "/store".into(),
            data: "/data".into(),
            slots: vec![],
            worker: PathBuf::new(),
            worker_args: vec![],
            rerun: Rerun::No,
            fail_fast: false,
            provenance: Provenance::default(),
            watching: Watching { next: next.then_some(commands), ..Watching::default() },
        }
    }

    /// Twelve cells, all of them ok.
    fn summary(exit: ExitCode) -> Summary {
        Summary {
            exit,
            cells: 12,
            ok: 12,
            failed: 0,
            not_applicable: 0,
            not_implanted: 0,
            collapsed: 0,
            not_evaluated: 0,
            cached: 0,
            pending: 0,
            analyses: 0,
            analyses_ok: 0,
            analyses_failed: 0,
            analyses_pending: 0,
            trained: 20,
            seconds: 185.0,
            out: "/out".into(),
            text: String::new(),
        }
    }

    fn text(summary: &Summary, failures: &[FailedCell], stop: Option<Stop>) -> String {
        lines(&options(true), summary, failures, stop.as_ref()).join("\n")
    }

    #[test]
    fn a_sweep_that_is_done_names_the_report() {
        let expected = "\
12 cells: 12 ok; 20 stages run in 3 min 05 s
results: /out/results.csv
next: the report:
    scour-report out";
        assert_eq!(text(&summary(ExitCode::Done), &[], None), expected);
        let nothing = Summary { trained: 0, cached: 12, ..summary(ExitCode::Done) };
        assert!(
            text(&nothing, &[], None).starts_with("12 cells: 12 ok; all known before, nothing was run\n")
        );
    }

    #[test]
    fn failed_cells_are_named_with_their_logs_and_how_to_run_them_again() {
        let failed = Summary { ok: 11, failed: 1, cached: 4, ..summary(ExitCode::CellsFailed) };
        let cell = |number: usize| FailedCell {
            title: format!("x{number}"),
            reason: "nan: y".into(),
            log: Some("/out/logs/a.log".into()),
        };
        let expected = "\
failed  x0: nan: y (log: /out/logs/a.log)
12 cells: 11 ok, 1 failed; 20 stages run in 3 min 05 s, 4 cells known before
results: /out/results.csv
next: once the cause is removed, run what failed again (1):
    scour sweep t.yaml --rerun failed";
        assert_eq!(text(&failed, &[cell(0)], None), expected);
        let many: Vec<FailedCell> = (0..12).map(cell).collect();
        let text = text(&failed, &many, Some(Stop::FailFast));
        assert!(text.contains("failed  x9: ") && !text.contains("failed  x10: "), "{text}");
        assert!(text.contains("failed  and 2 more: scour status out\n"), "{text}");
        assert!(text.contains("stopped at the first failure"), "{text}");
    }

    #[test]
    fn a_sweep_that_was_stopped_names_the_command_that_continues_it() {
        let interrupted = Summary { ok: 5, pending: 7, ..summary(ExitCode::Interrupted) };
        let expected = "\
12 cells: 5 ok, 7 missing; 20 stages run in 3 min 05 s
interrupted
results: /out/results.csv
next: continue where it stopped (7 missing):
    scour sweep t.yaml";
        assert_eq!(text(&interrupted, &[], Some(Stop::Interrupted)), expected);
        let full = Summary { exit: ExitCode::Environment, ..interrupted };
        let text = text(&full, &[], Some(Stop::NoSpace("no space: 1 MiB".into())));
        assert!(text.contains("\nstopped: no space: 1 MiB\n"), "{text}");
        assert!(
            text.contains("next: once there is space, continue where it stopped (7 missing):\n"),
            "{text}"
        );
    }

    #[test]
    fn a_part_says_that_it_is_one() {
        let mut options = options(true);
        let summary = summary(ExitCode::Incomplete);
        let next = |options: &SweepOptions| next(options, &summary)[0].clone();
        assert_eq!(next(&options), "next: this was a part of the experiment; the rest:");
        options.watching.part = Some((2, 4));
        assert_eq!(next(&options), "next: this was part 2 of 4; when all parts are done, one table of all:");
    }

    #[test]
    fn without_commands_they_are_described() {
        let interrupted = Summary { pending: 7, ..summary(ExitCode::Interrupted) };
        let lines = lines(&options(false), &interrupted, &[], Some(&Stop::Interrupted));
        assert_eq!(lines.last().unwrap(), "next: continue where it stopped (7 missing): the same command");
    }
}
