//! `scour join`: the stores of shards become one.

use scour_core::ExitCode;
use scour_sweep::{Joined, Store};

use crate::args::JoinArgs;
use crate::output::say;
use crate::planning::Failure;

/// Copies what is finished and says what became of it.
pub(crate) fn run(args: &JoinArgs) -> ExitCode {
    join(args).unwrap_or_else(Failure::give_up)
}

fn join(args: &JoinArgs) -> Result<ExitCode, Failure> {
    let mut total = Joined::default();
    for from in &args.from {
        let inner = from.join("store");
        let store = if inner.is_dir() { inner } else { from.clone() };
        let joined = Store::join(&store, &args.into)?;
        for problem in &joined.damaged {
            say(format_args!("damaged   {problem}: left out"));
        }
        for problem in &joined.refused {
            say(format_args!("left out  {problem}"));
        }
        for problem in &joined.other_figures {
            say(format_args!("figures   {problem}"));
        }
        say(format_args!("{}: {joined}", store.display()));
        total.add(joined);
    }
    say(format_args!("{}: {total}", args.into.display()));
    if !total.is_whole() {
        say("a sweep of the same experiment on the joined store makes what was left out");
    }
    Ok(if total.is_whole() { ExitCode::Done } else { ExitCode::CellsFailed })
}
