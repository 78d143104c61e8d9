//! `scour bench` measures both paths, says so in one line, and refuses what it cannot measure. With `--all` it says what
//! there was no time for.

#[allow(dead_code, reason = "each test program uses its share")]
mod common;

use common::{run, text};

const SMALL: [&str; 13] = [
    "bench",
    "--model",
    "preact_resnet10",
    "--width",
    "2",
    "--size",
    "16",
    "--batch",
    "4",
    "--threads",
    "1",
    "--seconds",
    "0.05",
];

#[test]
fn each_path_has_its_line_of_json() {
    let dir = tempfile::tempdir().unwrap();
    let options: [(&str, &[&str]); 3] =
        [("sweep", &[]), ("step", &["--path", "step"]), ("sweep", &["--precision", "bf16"])];
    for (path, options) in options {
        let output = run(dir.path(), &[&SMALL[..], options, &["--json"]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        let line: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(line["path"], path);
        assert_eq!(line["size"], 16);
        assert_eq!(line["device"], "cpu");
        assert!(line["images_per_second"].as_f64().unwrap() > 0.0, "{line}");
        if options.contains(&"bf16") {
            assert_eq!(line["precision"], "bf16");
        }
    }
}

#[test]
fn tf32_on_a_cpu_is_fp32_and_called_so() {
    let dir = tempfile::tempdir().unwrap();
    let output = run(dir.path(), &[&SMALL[..], &["--precision", "tf32"]].concat());
    let text = text(&output);
    assert!(
        text.contains("sweep path") && text.contains("fp32") && text.contains("images a second"),
        "{text}"
    );
}

#[test]
fn unknown_names_and_devices_end_with_2() {
    let dir = tempfile::tempdir().unwrap();
    for (options, part) in [
        (["--model", "preact_resnet81"], "did you mean `preact_resnet18`"),
        (["--device", "cuda:97"], "cuda:97"),
        (["--width", "0"], "`width` must be in [1, 1024]"),
    ] {
        let output = run(dir.path(), &[&["bench"][..], &options].concat());
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
        assert!(text(&output).contains(part), "`{part}` is not in: {}", text(&output));
    }
}

#[test]
fn all_of_it_without_time_is_an_error_that_names_what_was_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let options = ["--all", "--tiny", "--device", "cpu", "--minutes", "0.001", "--out", "out"];
    let output = run(dir.path(), &[&["bench"][..], &options].concat());
    let text = text(&output);
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("nothing could be measured"), "{text}");
    for left_out in [
        "- scour, sweep path, fp32, batch 32: no time left",
        "- the attacked model and TSBD: no time left",
        "- 1 worker at a time: no time left",
        "- PyTorch: no --python was given",
    ] {
        assert!(text.contains(left_out), "`{left_out}` is not in: {text}");
    }
    let file = std::fs::read(dir.path().join("out/gpu.json")).unwrap();
    let found: serde_json::Value = serde_json::from_slice(&file).unwrap();
    assert_eq!(found["tiny"], true);
    assert!(found["speeds"].as_array().unwrap().is_empty() && found["projection"].is_null(), "{found}");
}
