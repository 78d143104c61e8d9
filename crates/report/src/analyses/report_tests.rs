//! All four analyses of two attacks, in every format.

use std::path::Path;

use scour_core::{
    ActivenessRatioRow, ActivenessRow, AnalysisRow, AreaRow, Compared, CorrelationRow, CoverageRow,
    LayerScope, RowStatus, StabilityChange, StabilityRow, Subject, WeightChangeRow, write_analyses,
    write_table,
};

use crate::{Options, write_report};

/// BadNets in two seeds, and SIG, which was not implanted.
const RESULTS: &str = "\
dataset,model,attack,poison_ratio,clean_ratio,seed,defense,acc,asr,ra,der,seconds,status,reason,key
signs,preact_resnet18,badnets,0.1,0.05,0,none,92,99,1,,60,ok,,01
signs,preact_resnet18,badnets,0.1,0.05,1,none,94,97,3,,60,ok,,02
signs,preact_resnet18,sig,0.1,0.05,0,none,91,20,60,,60,not_implanted,the attack did not take,03
";

const MODELS: [(&str, u64); 3] = [("badnets", 0), ("badnets", 1), ("sig", 0)];

fn row(name: &str, attack: &str, seed: u64) -> AnalysisRow {
    AnalysisRow {
        dataset: "signs".into(),
        model: "preact_resnet18".into(),
        attack: attack.into(),
        poison_ratio: 0.1,
        clean_ratio: 0.05,
        seed,
        name: name.into(),
        analysis: name.into(),
        folder: format!("analyses/{name}/{attack}{seed}"),
        ..AnalysisRow::default()
    }
}

fn correlation(folder: &Path, seed: f64) {
    let change = |layer: &str, neuron: usize, clean: f64| WeightChangeRow {
        layer: layer.into(),
        neuron,
        clean,
        poison: 2.0 * clean + seed,
        shuffled: clean,
        clean_model_clean: clean,
        clean_model_poison: 1.0 - clean,
    };
    write_table(folder, &[change("conv1", 0, 0.1), change("conv1", 1, 0.2), change("conv2", 0, 0.4)])
        .unwrap();
    let of = |compared, layer: &str, value: f64| CorrelationRow {
        compared,
        layer: layer.into(),
        neurons: if layer == "last" { 512 } else { 3904 },
        pearson: Some(value),
        pearson_low: Some(value - 0.1),
        pearson_high: Some(value + 0.1),
        spearman: (layer == "all").then_some(value / 2.0),
        spearman_low: (layer == "all").then_some(value / 2.0 - 0.05),
        spearman_high: (layer == "all").then_some(value / 2.0 + 0.05),
    };
    let mut rows = vec![];
    for (compared, value) in
        [(Compared::Attacked, 0.6), (Compared::CleanModel, 0.2), (Compared::Shuffled, 0.4)]
    {
        rows.extend(["conv1", "all", "last"].map(|layer| of(compared, layer, value + 0.1 * seed)));
    }
    write_table(folder, &rows).unwrap();
}

fn activeness(folder: &Path, seed: f64) {
    let of = |model, epoch, neuron, mean| ActivenessRow { model, epoch, neuron, mean, variance: None };
    let mut rows = vec![];
    for (model, mean) in [(Subject::Attacked, 3.0 + seed), (Subject::Clean, 2.0)] {
        for epoch in 0..2 {
            rows.extend([of(model, epoch, 0, mean - 1.0), of(model, epoch, 1, mean + 1.0)]);
        }
    }
    write_table(folder, &rows).unwrap();
    let ratio = |epoch| ActivenessRatioRow {
        epoch,
        neurons: 2,
        attacked: 3.0 + seed,
        clean: 2.0,
        ratio: Some((3.0 + seed) / 2.0),
        more_active: 1.0,
    };
    write_table(folder, &[ratio(0), ratio(1)]).unwrap();
}

fn coverage(folder: &Path, seed: f64) {
    let (mut points, mut areas) = (vec![], vec![]);
    for (ranking, neurons, area) in [("tsbd", 3904, 0.7), ("fp", 512, 0.3), ("random", 3904, 0.5)] {
        let [all, each] = [LayerScope::AllLayers, LayerScope::EachLayer];
        for (tac, scope, area) in [
            (Subject::Attacked, all, area + 0.02 * seed),
            (Subject::Clean, all, 0.5),
            (Subject::Attacked, each, area + 0.1),
            (Subject::Clean, each, 0.6),
        ] {
            points.extend([0.1, 0.5].map(|ratio| CoverageRow {
                ranking: ranking.into(),
                tac,
                scope,
                neurons,
                ratio,
                covered: ratio * area,
            }));
            areas.push(AreaRow {
                ranking: ranking.into(),
                tac,
                scope,
                neurons,
                area,
                random_low: 0.45,
                random_high: 0.55,
            });
        }
    }
    write_table(folder, &points).unwrap();
    write_table(folder, &areas).unwrap();
}

fn stability(folder: &Path, seed: f64) {
    let mut rows = vec![];
    for (ranking, shared) in [("tsbd", 0.5), ("random", 0.1)] {
        for changed in [StabilityChange::CleanSet, StabilityChange::Seed] {
            rows.extend([0.1, 0.5].map(|ratio| StabilityRow {
                ranking: ranking.into(),
                changed,
                neurons: 3904,
                ratio,
                shared: shared + 0.1 * seed + 0.2 * ratio,
            }));
        }
    }
    write_table(folder, &rows).unwrap();
}

/// Writes the tables of a seed.
type Write = fn(&Path, f64);

/// A results folder with every analysis of these models, and one that failed.
fn results() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("results.csv"), RESULTS).unwrap();
    let tables: [(&str, Write); 4] = [
        ("nwc_correlation", correlation),
        ("activeness", activeness),
        ("coverage", coverage),
        ("ranking_stability", stability),
    ];
    let mut rows = vec![];
    for (name, write) in tables {
        for (attack, seed) in MODELS {
            let row = row(name, attack, seed);
            let inner = folder.path().join(&row.folder);
            std::fs::create_dir_all(&inner).unwrap();
            write(&inner, seed as f64);
            rows.push(row);
        }
    }
    rows.push(AnalysisRow {
        status: RowStatus::Failed,
        reason: "nan: the loss is not finite".into(),
        folder: String::new(),
        ..row("coverage", "wanet", 0)
    });
    std::fs::write(folder.path().join("analyses.csv"), write_analyses(&rows).unwrap()).unwrap();
    folder
}

#[test]
fn every_format_has_the_analyses() {
    let folder = results();
    write_report(folder.path(), &Options::default()).unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.path().join("report").join(name)).unwrap();
    let from = |text: &str, mark: &str| text[text.find(mark).unwrap()..].to_string();
    let markdown = read("tables.md");
    let part = from(&markdown, "## Analyses");
    insta::assert_snapshot!("analyses.md", part.split("\n## Terms").next().unwrap());
    let latex = read("tables.tex");
    let first = latex.rfind("\\begin{table}").map(|_| from(&latex, "\\caption{Clean against")).unwrap();
    insta::assert_snapshot!("analyses.tex", first);
    let context: serde_json::Value = serde_json::from_str(&read("context.json")).unwrap();
    insta::assert_json_snapshot!("analyses", context["analyses"]);
    let html = read("index.html");
    for expected in [
        "0.650 ± 0.071 [0.550, 0.750]",
        "<a href=\"#analyses\">Analyses</a>",
        "3.500 ± 0.707",
        "<td class=\"right above\">0.710 ± 0.014</td>",
        "WaNet, seed 0: failed (nan: the loss is not finite)",
    ] {
        assert!(html.contains(expected), "{expected}");
    }
}
