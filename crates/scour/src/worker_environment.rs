//! Environment variables of workers. Libraries read them when they are loaded, so that they must be set before the process
//! starts.

use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::planning::Failure;

const VARIABLES: [(&str, &str); 2] = [
    // Without it cuBLAS may use algorithms whose last digits differ from run to run.
    ("CUBLAS_WORKSPACE_CONFIG", ":4096:8"),
    // Waiting threads spin for some microseconds only and then yield their core. By default libtorch's OpenMP spins for
    // milliseconds, which slows down everything on a core that is shared (docs/performance.md).
    ("GOMP_SPINCOUNT", "1000"),
];

/// The variables of the OpenMP implementations that control waiting threads. If the user has set one, none is changed.
const WAITING: [&str; 3] = ["GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "KMP_BLOCKTIME"];

/// The variables and values that this process lacks. Variables that the user has set are not changed.
pub(crate) fn missing() -> Vec<(&'static str, &'static str)> {
    missing_given(|name| std::env::var_os(name).is_some())
}

fn missing_given(is_set: impl Fn(&str) -> bool) -> Vec<(&'static str, &'static str)> {
    let is_decided = |name: &str| match WAITING.contains(&name) {
        true => WAITING.iter().any(|variable| is_set(variable)),
        false => is_set(name),
    };
    VARIABLES.into_iter().filter(|(name, _)| !is_decided(name)).collect()
}

/// Ensures that this process, which does the work of a worker, has a worker's environment: if a variable is missing, it starts
/// the program again with the same arguments.
pub(crate) fn ensure() -> Result<(), Failure> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    let cannot =
        |error: std::io::Error| Failure::Environment(format!("cannot start this program again: {error}"));
    let program = std::env::current_exe().map_err(cannot)?;
    // `exec` returns only if it fails.
    Err(cannot(Command::new(program).args(std::env::args_os().skip(1)).envs(missing).exec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(set: &[&str]) -> Vec<&'static str> {
        missing_given(|name| set.contains(&name)).into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn variables_that_the_user_has_set_are_not_changed() {
        assert_eq!(names(&[]), ["CUBLAS_WORKSPACE_CONFIG", "GOMP_SPINCOUNT"]);
        assert_eq!(names(&["CUBLAS_WORKSPACE_CONFIG"]), ["GOMP_SPINCOUNT"]);
        for variable in WAITING {
            assert_eq!(names(&[variable, "HOME"]), ["CUBLAS_WORKSPACE_CONFIG"]);
        }
    }
}
