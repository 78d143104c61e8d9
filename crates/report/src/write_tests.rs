use std::path::Path;

use super::*;

/// Two attacks and a clean model, three defenses, two seeds, one failure, one cell that does not apply.
const RESULTS: &str = "\
dataset,model,attack,poison_ratio,clean_ratio,seed,defense,acc,asr,ra,der,seconds,peak_memory_mib,status,reason,key
signs,preact_resnet18,none,0,0.05,0,none,95,,,,60,812,ok,,00
signs,preact_resnet18,badnets,0.1,0.05,0,none,92,99,1,,60,812,ok,,01
signs,preact_resnet18,badnets,0.1,0.05,0,ft,90,80,15,58.5,6,812,ok,,02
signs,preact_resnet18,badnets,0.1,0.05,0,nad,89,40,50,78,7,812,ok,,03
signs,preact_resnet18,badnets,0.1,0.05,0,tsbd,91,5,80,96.5,9,812,ok,,04
signs,preact_resnet18,badnets,0.1,0.05,1,none,94,97,3,,60,812,ok,,05
signs,preact_resnet18,badnets,0.1,0.05,1,ft,92,60,30,67.5,6,812,ok,,06
signs,preact_resnet18,badnets,0.1,0.05,1,nad,,,,,,,failed,nan: the loss is not finite,07
signs,preact_resnet18,badnets,0.1,0.05,1,tsbd,93,3,85,96.5,9,812,ok,,08
signs,preact_resnet18,sig,0.1,0.05,0,none,91,90,2,,60,812,ok,,09
signs,preact_resnet18,sig,0.1,0.05,0,ft,91.5,30,40,80,6,812,ok,,0a
signs,preact_resnet18,sig,0.1,0.05,0,nad,,,,,,,n/a,too few pictures of the target class,0b
signs,preact_resnet18,sig,0.1,0.05,0,tsbd,88,10,70,88.5,9,812,ok,,0c
";

const EXPERIMENT: &str = r#"{
  "name": "small", "title": "A small experiment", "description": "Two attacks & three defenses.",
  "experiment": {"name": "small", "seeds": [0, 1], "profile": "quick"},
  "departures": [
    {"dataset": "signs", "kind": "defense", "method": "ft", "parameter": "epochs", "used": 20, "published": 100},
    {"dataset": "signs", "kind": "defense", "method": "ft", "parameter": "lr", "used": 0.02, "published": 0.01}
  ], "command": "cargo xtask sweep small.yaml",
  "provenance": {"git_commit": "abc", "device": {"name": "cpu", "cores": 2}, "dirty": null}, "started": "2026-01-02T03:04:05Z", "cells": 16, "later": 1
}"#;

const REFERENCE: &str = "\
source,dataset,model,attack,poison_ratio,clean_ratio,defense,acc,asr,ra
paper,signs,preact_resnet18,badnets,0.1,,none,93,99.5,0.5
paper,signs,preact_resnet18,badnets,0.1,0.05,tsbd,92,2.5,
paper,signs,preact_resnet18,badnets,0.1,0.01,ft,1,2,3
paper,signs,vgg19_bn,badnets,0.1,0.05,ft,4,5,6
";

fn folder(results: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("results.csv"), results).unwrap();
    std::fs::write(folder.path().join("experiment.json"), EXPERIMENT).unwrap();
    std::fs::write(folder.path().join("reference.csv"), REFERENCE).unwrap();
    folder
}

fn report(folder: &Path, options: &Options) -> Written {
    write_report(folder, options).unwrap()
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join("report").join(name)).unwrap()
}

#[test]
fn small_fixture() {
    let folder = folder(RESULTS);
    let path = folder.path();
    let options = Options { reference: Some(path.join("reference.csv")), ..Options::default() };
    let written = report(path, &options);
    assert_eq!(written.index, path.join("report/index.html"));
    assert!(written.warnings.is_empty(), "{:?}", written.warnings);
    insta::assert_snapshot!("tables.md", read(path, "tables.md"));
    insta::assert_snapshot!("tables.tex", read(path, "tables.tex"));
    insta::assert_snapshot!("summary.csv", read(path, "summary.csv"));
    let context: serde_json::Value = serde_json::from_str(&read(path, "context.json")).unwrap();
    insta::assert_json_snapshot!("context", context);
    let (page, _) = load(path, &options).unwrap();
    insta::assert_snapshot!("scatter", page.groups[0].scatter.as_ref().unwrap());
    insta::assert_snapshot!("bars", page.groups[0].bars.as_ref().unwrap());
    // Nothing but the page is needed to read the page.
    let html = read(path, "index.html");
    for outside in ["src=\"http", "href=\"http", "<link", "@import", "url("] {
        assert!(!html.contains(outside), "{outside}");
    }
    // A second report puts the same bytes in the same places, and leaves nothing else behind.
    report(path, &options);
    assert_eq!(read(path, "index.html"), html);
    let mut names: Vec<_> =
        std::fs::read_dir(path.join("report")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["context.json", "index.html", "summary.csv", "tables.md", "tables.tex"]);
}

#[test]
fn what_detectors_found_is_told_and_nothing_where_none_looked() {
    let plain = folder(RESULTS);
    report(plain.path(), &Options::default());
    assert!(!read(plain.path(), "tables.md").contains("TPR"));
    assert!(!read(plain.path(), "index.html").contains("Poisoned training pictures found"));
    let head = RESULTS.lines().next().unwrap().replace("status", "tpr,fpr,status");
    let results = format!(
        "{head}\n\
         signs,preact_resnet18,none,0,0.05,0,none,95,,,,60,812,,,ok,,00\n\
         signs,preact_resnet18,none,0,0.05,0,strip,94,,,,60,812,,10,ok,,01\n\
         signs,preact_resnet18,badnets,0.1,0.05,0,none,92,99,1,,60,812,,,ok,,02\n\
         signs,preact_resnet18,badnets,0.1,0.05,0,strip,90,5,80,96,60,812,90,10,ok,,03\n\
         signs,preact_resnet18,badnets,0.1,0.05,1,none,92,99,1,,60,812,,,ok,,04\n\
         signs,preact_resnet18,badnets,0.1,0.05,1,strip,90,5,80,96,60,812,70,12.5,ok,,05\n"
    );
    let detecting = folder(&results);
    report(detecting.path(), &Options::default());
    let markdown = read(detecting.path(), "tables.md");
    assert!(markdown.contains("| No attack | STRIP | – | 10.00 |"), "{markdown}");
    assert!(markdown.contains("| BadNets | STRIP | 80.00 | 11.25 |"), "{markdown}");
    assert!(read(detecting.path(), "index.html").contains("<td class=\"right\">11.25</td>"));
}

#[test]
fn hostile_names_stay_text() {
    let hostile = RESULTS
        .replace(",ft,", ",<script>alert(1)</script>,")
        .replace("badnets", "a\"b'c&_$%")
        .replace("too few pictures", "<img src=x onerror=alert(2)> | pictures");
    // Quotes within a CSV field are doubled, and the field is quoted.
    let hostile = hostile.replace("a\"b'c&_$%", "\"a\"\"b'c&_$%\"");
    let folder = folder(&hostile);
    let path = folder.path();
    std::fs::write(
        path.join("experiment.json"),
        r#"{"title": "</title><script>alert(3)", "command": "</pre><b>"}"#,
    )
    .unwrap();
    report(path, &Options::default());
    let html = read(path, "index.html");
    assert!(html.contains("&lt;script&gt;alert(1)&lt;"), "the name is shown");
    for bad in ["<script>alert", "<img src=x", "</pre><b>", "a\"b"] {
        assert!(!html.contains(bad), "{bad}");
    }
    let latex = read(path, "tables.tex");
    assert!(latex.contains(r"a\textquotedbl{}b'c\&\_\$\%"), "{latex}");
    assert!(!latex.contains("<script>"));
    let markdown = read(path, "tables.md");
    assert!(
        markdown.contains("&lt;script&gt;") && !markdown.contains("<script>") && !markdown.contains("<img")
    );
    assert!(markdown.contains(r"onerror=alert(2)&gt; \| pictures"));
}

#[test]
fn decimals_hold_everywhere() {
    let folder = folder(RESULTS);
    report(folder.path(), &Options { decimals: 0, reference: None });
    let markdown = read(folder.path(), "tables.md");
    // ASR of FT on BadNets: 80 and 60, std of 14.14.
    assert!(markdown.contains("70 ± 14 |"), "{markdown}");
    report(folder.path(), &Options { decimals: 3, reference: None });
    for name in ["tables.md", "index.html"] {
        assert!(read(folder.path(), name).contains("14.142"), "{name}");
    }
}

#[test]
fn published_figures_stand_only_beside_their_own_cells() {
    let folder = folder(RESULTS);
    let options = Options { reference: Some(folder.path().join("reference.csv")), ..Options::default() };
    let (page, _) = load(folder.path(), &options).unwrap();
    let rows: Vec<_> = page.groups[0].published[0]
        .rows
        .iter()
        .map(|row| (row.defense.as_str(), row.metrics[1].published.as_str(), row.metrics[1].ours.as_str()))
        .collect();
    assert_eq!(rows, [("No defense", "99.50", "98.00"), ("TSBD", "2.50", "4.00")]);
    let unrelated =
        "source,dataset,model,attack,poison_ratio,clean_ratio,defense,acc,asr,ra\np,x,m,a,0.1,,ft,1,2,3\n";
    std::fs::write(folder.path().join("reference.csv"), unrelated).unwrap();
    let (page, _) = load(folder.path(), &options).unwrap();
    assert!(page.warnings[0].contains("none of the published figures"));
}

#[test]
fn what_is_missing_is_named_in_one_line() {
    let empty = tempfile::tempdir().unwrap();
    let message = |options: &Options, folder: &Path| {
        let message = write_report(folder, options).unwrap_err().to_string();
        assert!(!message.contains('\n'), "{message}");
        message
    };
    let missing = message(&Options::default(), empty.path());
    assert!(
        missing.contains("results.csv: no such file") && missing.contains("cargo xtask sweep"),
        "{missing}"
    );
    let folder = folder(RESULTS);
    let options = Options { reference: Some(folder.path().join("gone.csv")), ..Options::default() };
    assert!(message(&options, folder.path()).contains("gone.csv: cannot be read"));
    let options = Options { reference: Some(folder.path().join("results.csv")), ..Options::default() };
    assert!(message(&options, folder.path()).contains("give a file with the columns source"));
}

#[test]
fn odd_shapes_of_results_still_give_a_report() {
    let lines = |wanted: &dyn Fn(&str) -> bool| {
        RESULTS
            .lines()
            .enumerate()
            .filter(|(at, line)| *at == 0 || wanted(line))
            .fold(String::new(), |text, (_, line)| text + line + "\n")
    };
    // Without the attacked model there is nothing to compare with.
    let undefended = folder(&lines(&|line| !line.contains(",none,9")));
    report(undefended.path(), &Options::default());
    let markdown = read(undefended.path(), "tables.md");
    assert!(markdown.contains("no attacked model without a defense has a number that counts"), "{markdown}");
    assert!(!markdown.contains("lowers ASR"));
    assert!(read(undefended.path(), "index.html").contains("ends at ACC 90.0 and ASR 7.0"));
    // Only a clean model.
    let clean = folder(&lines(&|line| line.contains(",none,0,")));
    report(clean.path(), &Options::default());
    let markdown = read(clean.path(), "tables.md");
    assert!(markdown.contains("Without an attack the model reaches ACC 95.0."), "{markdown}");
    assert!(markdown.contains("| No attack | 95.00 | – |"), "{markdown}");
    assert!(!read(clean.path(), "index.html").contains("<figure>"));
    // Nothing but failures.
    let failed = folder(&lines(&|line| line.contains("failed") || line.contains("n/a")));
    report(failed.path(), &Options::default());
    assert!(read(failed.path(), "tables.md").contains("| BadNets | failed |  |  |"));
    // Two data sets are two tables, with a link to each.
    let mut two = RESULTS.to_string();
    two += &RESULTS.split_once('\n').unwrap().1.replace("signs", "cifar10");
    let two = folder(&two);
    report(two.path(), &Options::default());
    let html = read(two.path(), "index.html");
    assert!(
        html.contains("<a href=\"#cifar10-preact_resnet18-p0.1-c0.05\">CIFAR-10, PreAct-ResNet18"),
        "{html}"
    );
    assert!(html.contains("<section id=\"cifar10-preact_resnet18-p0.1-c0.05\""));
}
