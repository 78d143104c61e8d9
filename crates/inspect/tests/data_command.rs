//! The program from outside: output and exit codes.

mod output;

use std::path::Path;
use std::process::{Command, Output};

use output::{error, lines};

fn run(data: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_scour-data")).args(arguments).arg("--data").arg(data).output().unwrap()
}

#[test]
fn the_list_names_every_data_set() {
    let data = tempfile::tempdir().unwrap();
    let output = run(data.path(), &["list"]);
    assert_eq!(output.status.code(), Some(0));
    let printed = lines(&output.stdout);
    for source in scour_datasets::SOURCES {
        assert!(printed.iter().any(|line| line.starts_with(source.name())), "{}", source.name());
    }
    for official in scour_inspect::OFFICIAL {
        assert!(printed.iter().any(|line| line.contains(&format!("cargo xtask data get {}", official.name))));
    }
}

#[test]
fn a_missing_data_set_exits_with_3() {
    let data = tempfile::tempdir().unwrap();
    let output = run(data.path(), &["check", "gtsrb"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(error(&output).contains("GTSRB does not exist"));
}

#[test]
fn missing_images_are_counted_by_class_and_exit_with_3() {
    let data = tempfile::tempdir().unwrap();
    let gtsrb = data.path().join("GTSRB");
    let ppm = [&b"P6\n8 8\n255\n"[..], &[100; 192]].concat();
    for folder in ["Final_Training/Images/00003", "Final_Test/Images"] {
        std::fs::create_dir_all(gtsrb.join(folder)).unwrap();
        std::fs::write(gtsrb.join(folder).join("a.ppm"), &ppm).unwrap();
    }
    for table in ["Final_Training/Images/00003/GT-00003.csv", "GT-final_test.csv"] {
        std::fs::write(gtsrb.join(table), "Filename;ClassId\na.ppm;3\n").unwrap();
    }
    let output = run(data.path(), &["check", "gtsrb"]);
    assert_eq!(output.status.code(), Some(3));
    let printed = lines(&output.stdout);
    assert!(printed.contains(&"training  1 images".to_string()), "{printed:?}");
    let missing: Vec<&String> = printed.iter().filter(|line| line.starts_with("MISSING")).collect();
    assert_eq!(missing.len(), 2, "{printed:?}");
    assert!(
        missing[0]
            .contains("1 training images where 39209 are official: class 0 speed limit 20 has 0 of 210")
    );
}

/// A folder of images with two classes, `cat` and `dog`.
fn write_folder(data: &Path) {
    let image = |grey: u8| [&b"P6\n8 8\n255\n"[..], &[grey; 192]].concat();
    for (grey, folder) in ["train/cat", "train/dog", "test/cat", "test/dog"].iter().enumerate() {
        std::fs::create_dir_all(data.join(folder)).unwrap();
        std::fs::write(data.join(folder).join("1.ppm"), image(grey as u8)).unwrap();
    }
}

#[test]
fn broken_files_are_listed_up_to_a_limit_and_exit_with_3() {
    let data = tempfile::tempdir().unwrap();
    write_folder(data.path());
    for number in 100..152 {
        std::fs::write(data.path().join(format!("train/dog/{number}.png")), "no image").unwrap();
    }
    let output = run(data.path(), &["check", "folder"]);
    assert_eq!(output.status.code(), Some(3));
    let printed = lines(&output.stdout);
    assert!(printed.contains(&"52 of 56 files cannot be used".to_string()), "{printed:?}");
    let broken: Vec<&String> = printed.iter().filter(|line| line.starts_with("BROKEN")).collect();
    assert_eq!(broken.len(), 51);
    assert!(broken[0].contains("train/dog/100.png: not a readable image"), "{}", broken[0]);
    assert!(broken[49].contains("train/dog/149.png"), "{}", broken[49]);
    assert_eq!(broken[50], "BROKEN    and 2 more");
}

#[test]
fn classes_are_listed_in_order_and_skipped_files_are_reported() {
    let data = tempfile::tempdir().unwrap();
    write_folder(data.path());
    std::fs::write(data.path().join("train/cat/notes.txt"), "x").unwrap();
    std::fs::remove_file(data.path().join("test/dog/1.ppm")).unwrap();
    let output = run(data.path(), &["check", "folder"]);
    assert_eq!(output.status.code(), Some(0));
    let printed = lines(&output.stdout);
    let from = printed.iter().position(|line| line == "classes   2").unwrap();
    assert_eq!(printed[from + 1..from + 3], ["       0  cat  1 + 1", "       1  dog  1 + 0"]);
    let notes: Vec<&String> = printed.iter().filter(|line| line.starts_with("NOTE")).collect();
    assert_eq!(
        notes,
        ["NOTE      train/: 1 file skipped: 1 .txt", "NOTE      test class `dog` has no image"]
    );
}

#[test]
fn the_drawn_data_set_is_complete() {
    let data = tempfile::tempdir().unwrap();
    let output = run(data.path(), &["check", "signs"]);
    assert_eq!(output.status.code(), Some(0), "{:?}", lines(&output.stderr));
}

#[test]
fn wrong_arguments_exit_with_2() {
    let data = tempfile::tempdir().unwrap();
    let output = run(data.path(), &["check", "cifar"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        error(&output).contains("unknown data set `cifar`: did you mean `cifar10`? (known: signs, cifar10")
    );
    for word in ["get", "fetch"] {
        assert_eq!(run(data.path(), &[word, "cifar10"]).status.code(), Some(2), "{word}");
    }
}
