//! The findings as tables for a terminal.

use super::findings::{Findings, Projection, Side, Speed};
use super::projection::counts;

/// All tables, and a list of what was not measured.
pub(super) fn text(findings: &Findings) -> String {
    let mut text = format!(
        "\n{}, {}, {} threads, {}; `precision: auto` is {} on this device\n\nPreAct-ResNet18 of width {}, 32x32, training\n\n",
        findings.device,
        findings.processor,
        findings.threads,
        findings.versions,
        findings.auto,
        findings.width
    );
    text += &speeds(findings);
    text += &side_by_side(findings);
    text += &attacked(findings);
    text += &findings.projection.as_ref().map(projection).unwrap_or_default();
    if !findings.left_out.is_empty() {
        text += "Not measured:\n\n";
        findings.left_out.iter().for_each(|line| text += &format!("- {line}\n"));
        text += "\n";
    }
    text + &format!("{:.0} s in total", findings.seconds)
}

/// A row for each batch size and number format, with both paths of scour and PyTorch's step.
fn speeds(findings: &Findings) -> String {
    let mut rows: Vec<(u32, &str)> = vec![];
    for speed in &findings.speeds {
        let row = (speed.batch, speed.precision.as_str());
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "| batch | format | scour, sweep path | scour, step | PyTorch eager | step / eager | PyTorch tuned \
         | step / tuned |\n|---|---|---|---|---|---|---|---|\n",
    );
    for (batch, precision) in rows {
        let find = |side, path| findings.speed(side, path, precision, batch);
        let (step, eager, tuned) =
            (find(Side::Scour, "step"), find(Side::Eager, "step"), find(Side::Tuned, "step"));
        text += &format!(
            "| {batch} | {precision} | {} | {} | {} | {} | {} | {} |\n",
            show(find(Side::Scour, "sweep")),
            show(step),
            show(eager),
            ratio(step, eager),
            show(tuned),
            ratio(step, tuned)
        );
    }
    text + "\nImages a second.\n\n"
}

fn show(speed: Option<&Speed>) -> String {
    let Some(speed) = speed else { return "-".into() };
    let mark = if speed.compiled == Some(false) { ", not compiled" } else { "" };
    format!("{:.0}{mark}", speed.images_per_second)
}

fn ratio(ours: Option<&Speed>, theirs: Option<&Speed>) -> String {
    match (ours, theirs) {
        (Some(ours), Some(theirs)) => format!("{:.2}", ours.images_per_second / theirs.images_per_second),
        _ => "-".into(),
    }
}

fn side_by_side(findings: &Findings) -> String {
    let Some(best) = findings.best_side_by_side() else { return String::new() };
    let one = findings.side_by_side.iter().find(|found| found.workers == 1);
    let mut text = String::from(
        "| workers at a time | images a second in total | relative to one worker |\n|---|---|---|\n",
    );
    for found in &findings.side_by_side {
        let relative =
            one.map_or("-".into(), |one| format!("{:.2}", found.images_per_second / one.images_per_second));
        text += &format!("| {} | {:.0} | {relative} |\n", found.workers, found.images_per_second);
    }
    text + &format!("\nFastest: --jobs-per-device {}.\n\n", best.workers)
}

fn attacked(findings: &Findings) -> String {
    let Some(attacked) = &findings.attacked else { return String::new() };
    let mut text = format!(
        "BadNets on {}: {:.0} s with start and evaluation\n\n| defense | ACC | ASR | seconds | format | status |\n\
         |---|---|---|---|---|---|\n",
        attacked.setting, attacked.seconds
    );
    let number = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.1}"));
    for row in &attacked.rows {
        text += &format!(
            "| {} | {} | {} | {} | {} | {} |\n",
            row.defense,
            number(row.acc),
            number(row.asr),
            number(row.seconds),
            row.precision,
            row.status
        );
    }
    text + "\n"
}

fn projection(projection: &Projection) -> String {
    let [attacked, in_paper, all] = counts();
    format!(
        "Projection for CIFAR-10 with published settings and full width, in hours: {attacked} attacked models and a clean one \
         {}; with the {in_paper} defenses of experiments/paper.yaml {}, with all {all} {}; with the paper's three seeds and {} \
         at a time {}.\n{}\n\n",
        hours(projection.trainings),
        hours(projection.paper),
        hours(projection.all_defenses),
        if projection.workers == 1 { "1 worker".into() } else { format!("{} workers", projection.workers) },
        hours(projection.paper_with_seeds),
        projection.note
    )
}

fn hours(hours: f64) -> String {
    if hours < 10.0 { format!("{hours:.1}") } else { format!("{hours:.0}") }
}

#[cfg(test)]
mod tests {
    use super::super::findings::{Attacked, Row};
    use super::super::projection::of;
    use super::*;

    fn findings() -> Findings {
        let row = |defense: &str, asr| Row {
            defense: defense.into(),
            acc: Some(98.3),
            asr,
            seconds: Some(12.0),
            precision: "bf16".into(),
            status: "ok",
        };
        let rows = vec![row("none", Some(100.0)), row("tsbd", None)];
        let mut findings = Findings::for_tests();
        findings.attacked = Some(Attacked { setting: "signs", seconds: 31.6, rows });
        findings.projection = of(&findings, 128);
        findings.seconds = 200.0;
        findings
    }

    #[test]
    fn each_measurement_has_a_row() {
        let text = text(&findings());
        for line in [
            "| 128 | fp32 | 1000 | 1250 | 1000 | 1.25 | - | - |",
            "| 128 | bf16 | 4000 | 5000 | - | - | 5000, not compiled | 1.00 |",
            "| 2 | 6000 | 1.50 |",
            "Fastest: --jobs-per-device 2.",
            "BadNets on signs: 32 s with start and evaluation",
            "| tsbd | 98.3 | - | 12.0 | bf16 | ok |",
            "- scour, tf32, batch 128: no time left",
            "200 s in total",
        ] {
            assert!(text.lines().any(|own| own == line), "`{line}` is not in: {text}");
        }
        assert!(text.contains("Projection for CIFAR-10"), "{text}");
        assert!(text.contains("and 2 workers at a time"), "{text}");
    }

    #[test]
    fn without_measurements_there_are_no_tables() {
        let text = text(&Findings::default());
        assert!(
            !text.contains('|') && !text.contains("Projection") && !text.contains("Not measured"),
            "{text}"
        );
    }
}
