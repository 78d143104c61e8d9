//! Damaged files of both data sets in each layout: they give an error of one line that names the file, or a data set,
//! but never a panic.

use std::fs;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::fixture::{LAYOUTS, SMALL, SMALL_100, write};

#[test]
fn mutated_files_give_an_error_that_names_them_or_a_data_set() {
    // One folder for each data set and layout.
    let folders: Vec<_> = [&SMALL, &SMALL_100]
        .into_iter()
        .flat_map(|format| LAYOUTS.map(|layout| (format, layout)))
        .map(|(format, layout)| {
            let data = tempfile::tempdir().unwrap();
            write(format, layout, data.path());
            let mut files = Vec::new();
            for entry in fs::read_dir(data.path()).unwrap() {
                let path = entry.unwrap().path();
                match fs::read_dir(&path) {
                    Ok(inside) => files.extend(inside.map(|entry| entry.unwrap().path())),
                    Err(_) => files.push(path),
                }
            }
            files.sort();
            (format, data, files)
        })
        .collect();
    // Most bytes of pickles and binary files are pixels, so half of the changes go to the first and last hundred bytes.
    let flips = prop::collection::vec((any::<u32>(), any::<u8>(), any::<bool>()), 1..6);
    let mutation =
        (any::<prop::sample::Index>(), any::<prop::sample::Index>(), prop::bool::weighted(0.3), flips);
    let defaults = Config::default();
    let config = Config { cases: defaults.cases.max(300), failure_persistence: None, ..defaults };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let outcome = runner.run(&mutation, |(folder, file, truncate, flips)| {
        let (format, data, files) = &folders[folder.index(folders.len())];
        let path = &files[file.index(files.len())];
        let whole = fs::read(path).unwrap();
        let mut bytes = whole.clone();
        for (at, value, edge) in &flips {
            let at = if *edge { *at as usize % 200 } else { *at as usize % bytes.len() };
            let at = if at < 100 || !*edge { at } else { (bytes.len() + 99).saturating_sub(at) };
            let last = bytes.len() - 1;
            bytes[at.min(last)] = *value;
        }
        if truncate {
            bytes.truncate(flips[0].0 as usize % whole.len());
        }
        fs::write(path, &bytes).unwrap();
        let result = format.load_with_facts(data.path());
        fs::write(path, &whole).unwrap();
        if let Err(error) = result {
            let message = error.to_string();
            prop_assert!(!message.contains('\n'), "{}", message);
            prop_assert!(message.contains(&*path.to_string_lossy()), "{}", message);
        }
        Ok(())
    });
    outcome.unwrap();
    for (format, data, _) in &folders {
        assert!(format.load_with_facts(data.path()).is_ok());
    }
}
