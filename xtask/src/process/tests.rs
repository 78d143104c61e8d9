//! Programs that succeed, fail, are killed, or do not exist.

use super::*;

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

#[test]
fn exit_codes_are_passed_on() {
    assert_eq!(run(&mut shell("exit 0")).unwrap(), 0);
    assert_eq!(run(&mut shell("exit 100")).unwrap(), 100);
}

#[test]
fn a_signal_is_passed_on_as_a_shell_does() {
    let running = Running::start(Command::new("sleep").arg("60")).unwrap();
    kill_process(Pid::from_child(&running.child), Signal::TERM).unwrap();
    assert_eq!(running.wait().unwrap(), 143);
}

#[test]
fn a_program_that_does_not_exist_is_an_error_with_its_name() {
    let error = run(&mut Command::new("/nonexistent/tool")).unwrap_err();
    assert_eq!(error.to_string(), "cannot run /nonexistent/tool");
    assert!(is_missing(&error));
}

#[test]
fn a_failed_program_determines_the_exit_code() {
    let error = run_or_fail(&mut shell("exit 101")).unwrap_err();
    assert_eq!(crate::failure::exit_code(&error), 101);
}

#[test]
fn the_output_of_a_quiet_program_is_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut command = shell("echo one; echo two >&2; echo three; exit 1");
    assert!(!run_quietly(&mut command, &log, |_| ()).unwrap());
    assert_eq!(last_lines(&log, 2), "two\nthree");
}

#[test]
fn a_log_that_cannot_be_read_is_named() {
    assert!(last_lines(Path::new("/nonexistent/log"), 2).starts_with("(cannot read /nonexistent/log: "));
}

#[test]
fn output_is_trimmed_and_failures_have_a_reason() {
    assert_eq!(output(&mut shell("echo ' 2.11.0 '")).unwrap(), "2.11.0");
    let error = output(&mut shell("echo x; echo why >&2; echo >&2; exit 9")).unwrap_err();
    assert_eq!(error.to_string(), "sh ended with exit code 9: why");
    assert!(!is_missing(&error));
    assert!(is_missing(&output(&mut Command::new("/nonexistent/tool")).unwrap_err()));
}

#[test]
fn the_output_of_a_program_can_be_read_while_it_runs() {
    let mut text = String::new();
    let code = run_reading(&mut shell("echo one; exit 7"), |mut output| {
        io::Read::read_to_string(&mut output, &mut text).map(drop)
    });
    assert_eq!((code.unwrap(), text.as_str()), (7, "one\n"));
}
