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
            say(format_args!("damaged  {problem}: left out"));
        }
        say(format_args!("{}: {joined}", store.display()));
        total.add(joined);
    }
    say(format_args!("{}: {total}", args.into.display()));
    Ok(if total.damaged.is_empty() { ExitCode::Done } else { ExitCode::CellsFailed })
}
