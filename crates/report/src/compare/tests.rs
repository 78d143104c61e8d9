use std::path::Path;

use super::*;

const RESULTS: &str = include_str!("../../tests/fixture/results.csv");
const EXPERIMENT: &str = include_str!("../../tests/fixture/experiment.json");

/// Two folders, `one` and `two`. The second has other settings, an attack less, a seed more and another number format; one
/// cell of it failed, and the ASR of another differs.
fn runs() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let written = |name: &str, results: &str, experiment: &str| {
        let folder = dir.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("results.csv"), results).unwrap();
        std::fs::write(folder.join("experiment.json"), experiment).unwrap();
    };
    written("one", RESULTS, EXPERIMENT);
    let mut rows = rows(RESULTS);
    rows.retain(|row| row.attack != "sig");
    for row in &mut rows {
        row.precision = "bf16".into();
        match (row.attack.as_str(), row.defense.as_str(), row.seed) {
            ("badnets", "tsbd", 0) => (row.asr, row.der) = (Some(36.0), Some(78.0)),
            ("wanet", "clp", 1) => {
                row.status = scour_core::RowStatus::Failed;
                row.reason = "oom: the GPU is full".into();
                (row.acc, row.asr, row.ra, row.der) = (None, None, None, None);
            }
            _ => {}
        }
    }
    let more = scour_core::ResultRow { seed: 7, ..rows[0].clone() };
    rows.push(more);
    let text = String::from_utf8(scour_core::write_results(&rows).unwrap()).unwrap();
    let experiment = EXPERIMENT.replace("\"epochs\": 12", "\"epochs\": 20");
    assert_ne!(experiment, EXPERIMENT);
    written("two", &text, &experiment);
    dir
}

fn rows(text: &str) -> Vec<scour_core::ResultRow> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("results.csv"), text).unwrap();
    scour_core::read_results(&dir.path().join("results.csv")).unwrap()
}

fn read(dir: &Path, name: &str) -> String {
    std::fs::read_to_string(dir.join("one/report/compare-two").join(name)).unwrap()
}

#[test]
fn two_runs_are_compared_cell_by_cell() {
    let dir = runs();
    let written = write_comparison(&dir.path().join("one"), &dir.path().join("two"), 2).unwrap();
    assert_eq!(written.index, dir.path().join("one/report/compare-two/compare.html"));
    insta::assert_snapshot!("compare.md", read(dir.path(), "compare.md"));
    insta::assert_snapshot!("compare.csv", read(dir.path(), "compare.csv"));
    let html = read(dir.path(), "compare.html");
    for expected in
        ["train.epochs", "<td>ok → failed</td>", "oom: the GPU is full", "<td class=\"right\">+32.00</td>"]
    {
        assert!(html.contains(expected), "{expected}: {html}");
    }
    for outside in ["src=\"http", "href=\"http", "<link", "@import", "url("] {
        assert!(!html.contains(outside), "{outside}");
    }
}

#[test]
fn a_folder_without_results_is_named() {
    let dir = runs();
    let one = dir.path().join("one");
    let message = |other: &str| write_comparison(&one, &dir.path().join(other), 2).unwrap_err().to_string();
    assert!(
        message("gone").contains("gone: no such folder: name a folder that a sweep wrote"),
        "{}",
        message("gone")
    );
    assert!(message("one/results.csv").contains("no such folder"));
    std::fs::create_dir(dir.path().join("empty")).unwrap();
    assert!(message("empty").contains("results.csv: no such file"), "{}", message("empty"));
    assert!(message("two/../one").contains("the same folder twice"));
    assert!(!one.join("report").exists(), "nothing is written");
}

#[test]
fn runs_without_a_common_cell_or_settings_say_so() {
    let dir = runs();
    let (one, two) = (dir.path().join("one"), dir.path().join("two"));
    std::fs::write(two.join("results.csv"), RESULTS.replace("cifar10", "signs")).unwrap();
    std::fs::remove_file(two.join("experiment.json")).unwrap();
    let written = write_comparison(&one, &two, 2).unwrap();
    assert!(
        written.warnings.iter().any(|warning| warning.contains("no cell is in both runs")),
        "{:?}",
        written.warnings
    );
    let markdown = read(dir.path(), "compare.md");
    assert!(markdown.contains("so that the settings cannot be compared"), "{markdown}");
}
