//! `scour-report DIR`: turns a results folder into a report and prints the path of its page.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use scour_report::{Options, write_comparison, write_report};

/// Turns the results of a sweep into tables, figures and a page that works offline, or compares those of two sweeps.
#[derive(Parser)]
#[command(name = "scour-report", version)]
struct Arguments {
    /// The results folder, which contains results.csv; the report is written to its folder `report`
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Another results folder. Instead of the report, a comparison of both is written to DIR/report/compare-NAME, where NAME
    /// is the name of this folder: every cell of both, differences, and settings that differ
    #[arg(value_name = "DIR2", conflicts_with = "published")]
    other: Option<PathBuf>,
    /// Published figures, such as experiments/published/figures.csv. They are shown beside rows with the same settings;
    /// other rows are in a separate comparison that lists the differences. A CSV file with the columns
    /// source,dataset,model,attack,poison_ratio,clean_ratio,defense,acc,asr,ra
    #[arg(long, value_name = "FILE.csv", alias = "reference")]
    published: Option<PathBuf>,
    /// Decimals of percentages
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(0..=4))]
    decimals: u8,
}

fn main() -> ExitCode {
    // On wrong usage, clap exits with 2, which is the value of `ExitCode::Config`.
    let arguments = Arguments::parse();
    let decimals = usize::from(arguments.decimals);
    let written = match arguments.other {
        Some(other) => write_comparison(&arguments.folder, &other, decimals),
        None => write_report(&arguments.folder, &Options { decimals, published: arguments.published }),
    };
    match written {
        Ok(written) => {
            for warning in &written.warnings {
                print_error(&format!("warning: {warning}"));
            }
            print(&written.index.display().to_string());
            scour_core::ExitCode::Done.into()
        }
        Err(error) => {
            print_error(&format!("scour-report: {error}"));
            scour_core::ExitCode::Environment.into()
        }
    }
}

#[expect(clippy::print_stdout, reason = "the path of the page is this program's output")]
fn print(line: &str) {
    println!("{line}");
}

#[expect(clippy::print_stderr, reason = "warnings and errors are for the person at the terminal")]
fn print_error(line: &str) {
    eprintln!("{line}");
}
