use std::path::Path;

use super::*;

/// An older file, whose rows have no status by their figures: two attacks and a clean model, three defenses, two seeds,
/// one failure, one cell that does not apply.
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
signs,preact_resnet18,sig,0.1,0.05,0,nad,,,,,,,n/a,too few images of the target class,0b
signs,preact_resnet18,sig,0.1,0.05,0,tsbd,88,10,70,88.5,9,812,ok,,0c
";

const EXPERIMENT: &str = r#"{
  "name": "small", "title": "A small experiment", "description": "Two attacks & three defenses.",
  "experiment": {"name": "small", "datasets": ["signs"], "attacks": ["none", "badnets", "sig"],
                 "defenses": ["none", "ft", "nad", "tsbd"], "seeds": [0, 1], "profile": "quick"},
  "departures": [
    {"dataset": "signs", "kind": "defense", "method": "ft", "parameter": "epochs", "used": 20, "published": 100},
    {"dataset": "signs", "kind": "defense", "method": "ft", "parameter": "lr", "used": 0.02, "published": 0.01}
  ], "command": "cargo xtask sweep small.yaml",
  "provenance": {"commit": "abc", "devices": ["cpu"], "later": null}, "started": "2026-01-02T03:04:05Z", "cells": 16, "later": 1
}"#;

fn folder(results: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("results.csv"), results).unwrap();
    std::fs::write(folder.path().join("experiment.json"), EXPERIMENT).unwrap();
    folder
}

fn report(folder: &Path, options: &Options) -> Written {
    write_report(folder, options).unwrap()
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join("report").join(name)).unwrap()
}

#[test]
fn detection_rates_are_shown_where_a_defense_looked_for_poisoned_images() {
    let plain = folder(RESULTS);
    report(plain.path(), &Options::default());
    assert!(!read(plain.path(), "tables.md").contains("TPR"));
    assert!(!read(plain.path(), "index.html").contains("Detection of poisoned training images"));
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
    assert!(markdown.contains("| No attack | STRIP | – | 10.00 <sup>1/2</sup> |"), "{markdown}");
    assert!(markdown.contains("| BadNets | STRIP | 80.00 | 11.25 |"), "{markdown}");
    assert!(read(detecting.path(), "index.html").contains("<td class=\"right\">11.25</td>"));
}

#[test]
fn memory_of_a_gpu_is_a_column_where_it_was_measured() {
    let plain = folder(RESULTS);
    report(plain.path(), &Options::default());
    for name in ["tables.md", "index.html"] {
        assert!(!read(plain.path(), name).contains("of the GPU"), "{name}");
    }
    let head = RESULTS.lines().next().unwrap().replace("status", "gpu_peak_memory_mib,status");
    let measured = folder(&format!(
        "{head}\nsigns,preact_resnet18,badnets,0.1,0.05,0,none,92,99,1,,60,812,3000,ok,,01\n"
    ));
    report(measured.path(), &Options::default());
    let markdown = read(measured.path(), "tables.md");
    assert!(markdown.contains("| peak MiB | peak MiB of the GPU |\n|---|"), "{markdown}");
    assert!(markdown.contains("| Training | 1 | 60.0 | 60.0 | – | 812 | 3000 |\n"), "{markdown}");
    assert!(read(measured.path(), "index.html").contains("<td class=\"right\">3000</td></tr>"));
}

#[test]
fn markup_in_names_stays_text() {
    let hostile = RESULTS
        .replace(",ft,", ",<script>alert(1)</script>,")
        .replace("badnets", "a\"b'c&_$%")
        .replace("too few images", "<img src=x onerror=alert(2)> | images");
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
    assert!(markdown.contains(r"onerror=alert(2)&gt; \| images"));
}

#[test]
fn decimals_apply_everywhere() {
    let folder = folder(RESULTS);
    report(folder.path(), &Options { decimals: 0, published: None });
    let markdown = read(folder.path(), "tables.md");
    // ASR of FT on BadNets: 80 and 60, std of 14.14.
    assert!(markdown.contains("70 ± 14 |"), "{markdown}");
    report(folder.path(), &Options { decimals: 3, published: None });
    for name in ["tables.md", "index.html"] {
        assert!(read(folder.path(), name).contains("14.142"), "{name}");
    }
}

#[test]
fn a_file_without_an_experiment_gives_a_report_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("results.csv"), RESULTS).unwrap();
    report(folder.path(), &Options::default());
    assert!(read(folder.path(), "index.html").contains("There is no <code>experiment.json</code>"));
    let markdown = read(folder.path(), "tables.md");
    // The file has two seeds, and SIG has only one of them.
    assert!(markdown.contains("91.00 <sup>1/2</sup>"), "{markdown}");
    assert!(markdown.contains("Test images, target class and number format are not recorded."), "{markdown}");
    assert!(markdown.contains("machine and day not recorded"), "{markdown}");
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
    let options = Options { published: Some(folder.path().join("gone.csv")), ..Options::default() };
    assert!(message(&options, folder.path()).contains("gone.csv: cannot be read"));
    let options = Options { published: Some(folder.path().join("results.csv")), ..Options::default() };
    assert!(message(&options, folder.path()).contains("give a file with the columns source"));
}

#[test]
fn incomplete_results_still_give_a_report() {
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
    assert!(read(undefended.path(), "index.html").contains("has ACC 90.0 and ASR 7.0"));
    // Only a clean model.
    let clean = folder(&lines(&|line| line.contains(",none,0,")));
    report(clean.path(), &Options::default());
    let markdown = read(clean.path(), "tables.md");
    assert!(markdown.contains("Without an attack the model reaches ACC 95.0 (1 of 2 seeds)."), "{markdown}");
    assert!(markdown.contains("| No attack | 95.00 <sup>1/2</sup> | – |"), "{markdown}");
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

#[test]
fn tables_link_to_the_pages_of_cells_and_figures_are_files() {
    let folder = folder(RESULTS);
    report(folder.path(), &Options::default());
    let html = read(folder.path(), "index.html");
    // The main table links to the first seed, and the list of rows to every one.
    assert!(html.contains("<a class=\"cell\" href=\"cells/02.html\">91.00</a>"), "{html}");
    assert!(html.contains("<a href=\"cells/06.html\">06</a>"));
    let page = read(folder.path(), "cells/06.html");
    for expected in [
        "<h1>BadNets, FT, seed 1</h1>",
        "<a href=\"02.html\">Seed 0</a>",
        "<a href=\"05.html\">",
        "seed=1 defense=ft",
        "href=\"style.css\"",
    ] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    assert!(!read(folder.path(), "cells/style.css").contains("<style>"));
    let figure = read(folder.path(), "figures/signs-preact_resnet18-p0.1-c0.05-asr.svg");
    assert!(figure.starts_with("<?xml") && !figure.contains("var("), "{figure}");
    assert!(!folder.path().join("report/pages").exists());
}

#[test]
fn many_rows_are_on_pages_of_their_own() {
    let mut results = RESULTS.to_string();
    for attack in 0..175 {
        for seed in 0..4 {
            for (poison_ratio, defense) in [(0.1, "none"), (0.1, "ft"), (0.01, "ft")] {
                let key = format!("{defense}{poison_ratio}-{attack}-{seed}");
                results += &format!(
                    "gtsrb,m,a{attack},{poison_ratio},0.05,{seed},{defense},90,80,1,,6,,ok,,{key}\n"
                );
            }
        }
    }
    let folder = folder(&results);
    report(folder.path(), &Options::default());
    let html = read(folder.path(), "index.html");
    assert!(html.contains("<a href=\"pages/gtsrb-m-p0.1-c0.05.html\">Every seed (1400 rows)</a>"));
    assert!(html.contains("href=\"pages/ablations.html\"") && !html.contains("id=\"ablations\""));
    let rows = read(folder.path(), "pages/gtsrb-m-p0.1-c0.05.html");
    assert!(rows.contains("<a href=\"../cells/ft0.1-174-3.html\">"));
    assert!(read(folder.path(), "pages/ablations.html").contains("FT: poison ratio"));
}
