//! The Python that libtorch is installed with.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use super::VERSION;
use crate::failure::environment;
use crate::{machine, process};

/// The Pythons for which this libtorch is published, as minor versions of Python 3.
const SUPPORTED: std::ops::RangeInclusive<u32> = 10..=14;

/// The Python of a virtual environment.
pub(super) fn of_venv(venv: &Path) -> PathBuf {
    venv.join("bin/python")
}

/// A Python for which this libtorch is published: SCOUR_PYTHON, `python3`, or a name with a version.
pub(super) fn find() -> anyhow::Result<String> {
    if let Some(named) = machine::variable("SCOUR_PYTHON")? {
        return match minor_version(&named) {
            Ok(minor) if SUPPORTED.contains(&minor) => Ok(named),
            Ok(minor) => Err(unsuitable(&format!("SCOUR_PYTHON={named} is Python 3.{minor}"))),
            Err(error) => {
                Err(unsuitable(&format!("SCOUR_PYTHON={named} does not run as Python 3 ({error:#})")))
            }
        };
    }
    let problem = match minor_version("python3") {
        Ok(minor) if SUPPORTED.contains(&minor) => return Ok("python3".to_owned()),
        Ok(minor) => format!("python3 is Python 3.{minor}"),
        Err(error) => format!("python3 does not run ({error:#})"),
    };
    let mut versioned = SUPPORTED.rev().map(|minor| format!("python3.{minor}"));
    let usable = |name: &String| minor_version(name).is_ok_and(|minor| SUPPORTED.contains(&minor));
    versioned.find(usable).ok_or_else(|| unsuitable(&problem))
}

fn unsuitable(problem: &str) -> anyhow::Error {
    environment(format!(
        "{problem}, and libtorch {VERSION} is installed with Python 3.{} to 3.{}: install one (Debian and Ubuntu: \
         `apt-get install python3 python3-venv`) and, if it is not `python3`, name it in SCOUR_PYTHON; or name a \
         libtorch of your own in LIBTORCH",
        SUPPORTED.start(),
        SUPPORTED.end()
    ))
}

/// The 12 of Python 3.12.
fn minor_version(name: &str) -> anyhow::Result<u32> {
    let script = "import sys; print(*sys.version_info[:2])";
    let text = process::output(Command::new(name).args(["-c", script]))?;
    let minor = text.strip_prefix("3 ").with_context(|| format!("`{name}` is Python {text}"))?;
    minor.parse().with_context(|| format!("`{name}` gives the version `{text}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_python_3_is_refused_with_the_reason() {
        let error = minor_version("/nonexistent/python").unwrap_err();
        assert!(process::is_missing(&error), "{error:#}");
        assert!(minor_version("echo").is_err());
    }

    #[test]
    fn the_message_names_the_versions_and_the_ways_out() {
        let message = unsuitable("python3 is Python 3.9").to_string();
        assert!(
            message.starts_with(
                "python3 is Python 3.9, and libtorch 2.11.0 is installed with Python 3.10 to 3.14"
            )
        );
        assert!(message.contains("SCOUR_PYTHON") && message.contains("LIBTORCH"));
    }
}
