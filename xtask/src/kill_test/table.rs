//! The lines of a round, and the table at the end.

use std::time::Duration;

use super::kill::{Kill, Target};
use super::round::Outcome;
use crate::say;

/// The line of a round.
pub(super) fn line(number: usize, rounds: usize, outcome: &Outcome, time: Duration) -> String {
    let width = rounds.to_string().len();
    let kills: Vec<String> = outcome.kills.iter().map(Kill::to_string).collect();
    let kills = if kills.is_empty() { "it ended before the first kill".into() } else { kills.join(", ") };
    let verdict = if outcome.is_good() { "ok    " } else { "FAILED" };
    format!(
        "{number:>width$} of {rounds}  {verdict}  {} runs, {} stages begun, {} rows differ, {} finished stages run again, \
         {:.1} s; killed: {kills}",
        outcome.runs,
        outcome.starts,
        outcome.rows,
        outcome.again,
        time.as_secs_f64()
    )
}

/// All rounds.
#[derive(Default)]
pub(super) struct Table {
    outcomes: Vec<Outcome>,
}

impl Table {
    pub(super) fn add(&mut self, outcome: Outcome) {
        self.outcomes.push(outcome);
    }

    /// Whether every round is as asked, and there was a kill at all.
    pub(super) fn is_good(&self) -> bool {
        self.outcomes.iter().all(Outcome::is_good) && self.kills(|_| true) > 0
    }

    fn kills(&self, wanted: impl Fn(&Kill) -> bool) -> usize {
        self.outcomes.iter().flat_map(|outcome| &outcome.kills).filter(|kill| wanted(kill)).count()
    }

    /// `cells` are the rows of one round.
    pub(super) fn text(&self, cells: usize, seed: u64, time: Duration) -> String {
        let sum = |of: fn(&Outcome) -> usize| self.outcomes.iter().map(of).sum::<usize>();
        let rounds = self.outcomes.len();
        let each = |of: fn(&Outcome) -> usize| {
            let values = || self.outcomes.iter().map(of);
            let (low, high) = (values().min().unwrap_or(0), values().max().unwrap_or(0));
            format!("{:.1} a round ({low} to {high})", sum(of) as f64 / rounds.max(1) as f64)
        };
        let of = |target| self.kills(|kill| kill.target == target);
        let by_target = format!(
            "{} a worker, {} the sweep, {} both",
            of(Target::Worker),
            of(Target::Sweep),
            of(Target::Both)
        );
        let mut ways: Vec<(String, usize)> = vec![];
        for kill in self.outcomes.iter().flat_map(|outcome| &outcome.kills) {
            let signal = kill.to_string().rsplit(' ').next().unwrap_or_default().to_owned();
            match ways.iter_mut().find(|(known, _)| *known == signal) {
                Some((_, count)) => *count += 1,
                None => ways.push((signal, 1)),
            }
        }
        ways.sort();
        let by_signal: Vec<String> = ways.iter().map(|(signal, count)| format!("{count} {signal}")).collect();
        let failed = self.outcomes.iter().filter(|outcome| !outcome.is_good()).count();
        let others = sum(|outcome| outcome.problems.len());
        let lines = [
            ("rounds", format!("{rounds}, {failed} failed, seed {seed}, {}", say::seconds(time))),
            ("kills", format!("{}, {}", self.kills(|_| true), each(|outcome| outcome.kills.len()))),
            ("", by_target),
            ("", by_signal.join(", ")),
            ("runs", each(|outcome| outcome.runs)),
            ("stages begun", each(|outcome| outcome.starts)),
            ("rows that differ", format!("{} of {}", sum(|outcome| outcome.rows), rounds * cells)),
            ("finished stages run again", sum(|outcome| outcome.again).to_string()),
            ("other problems", others.to_string()),
        ];
        lines.iter().map(|(label, text)| format!("{label:<27}{text}\n")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::Signal;

    fn outcome(kills: &[Kill], rows: usize) -> Outcome {
        Outcome { kills: kills.to_vec(), runs: 2, rows, again: 0, starts: 7, problems: vec![] }
    }

    const WORKER: Kill = Kill { target: Target::Worker, signal: Signal::KILL };
    const BOTH: Kill = Kill { target: Target::Both, signal: Signal::INT };

    #[test]
    fn a_round_has_one_line() {
        let text = line(3, 10, &outcome(&[WORKER, BOTH], 0), Duration::from_millis(7260));
        let expected = " 3 of 10  ok      2 runs, 7 stages begun, 0 rows differ, 0 finished stages run again, 7.3 s; \
                        killed: a worker SIGKILL, both SIGINT";
        assert_eq!(text, expected);
        assert!(line(1, 1, &outcome(&[], 1), Duration::ZERO).contains("FAILED"));
    }

    #[test]
    fn the_table_counts_everything() {
        let mut table = Table::default();
        table.add(outcome(&[WORKER, BOTH], 0));
        table.add(outcome(&[WORKER], 1));
        let expected = "\
rounds                     2, 1 failed, seed 9, 20 s
kills                      3, 1.5 a round (1 to 2)
                           2 a worker, 0 the sweep, 1 both
                           1 SIGINT, 2 SIGKILL
runs                       2.0 a round (2 to 2)
stages begun               7.0 a round (7 to 7)
rows that differ           1 of 12
finished stages run again  0
other problems             0
";
        assert_eq!(table.text(6, 9, Duration::from_secs(20)), expected);
        assert!(!table.is_good());
    }

    #[test]
    fn rounds_without_a_kill_prove_nothing() {
        let mut table = Table::default();
        table.add(outcome(&[], 0));
        assert!(!table.is_good());
        table.add(outcome(&[WORKER], 0));
        assert!(table.is_good());
    }
}
