//! `check`: whether a data set on disk is whole, as its loader reads it.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use scour_core::DatasetFacts;
use scour_datasets::{DatasetError, Source};
use serde_json::json;

use crate::originals::{Original, PerClass, original};
use crate::{InspectError, Voice};

/// At most so many classes are named one by one.
const NAMED: usize = 8;

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is there, a line each.
    pub lines: Vec<String>,
    /// What is missing, a line each; nothing where the data set is whole.
    pub missing: Vec<String>,
    /// Files that cannot be used, a line each; where there are any, nothing was counted.
    pub broken: Vec<String>,
    /// The same in a few words.
    pub words: String,
}

/// Reads the data set below `data` as training does, counts it and compares the counts with the official ones.
pub fn check(source: &dyn Source, data: &Path, voice: &Voice) -> Result<Finding, DatasetError> {
    let name = source.name();
    let params =
        source.resolve(&json!({})).map_err(|problem| DatasetError::Param { dataset: name, problem })?;
    let place = source.place(data)?;
    let mut lines = vec![format!("{name}: {}", source.title())];
    if let Some(place) = place {
        lines.push(format!("layout    {}", place.layout));
        lines.push(format!("place     {}", place.path.display()));
    }
    let told = AtomicUsize::new(0);
    let prepared = source.prepare(&params, data, &|done, total| {
        // A line for each tenth, whichever thread comes by it.
        let tenth = 10 * done / total.max(1);
        if told.fetch_max(tenth, Ordering::Relaxed) < tenth && done < total {
            voice.line(&format!("reading {name}: {done} of {total} pictures"));
        }
    });
    let facts = match prepared.and_then(|()| source.facts(&params, data)) {
        Ok(facts) => facts,
        Err(DatasetError::Broken { files, of, .. }) => {
            let words = format!("{} of {of} files cannot be used", files.len());
            lines.push(words.clone());
            let broken = files.iter().map(ToString::to_string).collect();
            return Ok(Finding { lines, missing: vec![], broken, words });
        }
        Err(error) => return Err(error),
    };
    lines.push(format!("classes   {}", facts.classes));
    lines.extend(classes(&facts));
    lines.push(format!("training  {} pictures", facts.train_len()));
    lines.push(format!("test      {} pictures", facts.test_len()));
    lines.push(format!("contents  {}", facts.fingerprint));
    lines.extend(facts.notes.iter().map(|note| format!("NOTE      {note}")));
    let mut words =
        format!("{} + {} pictures of {} classes", facts.train_len(), facts.test_len(), facts.classes);
    let Some(original) = original(name) else {
        lines.push("readable; there are no official counts to compare with".into());
        return Ok(Finding { lines, missing: vec![], broken: vec![], words });
    };
    let classes = facts.classes as usize;
    let missing = missing(original, &facts);
    let sample = classes < original.classes && original.may_have_fewer_classes;
    if sample {
        words += &format!(", a sample of the official {}", original.classes);
    }
    lines.push(match (missing.is_empty(), sample) {
        (false, _) => "not whole".into(),
        (true, false) => "whole".into(),
        (true, true) => {
            format!("whole, but a sample: {classes} of the official {} classes", original.classes)
        }
    });
    Ok(Finding { lines, missing, broken: vec![], words })
}

/// A line for each class: its label, its name, its training and its test images.
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

/// Whether the data set below `data` is whole, in a few words either way.
pub fn whole(source: &dyn Source, data: &Path, voice: &Voice) -> Result<String, String> {
    let finding = check(source, data, voice).map_err(|error| error.to_string())?;
    match finding.broken.first().or(finding.missing.first()) {
        None => Ok(finding.words),
        Some(missing) => Err(missing.clone()),
    }
}

fn missing(original: &Original, facts: &DatasetFacts) -> Vec<String> {
    let classes = facts.classes as usize;
    let mut missing = Vec::new();
    if classes != original.classes && !(original.may_have_fewer_classes && classes < original.classes) {
        missing.push(format!("{classes} classes where {} are official", original.classes));
    }
    let splits = [
        ("training", &facts.train_per_class, original.train),
        ("test", &facts.test_per_class, original.test),
    ];
    for (split, counts, official) in splits {
        let (found, expected) = (counts.iter().sum::<usize>(), official.total(classes));
        let short = wrong_classes(counts, official, &facts.class_names);
        if found != expected {
            missing.push(format!(
                "{found} {split} pictures where {expected} are official{}{short}",
                known(original, split, found)
            ));
        } else if !short.is_empty() {
            missing.push(format!(
                "{found} {split} pictures as there should be, but not in the right classes{short}"
            ));
        }
    }
    missing
}

/// A part that is often met with, by its number of pictures.
fn known(original: &Original, split: &str, found: usize) -> String {
    let Some((file, what)) = original.mistaken.first().filter(|_| split == "training" && found == 26_640)
    else {
        return String::new();
    };
    format!(" (that is {file}: {what})")
}

/// Classes with another number of pictures than the official one, as the end of a line.
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

/// The data set registered under `name`.
pub fn registered(name: &str) -> Result<&'static dyn Source, InspectError> {
    scour_datasets::source(name).ok_or_else(|| {
        let names: Vec<&str> = scour_datasets::SOURCES.iter().map(|source| source.name()).collect();
        InspectError::Usage(format!("there is no data set `{name}`: there are {}", names.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(original: &Original, classes: usize) -> DatasetFacts {
        let counts = |of: PerClass| (0..classes).map(|class| of.of(class)).collect();
        DatasetFacts {
            name: original.name.into(),
            classes: classes as u32,
            size: 32,
            train_per_class: counts(original.train),
            test_per_class: counts(original.test),
            fingerprint: String::new(),
            ..DatasetFacts::default()
        }
    }

    #[test]
    fn whole_sets_and_a_sample_of_classes_miss_nothing() {
        for original in crate::ORIGINALS {
            assert_eq!(missing(original, &facts(original, original.classes)), [""; 0]);
        }
        let tiny = original("tiny_imagenet").unwrap();
        assert_eq!(missing(tiny, &facts(tiny, 50)), [""; 0]);
    }

    #[test]
    fn classes_that_lack_pictures_are_named() {
        let gtsrb = original("gtsrb").unwrap();
        let mut lacking = facts(gtsrb, 43);
        lacking.train_per_class[1] -= 20;
        lacking.class_names = vec!["a".to_string(), "b".to_string()];
        let expected = "39189 training pictures where 39209 are official: class 1 b has 2200 of 2220";
        assert_eq!(missing(gtsrb, &lacking), [expected]);
        // As many pictures as there should be, but two of them under another label.
        lacking.train_per_class[1] += 20;
        lacking.test_per_class[0] -= 2;
        lacking.test_per_class[5] += 2;
        let expected = "12630 test pictures as there should be, but not in the right classes: class 0 a has 58 of 60; \
                        class 5 has 632 of 630";
        assert_eq!(missing(gtsrb, &lacking), [expected]);
        let fewer = missing(gtsrb, &facts(gtsrb, 40));
        assert_eq!(fewer, ["40 classes where 43 are official"]);
    }

    #[test]
    fn the_smaller_training_archive_is_recognised_by_its_count() {
        let gtsrb = original("gtsrb").unwrap();
        let mut fixed = facts(gtsrb, 43);
        fixed.train_per_class = vec![0; 43];
        fixed.train_per_class[0] = 26_640;
        let line = &missing(gtsrb, &fixed)[0];
        assert!(line.starts_with(
            "26640 training pictures where 39209 are official (that is GTSRB-Training_fixed.zip: "
        ));
        assert!(line.ends_with("; and 35 more"), "{line}");
    }
}
