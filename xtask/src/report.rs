//! `cargo xtask report`: builds the report program, which needs polars, and runs it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::command::{Command, Section};
use crate::option::{flag, valued};
use crate::project::Project;
use crate::{builder, process, say};

/// The program that writes reports.
pub(crate) const PROGRAM: &str = "scour-report";

/// The command.
pub(crate) static REPORT: Command = Command {
    name: "report",
    arguments: "DIR [DIR2] [OPTIONS]",
    summary: "write the report of a folder of results again, or compare two",
    usage: &["report DIR [OPTIONS]", "report DIR DIR2 [OPTIONS]"],
    sections: &[Section {
        text: "\
Writes DIR/report/index.html, tables.md and tables.tex from DIR/results.csv, with the program scour-report, which gets
all arguments unchanged. Its first build takes some minutes.

With DIR2, compares the two folders of results instead: writes compare.html, compare.md and compare.csv into
DIR/report/compare-NAME, where NAME is that of DIR2. Cells are joined by data set, model, attack, poison ratio,
defense, clean ratio and seed. Shows ACC, ASR and DER of both and their differences, the greatest first; each
defense's means over the same cells, with a test; cells that only one has; and settings and number formats that
differ.

A folder that contains only a results.csv is enough, such as a copy of a file in results/reference under that name.",
        options: &[
            valued(
                "published",
                "FILE.csv",
                "show published figures too, such as experiments/published/figures.csv: beside rows of the same \
                 setting, and in a separate comparison, which names the differences, for other settings",
            ),
            valued("decimals", "N", "decimals of percentages, 0 to 4 (default: 2)"),
            valued("reference", "FILE.csv", ""),
            flag("version", ""),
            flag("V", ""),
        ],
    }],
    operands: 0..=2,
    example: "report results/quick",
    run,
};

fn run(project: &Project, arguments: &[OsString]) -> anyhow::Result<u8> {
    let given = REPORT.read(arguments)?;
    if !given.has("version") && !given.has("V") {
        given.check_operands(REPORT.name, &(1..=2), REPORT.example)?;
    }
    if !project.program(PROGRAM).exists() {
        say::progress("Building the report program; the first time, its table library takes two minutes.");
    }
    builder::program(project, PROGRAM)?;
    make(project, arguments)
}

/// Runs the report program, which must be built, with these arguments.
pub(crate) fn make(project: &Project, arguments: &[OsString]) -> anyhow::Result<u8> {
    process::run(std::process::Command::new(project.program(PROGRAM)).args(arguments))
}

/// The main page of the report in a folder of results.
pub(crate) fn page(results: &Path) -> PathBuf {
    results.join("report/index.html")
}
