//! The rows of `results.csv`, and how many of them differ between two runs.

use std::path::Path;

use anyhow::Context;

/// Columns that are measured anew by each run, or that name the run that did the work.
const OF_THE_RUN: [&str; 5] =
    ["seconds", "seconds_from", "finished", "peak_memory_mib", "gpu_peak_memory_mib"];

/// The rows of a file, each as `column=field` without the columns of the run.
pub(super) fn read(file: &Path) -> anyhow::Result<Vec<String>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut records = records(&text).into_iter();
    let header = records.next().with_context(|| format!("{} is empty", file.display()))?;
    for column in OF_THE_RUN {
        if !header.iter().any(|name| name == column) {
            anyhow::bail!("{} has no column `{column}`: correct the list of the kill test", file.display());
        }
    }
    let row = |record: Vec<String>| {
        let fields = header.iter().zip(record).filter(|(name, _)| !OF_THE_RUN.contains(&name.as_str()));
        fields.map(|(name, field)| format!("{name}={field}")).collect::<Vec<_>>().join(" ")
    };
    Ok(records.map(row).collect())
}

/// The rows of one list that are not in the other, each with a mark: `-` of the first, `+` of the second.
pub(super) fn differences(first: &[String], second: &[String]) -> Vec<String> {
    let without = |rows: &[String], others: &[String], mark: char| {
        let mut others: Vec<&String> = others.iter().collect();
        let mut missing = vec![];
        for row in rows {
            match others.iter().position(|other| *other == row) {
                Some(index) => drop(others.swap_remove(index)),
                None => missing.push(format!("{mark} {row}")),
            }
        }
        missing
    };
    let mut all = without(first, second, '-');
    all.extend(without(second, first, '+'));
    all
}

/// How many rows differ: a row that has other figures counts once, as does one that is missing or one too many.
pub(super) fn count(differences: &[String]) -> usize {
    let added = differences.iter().filter(|line| line.starts_with('+')).count();
    added.max(differences.len() - added)
}

/// The fields of each line, as RFC 4180 quotes them.
fn records(text: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut field) = (vec![], vec![], String::new());
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match (quoted, character) {
            (true, '"') if characters.peek() == Some(&'"') => {
                field.push('"');
                characters.next();
            }
            (_, '"') => quoted = !quoted,
            (false, ',') => record.push(std::mem::take(&mut field)),
            (false, '\r') => {}
            (false, '\n') => {
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            (_, other) => field.push(other),
        }
    }
    if !field.is_empty() || !record.is_empty() {
        record.push(field);
        records.push(record);
    }
    records
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_fields_are_read() {
        let text = "a,b,c\n1,\"x, \"\"y\"\"\nz\",\n,,3";
        let expected = [vec!["a", "b", "c"], vec!["1", "x, \"y\"\nz", ""], vec!["", "", "3"]];
        assert_eq!(records(text), expected);
        assert!(records("").is_empty());
    }

    #[test]
    fn columns_of_the_run_are_left_out_and_must_be_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("results.csv");
        let header = "seed,seconds,seconds_from,finished,acc,peak_memory_mib,gpu_peak_memory_mib";
        std::fs::write(&file, format!("{header}\n0,1.5,here,now,80,7,8\n")).unwrap();
        assert_eq!(read(&file).unwrap(), ["seed=0 acc=80"]);
        std::fs::write(&file, "seed,acc\n0,80\n").unwrap();
        assert!(read(&file).unwrap_err().to_string().contains("no column `seconds`"));
    }

    #[test]
    fn rows_that_differ_are_counted_once() {
        let rows = |list: &[&str]| list.iter().map(|row| (*row).to_string()).collect::<Vec<_>>();
        let different = |first: &[&str], second: &[&str]| differences(&rows(first), &rows(second));
        assert!(different(&["a", "b"], &["b", "a"]).is_empty());
        assert_eq!(different(&["a", "b"], &["a", "c"]), ["- b", "+ c"]);
        assert_eq!(count(&different(&["a", "b"], &["a", "c"])), 1);
        assert_eq!(count(&different(&["a", "b"], &["a"])), 1);
        assert_eq!(count(&different(&["a"], &["a", "a", "b"])), 2);
    }
}
