//! The commands that are those of scour: xtask sets up libtorch, builds scour and passes the arguments on.

use std::ffi::OsString;

use crate::command::{Command, Section};
use crate::option::{flag, valued};
use crate::project::Project;
use crate::sweep::{self, PLAN_OPTIONS};
use crate::{builder, process, say, setup};

/// `cargo xtask evaluate`.
pub(crate) static EVALUATE: Command = Command {
    name: "evaluate",
    arguments: "[EXPERIMENT.yaml] [OPTIONS]",
    summary: "re-evaluate its stored models: are the figures still the recorded ones?",
    usage: &["evaluate [EXPERIMENT.yaml] [OPTIONS]"],
    sections: &[
        Section {
            text: "\
Compares every stored model of an experiment with its recorded hash, loads it, re-evaluates it and prints whether ACC,
ASR and RA are those in results.csv. The default experiment is experiments/quick.yaml. All arguments go to
`scour evaluate` unchanged.",
            options: PLAN_OPTIONS,
        },
        Section {
            text: "",
            options: &[
                valued("device", "cpu|cuda:0", "default: a GPU if there is one"),
                valued("tolerance", "POINTS", "percentage points by which figures may differ (default: 0)"),
            ],
        },
        Section {
            text: "Exit codes: 0 all the same, 5 some are not trained yet, 100 some differ or are damaged.",
            options: &[],
        },
    ],
    operands: 0..=1,
    example: "evaluate experiments/quick.yaml",
    run: |project, arguments| {
        let given = EVALUATE.read(arguments)?;
        let words = sweep::with_experiment(project, &given, arguments)?;
        run(project, "evaluate", &words)
    },
};

/// `cargo xtask status`.
pub(crate) static STATUS: Command = Command {
    name: "status",
    arguments: "[DIR]... [OPTIONS]",
    summary: "how far a sweep is: what runs where, the time left, failures",
    usage: &["status [DIR]... [OPTIONS]"],
    sections: &[Section {
        text: "\
Prints how many cells have ended and how, what each worker does and since when, the rate, the time left with its
uncertainty, the free space, failures by reason with their logs, and what to run next. DIR is the folder of results of
the sweep (default: results/quick); several, such as those of shards, are added up. It can be called while the sweep
runs, after it has ended, and after it was killed. docs/watching.md has examples.",
        options: &[
            flag("json", "one line of JSON for each, instead of text"),
            flag("watch", "print again every two seconds until no sweep is running"),
        ],
    }],
    operands: 0..=usize::MAX,
    example: "status results/mine --watch",
    run: |project, arguments| {
        STATUS.read(arguments)?;
        run(project, "status", arguments)
    },
};

/// `cargo xtask join`.
pub(crate) static JOIN: Command = Command {
    name: "join",
    arguments: "DIR... [--into STORE]",
    summary: "join the stores of shards, so that one more sweep writes one table",
    usage: &["join DIR... [--into STORE]"],
    sections: &[
        Section {
            text: "\
Copies every finished stage of the given stores, or of the stores in the given folders of results. Every file is
compared with its recorded hash. A stage that STORE already has stays; one with other bytes is left out and named,
and so is what was built on it.",
            options: &[valued("into", "STORE", "the store to copy into (default: results/store)")],
        },
        Section {
            text: "\
The same experiment without --shard then finds all stages, trains nothing, and writes one table:

  cargo xtask sweep experiments/paper.yaml --shard 1/2 --out results/paper-1      on one machine
  cargo xtask sweep experiments/paper.yaml --shard 2/2 --out results/paper-2      on another
  cargo xtask join results/paper-1 results/paper-2
  cargo xtask sweep experiments/paper.yaml

Shards with the same --store need no joining.

Exit codes: 0 all joined, 100 something was left out.",
            options: &[],
        },
    ],
    operands: 1..=usize::MAX,
    example: "join results/paper-1 results/paper-2",
    run: |project, arguments| {
        JOIN.read(arguments)?;
        run(project, "join", arguments)
    },
};

/// `cargo xtask gc`.
pub(crate) static GC: Command = Command {
    name: "gc",
    arguments: "[PATH...] [OPTIONS]",
    summary: "list what no experiment needs in a store, with sizes; remove it with --delete",
    usage: &["gc [PATH...] [OPTIONS]"],
    sections: &[
        Section {
            text: "\
Lists the size of a store by experiment, the stages that no experiment needs, and what killed workers have left. PATH
is an experiment file, or a folder with experiment files (.yaml) or results of sweeps (experiment.json) anywhere below
it (default: experiments results). What a sweep at work needs stays, and all stages of a data set that is not on this
machine.",
            options: &[
                valued("store", "DIR", "the store (default: results/store)"),
                valued("data", "DIR", "folder with downloaded data sets (default: data)"),
                valued(
                    "keep",
                    "models|results",
                    "what stays of stages that are needed: all, or only results, tables and images (default: models)",
                ),
                flag("delete", "remove what is listed; without it nothing is changed"),
            ],
        },
        Section {
            text: "\
With --keep results another sweep finds all results and runs nothing. If something new builds on a model that was
removed, the model is made again, compared with its recorded hash, and its row stays as it is.

Exit codes: 0 listed or removed, 2 an experiment has a mistake, 3 the store cannot be read or written.",
            options: &[],
        },
    ],
    operands: 0..=usize::MAX,
    example: "gc --keep results",
    run: |project, arguments| {
        GC.read(arguments)?;
        run(project, "gc", arguments)
    },
};

/// `cargo xtask list`.
pub(crate) static LIST: Command = Command {
    name: "list",
    arguments: "",
    summary: "every data set, model, attack, defense and analysis",
    usage: &["list"],
    sections: &[Section {
        text: "\
Prints the name of every data set, model, attack, defense and analysis that an experiment can use, with one sentence
each.",
        options: &[],
    }],
    operands: 0..=0,
    example: "list",
    run: |project, arguments| {
        LIST.read(arguments)?;
        run(project, "list", arguments)
    },
};

/// `cargo xtask describe`.
pub(crate) static DESCRIBE: Command = Command {
    name: "describe",
    arguments: "NAME",
    summary: "one of them: source, parameters, needs, cost, an example",
    usage: &["describe NAME"],
    sections: &[Section {
        text: "\
Prints where a data set, model, attack, defense or analysis was published, every parameter with its default, published
and quick value and its range, what it needs, what it costs, and how an experiment names it. docs/methods has the same
as pages.
`cargo xtask list` prints the names.",
        options: &[],
    }],
    operands: 1..=1,
    example: "describe tsbd",
    run: |project, arguments| {
        DESCRIBE.read(arguments)?;
        run(project, "describe", arguments)
    },
};

/// `cargo xtask docs`.
pub(crate) static DOCS: Command = Command {
    name: "docs",
    arguments: "[--check]",
    summary: "write the method cards and the tables of README from the registry",
    usage: &["docs [--check]"],
    sections: &[Section {
        text: "\
Writes docs/methods, the tables of README.md and the titles of the report from the registry. Run it after adding a
method or changing a description; a test compares the files.",
        options: &[
            flag("check", "change nothing; print the files that are out of date, and end with code 5 if there are any"),
            valued("root", "DIR", "the checkout whose files are written (default: this one)"),
        ],
    }],
    operands: 0..=0,
    example: "docs",
    run: |project, arguments| {
        let mut words = arguments.to_vec();
        if !DOCS.read(arguments)?.has("root") {
            words.extend([OsString::from("--root"), project.root.clone().into_os_string()]);
        }
        run(project, "docs", &words)
    },
};

/// Sets up, builds and runs a command of scour.
pub(crate) fn run(project: &Project, command: &str, arguments: &[OsString]) -> anyhow::Result<u8> {
    setup::ensure(project)?;
    builder::program(project, "scour")?;
    let mut scour = std::process::Command::new(project.program("scour"));
    process::run(scour.arg(command).args(arguments))
}

/// Prints the help of `scour sweep` itself, if scour is built.
pub(crate) fn print_help_of_sweep() -> anyhow::Result<u8> {
    let scour = Project::here()?.program("scour");
    if !scour.exists() {
        say::answer("\nAfter scour is built, this also prints the help of `scour sweep`.");
        return Ok(0);
    }
    say::answer("\nThe help of `scour sweep`:\n");
    process::run(std::process::Command::new(scour).args(["sweep", "--help"]))
}
