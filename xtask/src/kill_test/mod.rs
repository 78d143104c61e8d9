//! `cargo xtask kill-test`: sweeps that are killed at random moments and continued, against one that nobody disturbs.

mod kill;
mod processes;
mod random;
mod round;
mod rows;
mod stages;
mod table;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::arguments::Given;
use crate::command::{Command, Section};
use crate::failure::{environment, usage};
use crate::option::valued;
use crate::project::Project;
use crate::{builder, files, say, setup};
use random::Random;
use round::{Outcome, Reference};
use stages::Stages;
use table::Table;

/// The smallest experiment with all kinds of stages, and what makes it smaller still: a round takes seconds.
const EXPERIMENT: &str = "experiments/mini.yaml";
const TINY: [&str; 2] = ["seeds=[0]", "train.epochs=3"];
const ROUNDS: usize = 10;
/// The exit code where a round failed.
const FAILED: u8 = 100;

/// The command.
pub(crate) static KILL_TEST: Command = Command {
    name: "kill-test",
    arguments: "[OPTIONS]",
    summary: "kill sweeps at random moments, continue them, compare with an undisturbed one",
    usage: &["kill-test [OPTIONS]"],
    sections: &[
        Section {
            text: "\
Runs an experiment once undisturbed. Then each round runs it into a fresh store, kills a worker, the sweep or both one
to three times at random moments (SIGKILL, SIGTERM, SIGINT), and gives the same command again until it has ended.
Counts the rows that differ from the undisturbed run, except in columns of time and memory, and the finished stages
that were run again, by the events and by the manifests in the store. Both have to be 0. The folder of a round that
fails is kept and named.",
            options: &[
                valued("rounds", "N", "number of rounds (default: 10)"),
                valued("seed", "N", "what is killed when follows from it, up to the machine's speed (default: 1)"),
                valued("experiment", "FILE.yaml", "default: experiments/mini.yaml with one seed and three epochs"),
                valued("devices", "LIST", "default: cpu"),
                valued("out", "DIR", "folder to work in, emptied first (default: kill-test beside the programs)"),
            ],
        },
        Section {
            text: "\
Exit codes: 0 no row differs and no finished stage was run again, 100 a round failed, 130 interrupted.",
            options: &[],
        },
    ],
    operands: 0..=0,
    example: "kill-test --rounds 50",
    run: |project, arguments| {
        let given = KILL_TEST.read(arguments)?;
        let plan = Plan::of(&given, project)?;
        setup::ensure(project)?;
        builder::program(project, "scour")?;
        run(project, &plan)
    },
};

/// The default test, as `cargo xtask test` runs it. `scour` must be built.
pub(crate) fn run_default(project: &Project) -> anyhow::Result<u8> {
    run(project, &Plan::of(&Given::default(), project)?)
}

/// What the command line asks for.
struct Plan {
    rounds: usize,
    seed: u64,
    /// The arguments of `scour`.
    sweep: Vec<OsString>,
    folder: PathBuf,
}

impl Plan {
    fn of(given: &Given, project: &Project) -> anyhow::Result<Plan> {
        let rounds = number(given, "rounds", ROUNDS as u64)?;
        if rounds == 0 {
            return Err(usage("kill-test: --rounds 0 tests nothing: give 1 or more"));
        }
        let mut sweep: Vec<OsString> = vec!["sweep".into()];
        match given.text("experiment")? {
            Some(file) => sweep.push(file.into()),
            None => {
                sweep.push(project.root.join(EXPERIMENT).into());
                sweep.extend(TINY.iter().flat_map(|change| ["--set", change]).map(OsString::from));
            }
        }
        sweep.extend(["--devices".into(), given.text("devices")?.unwrap_or("cpu").into()]);
        let folder = given.text("out")?.map_or_else(|| project.program("kill-test"), PathBuf::from);
        Ok(Plan { rounds: rounds as usize, seed: number(given, "seed", 1)?, sweep, folder })
    }
}

fn number(given: &Given, option: &str, default: u64) -> anyhow::Result<u64> {
    let Some(text) = given.text(option)? else { return Ok(default) };
    text.parse().map_err(|_| usage(format!("kill-test: --{option} {text}: not a whole number")))
}

fn run(project: &Project, plan: &Plan) -> anyhow::Result<u8> {
    empty(&plan.folder)?;
    let reference = undisturbed(project.program("scour"), plan)?;
    let cells = reference.rows.len();
    say::progress(&format!("undisturbed: {cells} rows in {:.1} s", reference.time.as_secs_f64()));
    let (start, mut table) = (Instant::now(), Table::default());
    for number in 1..=plan.rounds {
        let folder = plan.folder.join(format!("round-{number}"));
        files::make_folder(&folder)?;
        let began = Instant::now();
        let outcome = round::run(&reference, &folder, Random::of_round(plan.seed, number))?;
        say::progress(&table::line(number, plan.rounds, &outcome, began.elapsed()));
        tidy(&outcome, &folder)?;
        table.add(outcome);
    }
    say::answer(table.text(cells, plan.seed, start.elapsed()).trim_end());
    if table.is_good() {
        files::remove_folder_if_present(&plan.folder)?;
        return Ok(0);
    }
    say::error(&format!(
        "not as asked: what is left of the rounds that failed, and of the undisturbed run, is in {}",
        plan.folder.display()
    ));
    Ok(FAILED)
}

/// Removes the folder of a good round, and says what is wrong with any other.
fn tidy(outcome: &Outcome, folder: &Path) -> anyhow::Result<()> {
    if outcome.is_good() {
        return files::remove_folder_if_present(folder);
    }
    outcome.problems.iter().for_each(|problem| say::progress(&format!("    {problem}")));
    say::progress(&format!("    kept: {}", folder.display()));
    Ok(())
}

/// Makes the folder, or empties one that an earlier test has left. Any other folder with something in it is not ours.
fn empty(folder: &Path) -> anyhow::Result<()> {
    let mark = folder.join("kill-test");
    if !files::list(folder)?.is_empty() && !files::exists(&mark)? {
        return Err(usage(format!(
            "kill-test: {} is not empty and was not made by an earlier test: name another folder with --out",
            folder.display()
        )));
    }
    files::remove_folder_if_present(folder)?;
    files::make_folder(folder)?;
    files::write(&mark, "made by cargo xtask kill-test\n")
}

/// The run that nobody disturbs.
fn undisturbed(scour: PathBuf, plan: &Plan) -> anyhow::Result<Reference> {
    let folder = plan.folder.join("undisturbed");
    files::make_folder(&folder)?;
    let (arguments, rows, time) = (plan.sweep.clone(), vec![], Duration::ZERO);
    let mut reference = Reference { scour, arguments, rows, time, events: 0, stages: 0 };
    let start = Instant::now();
    let code = reference.start(&folder, 1)?.wait()?;
    reference.time = start.elapsed();
    if crate::process::was_interrupted() {
        return Err(crate::failure::Failure::Interrupted.into());
    }
    if code != 0 {
        return Err(environment(format!(
            "the undisturbed sweep ended with exit code {code}: see {}",
            folder.join("run-1.log").display()
        )));
    }
    reference.rows = rows::read(&folder.join("out/results.csv"))?;
    let mut stages = Stages::default();
    stages.look(&folder.join("out"))?;
    if stages.starts == 0 || stages.stored() != stages.starts {
        // Else the test counts nothing: the files have another form than it knows.
        return Err(environment(format!(
            "the events of the undisturbed sweep have {} starts and its store {} stages: correct the kill test",
            stages.starts,
            stages.stored()
        )));
    }
    (reference.events, reference.stages) = (stages.lines(), stages.stored());
    Ok(reference)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::tests::words;
    use crate::project::BuildSettings;

    fn plan(list: &[&str]) -> anyhow::Result<Plan> {
        let project = Project {
            root: "/project".into(),
            programs: "/project/target/debug".into(),
            build: BuildSettings::default(),
        };
        Plan::of(&KILL_TEST.read(&words(list))?, &project)
    }

    #[test]
    fn the_default_is_the_smallest_experiment_made_smaller() {
        let plan = plan(&[]).unwrap();
        assert_eq!((plan.rounds, plan.seed), (10, 1));
        let expected =
            "sweep /project/experiments/mini.yaml --set seeds=[0] --set train.epochs=3 --devices cpu";
        assert_eq!(plan.sweep, words(&expected.split(' ').collect::<Vec<_>>()));
        assert_eq!(plan.folder, Path::new("/project/target/debug/kill-test"));
    }

    #[test]
    fn an_experiment_of_ones_own_is_not_changed() {
        let plan = plan(&["--experiment", "a.yaml", "--rounds", "50", "--seed", "7", "--out", "x"]).unwrap();
        assert_eq!(plan.sweep, words(&["sweep", "a.yaml", "--devices", "cpu"]));
        assert_eq!((plan.rounds, plan.seed, plan.folder), (50, 7, PathBuf::from("x")));
    }

    #[test]
    fn wrong_numbers_are_refused() {
        let problem = |list: &[&str]| plan(list).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(problem(&["--rounds", "ten"]).contains("--rounds ten: not a whole number"));
        assert!(problem(&["--rounds", "0"]).contains("1 or more"));
    }

    #[test]
    fn only_a_folder_of_its_own_is_emptied() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own");
        empty(&own).unwrap();
        std::fs::write(own.join("old"), "").unwrap();
        empty(&own).unwrap();
        assert!(!own.join("old").exists());
        assert!(empty(folder.path()).unwrap_err().to_string().contains("name another folder"));
        assert!(own.exists());
    }
}
