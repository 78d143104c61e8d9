use std::process::{Command, Stdio};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use rustix::io::Errno;

use super::liveness::file_system_time;
use super::*;

const HOUR: Duration = Duration::from_secs(3600);
const PATIENT: Limits = Limits { beat: HOUR, limit: HOUR, confirm: Duration::ZERO, orphan: HOUR };

fn another_host() -> Holder {
    Holder { host: "another".into(), boot: "another".into(), ..Holder::here() }
}

fn no_locks(_: &File) -> Result<(), TryLockError> {
    Err(TryLockError::Error(Errno::NOLCK.into()))
}

/// A folder of leases, and what processes of this and of another host see of it.
struct Test {
    dir: tempfile::TempDir,
}

impl Test {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn here(&self) -> Leases {
        Leases::with(self.dir.path(), Holder::here(), PATIENT, File::try_lock)
    }

    fn elsewhere(&self) -> Leases {
        Leases::with(self.dir.path(), another_host(), PATIENT, File::try_lock)
    }

    fn without_locks(&self, here: Holder) -> Leases {
        Leases::with(self.dir.path(), here, PATIENT, no_locks)
    }

    /// Sets the last heartbeat to so long ago, by the clock of the file system.
    fn beat_was(&self, name: &str, ago: Duration) {
        let file = OpenOptions::new().write(true).open(self.dir.path().join(name)).unwrap();
        file.set_modified(file_system_time(self.dir.path()).unwrap() - ago).unwrap();
    }

    /// Leaves the lease of a process that was killed.
    fn leave(&self, name: &str, holder: &Holder) {
        let leases = Leases::with(self.dir.path(), holder.clone(), PATIENT, File::try_lock);
        let own = leases.0.acquire(&self.dir.path().join(name), &[]).unwrap();
        // Its file is closed, and so unlocked.
        drop(own.unwrap());
    }

    fn names(&self) -> Vec<String> {
        self.here().names().unwrap()
    }
}

/// This process's identity with the id of one that has ended.
fn dead_process() -> Holder {
    let mut child = Command::new("true").stdout(Stdio::null()).spawn().unwrap();
    let process = child.id();
    child.wait().unwrap();
    Holder { process, began: 1, ..Holder::here() }
}

#[test]
fn one_at_a_time_and_free_again_when_dropped() {
    let test = Test::new();
    for leases in [test.here(), test.elsewhere(), test.without_locks(Holder::here())] {
        let first = leases.take("a").unwrap().unwrap();
        for others in [test.here(), test.elsewhere(), test.without_locks(Holder::here()), leases.clone()] {
            assert!(others.take("a").unwrap().is_none());
            assert!(others.holder("a").unwrap().unwrap().holder.starts_with("process "));
        }
        assert!(leases.take("b").unwrap().is_some());
        assert!(first.renew().unwrap());
        drop(first);
        assert!(test.names().is_empty(), "{:?}", test.names());
        assert!(leases.holder("a").unwrap().is_none());
    }
}

#[test]
fn on_one_machine_a_dead_holder_is_replaced_at_once_by_its_lock() {
    let test = Test::new();
    test.leave("a", &dead_process());
    let lease = test.here().take("a").unwrap().unwrap();
    assert!(lease.renew().unwrap());
    drop(lease);
    // Where locks work, the lock decides and not the process table.
    test.leave("a", &Holder::here());
    assert!(test.here().take("a").unwrap().is_some());
    assert!(test.names().is_empty());
}

#[test]
fn on_one_machine_without_locks_a_living_process_keeps_its_lease_and_a_dead_one_loses_it() {
    let test = Test::new();
    let leases = test.without_locks(Holder::here());
    let lease = leases.take("a").unwrap().unwrap();
    test.beat_was("a", 9 * HOUR);
    assert!(leases.take("a").unwrap().is_none());
    drop(lease);
    test.leave("a", &dead_process());
    // Its worker may still be writing.
    assert!(leases.take("a").unwrap().is_none());
    test.beat_was("a", 2 * HOUR);
    assert!(leases.take("a").unwrap().is_some());
}

#[test]
fn between_machines_heartbeats_decide_whatever_locks_say() {
    let test = Test::new();
    let lease = test.here().take("a").unwrap().unwrap();
    let other = test.elsewhere();
    assert!(other.take("a").unwrap().is_none());
    // A holder that has stood still for two hours: it has its lock, and loses the lease.
    test.beat_was("a", 2 * HOUR);
    let taken = other.take("a").unwrap().unwrap();
    assert!(!lease.renew().unwrap() && taken.renew().unwrap());
    drop(lease);
    assert!(taken.renew().unwrap(), "the former holder removes nothing");
    assert!(test.here().take("a").unwrap().is_none());
    drop(taken);
    assert!(test.names().is_empty());
    // Without its lock, but with young heartbeats, as on a mount with locks of its own.
    test.leave("a", &Holder::here());
    assert!(other.take("a").unwrap().is_none());
    assert!(test.here().take("a").unwrap().is_some());
}

#[test]
fn clocks_of_machines_may_differ() {
    let test = Test::new();
    // The file system's clock is a year behind: nothing but differences of file times counts.
    let year = 365 * 24 * HOUR;
    test.leave("a", &another_host());
    test.beat_was("a", year);
    let impatient = Limits { limit: 2 * year, ..PATIENT };
    let leases = Leases::with(test.dir.path(), Holder::here(), impatient, File::try_lock);
    assert!(leases.take("a").unwrap().is_none());
    // A heartbeat from the future, as one from before a clock was set back.
    let file = OpenOptions::new().write(true).open(test.dir.path().join("a")).unwrap();
    file.set_modified(SystemTime::now() + year).unwrap();
    assert!(test.here().take("a").unwrap().is_none());
}

#[test]
fn of_many_takers_of_a_dead_lease_one_wins() {
    for round in 0..40 {
        let test = Test::new();
        let dead = if round % 2 == 0 { another_host() } else { dead_process() };
        test.leave("a", &dead);
        test.beat_was("a", 2 * HOUR);
        let barrier = Barrier::new(12);
        let taken: Vec<Lease> = thread::scope(|scope| {
            let threads: Vec<_> = (0..12)
                .map(|index| {
                    // Each is a host of its own, or all are processes of one.
                    let here = Holder { host: format!("host-{index}"), ..another_host() };
                    let here = if round % 4 < 2 { here } else { Holder::here() };
                    let leases = Leases::with(test.dir.path(), here, PATIENT, File::try_lock);
                    let barrier = &barrier;
                    scope.spawn(move || {
                        barrier.wait();
                        leases.take("a").unwrap()
                    })
                })
                .collect();
            threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(taken.len(), 1, "round {round}");
        assert!(taken[0].renew().unwrap());
        assert_eq!(test.names(), ["a"]);
        drop(taken);
        assert!(test.names().is_empty());
    }
}

#[test]
fn while_many_take_and_give_back_no_two_hold_it() {
    let test = Test::new();
    let (inside, rounds) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        for index in 0..6 {
            let here = Holder { host: format!("host-{index}"), ..another_host() };
            let leases = Leases::with(test.dir.path(), here, PATIENT, File::try_lock);
            let (inside, rounds) = (&inside, &rounds);
            scope.spawn(move || {
                for _ in 0..200 {
                    if let Some(lease) = leases.take("a").unwrap() {
                        assert!(!inside.swap(true, Ordering::SeqCst), "two hold it");
                        assert!(lease.renew().unwrap());
                        rounds.store(true, Ordering::SeqCst);
                        assert!(inside.swap(false, Ordering::SeqCst));
                    }
                }
            });
        }
    });
    assert!(rounds.into_inner() && test.names().is_empty());
}

#[test]
fn a_taker_that_died_with_its_claim_is_replaced_too() {
    let test = Test::new();
    test.leave("a", &another_host());
    let mark = Found::read(&test.dir.path().join("a")).unwrap().unwrap().identity();
    let claim = format!("a.{mark}");
    test.leave(&claim, &another_host());
    test.beat_was("a", 2 * HOUR);
    // The claim is young: its holder may be about to use it.
    assert!(test.here().take("a").unwrap().is_none());
    test.beat_was(&claim, 2 * HOUR);
    let lease = test.here().take("a").unwrap().unwrap();
    assert_eq!(test.names(), ["a"]);
    drop(lease);
    assert!(test.names().is_empty());
}

#[test]
fn a_half_written_lease_and_one_of_an_earlier_scour_count() {
    let test = Test::new();
    let path = test.dir.path().join("a");
    // An earlier scour locked an empty file, and gave no heartbeats.
    let file = File::create(&path).unwrap();
    file.lock().unwrap();
    test.beat_was("a", 2 * HOUR);
    assert!(test.here().take("a").unwrap().is_none());
    drop(file);
    assert!(test.here().take("a").unwrap().is_some());
    fs::write(&path, "{\"mark\": \"x").unwrap();
    assert!(test.here().take("a").unwrap().is_none());
    test.beat_was("a", 2 * HOUR);
    assert!(test.here().take("a").unwrap().is_some());
    assert!(test.names().is_empty());
}

#[test]
fn heartbeats_are_given_until_the_lease_is_dropped() {
    let test = Test::new();
    let limits = Limits { beat: Duration::from_millis(5), ..PATIENT };
    let leases = Leases::with(test.dir.path(), Holder::here(), limits, File::try_lock);
    let lease = leases.take("a").unwrap().unwrap();
    test.beat_was("a", 2 * HOUR);
    let old = file_system_time(test.dir.path()).unwrap() - HOUR;
    // Ends as soon as the thread has given one.
    while Found::read(&test.dir.path().join("a")).unwrap().unwrap().beat < old {
        thread::yield_now();
    }
    drop(lease);
    assert!(test.names().is_empty());
}

#[test]
fn missing_locks_are_told_from_other_errors() {
    let test = Test::new();
    assert!(test.here().missing_locks().unwrap().is_none());
    let missing = test.without_locks(Holder::here()).missing_locks().unwrap().unwrap();
    assert_eq!(missing.raw_os_error(), Some(Errno::NOLCK.raw_os_error()));
    let broken = |_: &File| Err(TryLockError::Error(Errno::IO.into()));
    let leases = Leases::with(test.dir.path(), Holder::here(), PATIENT, broken);
    assert!(leases.missing_locks().is_err() && leases.take("a").is_err());
    assert!(test.names().is_empty());
}

#[test]
fn what_reading_the_clock_has_left_is_removed_when_it_is_old() {
    let test = Test::new();
    for name in [".clock.old", ".clock.new"] {
        fs::write(test.dir.path().join(name), "").unwrap();
    }
    test.beat_was(".clock.old", 2 * HOUR);
    assert!(test.names().is_empty());
    let left: Vec<_> =
        fs::read_dir(test.dir.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left, [".clock.new"]);
}
