//! `cargo xtask bench`: training speed; with `--pytorch` beside PyTorch in alternating turns, so that a machine whose
//! speed drifts influences both alike; with `--gpu` all that a device can do for a sweep, in minutes; with `--report` the
//! time of a report of many cells.

mod comparison;
mod gpu;
mod many_cells;
mod many_stages;
mod measured;
mod options;
mod pytorch;
mod report;
mod table;

use std::ffi::OsString;

use crate::arguments;
use crate::command::{Command, Section};
use crate::failure::usage;
use crate::option::{Opt, flag, valued};
use crate::project::Project;
use crate::scour;

/// The way to call the comparison, for messages.
const PYTORCH: &str = "bench --pytorch";
/// The way to call the measurement of a device, for messages.
const GPU: &str = "bench --gpu";
/// The way to call the measurement of a report, for messages.
const REPORT: &str = "bench --report";

const BENCH_TEXT: &str = "\
Without --pytorch, --gpu or --report: builds scour and runs `scour bench` with the options unchanged.";

/// The options of a single measurement.
static BENCH_OPTIONS: &[Opt] = &[
    valued(
        "path",
        "sweep|step",
        "a complete training as in a sweep (default), or forward, backward and SGD alone",
    ),
    valued("model", "NAME", "the architecture (default: preact_resnet18)"),
    valued("width", "W", "channels of its first layer (default: 64)"),
    valued("size", "PIXELS", "height and width of the images (default: 32)"),
    valued("batch", "B", "images in a batch (default: 128)"),
    valued("seconds", "S", "duration of the measurement (default: 10)"),
    valued("warm-up", "S", "minimum duration of the warm-up (default: 0)"),
    valued("threads", "T", "CPU threads (default: all cores)"),
    valued("precision", "auto|fp32|tf32|bf16", "number format (default: auto)"),
    valued("device", "cpu|cuda:0", "default: cpu"),
    flag("json", "print one line of JSON"),
];

/// `scour bench --all` works here too; its page is that of `--gpu`.
static ALL_OPTIONS: &[Opt] = &[
    flag("all", ""),
    flag("tiny", ""),
    valued("minutes", "M", ""),
    valued("out", "DIR", ""),
    valued("data", "DIR", ""),
    valued("python", "PROGRAM", ""),
    valued("python-env", "NAME=VALUE", ""),
    valued("pytorch-script", "FILE", ""),
];

const PYTORCH_TEXT: &str = "\
With --pytorch: trains PreAct-ResNet18 with scour and with PyTorch in turns, prints a table of images per second and
writes results/bench/throughput.csv. Ratios compare the steps of scour and PyTorch, which are the same work; scour on
the path of a sweep is listed too. PyTorch is measured eager, as a training loop is usually written, and tuned:
channels-last, torch.compile if it works, a fused optimizer. The libtorch must belong to a Python, as that of
`cargo xtask setup` does. What else PyTorch needs to be imported, CUDA's libraries even on a CPU, is installed into
.libtorch.pytorch the first time (some 3 GB).";

/// The options of the comparison.
static PYTORCH_OPTIONS: &[Opt] = &[
    flag("pytorch", ""),
    valued("rounds", "R", "measurements of each, every second round in reverse order (default: 3)"),
    valued("widths", "A,B", "widths of the network (default: 64,16)"),
    valued("width", "A,B", ""),
    valued("batch", "B", "images in a batch (default: 128)"),
    valued("seconds", "S", "duration of each measurement (default: 20)"),
    valued("threads", "T", "CPU threads of all (default: all cores)"),
    valued(
        "precision",
        "auto|fp32|tf32|bf16",
        "number format of all; with auto, the default, scour chooses and PyTorch computes in fp32",
    ),
    valued("device", "cpu|cuda:0", "device of all (default: cpu)"),
    valued("tuned", "yes|no", "whether tuned PyTorch is measured too (default: yes)"),
];

const GPU_TEXT: &str = "\
With --gpu: measures a device for sweeps, within minutes, by `scour bench --all`: throughput of both paths in fp32,
bf16 and tf32; one attacked model and TSBD on it; 1, 2 and 4 workers at a time; PyTorch, if it is installed; and a
projection for CIFAR-10. Prints tables and writes results/bench/gpu.json. What there was no time for is named.";

/// The options of the measurement of a device.
static GPU_OPTIONS: &[Opt] = &[
    flag("gpu", ""),
    valued("device", "cuda:0|cpu", "default: a GPU if there is one"),
    valued("minutes", "M", "time limit, without the build (default: 8, and 2 with --tiny)"),
    flag("tiny", "the settings of experiments/mini.yaml, for a quick test on a CPU"),
    valued("data", "DIR", "the attack is on CIFAR-10 if it is there, otherwise on signs (default: data)"),
    valued("out", "DIR", "folder for the results (default: results/bench)"),
    valued("threads", "T", "CPU threads (default: all cores)"),
    valued("python", "PROGRAM", "a Python of yours with PyTorch"),
    valued("python-env", "NAME=VALUE", "an environment variable for that Python (repeatable)"),
    valued("pytorch-script", "FILE", ""),
    flag("all", ""),
];

const REPORT_TEXT: &str = "\
With --report: writes the report of many cells with arbitrary figures and the folders of their stages into
results/bench/report, twice, and prints how long this takes and how large the files are.";

/// The options of the measurement of a report.
static REPORT_OPTIONS: &[Opt] =
    &[flag("report", ""), valued("cells", "N", "rows of its results.csv (default: 10000)")];

const WITHOUT_CARGO: &str = "\
Without cargo: `scour bench --all --python python3 --pytorch-script pytorch_throughput.py`.";

/// The command.
pub(crate) static BENCH: Command = Command {
    name: "bench",
    arguments: "[OPTIONS]",
    summary: "measure training speed, also beside PyTorch, a GPU, or the time of a report",
    usage: &[
        "bench [OPTIONS]",
        "bench --pytorch [OPTIONS]",
        "bench --gpu [OPTIONS]",
        "bench --report [OPTIONS]",
    ],
    sections: &[
        Section { text: BENCH_TEXT, options: BENCH_OPTIONS },
        Section { text: PYTORCH_TEXT, options: PYTORCH_OPTIONS },
        Section { text: GPU_TEXT, options: GPU_OPTIONS },
        Section { text: REPORT_TEXT, options: REPORT_OPTIONS },
        Section { text: WITHOUT_CARGO, options: &[] },
    ],
    operands: 0..=0,
    example: "bench",
    run,
};

fn run(project: &Project, words: &[OsString]) -> anyhow::Result<u8> {
    let has = |option: &str| words.iter().any(|word| word == option);
    match (has("--pytorch"), has("--gpu"), has("--report")) {
        (false, false, true) => report::run(project, words),
        (_, _, true) => {
            Err(usage("bench: --report measures the report alone: leave out --pytorch and --gpu"))
        }
        (true, true, _) => Err(usage("bench: --gpu measures PyTorch too: leave out --pytorch")),
        (true, false, _) => comparison::run(project, words),
        (false, true, _) => gpu::run(project, words),
        (false, false, false) => {
            read_single(words)?;
            scour::run(project, "bench", words)
        }
    }
}

fn read_single(words: &[OsString]) -> anyhow::Result<()> {
    // The other ways to call it are known here only by name, so that a misspelt one is recognised.
    static WAYS: &[Opt] = &[flag("pytorch", ""), flag("gpu", ""), flag("report", "")];
    let given = arguments::read(BENCH.name, &[BENCH_OPTIONS, ALL_OPTIONS, WAYS], words)?;
    given.check_operands(BENCH.name, &BENCH.operands, BENCH.example)
}

/// What `scour bench` must accept, for the test that compares them.
#[cfg(test)]
pub(crate) fn options_of_scour() -> [&'static [Opt]; 2] {
    [BENCH_OPTIONS, ALL_OPTIONS]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::tests::words;

    #[test]
    fn a_misspelt_way_to_call_it_is_recognised() {
        let error = read_single(&words(&["--pytorhc"])).unwrap_err();
        assert!(error.to_string().contains("did you mean `--pytorch`?"), "{error}");
        assert!(read_single(&words(&["--path", "step", "--json"])).is_ok());
        assert!(read_single(&words(&["--all", "--tiny", "--minutes=2"])).is_ok());
    }

    #[test]
    fn what_gpu_passes_on_is_an_option_of_scour() {
        let known: Vec<&str> = options_of_scour().into_iter().flatten().map(|option| option.name).collect();
        for option in GPU_OPTIONS.iter().filter(|option| option.name != "gpu") {
            assert!(known.contains(&option.name), "{}", option.name);
        }
    }
}
