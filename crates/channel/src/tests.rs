use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use scour_core::{AttackConfig, Key, LabelMap, MethodConfig, Precision, Recipe, StageConfig, Task};

use crate::{MOST_FILES, TaskReceiver, TaskSender, Tasks};

/// A task whose text is longer than `padding` bytes.
fn task(name: &str, padding: usize) -> Task {
    let method = |name: &str| MethodConfig {
        name: name.into(),
        label: "x".repeat(padding),
        params: serde_json::Value::Null,
        impl_version: 1,
    };
    let config = AttackConfig {
        dataset: method("dots"),
        fingerprint: String::new(),
        model: method("model"),
        attack: method("badnets"),
        label_map: LabelMap::AllToOne(0),
        poison_ratio: 0.1,
        seed: 0,
        recipe: Recipe::default(),
        precision: Precision::Fp32,
        trigger_strengths: vec![],
    };
    Task {
        key: Key::of(&serde_json::json!(name)),
        config: StageConfig::Attack(config),
        requires: vec![],
        out: name.into(),
        scratch: name.into(),
        data: name.into(),
        device: "cpu".into(),
        threads: 1,
    }
}

fn file(path: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(path).unwrap()
}

#[test]
fn tasks_arrive_in_order_each_with_its_own_files() {
    let dir = tempfile::tempdir().unwrap();
    let (mut sender, input) = TaskSender::new().unwrap();
    let sent = [task("first", 0), task("second", 300_000)];
    let copies = sent.clone();
    let folder = dir.path().to_path_buf();
    // More than fits into the socket's buffer: the sender waits for the receiver.
    let thread = std::thread::spawn(move || {
        for (task, log) in copies.iter().zip(["a", "b"]) {
            let log = file(&folder.join(log));
            sender.send(task, log.as_fd(), &[log.as_fd(), log.as_fd()]).unwrap();
        }
    });
    let mut receiver = TaskReceiver::new(input);
    for (task, log) in sent.iter().zip(["a", "b"]) {
        let received = receiver.next_task().unwrap().unwrap();
        assert_eq!((&received.task.key, &received.task.config), (&task.key, &task.config));
        assert_eq!(received.held.len(), 2);
        File::from(received.log.unwrap()).write_all(log.as_bytes()).unwrap();
        assert_eq!(fs::read_to_string(dir.path().join(log)).unwrap(), log);
    }
    thread.join().unwrap();
    assert!(receiver.next_task().unwrap().is_none());
}

#[test]
fn a_lock_on_a_passed_file_ends_when_both_have_closed_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lease");
    let is_locked = || matches!(file(&path).try_lock(), Err(TryLockError::WouldBlock));
    let lease = file(&path);
    lease.lock().unwrap();
    let (mut sender, input) = TaskSender::new().unwrap();
    sender.send(&task("one", 0), lease.as_fd(), &[lease.as_fd()]).unwrap();
    drop((lease, sender));
    assert!(is_locked(), "on its way");
    let mut receiver = TaskReceiver::new(input);
    let received = receiver.next_task().unwrap().unwrap();
    drop(received.log);
    assert!(is_locked(), "held by the receiver");
    drop(received.held);
    assert!(!is_locked());
}

#[test]
fn a_pipe_or_a_file_gives_a_task_without_files() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("task.json");
    // Without a line end, as people write it.
    fs::write(&path, serde_json::to_string(&task("one", 0)).unwrap()).unwrap();
    let mut receiver = TaskReceiver::new(File::open(&path).unwrap());
    let received = receiver.next_task().unwrap().unwrap();
    assert!(received.log.is_none() && received.held.is_empty());
    assert!(receiver.next_task().unwrap().is_none());
    fs::write(&path, "no task\n").unwrap();
    assert!(TaskReceiver::new(File::open(&path).unwrap()).next_task().is_err());
}

#[test]
fn a_worker_that_has_ended_is_an_error() {
    let (mut sender, input) = TaskSender::new().unwrap();
    drop(input);
    let log = file(Path::new("/dev/null"));
    assert!(sender.send(&task("one", 0), log.as_fd(), &[]).is_err());
}

#[test]
fn files_beyond_the_limit_are_an_error() {
    let (mut sender, _input) = TaskSender::new().unwrap();
    let log = file(Path::new("/dev/null"));
    let held = vec![log.as_fd(); MOST_FILES];
    assert!(sender.send(&task("one", 0), log.as_fd(), &held).unwrap_err().to_string().contains("9 files"));
    sender.send(&task("one", 0), log.as_fd(), &held[1..]).unwrap();
}

#[test]
fn the_end_is_noticed_after_the_tasks_before_it() {
    let (mut sender, input): (TaskSender, OwnedFd) = TaskSender::new().unwrap();
    let log = file(Path::new("/dev/null"));
    let (at_end, ended) = std::sync::mpsc::channel();
    let tasks = Tasks::listen(input, move || at_end.send(()).unwrap());
    sender.send(&task("one", 0), log.as_fd(), &[]).unwrap();
    assert!(!tasks.have_ended());
    drop(sender);
    ended.recv().unwrap();
    assert!(tasks.have_ended());
    assert!(tasks.next_task().unwrap().is_some());
    assert!(tasks.next_task().unwrap().is_none());
}
