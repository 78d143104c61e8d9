//! What `cargo xtask test` does with its arguments, and its summary.

use super::*;
use crate::arguments::tests::words;

fn project() -> Project {
    Project::here().unwrap()
}

fn passed(list: &[&str]) -> Vec<OsString> {
    cargo_test(&project(), &words(list)).get_args().map(OsString::from).collect()
}

#[test]
fn fast_is_an_option_of_xtask_and_the_rest_is_passed_on() {
    assert_eq!(
        split_fast(&words(&["nwc", "--fast", "--", "--ignored"])),
        (true, words(&["nwc", "--", "--ignored"]))
    );
    assert_eq!(split_fast(&words(&["--", "--fast"])), (false, words(&["--", "--fast"])));
}

#[test]
fn a_named_package_replaces_the_workspace() {
    assert!(names_package(&words(&["-p", "scour-core"])));
    assert!(names_package(&words(&["--package=scour-core"])));
    assert!(!names_package(&words(&["--profile", "dev", "--", "-p"])));
}

#[test]
fn no_option_is_given_to_cargo_twice() {
    assert_eq!(passed(&["nwc"]), words(&["test", "--no-fail-fast", "--workspace", "nwc"]));
    assert_eq!(passed(&["--no-fail-fast", "-p", "xtask"]), words(&["test", "--no-fail-fast", "-p", "xtask"]));
    assert_eq!(passed(&["--workspace"]), words(&["test", "--no-fail-fast", "--workspace"]));
}

#[test]
fn cargo_refuses_wrong_options_before_anything_is_built() {
    assert!(check_arguments(&project(), &words(&["nwc", "--lib", "--", "--ignored", "--nonsense"])).is_ok());
    let error = check_arguments(&project(), &words(&["--no-fail-fst"])).unwrap_err();
    assert_eq!(crate::failure::exit_code(&error), 2);
    let message = error.to_string();
    assert!(message.contains("--fast") && message.contains("exists: '--no-fail-fast'"), "{message}");
}

#[test]
fn the_summary_names_what_failed() {
    let steps = [
        Step { name: "formatting", code: 1, time: Duration::from_secs(1) },
        Step { name: "tests", code: 0, time: Duration::from_secs(40) },
    ];
    let line = summary(&steps, &Counts::default());
    assert_eq!(line, "\n0 passed, 0 failed, 0 ignored; formatting FAILED (1.0 s), tests ok (40 s)");
}

#[test]
fn tests_and_sweeps_run_what_was_built_with_clippy() {
    let build = lint_settings(Path::new("/toolchain/bin/clippy-driver"));
    let config = build.config;
    let project = Project { build, ..project() };
    for command in [lint(&project), cargo_test(&project, &[]), project.cargo()] {
        let driver = command.get_envs().find(|(name, _)| *name == "RUSTC_WORKSPACE_WRAPPER");
        assert_eq!(driver.and_then(|(_, value)| value), Some("/toolchain/bin/clippy-driver".as_ref()));
        let given = command.get_args().filter(|word| *word == "--config").count();
        assert!(given == config.len() && given > 0, "{:?}", command.get_args().collect::<Vec<_>>());
    }
}
