//! `check`: whether a data set on disk is complete, as its loader reads it.

use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use scour_core::DatasetFacts;
use scour_datasets::DatasetError;

use crate::official::{OfficialData, PerClass, official};
use crate::{InspectError, Messages, Registered};

/// The shortest time between two lines on the images that are decoded, and before the first.
const INTERVAL: Duration = Duration::from_secs(5);
/// The largest number of classes that are named one by one.
const NAMED: usize = 8;

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckReport {
    /// What was found, as lines to print.
    pub lines: Vec<String>,
    /// What is missing, one line each; empty where the data set is complete.
    pub missing: Vec<String>,
    /// Files that cannot be used, one line each. Where there are any, nothing was counted.
    pub broken: Vec<String>,
    /// The result in a few words.
    pub summary: String,
}

/// Reads the data set below `data` as training does, counts it and compares the counts with the official ones.
pub fn check(dataset: &Registered, data: &Path, messages: &Messages) -> Result<CheckReport, InspectError> {
    let Registered { description, source } = dataset;
    let mut lines = vec![format!("{}: {}", description.name, description.title)];
    if let Some(found) = source.find(data)? {
        lines.push(format!("layout    {}", found.layout));
        lines.push(format!("place     {}", found.path.display()));
    }
    let facts = match read(dataset, data, messages) {
        Ok(facts) => facts,
        Err(DatasetError::Broken { files, of, .. }) => {
            let summary = format!("{} of {of} files cannot be used", files.len());
            lines.push(summary.clone());
            let broken = files.iter().map(ToString::to_string).collect();
            return Ok(CheckReport { lines, missing: vec![], broken, summary });
        }
        Err(error) => return Err(error.into()),
    };
    lines.push(format!("classes   {}", facts.classes));
    lines.extend(classes(&facts));
    lines.push(format!("training  {} images", facts.train_len()));
    lines.push(format!("test      {} images", facts.test_len()));
    lines.push(format!("contents  {}", facts.fingerprint));
    lines.extend(facts.notes.iter().map(|note| format!("NOTE      {note}")));
    let mut summary =
        format!("{} + {} images of {} classes", facts.train_len(), facts.test_len(), facts.classes);
    let Some(official) = official(description.name) else {
        lines.push("readable; there are no official counts to compare with".into());
        return Ok(CheckReport { lines, missing: vec![], broken: vec![], summary });
    };
    let classes = facts.classes as usize;
    let missing = missing(official, &facts);
    let sample = classes < official.classes && official.may_have_fewer_classes;
    if sample {
        summary += &format!(", a sample of the official {}", official.classes);
    }
    lines.push(match (missing.is_empty(), sample) {
        (false, _) => "not complete".into(),
        (true, false) => "complete".into(),
        (true, true) => {
            format!("complete, but a sample: {classes} of the official {} classes", official.classes)
        }
    });
    Ok(CheckReport { lines, missing, broken: vec![], summary })
}

/// Counts the images, and prints how many are decoded where that takes long.
fn read(dataset: &Registered, data: &Path, messages: &Messages) -> Result<DatasetFacts, DatasetError> {
    let last = Mutex::new(Instant::now());
    dataset.source.prepare(data, &|done, total| {
        // Other threads call this as well; while one prints, the others go on.
        let Ok(mut last) = last.try_lock() else { return };
        if done < total && last.elapsed() >= INTERVAL {
            *last = Instant::now();
            messages.print(&format!("reading {}: {done} of {total} images", dataset.description.name));
        }
    })?;
    dataset.source.facts(data)
}

/// One line for each class: label, name, and numbers of training and test images.
fn classes(facts: &DatasetFacts) -> Vec<String> {
    let width = facts.class_names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    facts
        .class_names
        .iter()
        .enumerate()
        .map(|(label, name)| {
            let (train, test) = (facts.train_per_class[label], facts.test_per_class[label]);
            format!("  {label:>6}  {name:width$}  {train} + {test}")
        })
        .collect()
}

/// Checks that the data set below `data` is complete. Returns a summary of what it holds, or the first problem.
pub fn check_complete(dataset: &Registered, data: &Path, messages: &Messages) -> Result<String, String> {
    let report = check(dataset, data, messages).map_err(|error| error.to_string())?;
    match report.broken.first().or(report.missing.first()) {
        None => Ok(report.summary),
        Some(problem) => Err(problem.clone()),
    }
}

/// One line for each difference between the counts and the official ones.
fn missing(official: &OfficialData, facts: &DatasetFacts) -> Vec<String> {
    let classes = facts.classes as usize;
    let mut missing = Vec::new();
    if classes != official.classes && !(official.may_have_fewer_classes && classes < official.classes) {
        missing.push(format!("{classes} classes where {} are official", official.classes));
    }
    let splits = [
        ("training", &facts.train_per_class, official.train),
        ("test", &facts.test_per_class, official.test),
    ];
    for (split, counts, per_class) in splits {
        let (found, expected) = (counts.iter().sum::<usize>(), per_class.total(classes));
        let wrong = wrong_classes(counts, per_class, &facts.class_names);
        if found != expected {
            missing.push(format!(
                "{found} {split} images where {expected} are official{}{wrong}",
                confused_with(official, split, found)
            ));
        } else if !wrong.is_empty() {
            missing.push(format!(
                "{found} {split} images as there should be, but not in the right classes{wrong}"
            ));
        }
    }
    missing
}

/// Names the archive that is easily confused with the official one, where the number of images is that of it.
fn confused_with(official: &OfficialData, split: &str, found: usize) -> String {
    let Some((file, what)) = official.mistaken.first().filter(|_| split == "training" && found == 26_640)
    else {
        return String::new();
    };
    format!(" (that is {file}: {what})")
}

/// The classes whose number of images differs from the official one, as the end of a line.
fn wrong_classes(counts: &[usize], official: PerClass, names: &[String]) -> String {
    let wrong: Vec<usize> = (0..counts.len()).filter(|&class| counts[class] != official.of(class)).collect();
    if wrong.is_empty() {
        return String::new();
    }
    let describe = |&class: &usize| {
        let name = names.get(class).map(|name| format!(" {name}")).unwrap_or_default();
        format!("class {class}{name} has {} of {}", counts[class], official.of(class))
    };
    let more =
        if wrong.len() > NAMED { format!("; and {} more", wrong.len() - NAMED) } else { String::new() };
    let named: Vec<String> = wrong.iter().take(NAMED).map(describe).collect();
    format!(": {}{more}", named.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(official: &OfficialData, classes: usize) -> DatasetFacts {
        let counts = |of: PerClass| (0..classes).map(|class| of.of(class)).collect();
        DatasetFacts {
            name: official.name.into(),
            classes: classes as u32,
            size: 32,
            train_per_class: counts(official.train),
            test_per_class: counts(official.test),
            fingerprint: String::new(),
            ..DatasetFacts::default()
        }
    }

    #[test]
    fn complete_data_sets_and_a_sample_of_classes_miss_nothing() {
        for official in crate::OFFICIAL {
            assert_eq!(missing(official, &facts(official, official.classes)), [""; 0]);
        }
        let tiny = official("tiny_imagenet").unwrap();
        assert_eq!(missing(tiny, &facts(tiny, 50)), [""; 0]);
    }

    #[test]
    fn classes_that_lack_images_are_named() {
        let gtsrb = official("gtsrb").unwrap();
        let mut lacking = facts(gtsrb, 43);
        lacking.train_per_class[1] -= 20;
        lacking.class_names = vec!["a".to_string(), "b".to_string()];
        let expected = "39189 training images where 39209 are official: class 1 b has 2200 of 2220";
        assert_eq!(missing(gtsrb, &lacking), [expected]);
        // The total is right, but two images have another label.
        lacking.train_per_class[1] += 20;
        lacking.test_per_class[0] -= 2;
        lacking.test_per_class[5] += 2;
        let expected = "12630 test images as there should be, but not in the right classes: class 0 a has 58 of 60; \
                        class 5 has 632 of 630";
        assert_eq!(missing(gtsrb, &lacking), [expected]);
        let fewer = missing(gtsrb, &facts(gtsrb, 40));
        assert_eq!(fewer, ["40 classes where 43 are official"]);
    }

    #[test]
    fn the_smaller_training_archive_is_recognised_by_its_count() {
        let gtsrb = official("gtsrb").unwrap();
        let mut fixed = facts(gtsrb, 43);
        fixed.train_per_class = vec![0; 43];
        fixed.train_per_class[0] = 26_640;
        let line = &missing(gtsrb, &fixed)[0];
        assert!(line.starts_with(
            "26640 training images where 39209 are official (that is GTSRB-Training_fixed.zip: "
        ));
        assert!(line.ends_with("; and 35 more"), "{line}");
    }
}
