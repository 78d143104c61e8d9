//! How far the tasks of the last submission are, from the files that they write.

use std::collections::BTreeMap;
use std::path::Path;

use scour_core::{FileFormat, SlotStatus, SweepStatus, read_json};
use scour_sweep::Watched;

use crate::SlurmError;
use crate::record::{Record, latest};

/// The tasks of the last submission in a folder of results, as if they were one sweep, and a line about them. `None` if
/// there is none, or if a sweep has written results to the folder itself since, as the last job of a submission does.
///
/// A task that was killed cannot be told from one that is running on another machine; `squeue` can.
pub fn latest_status(out: &Path) -> Result<Option<(String, Watched)>, SlurmError> {
    let Some((folder, record)) = latest(out)? else { return Ok(None) };
    let own: Option<SweepStatus> = read_json(&out.join("status.json")).ok();
    if own.is_some_and(|own| own.started >= record.submitted) {
        return Ok(None);
    }
    let names = (1..=record.shared_tasks).map(|task| ("shared", task));
    let names = names.chain((1..=record.tasks).map(|task| ("tasks", task)));
    let mut begun = vec![];
    for (kind, task) in names {
        // A task that has not begun has no file.
        if let Ok(status) = read_json::<SweepStatus>(&folder.join(format!("{kind}-{task}/status.json"))) {
            let name = if kind == "shared" { format!("shared {task}") } else { format!("task {task}") };
            begun.push((name, status));
        }
    }
    Ok(Some(combined(&record, begun)))
}

fn combined(record: &Record, tasks: Vec<(String, SweepStatus)>) -> (String, Watched) {
    let all = record.shared_tasks + record.tasks;
    let ended = tasks.iter().filter(|(_, status)| status.exit.is_some()).count();
    let running = tasks.len() > ended;
    let line = format!(
        "{} tasks of jobs {}: {} not begun, {} begun and not ended, {ended} ended",
        all,
        record.jobs.all().join(" "),
        all - tasks.len().min(all),
        tasks.len() - ended,
    );
    let mut status = SweepStatus {
        version: SweepStatus::VERSION,
        name: record.name.clone(),
        started: record.submitted.clone(),
        written: record.submitted.clone(),
        exit: None,
        message: None,
        command: None,
        part: None,
        planned: record.planned,
        ended: BTreeMap::new(),
        stages_run: 0,
        stages_failed: 0,
        gradient_images: 0,
        stages_waiting: 0,
        slots: vec![],
        time_left: None,
        free_mib: None,
        failures: vec![],
    };
    for (name, task) in tasks {
        for (word, count) in task.ended {
            *status.ended.entry(word).or_default() += count;
        }
        status.stages_run += task.stages_run;
        status.stages_failed += task.stages_failed;
        status.gradient_images += task.gradient_images;
        status.stages_waiting += task.stages_waiting;
        status.failures.extend(task.failures);
        status.free_mib = task.free_mib.or(status.free_mib);
        status.written = status.written.max(task.written);
        if task.exit.is_none() {
            let slot = |slot: SlotStatus| SlotStatus { name: format!("{name} {}", slot.name), ..slot };
            status.slots.extend(task.slots.into_iter().filter(|slot| slot.stage.is_some()).map(slot));
        }
    }
    (line, Watched { running, status })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Jobs;
    use scour_core::RowStatus;
    use scour_core::write_json;

    fn record(submitted: &str) -> Record {
        let jobs = Jobs { shared: vec!["1".into()], tasks: vec!["2".into()], report: Some("3".into()) };
        let submitted = submitted.into();
        Record { version: 1, name: "t".into(), submitted, shared_tasks: 1, tasks: 3, planned: 12, jobs }
    }

    fn status(started: &str, ok: usize, exit: Option<u8>) -> SweepStatus {
        let (_, Watched { mut status, .. }) = combined(&record(started), vec![]);
        status.ended.insert(RowStatus::Ok, ok);
        (status.stages_run, status.exit) = (ok, exit);
        status.slots = vec![SlotStatus { name: "cpu #1".into(), stage: None }];
        status
    }

    #[test]
    fn tasks_are_added_up_until_the_last_job_has_written_the_results() {
        let out = tempfile::tempdir().unwrap();
        let out = out.path();
        assert!(latest_status(out).unwrap().is_none());
        let folder = out.join("slurm/1");
        for (task, status) in [("tasks-1", status("b", 4, Some(0))), ("tasks-3", status("b", 1, None))] {
            std::fs::create_dir_all(folder.join(task)).unwrap();
            write_json(&folder.join(task).join("status.json"), &status).unwrap();
        }
        assert!(latest_status(out).unwrap().is_none(), "a submission that was refused has no record");
        write_json(&folder.join("submission.json"), &record("a")).unwrap();
        let (line, watched) = latest_status(out).unwrap().unwrap();
        assert_eq!(line, "4 tasks of jobs 1 2 3: 2 not begun, 1 begun and not ended, 1 ended");
        assert!(watched.running);
        assert_eq!((watched.status.ended[&RowStatus::Ok], watched.status.planned), (5, 12));
        assert_eq!((watched.status.stages_run, watched.status.written.as_str()), (5, "b"));
        // Results from before the submission do not hide it; those of its last job do.
        write_json(&out.join("status.json"), &status("0", 1, Some(5))).unwrap();
        assert!(latest_status(out).unwrap().is_some());
        write_json(&out.join("status.json"), &status("c", 12, Some(0))).unwrap();
        assert!(latest_status(out).unwrap().is_none());
    }
}
