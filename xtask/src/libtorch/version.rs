//! The version of a libtorch, and whether it fits the pinned tch.

use std::path::Path;

use super::{TCH, VERSION};
use crate::files;

/// The version that a libtorch folder states, such as `2.11.0+cu130`.
///
/// An unpacked libtorch has a file `build-version`, a Python package `version.py`, a distribution's package only the
/// header. `None` if there is none of them, or no version in it.
pub(crate) fn of_folder(folder: &Path) -> anyhow::Result<Option<String>> {
    if let Some(text) = files::read_if_present(&folder.join("build-version"))? {
        return Ok(Some(text.trim().to_owned()));
    }
    if let Some(text) = files::read_if_present(&folder.join("version.py"))? {
        return Ok(of_python(&text));
    }
    let header = files::read_if_present(&folder.join("include/torch/csrc/api/include/torch/version.h"))?;
    Ok(header.and_then(|text| of_header(&text)))
}

fn of_python(text: &str) -> Option<String> {
    let line = text.lines().find_map(|line| line.strip_prefix("__version__ = "))?;
    Some(line.trim().trim_matches(['\'', '"']).to_owned())
}

fn of_header(text: &str) -> Option<String> {
    let number = |part: &str| {
        let line =
            text.lines().find_map(|line| line.strip_prefix(&format!("#define TORCH_VERSION_{part} ")))?;
        Some(line.trim().to_owned())
    };
    Some(format!("{}.{}.{}", number("MAJOR")?, number("MINOR")?, number("PATCH")?))
}

/// Refuses a libtorch that the pinned tch does not compile against.
///
/// Patch releases have the same interface, so any 2.11 passes, unless `strict`. torch-sys itself is strict if it reads the
/// version, from `build-version` or from Python's PyTorch.
///
/// # Errors
/// One line with the version that was found, the one that is needed, and the way out.
pub(crate) fn check(found: Option<&str>, strict: bool, place: &str) -> Result<(), String> {
    let way_out = format!(
        "tch {TCH} needs {VERSION}. Unset LIBTORCH and LIBTORCH_USE_PYTORCH and remove the link .libtorch to let \
         `cargo xtask setup` install it, \
         or set LIBTORCH_BYPASS_VERSION_CHECK=1 to try it anyway"
    );
    let Some(version) = found else {
        return Err(format!("the libtorch in {place} has no file that gives its version; {way_out}"));
    };
    let number = version.split('+').next().unwrap_or(version);
    let fits = number == VERSION || (!strict && minor(number) == minor(VERSION));
    if fits { Ok(()) } else { Err(format!("the libtorch in {place} is {version}; {way_out}")) }
}

fn minor(version: &str) -> Option<(&str, &str)> {
    let mut parts = version.split('.');
    Some((parts.next()?, parts.next()?))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn each_kind_of_folder_has_its_version() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(of_folder(folder.path()).unwrap(), None);

        let header = folder.path().join("include/torch/csrc/api/include/torch");
        fs::create_dir_all(&header).unwrap();
        let text =
            "#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR 10\n#define TORCH_VERSION_PATCH 1\n";
        fs::write(header.join("version.h"), text).unwrap();
        assert_eq!(of_folder(folder.path()).unwrap().as_deref(), Some("2.10.1"));

        fs::write(folder.path().join("version.py"), "debug = False\n__version__ = '2.11.0+cu130'\n").unwrap();
        assert_eq!(of_folder(folder.path()).unwrap().as_deref(), Some("2.11.0+cu130"));

        fs::write(folder.path().join("build-version"), "2.11.0+cpu\n").unwrap();
        assert_eq!(of_folder(folder.path()).unwrap().as_deref(), Some("2.11.0+cpu"));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_an_error_and_no_unknown_version() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("version.py")).unwrap();
        let error = of_folder(folder.path()).unwrap_err();
        assert!(error.to_string().ends_with("version.py"), "{error}");
    }

    #[test]
    fn only_the_paired_version_passes() {
        assert_eq!(check(Some("2.11.0+cu130"), true, "x"), Ok(()));
        assert_eq!(check(Some("2.11.0"), true, "x"), Ok(()));
        assert_eq!(check(Some("2.11.1"), false, "x"), Ok(()));
        for refused in ["2.10.0", "2.1.0", "2.110.0", "3.11.0", "2.12.0+cpu"] {
            let line = check(Some(refused), false, "/opt/libtorch").unwrap_err();
            assert!(
                line.contains(refused) && line.contains("/opt/libtorch") && line.contains("BYPASS"),
                "{line}"
            );
        }
    }

    #[test]
    fn where_torch_sys_is_strict_so_is_this() {
        assert!(check(Some("2.11.1"), true, "x").is_err());
    }

    #[test]
    fn an_unknown_version_is_refused() {
        assert!(check(None, false, "x").unwrap_err().contains("has no file that gives its version"));
    }
}
