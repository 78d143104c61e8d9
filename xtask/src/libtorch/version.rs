//! Which libtorch a folder holds, and whether the pinned tch takes it.

use std::fs;
use std::path::Path;

use super::{TCH, VERSION};

/// The version that a libtorch folder states, such as `2.11.0+cu130`.
///
/// An unpacked libtorch has a file `build-version`, a Python package a `version.py`, a distribution's package
/// only the header.
pub(crate) fn of_folder(folder: &Path) -> Option<String> {
    if let Ok(text) = fs::read_to_string(folder.join("build-version")) {
        return Some(text.trim().to_owned());
    }
    if let Ok(text) = fs::read_to_string(folder.join("version.py")) {
        return of_python(&text);
    }
    of_header(&fs::read_to_string(folder.join("include/torch/csrc/api/include/torch/version.h")).ok()?)
}

fn of_python(text: &str) -> Option<String> {
    let line = text.lines().find_map(|line| line.strip_prefix("__version__ = "))?;
    Some(line.trim().trim_matches(['\'', '"']).to_owned())
}

fn of_header(text: &str) -> Option<String> {
    let number = |part: &str| {
        let line =
            text.lines().find_map(|line| line.strip_prefix(&format!("#define TORCH_VERSION_{part} ")))?;
        line.trim().parse::<u32>().ok()
    };
    Some(format!("{}.{}.{}", number("MAJOR")?, number("MINOR")?, number("PATCH")?))
}

/// Refuses a libtorch that the pinned tch does not compile against.
///
/// Patch releases keep their interface, so any 2.11 passes here. torch-sys itself is stricter where it reads the
/// version (`build-version`, or Python's PyTorch), which `strict` stands for.
///
/// # Errors
/// One line with the version found, the version wanted and the way out.
pub(crate) fn check(found: Option<&str>, strict: bool, place: &str) -> Result<(), String> {
    let way_out = format!(
        "tch {TCH} needs {VERSION}. Unset LIBTORCH and LIBTORCH_USE_PYTORCH and remove the link .libtorch to let \
         `cargo xtask setup` install it, \
         or set LIBTORCH_BYPASS_VERSION_CHECK=1 to try all the same"
    );
    let Some(version) = found else {
        return Err(format!("the libtorch in {place} does not tell its version; {way_out}"));
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
    use super::*;

    #[test]
    fn each_kind_of_folder_tells_its_version() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(of_folder(folder.path()), None);

        let header = folder.path().join("include/torch/csrc/api/include/torch");
        fs::create_dir_all(&header).unwrap();
        let text =
            "#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR 10\n#define TORCH_VERSION_PATCH 1\n";
        fs::write(header.join("version.h"), text).unwrap();
        assert_eq!(of_folder(folder.path()).as_deref(), Some("2.10.1"));

        fs::write(folder.path().join("version.py"), "debug = False\n__version__ = '2.11.0+cu130'\n").unwrap();
        assert_eq!(of_folder(folder.path()).as_deref(), Some("2.11.0+cu130"));

        fs::write(folder.path().join("build-version"), "2.11.0+cpu\n").unwrap();
        assert_eq!(of_folder(folder.path()).as_deref(), Some("2.11.0+cpu"));
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
    fn where_torch_sys_is_stricter_so_are_we() {
        assert!(check(Some("2.11.1"), true, "x").is_err());
    }

    #[test]
    fn a_silent_folder_is_not_taken_on_trust() {
        assert!(check(None, false, "x").unwrap_err().contains("does not tell"));
    }
}
