//! Versions that are known when this crate is built: that of tch, from Cargo.lock, and that of the compiler.

use std::path::Path;
use std::process::Command;

/// Passes them to the crate as environment variables at compile time.
pub(crate) fn export() {
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
    println!("cargo::rerun-if-changed={}", lock.display());
    let text = std::fs::read_to_string(&lock).unwrap_or_default();
    let mut lines = text.lines().skip_while(|line| *line != "name = \"tch\"");
    let version = lines.nth(1).and_then(|line| line.strip_prefix("version = \"")?.strip_suffix('"'));
    println!("cargo::rustc-env=SCOUR_TCH_VERSION={}", version.unwrap_or("unknown"));
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    println!("cargo::rustc-env=SCOUR_RUSTC_VERSION={}", text.split_whitespace().nth(1).unwrap_or("unknown"));
}
