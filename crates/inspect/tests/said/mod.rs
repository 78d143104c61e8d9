//! What a script sees of a program: lines, and the one line of an error.

use std::process::Output;

pub(crate) fn lines(bytes: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(bytes).lines().map(String::from).collect()
}

/// The one line of an error.
pub(crate) fn error(output: &Output) -> String {
    let said: Vec<String> =
        lines(&output.stderr).into_iter().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(said.len(), 1, "{:?}", lines(&output.stderr));
    said[0].clone()
}
