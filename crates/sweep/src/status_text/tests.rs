use std::collections::BTreeMap;

use super::*;
use scour_core::{FileFormat, Key, RowStatus, RunningStage, StageProgress};
use serde_json::json;

/// A sweep with one worker busy, one idle, and a failed cell.
pub(crate) fn status() -> SweepStatus {
    let progress =
        StageProgress { step: "training".into(), done: 3, total: 20, loss: Some(0.4124), accuracy: None };
    let stage = RunningStage {
        key: Key::of(&json!(1)),
        title: "signs/m/badnets@0.1/s0".into(),
        since: "2026-01-02T03:04:00.000Z".into(),
        progress: Some(progress),
    };
    SweepStatus {
        version: SweepStatus::VERSION,
        name: "t".into(),
        started: "2026-01-02T03:00:00.000Z".into(),
        written: "2026-01-02T03:06:00.000Z".into(),
        exit: None,
        message: None,
        command: Some("scour sweep t.yaml".into()),
        part: None,
        planned: 9,
        ended: BTreeMap::from([(RowStatus::Ok, 3), (RowStatus::Failed, 1)]),
        stages_run: 2,
        stages_failed: 1,
        gradient_images: 0,
        stages_waiting: 4,
        slots: vec![
            SlotStatus { name: "cpu #1".into(), stage: Some(stage) },
            SlotStatus { name: "cpu #2".into(), stage: None },
        ],
        time_left: Some(TimeLeft { seconds: 600.0, low: 300.0, high: 4000.0 }),
        free_mib: Some(2048),
        failures: vec![FailedCell {
            title: "x".into(),
            reason: "nan: y".into(),
            log: Some("logs/a.log".into()),
        }],
    }
}

const NOW: &str = "2026-01-02T03:06:02.000Z";

fn text(running: bool, status: SweepStatus) -> String {
    Watched { running, status }.text(NOW)
}

#[test]
fn a_running_sweep_shows_its_slots_and_the_time_left() {
    let expected = "\
t: running for 6 min 02 s, status of 2.0 s ago
  done     4 of 9: 3 ok, 1 failed
  stages   2 run (1 failed), 20.0 an hour, 4 waiting
  cpu #1   signs/m/badnets@0.1/s0  training 3/20  loss 0.412  (2 min 02 s)
  cpu #2   idle
  left     about 10 min 00 s (5 min 00 s to 1 h 06 min)
  disk     2.0 GiB free where the store lies
  failed   1: 1 nan
           x: nan: y (log: logs/a.log)
";
    assert_eq!(text(true, status()), expected);
    let silent = SweepStatus { written: "2026-01-02T03:04:30.000Z".into(), ..status() };
    assert!(text(true, silent).contains("nothing was heard for 1 min 32 s"));
}

#[test]
fn a_killed_sweep_says_what_it_did_last_and_how_to_continue() {
    let expected = "\
t: killed: no process is running, and the last one did not end by itself. Nothing was heard since \
2026-01-02T03:06:00.000Z, 2.0 s ago
  done     4 of 9: 3 ok, 1 failed
  stages   2 run (1 failed), 20.0 an hour, 4 waiting
  cpu #1   was at work: signs/m/badnets@0.1/s0  training 3/20  loss 0.412  (2 min 00 s)
  disk     2.0 GiB free where the store lies
  failed   1: 1 nan
           x: nan: y (log: logs/a.log)
  next     scour sweep t.yaml   (continues where it stopped)
";
    assert_eq!(text(false, status()), expected);
}

#[test]
fn a_sweep_that_has_ended_says_how() {
    let ended = |exit: u8| {
        let slots = vec![SlotStatus { name: "cpu".into(), stage: None }];
        let text = text(false, SweepStatus { exit: Some(exit), slots, ..status() });
        let next = text.lines().find_map(|line| line.strip_prefix("  next     ")).unwrap_or("").to_owned();
        (text.lines().next().unwrap().to_owned(), next)
    };
    assert_eq!(ended(0), ("t: done in 6 min 00 s, 2.0 s ago".into(), String::new()));
    assert_eq!(ended(5).0, "t: done in 6 min 00 s, 2.0 s ago; a part of the experiment");
    let (state, next) = ended(100);
    assert_eq!(state, "t: ended with failures in 6 min 00 s, 2.0 s ago");
    assert_eq!(next, "scour sweep t.yaml --rerun failed");
    let (state, next) = ended(130);
    assert_eq!(state, "t: interrupted after 6 min 00 s, 2.0 s ago");
    assert_eq!(next, "scour sweep t.yaml   (continues where it stopped)");
}

#[test]
fn a_full_disk_and_a_shard_are_named() {
    let message = Some("no space: 1 MiB".into());
    let full = SweepStatus { exit: Some(3), message, part: Some((2, 4)), command: None, ..status() };
    let text = text(false, full);
    let first = "t, part 2 of 4: ended with exit code 3 after 6 min 00 s, 2.0 s ago: no space: 1 MiB\n";
    assert!(text.starts_with(first), "{text}");
    assert!(text.ends_with("  next     the same command continues where it stopped\n"), "{text}");
}

#[test]
fn failures_are_grouped_by_their_reason() {
    let cell = |number: usize, reason: &str| FailedCell {
        title: format!("x{number}"),
        reason: format!("{reason}: y"),
        log: None,
    };
    let all: Vec<FailedCell> =
        (0..8).map(|number| cell(number, if number == 3 { "oom" } else { "nan" })).collect();
    let lines: Vec<String> = failures(&all).into_iter().map(|(_, rest)| rest).collect();
    let expected = [
        "8: 7 nan, 1 oom",
        "x0: nan: y",
        "x1: nan: y",
        "x2: nan: y",
        "x4: nan: y",
        "x5: nan: y",
        "and 2 more nan: --json lists all",
        "x3: oom: y",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn several_sweeps_are_added() {
    let all = [Watched { running: true, status: status() }, Watched { running: false, status: status() }];
    assert_eq!(
        Watched::total(&all.iter().collect::<Vec<_>>()),
        "2 sweeps, 1 running: 8 of 18 done, 2 failed"
    );
}
