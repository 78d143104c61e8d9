//! Environment variables under which workers run. Libraries read them when they are loaded, so that they must be there
//! before a process starts.

use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::planning::Failure;

const VARIABLES: [(&str, &str); 2] = [
    // Without it cuBLAS chooses among algorithms that differ in the last digit from run to run.
    ("CUBLAS_WORKSPACE_CONFIG", ":4096:8"),
    // Threads that wait for the others of their process spin for some microseconds and then give their core away, where
    // libtorch's OpenMP would spin for milliseconds: a core that something else wants too is then mostly lost to both
    // (docs/performance.md).
    ("GOMP_SPINCOUNT", "1000"),
];

/// What the user may have said of waiting threads, in the words of any OpenMP.
const WAITING: [&str; 3] = ["GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "KMP_BLOCKTIME"];

/// Those that this process lacks. What the user has set stays as it is.
pub(crate) fn missing() -> Vec<(&'static str, &'static str)> {
    missing_given(|name| std::env::var_os(name).is_some())
}

fn missing_given(is_set: impl Fn(&str) -> bool) -> Vec<(&'static str, &'static str)> {
    let decided = |name: &str| match WAITING.contains(&name) {
        true => WAITING.iter().any(|word| is_set(word)),
        false => is_set(name),
    };
    VARIABLES.into_iter().filter(|(name, _)| !decided(name)).collect()
}

/// Gives this process, which is to do what a worker does, a worker's environment: starts the program anew where it lacks
/// any of it.
pub(crate) fn take() -> Result<(), Failure> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    let cannot =
        |error: std::io::Error| Failure::Environment(format!("cannot start this program anew: {error}"));
    let program = std::env::current_exe().map_err(cannot)?;
    // Returns only where it fails.
    Err(cannot(Command::new(program).args(std::env::args_os().skip(1)).envs(missing).exec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(set: &[&str]) -> Vec<&'static str> {
        missing_given(|name| set.contains(&name)).into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn what_the_user_has_set_is_left_alone() {
        assert_eq!(names(&[]), ["CUBLAS_WORKSPACE_CONFIG", "GOMP_SPINCOUNT"]);
        assert_eq!(names(&["CUBLAS_WORKSPACE_CONFIG"]), ["GOMP_SPINCOUNT"]);
        for word in WAITING {
            assert_eq!(names(&[word, "HOME"]), ["CUBLAS_WORKSPACE_CONFIG"]);
        }
    }
}
