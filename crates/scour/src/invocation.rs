//! The command line of this process as text that a shell takes, and the commands that can follow it.

use std::ffi::OsString;
use std::path::Path;

use scour_sweep::NextCommands;

/// The variable by which `cargo xtask sweep` asks for the folder of the results. It also writes the report.
pub(crate) const STARTED_BY_XTASK: &str = "SCOUR_RESULTS_PATH_FILE";

/// The commands that can follow this `scour sweep`, whose results are in `out`.
pub(crate) fn next_commands(out: &Path) -> NextCommands {
    let by_xtask = std::env::var_os(STARTED_BY_XTASK).is_some();
    next_given(&std::env::args_os().collect::<Vec<_>>(), by_xtask, out)
}

fn next_given(arguments: &[OsString], by_xtask: bool, out: &Path) -> NextCommands {
    let words: Vec<String> = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let (program, words) =
        words.split_first().map_or(("scour", &[][..]), |(first, rest)| (first.as_str(), rest));
    let program = if by_xtask { "cargo xtask".to_owned() } else { quoted(program) };
    let line = |words: &[String]| {
        let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        format!("{program} {}", words.join(" "))
    };
    // With `--rerun all` the same words would begin anew.
    let again = without(words, &["--rerun"]);
    let failed: Vec<String> =
        again.iter().cloned().chain(["--rerun".to_owned(), "failed".to_owned()]).collect();
    let out = quoted(&shortest(out));
    NextCommands {
        whole: line(&without(&again, &["--shard", "--filter"])),
        rerun_failed: line(&failed),
        again: line(&again),
        report: (!by_xtask).then(|| format!("cargo xtask report {out}")),
        status: format!("{program} status {out}"),
    }
}

/// The words without these options and their values.
fn without(words: &[String], options: &[&str]) -> Vec<String> {
    let mut kept = vec![];
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if options.contains(&word.as_str()) {
            words.next();
        } else if !options.iter().any(|option| word.starts_with(&format!("{option}="))) {
            kept.push(word.clone());
        }
    }
    kept
}

/// A path relative to the current folder where it lies below it.
fn shortest(path: &Path) -> String {
    let here = std::env::current_dir().and_then(|here| here.canonicalize());
    let below = here.ok().and_then(|here| path.strip_prefix(here).ok().map(Path::to_path_buf));
    match below {
        Some(below) if !below.as_os_str().is_empty() => below.display().to_string(),
        _ => path.display().to_string(),
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(words: &[&str], by_xtask: bool) -> NextCommands {
        next_given(&words.iter().map(OsString::from).collect::<Vec<_>>(), by_xtask, Path::new("/o/a b"))
    }

    #[test]
    fn commands_are_those_of_the_program_that_the_user_started() {
        let own = next(&["/bin/scour", "sweep", "a.yaml", "--filter", "attack=badnets defense=!none"], false);
        assert_eq!(own.again, "/bin/scour sweep a.yaml --filter 'attack=badnets defense=!none'");
        assert_eq!(own.rerun_failed, format!("{} --rerun failed", own.again));
        assert_eq!(own.whole, "/bin/scour sweep a.yaml");
        assert_eq!(own.report.as_deref(), Some("cargo xtask report '/o/a b'"));
        assert_eq!(own.status, "/bin/scour status '/o/a b'");
        let by_xtask = next(&["/t/debug/scour", "sweep", "a.yaml", "--shard=1/2"], true);
        assert_eq!(by_xtask.again, "cargo xtask sweep a.yaml --shard=1/2");
        assert_eq!(by_xtask.whole, "cargo xtask sweep a.yaml");
        assert_eq!((by_xtask.report, by_xtask.status.as_str()), (None, "cargo xtask status '/o/a b'"));
    }

    #[test]
    fn continuing_does_not_begin_anew() {
        for rerun in [&["--rerun", "all"][..], &["--rerun=all"]] {
            let words: Vec<&str> =
                ["scour", "sweep"].into_iter().chain(rerun.iter().copied()).chain(["a.yaml"]).collect();
            let next = next(&words, false);
            assert_eq!(next.again, "scour sweep a.yaml");
            assert_eq!(next.rerun_failed, "scour sweep a.yaml --rerun failed");
        }
    }

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(quoted("train.epochs=2"), "train.epochs=2");
        assert_eq!(quoted("seeds=[0]"), "'seeds=[0]'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
