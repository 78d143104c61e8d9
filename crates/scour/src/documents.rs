//! `scour list`, `scour describe` and `scour docs`: what the registry says.

use std::io::ErrorKind;
use std::path::Path;

use scour_core::{ExitCode, write_atomically};
use scour_methods::Registry;

use crate::args::DocsArgs;
use crate::output::{give_up, say};

/// Prints every registered name.
pub(crate) fn list(methods: &Registry) -> ExitCode {
    print(scour_methods::list(methods))
}

/// Prints what is known of one method.
pub(crate) fn describe(methods: &Registry, name: &str) -> ExitCode {
    print(scour_methods::describe(methods, name))
}

fn print(text: Result<String, scour_core::ParamError>) -> ExitCode {
    match text {
        Ok(text) => {
            say(text.trim_end());
            ExitCode::Done
        }
        Err(error) => give_up(error, ExitCode::Config),
    }
}

/// Writes the generated documents, or with `--check` compares them.
pub(crate) fn docs(methods: &Registry, args: &DocsArgs) -> ExitCode {
    let readme = args.root.join("README.md");
    let readme = match std::fs::read_to_string(&readme) {
        Ok(text) => text,
        Err(error) => {
            return give_up(
                format_args!("{}: {error}: --root names the repository's root", readme.display()),
                ExitCode::Environment,
            );
        }
    };
    let documents = match scour_methods::documents(methods, &readme) {
        Ok(documents) => documents,
        Err(error) => return give_up(error, ExitCode::Environment),
    };
    let mut outdated = 0;
    for (path, text) in documents {
        match bring_up_to_date(&args.root.join(&path), &text, args.check) {
            Ok(false) => {}
            Ok(true) => {
                outdated += 1;
                say(format_args!("{} {path}", if args.check { "out of date" } else { "written" }));
            }
            Err(error) => return give_up(format_args!("{path}: {error}"), ExitCode::Environment),
        }
    }
    if args.check && outdated > 0 { ExitCode::Incomplete } else { ExitCode::Done }
}

/// Whether the file was different. It is written unless `check` is set.
fn bring_up_to_date(path: &Path, text: &str, check: bool) -> std::io::Result<bool> {
    match std::fs::read_to_string(path) {
        Ok(now) if now == text => return Ok(false),
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    if !check {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        write_atomically(path, text.as_bytes())?;
    }
    Ok(true)
}
