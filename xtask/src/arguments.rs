//! Reads command lines with lexopt, against the options of a [`crate::command::Command`].

use std::ffi::{OsStr, OsString};
use std::ops::RangeInclusive;

use lexopt::{Arg, Parser};

use crate::failure::usage;
use crate::option::Opt;

/// What a command line contains.
#[derive(Debug, Default)]
pub(crate) struct Given {
    options: Vec<(&'static str, Option<OsString>)>,
    /// The words that are neither options nor values of options.
    pub(crate) operands: Vec<OsString>,
}

impl Given {
    /// Whether an option is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.options.iter().any(|(given, _)| *given == name)
    }

    /// The value of an option, the last one if it is given several times.
    ///
    /// # Errors
    /// If the value is not UTF-8.
    pub(crate) fn text(&self, name: &str) -> anyhow::Result<Option<&str>> {
        let values = self.options.iter().rev().filter(|(given, _)| *given == name);
        let Some(value) = values.filter_map(|(_, value)| value.as_deref()).next() else { return Ok(None) };
        value
            .to_str()
            .map(Some)
            .ok_or_else(|| usage(format!("the value of --{name} is not UTF-8: {value:?}")))
    }

    /// Refuses too few and too many operands.
    pub(crate) fn check_operands(
        &self,
        command: &str,
        allowed: &RangeInclusive<usize>,
        example: &str,
    ) -> anyhow::Result<()> {
        if let Some(extra) = self.operands.get(*allowed.end()) {
            let extra = extra.to_string_lossy();
            return Err(usage(format!("{command}: unexpected argument `{extra}`: {}", see_help(command))));
        }
        if self.operands.len() < *allowed.start() {
            return Err(usage(format!(
                "{command}: an argument is missing: for example `cargo xtask {example}`"
            )));
        }
        Ok(())
    }
}

/// Reads the words after a command's name. The words after `--` are operands.
///
/// # Errors
/// `Failure::Usage`, with the nearest name if an option is unknown.
pub(crate) fn read(command: &str, known: &[&'static [Opt]], words: &[OsString]) -> anyhow::Result<Given> {
    let mut given = Given::default();
    let mut parser = Parser::from_args(words);
    while let Some(word) = parser.next().map_err(|error| unreadable(command, &error))? {
        let found = match word {
            Arg::Value(word) => {
                given.operands.push(word);
                continue;
            }
            Arg::Long(name) => find(known, "--", name),
            Arg::Short(letter) => find(known, "-", letter.encode_utf8(&mut [0; 4])),
        };
        let option = found.map_err(|shown| unknown_option(command, known, &shown))?;
        let value = match option.value {
            Some(_) => Some(value_of(command, option.name, &mut parser)?),
            None => None,
        };
        given.options.push((option.name, value));
    }
    Ok(given)
}

/// The option of that name, or what the user wrote.
fn find(known: &[&'static [Opt]], dashes: &str, name: &str) -> Result<&'static Opt, String> {
    let mut all = known.iter().flat_map(|options| options.iter());
    all.find(|option| option.name == name && option.dashes() == dashes)
        .ok_or_else(|| format!("{dashes}{name}"))
}

/// `--name=VALUE`, or the next word unless it is an option itself, whose value was then forgotten.
fn value_of(command: &str, name: &str, parser: &mut Parser) -> anyhow::Result<OsString> {
    if let Some(value) = parser.optional_value() {
        return Ok(value);
    }
    let next = parser.try_raw_args().and_then(|words| words.peek().map(OsStr::to_owned));
    match next {
        Some(word) if word.len() == 1 || !word.as_encoded_bytes().starts_with(b"-") => {
            parser.value().map_err(|error| unreadable(command, &error))
        }
        Some(word) => {
            let word = word.to_string_lossy();
            Err(usage(format!("{command}: --{name} needs a value before `{word}`: {}", see_help(command))))
        }
        None => Err(usage(format!("{command}: --{name} needs a value: {}", see_help(command)))),
    }
}

fn unreadable(command: &str, error: &lexopt::Error) -> anyhow::Error {
    let problem = match error {
        lexopt::Error::UnexpectedValue { option, .. } => format!("{option} takes no value"),
        other => other.to_string(),
    };
    usage(format!("{command}: {problem}: {}", see_help(command)))
}

fn unknown_option(command: &str, known: &[&'static [Opt]], shown: &str) -> anyhow::Error {
    let all = known.iter().flat_map(|options| options.iter());
    let all: Vec<String> = all.map(|option| format!("{}{}", option.dashes(), option.name)).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let problem = format!("{command}: unknown option `{shown}`");
    unknown(&problem, shown, &all, &format!("{} explains the command", help_of(command)))
}

/// The error about a name that does not exist, with the nearest one that does.
pub(crate) fn unknown(problem: &str, name: &str, known: &[&str], way_out: &str) -> anyhow::Error {
    match nearest(name, known) {
        Some(near) => usage(format!("{problem}: did you mean `{near}`? {way_out}")),
        None => usage(format!("{problem}: {way_out}")),
    }
}

/// The most similar name, if it is similar enough to be proposed. The measure and its bound are those of
/// `scour_core::nearest`, which would have to be built first.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let name = name.trim_start_matches('-').to_lowercase();
    let similarity = |known: &str| strsim::jaro_winkler(&name, known.trim_start_matches('-'));
    let all = known.iter().map(|known| (similarity(known), *known));
    let best = all.filter(|(similarity, _)| *similarity > 0.75).max_by(|a, b| a.0.total_cmp(&b.0));
    best.map(|(_, known)| known)
}

fn help_of(command: &str) -> String {
    // `bench --gpu` is one of the ways to call `bench`.
    let name = command.split(' ').next().unwrap_or(command);
    format!("`cargo xtask {name} --help`")
}

fn see_help(command: &str) -> String {
    format!("see {}", help_of(command))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::failure::exit_code;
    use crate::option::{flag, valued};

    static KNOWN: &[Opt] =
        &[valued("out", "DIR", ""), valued("set", "KEY=VALUE", ""), flag("dry-run", ""), flag("V", "")];

    /// Words of a command line.
    pub(crate) fn words(list: &[&str]) -> Vec<OsString> {
        list.iter().map(OsString::from).collect()
    }

    fn given(list: &[&str]) -> anyhow::Result<Given> {
        read("sweep", &[KNOWN], &words(list))
    }

    fn problem(list: &[&str]) -> String {
        let error = given(list).unwrap_err();
        assert_eq!(exit_code(&error), 2, "{error}");
        error.to_string()
    }

    #[test]
    fn options_and_operands_are_told_apart() {
        let line = given(&[
            "a.yaml",
            "--out=results",
            "--set",
            "x=1",
            "--dry-run",
            "--set",
            "x=2",
            "-V",
            "--",
            "--b",
        ]);
        let line = line.unwrap();
        assert_eq!(line.operands, words(&["a.yaml", "--b"]));
        assert_eq!((line.text("out").unwrap(), line.text("set").unwrap()), (Some("results"), Some("x=2")));
        assert!(line.has("dry-run") && line.has("V") && !line.has("data"));
        assert_eq!(line.text("data").unwrap(), None);
    }

    #[test]
    fn a_value_is_no_operand() {
        let line = given(&["--set", "x.yaml", "--out", "-"]).unwrap();
        assert!(line.operands.is_empty() && line.text("out").unwrap() == Some("-"));
    }

    #[test]
    fn the_nearest_option_is_proposed() {
        let message = "sweep: unknown option `--dry-rum`: did you mean `--dry-run`? \
                       `cargo xtask sweep --help` explains the command";
        assert_eq!(problem(&["--dry-rum"]), message);
        let message = "sweep: unknown option `--zzz`: `cargo xtask sweep --help` explains the command";
        assert_eq!(problem(&["--zzz"]), message);
        assert!(problem(&["-z"]).starts_with("sweep: unknown option `-z`: "));
        assert!(
            problem(&["--V"]).starts_with("sweep: unknown option `--V`: "),
            "a short option has one dash"
        );
    }

    #[test]
    fn values_must_be_there_where_they_belong_and_only_there() {
        assert_eq!(problem(&["--out"]), "sweep: --out needs a value: see `cargo xtask sweep --help`");
        let message = "sweep: --out needs a value before `--dry-run`: see `cargo xtask sweep --help`";
        assert_eq!(problem(&["--out", "--dry-run"]), message);
        assert_eq!(
            problem(&["--dry-run=yes"]),
            "sweep: --dry-run takes no value: see `cargo xtask sweep --help`"
        );
    }

    #[test]
    fn the_number_of_operands_is_checked() {
        let line = given(&["a", "b"]).unwrap();
        assert!(line.check_operands("sweep", &(0..=2), "").is_ok());
        let error = line.check_operands("sweep", &(0..=1), "").unwrap_err();
        assert_eq!(error.to_string(), "sweep: unexpected argument `b`: see `cargo xtask sweep --help`");
        let error = line.check_operands("join", &(3..=9), "join a b c").unwrap_err();
        assert_eq!(error.to_string(), "join: an argument is missing: for example `cargo xtask join a b c`");
        assert_eq!(exit_code(&error), 2);
    }

    #[test]
    fn what_is_no_utf_8_is_an_error_for_what_is_read_as_text() {
        use std::os::unix::ffi::OsStringExt;
        let line = read("sweep", &[KNOWN], &["--out".into(), OsString::from_vec(vec![0xff])]).unwrap();
        assert!(line.text("out").unwrap_err().to_string().contains("--out is not UTF-8"));
    }
}
