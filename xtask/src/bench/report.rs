//! `cargo xtask bench --report`: how long the report of many cells takes, and how large it is.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::Context;

use super::REPORT_OPTIONS;
use super::many_cells::results_csv;
use super::many_stages;
use crate::arguments;
use crate::failure::usage;
use crate::project::Project;
use crate::report::PROGRAM;
use crate::{builder, files, process, say};

/// The number of cells if none is given.
const CELLS: usize = 10_000;

/// The files of a report.
const FILES: [&str; 5] = ["index.html", "tables.md", "tables.tex", "summary.csv", "context.json"];

pub(super) fn run(project: &Project, arguments: &[OsString]) -> anyhow::Result<u8> {
    let cells = cells(arguments)?;
    builder::program(project, PROGRAM)?;
    let folder = project.root.join("results/bench/report");
    if files::exists(&folder)? {
        // Ext4 looks for inodes that were not deleted lately: seconds of kernel time for ten thousand new files.
        say::progress(
            "removes the files of the last measurement: for a while, some file systems take longer to create \
             others, so that the first time may be too long",
        );
        files::remove_folder_if_present(&folder)?;
    }
    files::make_folder(&folder)?;
    let results = results_csv(cells);
    files::write(&folder.join("results.csv"), &results)?;
    many_stages::write(&folder, &results)?;
    for run in ["new", "again, of the same results"] {
        let start = Instant::now();
        process::run_or_fail(Command::new(project.program(PROGRAM)).arg(&folder))?;
        say::answer(&format!("report of {cells} cells, {run}: {}", say::seconds(start.elapsed())));
    }
    for name in FILES {
        say::answer(&format!("{name:<14} {:>6.2} MB", megabytes(&folder.join("report").join(name))?));
    }
    Ok(0)
}

fn cells(arguments: &[OsString]) -> anyhow::Result<usize> {
    let given = arguments::read(super::REPORT, &[REPORT_OPTIONS], arguments)?;
    given.check_operands(super::REPORT, &(0..=0), super::REPORT)?;
    let Some(text) = given.text("cells")? else { return Ok(CELLS) };
    let number = text.parse().ok().filter(|cells| *cells > 0);
    number.ok_or_else(|| usage(format!("{}: `--cells {text}`: give a number above 0", super::REPORT)))
}

fn megabytes(file: &Path) -> anyhow::Result<f64> {
    let bytes = file.metadata().with_context(|| format!("cannot read {}", file.display()))?.len();
    Ok(bytes as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::tests::words;

    #[test]
    fn the_number_of_cells_is_checked() {
        let of = |list: &[&str]| cells(&words(list));
        assert_eq!(of(&["--report"]).unwrap(), CELLS);
        assert_eq!(of(&["--report", "--cells", "20"]).unwrap(), 20);
        for wrong in ["0", "many", "-1"] {
            assert!(of(&["--report", &format!("--cells={wrong}")]).is_err(), "{wrong}");
        }
    }
}
