//! All commands, and finding one by its name.

use crate::command::Command;
use crate::{arguments, bench, data, doctor, kill_test, report, scour, setup, slurm_smoke, sweep, test};

/// The commands, in the order of the overview.
pub(crate) static COMMANDS: [&Command; 16] = [
    &sweep::SWEEP,
    &test::TEST,
    &report::REPORT,
    &scour::LIST,
    &scour::DESCRIBE,
    &scour::EVALUATE,
    &scour::STATUS,
    &scour::JOIN,
    &scour::GC,
    &data::DATA,
    &scour::DOCS,
    &bench::BENCH,
    &kill_test::KILL_TEST,
    &setup::SETUP,
    &doctor::DOCTOR,
    &slurm_smoke::SLURM_SMOKE,
];

/// The command of that name.
///
/// # Errors
/// `Failure::Usage` with the nearest name if there is none.
pub(crate) fn find(name: &str) -> anyhow::Result<&'static Command> {
    COMMANDS.into_iter().find(|command| command.name == name).ok_or_else(|| {
        let problem = format!("unknown command `{name}`");
        arguments::unknown(&problem, name, &names(), "`cargo xtask help` lists all")
    })
}

/// The names of all commands.
pub(crate) fn names() -> Vec<&'static str> {
    COMMANDS.iter().map(|command| command.name).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;
    use crate::option::Opt;

    /// The options that a program's reviewed help text lists.
    fn options_of_scour(command: &str) -> BTreeSet<String> {
        let file = format!("../crates/scour/tests/snapshots/help__{command}.snap");
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let text =
            std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let lines = text.lines().filter_map(|line| line.trim_start().strip_prefix("--"));
        let names = lines.map(|line| line.split(' ').next().unwrap_or(line).to_owned());
        // The file itself has lines of three dashes.
        names.filter(|name| name.starts_with(char::is_alphabetic)).collect()
    }

    fn names_of(options: &[&[Opt]]) -> BTreeSet<String> {
        options.iter().copied().flatten().map(|option| option.name.to_owned()).collect()
    }

    #[test]
    fn scour_and_xtask_have_the_same_options() {
        for command in [
            &sweep::SWEEP,
            &scour::EVALUATE,
            &scour::STATUS,
            &scour::JOIN,
            &scour::GC,
            &scour::LIST,
            &scour::DESCRIBE,
            &scour::DOCS,
        ] {
            assert_eq!(
                names_of(&command.options()),
                options_of_scour(command.name),
                "left: the options of `cargo xtask {0}`; right: those of `scour {0}`. Correct the table in xtask/src",
                command.name
            );
        }
        let bench = bench::options_of_scour();
        assert_eq!(names_of(&bench), options_of_scour("bench"), "correct the tables in xtask/src/bench.rs");
    }

    #[test]
    fn names_are_unique() {
        assert_eq!(names().into_iter().collect::<BTreeSet<_>>().len(), COMMANDS.len());
    }
}
