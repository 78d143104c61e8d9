//! The status of a sweep as metrics, for a monitoring system that reads them from a file.
//!
//! The text is OpenMetrics 1.0, and just as well Prometheus' older text format, which the textfile collector of its
//! node_exporter reads: every metric is a gauge, since the two formats name counters differently, and `# EOF` is a comment
//! in the older one. Every metric has a fixed set of series, so that none is missing as long as it is 0.

use std::fmt::Write;
use std::path::Path;

use scour_core::{RowStatus, SweepStatus};

use crate::clock::{seconds_between, unix_seconds};

/// One metric: name, what it is, and its samples, each with its labels beside those of the sweep.
struct Metric {
    name: &'static str,
    help: &'static str,
    samples: Vec<(String, f64)>,
}

/// The text of the file. `out` is the folder of results, which tells two sweeps of one experiment apart.
pub(crate) fn text(status: &SweepStatus, out: &Path) -> String {
    let sweep =
        format!("experiment=\"{}\",out=\"{}\"", escaped(&status.name), escaped(&out.display().to_string()));
    let mut text = String::new();
    for Metric { name, help, samples } in metrics(status) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (labels, value) in samples {
            let comma = if labels.is_empty() { "" } else { "," };
            let _ = writeln!(text, "{name}{{{sweep}{comma}{labels}}} {value}");
        }
    }
    text + "# EOF\n"
}

fn metrics(status: &SweepStatus) -> Vec<Metric> {
    let seconds = seconds_between(&status.started, &status.written);
    let images = status.gradient_images as f64;
    let rate = if seconds > 0.0 { images / seconds } else { 0.0 };
    let running = f64::from(u8::from(status.exit.is_none()));
    let of_images = "Images that went forward and backward through models in finished stages.";
    let mut all = vec![
        one("scour_running", "Whether the sweep has not ended, by its own last word.", running),
        one("scour_start_time_seconds", "When the sweep began, in Unix time.", unix_seconds(&status.started)),
        one(
            "scour_heard_time_seconds",
            "When it wrote this file, in Unix time.",
            unix_seconds(&status.written),
        ),
    ];
    all.extend(by_state(status));
    all.push(one("scour_gradient_images", of_images, images));
    all.push(one(
        "scour_images_per_second",
        "Those images by the seconds since the start of the sweep.",
        rate,
    ));
    if let Some(left) = status.time_left {
        let help = "Seconds until the sweep has ended, as expected.";
        all.push(one("scour_time_left_seconds", help, left.seconds));
        let name = "scour_time_left_bound_seconds";
        let help = "The same, two standard deviations less and more.";
        let samples = vec![("bound=\"low\"".into(), left.low), ("bound=\"high\"".into(), left.high)];
        all.push(Metric { name, help, samples });
    }
    if let Some(free) = status.free_mib {
        all.push(one(
            "scour_store_free_bytes",
            "Bytes free where the store lies.",
            free as f64 * 1_048_576.0,
        ));
    }
    if let Some(exit) = status.exit {
        all.push(one("scour_exit_code", "Exit code of the sweep, which has ended.", f64::from(exit)));
    }
    all
}

/// A metric with a single sample.
fn one(name: &'static str, help: &'static str, value: f64) -> Metric {
    Metric { name, help, samples: vec![(String::new(), value)] }
}

/// The counts of cells, stages and workers.
fn by_state(status: &SweepStatus) -> [Metric; 3] {
    let state = |(word, count): (&str, usize)| (format!("state=\"{word}\""), count as f64);
    let ended: usize = status.ended.values().sum();
    let count = |state: &RowStatus| status.ended.get(state).copied().unwrap_or(0);
    let pending = ("pending", status.planned.saturating_sub(ended));
    let cells = RowStatus::ALL.iter().map(|each| (each.word(), count(each))).chain([pending]);
    let busy = status.slots.iter().filter(|slot| slot.stage.is_some()).count();
    let (failed, waiting) = (status.stages_failed, status.stages_waiting);
    let done = status.stages_run.saturating_sub(failed);
    let stages = [("done", done), ("failed", failed), ("running", busy), ("waiting", waiting)];
    let workers = [("busy", busy), ("idle", status.slots.len() - busy)];
    let metric = |name, help, samples| Metric { name, help, samples };
    [
        metric("scour_cells", "Cells and analyses of the plan, by state.", cells.map(state).collect()),
        metric("scour_stages", "Stages of this sweep, by state.", stages.map(state).into()),
        metric("scour_workers", "Workers, by state.", workers.map(state).into()),
    ]
}

/// The value of a label, without what would end it.
fn escaped(text: &str) -> String {
    text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use scour_core::{FileFormat, SlotStatus, TimeLeft};

    fn status() -> SweepStatus {
        SweepStatus {
            version: SweepStatus::VERSION,
            name: "a \"b\" \\c".into(),
            started: "2026-01-02T03:00:00.000Z".into(),
            written: "2026-01-02T03:00:20.000Z".into(),
            exit: None,
            message: None,
            command: None,
            part: None,
            planned: 9,
            ended: BTreeMap::from([(RowStatus::Ok, 3), (RowStatus::Failed, 1)]),
            stages_run: 5,
            stages_failed: 1,
            gradient_images: 3000,
            stages_waiting: 4,
            slots: vec![SlotStatus { name: "cpu".into(), stage: None }],
            time_left: Some(TimeLeft { seconds: 60.5, low: 50.0, high: 71.0 }),
            free_mib: Some(2),
            failures: vec![],
        }
    }

    const EXPECTED: &str = r#"# HELP scour_running Whether the sweep has not ended, by its own last word.
# TYPE scour_running gauge
scour_running{experiment="a \"b\" \\c",out="/r"} 1
# HELP scour_start_time_seconds When the sweep began, in Unix time.
# TYPE scour_start_time_seconds gauge
scour_start_time_seconds{experiment="a \"b\" \\c",out="/r"} 1767322800
# HELP scour_heard_time_seconds When it wrote this file, in Unix time.
# TYPE scour_heard_time_seconds gauge
scour_heard_time_seconds{experiment="a \"b\" \\c",out="/r"} 1767322820
# HELP scour_cells Cells and analyses of the plan, by state.
# TYPE scour_cells gauge
scour_cells{experiment="a \"b\" \\c",out="/r",state="ok"} 3
scour_cells{experiment="a \"b\" \\c",out="/r",state="not_implanted"} 0
scour_cells{experiment="a \"b\" \\c",out="/r",state="collapsed"} 0
scour_cells{experiment="a \"b\" \\c",out="/r",state="not_evaluated"} 0
scour_cells{experiment="a \"b\" \\c",out="/r",state="n/a"} 0
scour_cells{experiment="a \"b\" \\c",out="/r",state="failed"} 1
scour_cells{experiment="a \"b\" \\c",out="/r",state="pending"} 5
# HELP scour_stages Stages of this sweep, by state.
# TYPE scour_stages gauge
scour_stages{experiment="a \"b\" \\c",out="/r",state="done"} 4
scour_stages{experiment="a \"b\" \\c",out="/r",state="failed"} 1
scour_stages{experiment="a \"b\" \\c",out="/r",state="running"} 0
scour_stages{experiment="a \"b\" \\c",out="/r",state="waiting"} 4
# HELP scour_workers Workers, by state.
# TYPE scour_workers gauge
scour_workers{experiment="a \"b\" \\c",out="/r",state="busy"} 0
scour_workers{experiment="a \"b\" \\c",out="/r",state="idle"} 1
# HELP scour_gradient_images Images that went forward and backward through models in finished stages.
# TYPE scour_gradient_images gauge
scour_gradient_images{experiment="a \"b\" \\c",out="/r"} 3000
# HELP scour_images_per_second Those images by the seconds since the start of the sweep.
# TYPE scour_images_per_second gauge
scour_images_per_second{experiment="a \"b\" \\c",out="/r"} 150
# HELP scour_time_left_seconds Seconds until the sweep has ended, as expected.
# TYPE scour_time_left_seconds gauge
scour_time_left_seconds{experiment="a \"b\" \\c",out="/r"} 60.5
# HELP scour_time_left_bound_seconds The same, two standard deviations less and more.
# TYPE scour_time_left_bound_seconds gauge
scour_time_left_bound_seconds{experiment="a \"b\" \\c",out="/r",bound="low"} 50
scour_time_left_bound_seconds{experiment="a \"b\" \\c",out="/r",bound="high"} 71
# HELP scour_store_free_bytes Bytes free where the store lies.
# TYPE scour_store_free_bytes gauge
scour_store_free_bytes{experiment="a \"b\" \\c",out="/r"} 2097152
# EOF
"#;

    #[test]
    fn the_metrics_are_those_of_the_status() {
        assert_eq!(text(&status(), Path::new("/r")), EXPECTED);
        let ended = SweepStatus { exit: Some(100), time_left: None, ..status() };
        let text = text(&ended, Path::new("/r"));
        assert!(text.contains("\nscour_running{experiment=\"a \\\"b\\\" \\\\c\",out=\"/r\"} 0\n"), "{text}");
        assert!(text.contains(",out=\"/r\"} 100\n# EOF\n"), "{text}");
    }

    /// The labels of a sample, with escapes resolved.
    fn labels(mut text: &str) -> BTreeMap<String, String> {
        let mut labels = BTreeMap::new();
        while !text.is_empty() {
            let (name, rest) = text.split_once("=\"").unwrap();
            let mut value = String::new();
            let mut characters = rest.char_indices();
            let end = loop {
                match characters.next().unwrap() {
                    (end, '"') => break end,
                    (_, '\\') => value.push(match characters.next().unwrap().1 {
                        'n' => '\n',
                        other => other,
                    }),
                    (_, other) => value.push(other),
                }
            };
            assert!(labels.insert(name.to_string(), value).is_none(), "{name} twice");
            text = rest[end + 1..].strip_prefix(',').unwrap_or(&rest[end + 1..]);
        }
        labels
    }

    #[test]
    fn the_text_is_valid() {
        let with_line_break = SweepStatus { name: "a\nb".into(), exit: Some(0), ..status() };
        for status in [status(), with_line_break] {
            let text = text(&status, Path::new("/r"));
            let body = text.strip_suffix("# EOF\n").unwrap();
            let (mut types, mut samples) = (BTreeSet::new(), BTreeSet::new());
            let (mut help, mut current) = (String::new(), String::new());
            for line in body.lines() {
                if let Some(rest) = line.strip_prefix("# HELP ") {
                    help = rest.split_once(' ').unwrap().0.into();
                } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                    let (name, kind) = rest.split_once(' ').unwrap();
                    assert_eq!((name, kind), (help.as_str(), "gauge"), "HELP and TYPE stand together");
                    assert!(types.insert(name.to_string()), "{name} stands in one place");
                    current = name.into();
                } else {
                    let (name, rest) = line.split_once('{').unwrap();
                    let (inside, value) = rest.rsplit_once("} ").unwrap();
                    assert_eq!(name, current, "a sample follows its TYPE");
                    assert!(name.starts_with("scour_"));
                    assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
                    let labels = labels(inside);
                    assert_eq!(labels["experiment"], status.name);
                    assert!(value.parse::<f64>().unwrap().is_finite());
                    assert!(samples.insert((name.to_string(), labels)), "{line} twice");
                }
            }
            let with_samples: BTreeSet<String> = samples.into_iter().map(|(name, _)| name).collect();
            assert_eq!(with_samples, types);
        }
    }
}
