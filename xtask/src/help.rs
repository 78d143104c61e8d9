//! Prints help: the overview and the page of each command.
//!
//! tests/help compares every page, word for word.

use std::ffi::OsString;

use crate::command::Command;
use crate::commands::{self, COMMANDS};
use crate::failure::usage;
use crate::option::Opt;
use crate::say;

/// The column in which the descriptions of options begin.
const COLUMN: usize = 28;
/// Lines have at most this many characters.
const WIDTH: usize = 118;

const TITLE: &str = "\
cargo xtask COMMAND: sets up libtorch, builds, and runs experiments, reports, tests and benchmarks

";

const EXIT_CODES: &str = "
`cargo xtask COMMAND --help` explains a command.

Exit codes: 0 all done, 2 wrong arguments or a wrong experiment, 3 something is missing on this machine or cannot be
read or written, 5 done, but the plan is not complete, 100 some cells failed, 130 interrupted. The exit code of
another program that fails is passed on, such as 101 of cargo.";

/// Whether the arguments ask for help, before any `--`.
pub(crate) fn is_requested(arguments: &[OsString]) -> bool {
    arguments.iter().take_while(|word| *word != "--").any(|word| word == "--help" || word == "-h")
}

/// `cargo xtask help [COMMAND]`: prints the overview or a command's page.
pub(crate) fn run(arguments: &[OsString]) -> anyhow::Result<u8> {
    match arguments {
        [] => say::answer(&overview()),
        [name] => say::answer(&page(commands::find(&name.to_string_lossy())?)),
        [_, extra, ..] => {
            let extra = extra.to_string_lossy();
            return Err(usage(format!(
                "help: unexpected argument `{extra}`: it takes the name of one command"
            )));
        }
    }
    Ok(0)
}

fn overview() -> String {
    let labels = COMMANDS.map(|command| format!("{} {}", command.name, command.arguments).trim().to_owned());
    let width = labels.iter().map(String::len).max().unwrap_or_default();
    let lines = labels.iter().zip(COMMANDS);
    let lines = lines.map(|(label, command)| format!("  {label:<width$}  {}\n", command.summary));
    [TITLE.to_owned()].into_iter().chain(lines).chain([EXIT_CODES.to_owned()]).collect()
}

/// The help page of a command.
pub(crate) fn page(command: &Command) -> String {
    let mut page = String::new();
    for line in command.usage {
        page += &format!("cargo xtask {line}\n");
    }
    for section in command.sections {
        if !section.text.is_empty() {
            page += &format!("\n{}\n", section.text);
        }
        let mut shown = section.options.iter().filter(|option| !option.help.is_empty()).peekable();
        if !section.text.is_empty() && shown.peek().is_some() {
            page.push('\n');
        }
        shown.for_each(|option| page += &entry(option));
    }
    page.truncate(page.trim_end().len());
    page
}

/// The lines of an option.
fn entry(option: &Opt) -> String {
    let value = option.value.map(|value| format!(" {value}")).unwrap_or_default();
    let label = format!("  --{}{value}", option.name);
    let mut lines = wrapped(option.help, WIDTH - COLUMN).into_iter();
    // A long label has a line of its own.
    let mut text = match label.len() + 2 <= COLUMN {
        true => format!("{label:<COLUMN$}{}\n", lines.next().unwrap_or_default()),
        false => format!("{label}\n"),
    };
    for line in lines {
        text += &format!("{:COLUMN$}{line}\n", "");
    }
    text
}

/// The words of `text` in lines of at most `width` characters.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::tests::words;
    use crate::option::{flag, valued};

    #[test]
    fn help_is_requested_before_the_dashes_only() {
        assert!(is_requested(&words(&["a.yaml", "--help"])));
        assert!(is_requested(&words(&["-h"])));
        assert!(!is_requested(&words(&["--", "--help"])));
    }

    #[test]
    fn help_takes_one_command_that_exists() {
        assert!(run(&words(&["sweep", "test"])).unwrap_err().to_string().contains("`test`"));
        assert!(run(&words(&["swep"])).unwrap_err().to_string().contains("`sweep`"));
    }

    #[test]
    fn descriptions_stand_in_one_column() {
        assert_eq!(entry(&flag("tiny", "fast")), "  --tiny                    fast\n");
        let long = entry(&valued("precision", "auto|fp32|tf32|bf16", "of all"));
        assert_eq!(long, "  --precision auto|fp32|tf32|bf16\n                            of all\n");
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
    }

    #[test]
    fn no_line_is_too_long() {
        let pages = COMMANDS.map(page).into_iter().chain([overview()]);
        for line in pages.flat_map(|page| page.lines().map(str::to_owned).collect::<Vec<_>>()) {
            assert!(line.chars().count() <= WIDTH, "{line}");
        }
    }
}
