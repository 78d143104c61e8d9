//! The program as scripts use it: exit codes, and the path of the page as the last line.

use std::path::Path;
use std::process::{Command, Output};

const RESULTS: &str = "\
dataset,model,attack,poison_ratio,clean_ratio,seed,defense,acc,asr,ra,der,seconds,status,reason,key
signs,m,badnets,0.1,0.05,0,none,92,99,1,,60,ok,,01
";

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_scour-report")).args(arguments).output().unwrap()
}

fn lines(bytes: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(bytes).lines().map(String::from).collect()
}

#[test]
fn prints_the_page_that_it_wrote() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("results.csv"), RESULTS).unwrap();
    let output = run(&[folder.path().to_str().unwrap(), "--decimals", "1"]);
    assert_eq!(output.status.code(), Some(0));
    let page = lines(&output.stdout).pop().unwrap();
    assert!(page.ends_with("index.html") && Path::new(&page).is_file(), "{page}");
}

#[test]
fn wrong_usage_ends_with_2_and_a_missing_file_with_3() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(&[]).status.code(), Some(2));
    assert_eq!(run(&[folder.path().to_str().unwrap(), "--decimals", "9"]).status.code(), Some(2));
    let output = run(&[folder.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(3));
    let said = lines(&output.stderr);
    assert!(said.len() == 1 && said[0].contains("results.csv: no such file"), "{said:?}");
}

#[test]
fn two_folders_are_compared() {
    let dir = tempfile::tempdir().unwrap();
    let folder = |name: &str, results: &str| {
        let folder = dir.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("results.csv"), results).unwrap();
        folder.to_str().unwrap().to_string()
    };
    let (one, two) = (folder("one", RESULTS), folder("two", &RESULTS.replace(",92,99,", ",90,98,")));
    let output = run(&[&one, &two]);
    assert_eq!(output.status.code(), Some(0));
    let page = lines(&output.stdout).pop().unwrap();
    assert!(page.ends_with("one/report/compare-two/compare.html") && Path::new(&page).is_file(), "{page}");
    // A missing folder is an error of the environment, and published figures have no place in a comparison.
    let gone = run(&[&one, &format!("{two}-gone")]);
    assert_eq!(gone.status.code(), Some(3));
    assert!(lines(&gone.stderr)[0].contains("two-gone: no such folder"), "{:?}", lines(&gone.stderr));
    assert_eq!(run(&[&one, &two, "--published", "x.csv"]).status.code(), Some(2));
    assert_eq!(run(&[&one, &two, &two]).status.code(), Some(2));
}
