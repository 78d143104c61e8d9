//! What is killed, and how.

use std::fmt;

use rustix::process::Signal;

use super::processes::{self, Process};
use super::random::Random;

/// Which processes get the signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    /// One worker; the sweep goes on.
    Worker,
    /// The sweep alone.
    Sweep,
    /// The sweep and its workers.
    Both,
}

/// One way to kill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kill {
    pub(super) target: Target,
    pub(super) signal: Signal,
}

/// Workers leave SIGTERM and SIGINT to their sweep, so that one alone gets SIGKILL only. SIGINT to both is Ctrl-C.
const KILLS: [Kill; 7] = [
    Kill { target: Target::Worker, signal: Signal::KILL },
    Kill { target: Target::Sweep, signal: Signal::KILL },
    Kill { target: Target::Sweep, signal: Signal::TERM },
    Kill { target: Target::Sweep, signal: Signal::INT },
    Kill { target: Target::Both, signal: Signal::KILL },
    Kill { target: Target::Both, signal: Signal::TERM },
    Kill { target: Target::Both, signal: Signal::INT },
];

impl Kill {
    /// A way to kill: a worker, the sweep or both with the same probability, then one of their signals.
    pub(super) fn draw(random: &mut Random) -> Kill {
        let target = [Target::Worker, Target::Sweep, Target::Both][random.below(3)];
        let ways: Vec<Kill> = KILLS.into_iter().filter(|kill| kill.target == target).collect();
        ways[random.below(ways.len())]
    }

    /// Whether the sweep goes on.
    pub(super) fn spares_the_sweep(self) -> bool {
        self.target == Target::Worker
    }

    /// Sends the signals. `sweep` is the id of the sweep, which has not been waited for, so that no other process has
    /// it. Returns false where there was no worker to kill.
    pub(super) fn send(self, sweep: u32, workers: &[Process], random: &mut Random) -> bool {
        match self.target {
            Target::Worker if workers.is_empty() => return false,
            Target::Worker => workers[random.below(workers.len())].send(self.signal),
            Target::Sweep => processes::send(sweep, self.signal),
            Target::Both => {
                processes::send(sweep, self.signal);
                workers.iter().for_each(|worker| worker.send(self.signal));
            }
        }
        true
    }
}

impl fmt::Display for Kill {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = match self.target {
            Target::Worker => "a worker",
            Target::Sweep => "the sweep",
            Target::Both => "both",
        };
        let signal = match self.signal {
            Signal::KILL => "SIGKILL",
            Signal::TERM => "SIGTERM",
            _ => "SIGINT",
        };
        write!(out, "{target} {signal}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_is_drawn() {
        let mut random = Random::of_round(0, 0);
        let drawn: Vec<Kill> = (0..300).map(|_| Kill::draw(&mut random)).collect();
        assert!(KILLS.iter().all(|kill| drawn.contains(kill)));
        let of = |target| drawn.iter().filter(|kill| kill.target == target).count();
        for target in [Target::Worker, Target::Sweep, Target::Both] {
            assert!((70..130).contains(&of(target)), "{target:?}: {}", of(target));
        }
    }

    #[test]
    fn a_way_is_named_by_its_target_and_signal() {
        assert_eq!(KILLS[0].to_string(), "a worker SIGKILL");
        assert_eq!(KILLS[6].to_string(), "both SIGINT");
    }
}
