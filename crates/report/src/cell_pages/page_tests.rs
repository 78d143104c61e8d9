use super::*;

fn row(attack: &str, defense: &str, seed: u64, key: &str) -> ResultRow {
    ResultRow {
        dataset: "signs".into(),
        model: "m".into(),
        attack: attack.into(),
        poison_ratio: 0.1,
        clean_ratio: 0.05,
        seed,
        defense: defense.into(),
        acc: Some(90.0),
        key: key.into(),
        ..ResultRow::default()
    }
}

#[test]
fn a_page_has_its_stages_with_curves_and_its_other_seeds() {
    let results = tempfile::tempdir().unwrap();
    let path = results.path();
    std::fs::write(path.join("cells.csv"), "key,folder\naa,store/aa\nbb,store/bb\n").unwrap();
    for key in ["aa", "bb"] {
        std::fs::create_dir_all(path.join("store").join(key)).unwrap();
    }
    std::fs::write(path.join("store/aa/training.csv"), "epoch,loss\n1,2\n2,1\n").unwrap();
    std::fs::write(path.join("store/bb/manifest.json"), r#"{"config": {"clean_ratio": 0.05}}"#).unwrap();
    std::fs::write(path.join("store/bb/clp.csv"), "layer,channel,score\n").unwrap();
    let rows = [
        row("badnets", "none", 0, "aa"),
        row("badnets", "clp", 0, "bb"),
        row("badnets", "clp", 1, "cc"),
        row("badnets", "none", 2, ""),
        ResultRow { clean_ratio: 0.01, ..row("badnets", "none", 0, "aa") },
    ];
    let stages = StageFolders::read(path).unwrap();
    let recorded = crate::recorded::recorded_for_test(serde_json::json!({}), serde_json::json!([]));
    let cells = CellPages::new(path, &rows, &recorded, &stages, 1).unwrap();
    let pages: Vec<CellPage> = cells.rows().iter().map(|row| cells.page(row).unwrap()).collect();
    let files: Vec<&str> = pages.iter().map(|page| page.file.as_str()).collect();
    assert_eq!(files, ["aa.html", "bb.html", "cc.html"], "one page a key, none without");
    assert_eq!(pages[0].stages.len(), 1);
    assert_eq!((pages[0].stages[0].name, pages[0].stages[0].page.as_deref()), ("Training", None));
    assert_eq!(pages[0].stages[0].curves.len(), 1);
    let of_defense = &pages[1];
    assert_eq!(of_defense.title, "BadNets, CLP, seed 0");
    assert_eq!(of_defense.repeats, [Repeat { seed: 1, page: "cc.html".into() }]);
    let stages: Vec<_> = of_defense.stages.iter().map(|part| (part.name, part.page.as_deref())).collect();
    assert_eq!(stages, [("Attacked model", Some("aa.html")), ("Defense", None)]);
    assert_eq!(of_defense.stages[1].files, ["clp.csv"]);
    assert!(of_defense.stages[1].config.as_ref().unwrap().contains("clean_ratio"));
    assert!(pages[2].stages.iter().all(|part| part.config.is_none()));
}
