//! Reads the output of a program.

use std::process::Output;

pub(crate) fn lines(bytes: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(bytes).lines().map(String::from).collect()
}

/// The only error line on standard error.
pub(crate) fn error(output: &Output) -> String {
    let errors: Vec<String> =
        lines(&output.stderr).into_iter().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{:?}", lines(&output.stderr));
    errors[0].clone()
}
