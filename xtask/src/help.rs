//! The help pages.

use std::ffi::OsString;

use crate::failure::Failure;
use crate::say;

/// The commands, in the order in which one meets them.
pub(crate) const COMMANDS: [&str; 12] = [
    "sweep", "test", "report", "list", "describe", "evaluate", "join", "data", "docs", "bench", "setup",
    "doctor",
];

const XTASK: &str = "\
cargo xtask COMMAND: from a fresh clone to a report, with nothing to install by hand

  sweep [EXPERIMENT.yaml] [OPTIONS]  set up, build, run an experiment, make its report
  test [ARGUMENTS]                   set up, build, check formatting and lints, run every test
  report DIR                         make the report of a folder of results again
  list                               every data set, model, attack and defense
  describe NAME                      one of them: source, parameters, needs, cost, an example
  evaluate [EXPERIMENT.yaml]         evaluate its stored models again: are the figures still the recorded ones?
  join DIR... [--into STORE]         put the stores of shards together, so that one more sweep writes one table
  data list|get NAME|check NAME      the public data sets: what is there, fetch one, check one
  docs [--check]                     write the method cards and the tables of README from the registry
  bench [OPTIONS]                    measure training speed, beside PyTorch, or all that a GPU can do
  setup                              find or install the libtorch that goes with this project
  doctor                             what this machine has, what it lacks, and the way out

`cargo xtask COMMAND --help` tells more.

Exit codes: 0 all done, 2 wrong arguments or experiment, 3 something the machine lacks,
5 done but not the whole plan, 100 some cells failed, 130 interrupted.";

const SWEEP: &str = "\
cargo xtask sweep [EXPERIMENT.yaml] [OPTIONS]

Sets up libtorch if needed, builds scour and the report program, runs `scour sweep` on the experiment, then makes the
report. Without an experiment it runs experiments/quick.yaml, which needs no download. All arguments go to
`scour sweep` as they are. Run it again to continue after an interruption: nothing is trained twice.

  --out DIR                  folder for the results (default: results/<experiment's name>)
  --data DIR                 folder with the data sets (default: data)
  --devices LIST             auto, cpu, or such as cuda:0,cuda:1
  --share-devices            use GPUs although another sweep does, and let others use them too
  --filter 'KEY=A,B ...'     only these cells, such as 'attack=badnets defense=tsbd'
  --set KEY=VALUE            change a setting of the experiment
  --rerun failed|all         do these cells again
  --shard I/N                only part I of N; `cargo xtask join --help` says how parts end in one table
  --strict-data              give up where a public data set is not whole
  --dry-run                  show the plan, run nothing";

const TEST: &str = "\
cargo xtask test [--fast] [ARGUMENTS OF cargo test]

Sets up libtorch if needed, then: formatting, clippy with warnings as errors, and every test of the workspace.
Each dependency is built once for all of it.

  --fast     tests only
  ARGUMENTS  go to cargo test as they are, such as `nwc` or `-- --ignored`

libtorch computes on one thread in each test, unless OMP_NUM_THREADS is set.";

const REPORT: &str = "\
cargo xtask report DIR [OPTIONS]

Makes DIR/report/index.html, tables.md and tables.tex out of DIR/results.csv, with the program scour-report, which
gets all arguments as they are. The first build of it takes some minutes.

A folder with nothing but a results.csv will do, such as one of results/reference/*.csv under that name.

  --published FILE.csv       show published figures too, such as experiments/published/figures.csv: beside rows of the
                             same setting, and in a comparison of their own, which says what differs, with others
  --decimals N               decimals of percentages (default: 2)";

const EVALUATE: &str = "\
cargo xtask evaluate [EXPERIMENT.yaml] [OPTIONS]

Compares every stored model of an experiment with its recorded hash, loads it, evaluates it again and says whether ACC,
ASR and RA are those in results.csv. All arguments go to `scour evaluate` as they are.

  --out DIR, --store DIR, --data DIR, --filter, --set, --shard   as for `sweep`
  --device cpu|cuda:0        default: a GPU if there is one
  --tolerance POINTS         how far figures may differ (default: 0)

Exit codes: 0 all the same, 5 some are not trained yet, 100 some differ or are damaged.";

const JOIN: &str = "\
cargo xtask join DIR... [--into STORE]

Copies every finished stage of the given stores, or of the stores in the given folders of results, into STORE
(default: results/store). Every file is compared with its recorded hash; a stage that is there already stays.
The same experiment without --shard then finds everything there, trains nothing, and writes one table:

  cargo xtask sweep experiments/paper.yaml --shard 1/2 --out results/paper-1      on one machine
  cargo xtask sweep experiments/paper.yaml --shard 2/2 --out results/paper-2      on another
  cargo xtask join results/paper-1 results/paper-2
  cargo xtask sweep experiments/paper.yaml

Shards that name the same --store need no joining. Exit codes: 0 all joined, 100 something was damaged and left out.";

const DATA: &str = "\
cargo xtask data list | get NAME [--mirror URL|file:PATH] | check NAME   [--data DIR]

  list        every data set: whether it is there, how large it is, on what terms
  get NAME    fetch cifar10, cifar100, gtsrb or tiny_imagenet, unless it is there
  check NAME  read a data set as training does, count it, say what is missing (exit code 3)

  --data DIR                 the folder with the data sets (default: data)
  --mirror URL|file:PATH     another place for the official archives: a folder that holds them under their official
                             names, or the one archive itself

An archive counts only with the right checksum. A download that broke off is resumed by the same command. A data set
appears in its place whole or not at all.

Needs no libtorch. `list` and `check` need no network code either: the first `get` builds it in a minute or two.";

const BENCH: &str = "\
cargo xtask bench [OPTIONS]
cargo xtask bench --pytorch [OPTIONS]
cargo xtask bench --gpu [OPTIONS]

Without --pytorch or --gpu: builds scour and runs `scour bench` with the options as they are.

  --path sweep|step      all that a training of a sweep does (default), or forward, backward and SGD alone
  --model NAME, --width W, --size PIXELS, --batch B, --seconds S, --threads T
  --precision auto|fp32|tf32|bf16, --device cpu|cuda:0, --json

With --pytorch: trains PreAct-ResNet18 with scour and with PyTorch in turns, prints a table of images a second and
writes results/bench/throughput.csv. Ratios are of scour's step, which is PyTorch's work too; scour on the path of a
sweep stands beside. PyTorch is eager, as a usual loop is written, and tuned: channels-last, torch.compile where it
works, a fused optimizer. Needs a libtorch that lies in a Python environment, as `cargo xtask setup` installs it. What
PyTorch's Python side needs besides, CUDA's libraries even on a CPU, is installed the first time into .libtorch.pytorch
(some 3 GB).

  --rounds R             turns of each, every second one backwards (default 3)
  --widths A,B           widths of the net (default 64,16)
  --batch B              images in a batch (default 128)
  --seconds S            time of each measurement (default 20)
  --threads T            CPU threads of all (default: all cores)
  --precision auto|fp32|tf32|bf16
                         of all sides; with auto, the default, scour chooses and PyTorch computes in fp32
  --device cpu|cuda:0    of all sides (default cpu)
  --tuned yes|no         whether PyTorch is measured tuned too (default yes)

With --gpu: all that a device can do for a sweep, within minutes, by `scour bench --all`: throughput of both paths in
fp32, bf16 and tf32; one attacked model and TSBD on it; 1, 2 and 4 workers at a time; PyTorch, where it is there already;
and a projection for CIFAR-10. Prints tables and writes results/bench/gpu.json. What there was no time for is named.

  --device cuda:0|cpu    default: a GPU if there is one
  --minutes M            the time it may take (default 8, and 2 with --tiny), the build not counted
  --tiny                 the settings of experiments/mini.yaml: tries the path on a CPU
  --data DIR             CIFAR-10 is attacked where it is there, else signs (default: data)
  --out DIR              folder for the results (default: results/bench)
  --python PROGRAM       a Python with PyTorch of your own

Where there is no cargo: `scour bench --all --python python3 --pytorch-script pytorch_throughput.py`.";

const LIST: &str = "\
cargo xtask list

Prints the name of every data set, model, attack and defense that an experiment can use, with one sentence on each.";

const DESCRIBE: &str = "\
cargo xtask describe NAME

Prints what is known of one of them: where it was published, every parameter with its default, published and quick
value and its range, what it needs, what it costs, and how an experiment names it. docs/methods has the same as pages.";

const DOCS: &str = "\
cargo xtask docs [--check]

Writes docs/methods, the tables of README.md and the titles of the report from the registry. Run it after adding a method
or changing its description; a test compares the files.

  --check    change nothing; print which files are out of date, and end with 5 if any is";

const SETUP: &str = "\
cargo xtask setup

Finds a libtorch 2.11 or installs one, and lets `.libtorch` lead to it; from then on plain `cargo build`,
`cargo test` and editors work. It takes the first of these:

  1. LIBTORCH_USE_PYTORCH=1  the PyTorch of your Python
  2. LIBTORCH=FOLDER         a libtorch of yours
  3. .libtorch               where it leads already
  4. .libtorch-venv          installed before, or now: 1.3 GB, or 4.7 GB where there is an NVIDIA driver

An install that broke off is resumed. In the environment:

  SCOUR_PYTHON=PROGRAM            the Python to install with (3.10 to 3.14)
  SCOUR_TORCH_INSTALL=small|full  overrules what the driver says
  SCOUR_TORCH_INDEX_URL=URL       take PyTorch from another package index, such as one of builds for CPUs alone
  SCOUR_PIP_ARGS='...'            more arguments for pip
  LIBTORCH_BYPASS_VERSION_CHECK=1 accept any version";

const DOCTOR: &str = "\
cargo xtask doctor

Prints versions, devices, memory, disk and data sets, and for each thing that is missing one line with the way out.
Changes nothing. Exit code 0 if all is well, 3 if something needed is missing.";

/// Whether the arguments ask for help, before any `--`.
pub(crate) fn is_asked_for(arguments: &[OsString]) -> bool {
    arguments.iter().take_while(|word| *word != "--").any(|word| word == "--help" || word == "-h")
}

/// Prints a page: that of a command, or `xtask` for the overview.
pub(crate) fn print(page: &str) -> anyhow::Result<u8> {
    say::answer(match page {
        "xtask" => XTASK,
        "sweep" => SWEEP,
        "test" => TEST,
        "report" => REPORT,
        "evaluate" => EVALUATE,
        "join" => JOIN,
        "list" => LIST,
        "describe" => DESCRIBE,
        "docs" => DOCS,
        "data" => DATA,
        "bench" => BENCH,
        "setup" => SETUP,
        "doctor" => DOCTOR,
        unknown => {
            let known = COMMANDS.join(", ");
            return Err(Failure::Usage(format!("no command `{unknown}`: there are {known}")).into());
        }
    });
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_and_stands_in_the_overview() {
        for command in COMMANDS {
            assert_eq!(print(command).unwrap(), 0);
            assert!(XTASK.contains(&format!("\n  {command}")), "{command}");
        }
        assert!(print("swep").is_err());
    }

    #[test]
    fn the_page_of_bench_has_every_option_of_the_comparison() {
        for option in [
            "rounds",
            "widths",
            "batch",
            "seconds",
            "threads",
            "precision",
            "device",
            "tuned",
            "gpu",
            "pytorch",
        ] {
            assert!(BENCH.contains(&format!("--{option}")), "{option}");
        }
    }

    #[test]
    fn help_is_asked_for_only_before_the_dashes() {
        let words = |list: &[&str]| -> Vec<OsString> { list.iter().map(OsString::from).collect() };
        assert!(is_asked_for(&words(&["x.yaml", "--help"])));
        assert!(!is_asked_for(&words(&["x.yaml", "--", "-h"])));
    }
}
