//! Whether the holder of a lease is alive, as far as heartbeats tell.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::{Timespec, Timestamps, UTIME_NOW, futimens};
use scour_core::unique_mark;

/// The beginning of the names of files that are made to read the file system's clock.
pub(crate) const CLOCK: &str = ".clock.";
/// Seconds without a heartbeat after which a lease may be taken over. `SCOUR_LEASE_LIMIT` in the environment overrides
/// it; it has to be the same for all machines.
const LIMIT: f64 = 120.0;

/// How patient a sweep is with others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The time between two heartbeats of one's own leases.
    pub(crate) beat: Duration,
    /// The age of a heartbeat at which the holder counts as dead.
    pub(crate) limit: Duration,
    /// How long an old heartbeat has to be seen unchanged: three heartbeats. A clock that is wrong, or a file system
    /// that stood still for everybody, makes a living holder look dead, but does not keep it from its next heartbeat.
    pub(crate) confirm: Duration,
    /// The same as `limit` for a process that is known to be dead: the life of a worker that has lost its sweep.
    pub(crate) orphan: Duration,
}

impl Limits {
    pub(crate) fn new() -> Self {
        let set = std::env::var("SCOUR_LEASE_LIMIT").ok().and_then(|text| text.parse().ok());
        Self::of(set.filter(|seconds: &f64| (0.1..1e9).contains(seconds)).unwrap_or(LIMIT))
    }

    fn of(seconds: f64) -> Self {
        let share = |share: f64| Duration::from_secs_f64(seconds * share);
        Self { beat: share(1.0 / 12.0), limit: share(1.0), confirm: share(0.25), orphan: share(0.375) }
    }
}

/// What has been seen of the heartbeats of others, by this process's own clock.
#[derive(Debug, Default)]
pub(crate) struct Sightings(Mutex<HashMap<String, (SystemTime, Instant)>>);

impl Sightings {
    /// For how long the lease has been seen with this heartbeat, and no other.
    fn unchanged_for(&self, identity: &str, beat: SystemTime) -> Duration {
        let mut seen = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match seen.get(identity) {
            Some((known, since)) if *known == beat => since.elapsed(),
            _ => {
                seen.insert(identity.to_owned(), (beat, Instant::now()));
                Duration::ZERO
            }
        }
    }

    /// Whether heartbeats have ended: the last one is older than `limit` by the file system's own clock and was seen
    /// unchanged for a while, or it was seen unchanged for all of the limit, whatever clocks say.
    pub(crate) fn ended(
        &self,
        folder: &Path,
        (identity, beat): (&str, SystemTime),
        limit: Duration,
        confirm: Duration,
    ) -> io::Result<bool> {
        let unchanged = self.unchanged_for(identity, beat);
        if unchanged >= limit {
            return Ok(true);
        }
        if unchanged < confirm {
            return Ok(false);
        }
        // A heartbeat in the future is one of a clock that was set back since.
        let age = file_system_time(folder)?.duration_since(beat).unwrap_or_default();
        Ok(age >= limit)
    }
}

/// Sets the time of a file to now, by the clock of its file system: that of the server, where there is one.
pub(crate) fn touch(file: &File) -> io::Result<()> {
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    Ok(futimens(file, &Timestamps { last_access: now, last_modification: now })?)
}

/// Now, by the clock of the file system that the folder is on.
pub(crate) fn file_system_time(folder: &Path) -> io::Result<SystemTime> {
    let path = folder.join(format!("{CLOCK}{}", unique_mark()));
    let file = OpenOptions::new().create_new(true).write(true).open(&path)?;
    let time = touch(&file).and_then(|()| file.metadata()?.modified());
    let _ = fs::remove_file(&path);
    time
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_limit_of_two_minutes_means_heartbeats_of_ten_seconds() {
        let limits = Limits::of(LIMIT);
        let seconds = [limits.beat, limits.limit, limits.confirm, limits.orphan].map(|one| one.as_secs_f64());
        assert_eq!(seconds, [10.0, 120.0, 30.0, 45.0]);
    }

    #[test]
    fn the_clock_is_that_of_files() {
        let dir = tempfile::tempdir().unwrap();
        let file = File::create(dir.path().join("x")).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        let before = file_system_time(dir.path()).unwrap();
        touch(&file).unwrap();
        assert!(file.metadata().unwrap().modified().unwrap() >= before);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn old_heartbeats_count_once_they_were_seen_for_a_while() {
        let dir = tempfile::tempdir().unwrap();
        let now = file_system_time(dir.path()).unwrap();
        let ended = |sightings: &Sightings, beat, limit, confirm| {
            sightings.ended(dir.path(), ("a", beat), limit, confirm).unwrap()
        };
        let seen = Sightings::default();
        // Three hours old, and no need to look twice.
        assert!(ended(&seen, now - 3 * HOUR, HOUR, Duration::ZERO));
        // Old, but nobody knows yet whether another one follows.
        assert!(!ended(&seen, now - 3 * HOUR, HOUR, HOUR / 2));
        // Young, and one that a clock ahead has left.
        assert!(!ended(&seen, now, HOUR, Duration::ZERO));
        assert!(!ended(&seen, now + 3 * HOUR, HOUR, Duration::ZERO));
    }

    #[test]
    fn heartbeats_that_do_not_change_end_whatever_the_clocks_say() {
        let dir = tempfile::tempdir().unwrap();
        let future = file_system_time(dir.path()).unwrap() + 3 * HOUR;
        let tick = Duration::from_millis(20);
        let seen = Sightings::default();
        assert!(!seen.ended(dir.path(), ("a", future), tick, tick).unwrap());
        std::thread::sleep(tick);
        // A new heartbeat begins the watch anew, and that of another lease does not count.
        assert!(!seen.ended(dir.path(), ("a", future + tick), tick, tick).unwrap());
        assert!(!seen.ended(dir.path(), ("b", future), tick, tick).unwrap());
        std::thread::sleep(tick);
        assert!(seen.ended(dir.path(), ("a", future + tick), tick, tick).unwrap());
    }
}
