//! Results with every kind of row that must not count.

use std::path::Path;

use super::*;

/// Two seeds with an attack that was not implanted, one whose models are no better than guessing, a failed, a collapsed
/// and a not evaluated cell, two number formats and two days.
const TRUST: [&str; 3] = [
    include_str!("../tests/fixture/results.csv"),
    include_str!("../tests/fixture/experiment.json"),
    include_str!("../tests/fixture/published.csv"),
];

/// The fixture of this name, with a file of published figures and the options that name it.
fn trust() -> (tempfile::TempDir, Options) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in ["results.csv", "experiment.json", "published.csv"].iter().zip(TRUST) {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let options = Options { published: Some(folder.path().join("published.csv")), ..Options::default() };
    (folder, options)
}

fn report(folder: &Path, options: &Options) -> Written {
    write_report(folder, options).unwrap()
}

fn read_after(folder: &Path, options: &Options, name: &str) -> String {
    report(folder, options);
    read(folder, name)
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join("report").join(name)).unwrap()
}

#[test]
fn small_fixture() {
    let (folder, options) = trust();
    let path = folder.path();
    let written = report(path, &options);
    assert_eq!(written.index, path.join("report/index.html"));
    assert_eq!(written.warnings.len(), 2, "{:?}", written.warnings);
    assert!(written.warnings[0].contains("45,000 of 50,000"));
    assert!(
        written.warnings[1].contains("mixes number formats: fp32 (35 cells) and bf16 (4 cells)"),
        "{:?}",
        written.warnings
    );
    insta::assert_snapshot!("tables.md", read(path, "tables.md"));
    insta::assert_snapshot!("tables.tex", read(path, "tables.tex"));
    insta::assert_snapshot!("summary.csv", read(path, "summary.csv"));
    let context: serde_json::Value = serde_json::from_str(&read(path, "context.json")).unwrap();
    insta::assert_json_snapshot!("context", context);
    let page = load(path, &options).unwrap().page;
    insta::assert_snapshot!("scatter", page.groups[0].scatter.as_ref().unwrap());
    insta::assert_snapshot!("bars", page.groups[0].bars.as_ref().unwrap());
    // The page uses no other file.
    let html = read(path, "index.html");
    for outside in ["src=\"http", "href=\"http", "<link", "@import", "url("] {
        assert!(!html.contains(outside), "{outside}");
    }
    // A second report writes the same bytes to the same files, and no others.
    report(path, &options);
    assert_eq!(read(path, "index.html"), html);
    let mut names: Vec<_> =
        std::fs::read_dir(path.join("report")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(
        names,
        ["cells", "context.json", "figures", "index.html", "summary.csv", "tables.md", "tables.tex"]
    );
}

#[test]
fn published_figures_stand_beside_rows_of_the_same_setting_only() {
    let (folder, options) = trust();
    let path = folder.path();
    let rows = |comparisons: &[crate::published::Comparison]| -> Vec<(String, String, String)> {
        comparisons
            .iter()
            .flat_map(|comparison| &comparison.rows)
            .map(|row| (row.defense.clone(), row.metrics[1].ours.clone(), row.differs.clone()))
            .collect()
    };
    let text = String::from;
    let published = load(path, &options).unwrap().page.groups[0].published.clone();
    assert!(published.same.is_empty());
    assert_eq!(
        published.differs,
        [
            "width 16 instead of 64",
            "20,000 training images instead of all",
            "incomplete data set: 45,000 of 50,000 training images",
            "12 epochs instead of 100",
            "cosine epochs 12 instead of 100"
        ]
    );
    assert_eq!(
        rows(&published.other),
        [
            (text("No defense"), text("93.00"), text("")),
            (
                text("FT"),
                text("57.00"),
                text("profile quick; FT: epochs 20 instead of 100; FT: lr 0.02 instead of 0.01")
            ),
            (text("NAD"), text("32.00"), text("WaNet: fidelity corrected; profile quick")),
        ]
    );
    assert!(read_after(path, &options, "index.html").contains("Published figures with different settings"));
    // The same rows of a full experiment.
    let full = r#"{
        "version": 2,
        "experiment": {"name": "t", "datasets": ["cifar10"], "attacks": ["badnets", "wanet"],
                       "defenses": ["none", "ft", "nad"], "seeds": [0, 1]},
        "departures": [{"dataset": "cifar10", "kind": "attack", "method": "wanet", "parameter": "fidelity",
                        "used": "corrected", "published": "benchmark"}]
    }"#;
    std::fs::write(path.join("experiment.json"), full).unwrap();
    std::fs::write(path.join("results.csv"), TRUST[0].replace("\"45,000 of 50,000 training images\"", ""))
        .unwrap();
    let published = load(path, &options).unwrap().page.groups[0].published.clone();
    assert_eq!(published.differs, Vec::<String>::new());
    assert_eq!(
        rows(&published.same),
        [(text("No defense"), text("93.00"), text("")), (text("FT"), text("57.00"), text(""))]
    );
    assert_eq!(rows(&published.other), [(text("NAD"), text("32.00"), text("WaNet: fidelity corrected"))]);
    assert!(read_after(path, &options, "tables.md").contains("and ours, with the same settings"));
    // Without an experiment the settings are not known.
    std::fs::remove_file(path.join("experiment.json")).unwrap();
    let published = load(path, &options).unwrap().page.groups[0].published.clone();
    assert_eq!((published.differs, published.same.len()), (vec![text("setting not recorded")], 0));
    let unrelated =
        "source,dataset,model,attack,poison_ratio,clean_ratio,defense,acc,asr,ra\np,x,m,a,0.1,,ft,1,2,3\n";
    std::fs::write(path.join("published.csv"), unrelated).unwrap();
    let page = load(path, &options).unwrap().page;
    assert!(page.warnings.last().unwrap().contains("no published figure has the data set"));
}

#[test]
fn every_format_says_what_does_not_count() {
    let (folder, options) = trust();
    report(folder.path(), &options);
    let [html, markdown, latex] =
        ["index.html", "tables.md", "tables.tex"].map(|name| read(folder.path(), name));
    for text in [&html, &markdown, &latex] {
        for expected in [
            "1 of 4 attacks not implanted",
            "BppAttack",
            "1 collapsed",
            "8 were not evaluated",
            "mixes number formats",
            "CIFAR-10 (incomplete: 45,000 of 50,000 training images; 20,000 training images), PreAct-ResNet18 (width 16)",
            "ACC over 10,000 test images; ASR over 9,000 test images; target class 0 airplane; number formats fp32 and bf16",
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
    }
    // WaNet under FT: one seed collapsed, one did not.
    assert!(html.contains("73.00</span><sup>§1/2</sup>"));
    assert!(markdown.contains("73.00 <sup>§1/2</sup>"), "{markdown}");
    assert!(latex.contains(r"73.00\textsuperscript{\S{}1/2}"), "{latex}");
    // The average of NAD is over three models of four, and is not ranked.
    assert!(markdown.contains("<sup>†3/4</sup>"), "{markdown}");
    assert!(latex.contains(r"\textsuperscript{$\dagger$3/4}"), "{latex}");
    let page = load(folder.path(), &options).unwrap().page;
    let ranks: Vec<_> =
        page.groups[0].overview.iter().map(|g| (g.name.as_str(), g.rank, g.sign.as_deref())).collect();
    assert_eq!(
        ranks,
        [
            ("TSBD", Some(1), None),
            ("CLP", Some(2), None),
            ("NAD", None, Some("†3/4")),
            ("FT", None, Some("†§3/4"))
        ]
    );
    let lead = &page.groups[0].lead;
    assert!(
        lead.contains("Over 2 attacks and 2 seeds, the attacked models reach ACC 75.5 and ASR 90.0"),
        "{lead}"
    );
    assert!(lead.contains("BppAttack was not implanted"), "{lead}");
    assert!(lead.contains("Of the 2 defenses with a number that counts"), "{lead}");
}
