//! Warnings if the numbers of a table are from several number formats, devices, processors or versions.

use scour_core::{ResultRow, RowStatus};

use crate::group::Group;
use crate::number::{listed, plural};

/// A field of rows and the name of its values.
type Field = (fn(&ResultRow) -> &String, &'static str);

const FIELDS: [Field; 4] = [
    (|row| &row.precision, "number formats"),
    (|row| &row.device, "devices"),
    (|row| &row.processor, "processors"),
    (|row| &row.versions, "versions"),
];

/// A line for each field that has more than one value in the table's rows. Rows without figures are left out; a value
/// that only some rows lack counts as another one.
pub(crate) fn mixtures(group: &Group) -> Vec<String> {
    let rows: Vec<&ResultRow> = group
        .rows
        .iter()
        .copied()
        .filter(|row| matches!(row.status, RowStatus::Ok | RowStatus::NotImplanted | RowStatus::Collapsed))
        .collect();
    FIELDS.iter().filter_map(|(field, name)| mixture(&rows, *field, name)).collect()
}

fn mixture(rows: &[&ResultRow], field: fn(&ResultRow) -> &String, name: &str) -> Option<String> {
    let mut values: Vec<(&str, usize)> = vec![];
    for row in rows {
        let value = field(row).as_str();
        match values.iter_mut().find(|(known, _)| *known == value) {
            Some((_, count)) => *count += 1,
            None => values.push((value, 1)),
        }
    }
    if values.len() < 2 {
        return None;
    }
    let text = |&(value, count): &(&str, usize)| {
        let value = if value.is_empty() { "not recorded" } else { value };
        format!("{value} ({})", plural(count, "cell"))
    };
    Some(format!(
        "this table mixes {name}: {}; this may cause differences between cells",
        listed(&values.iter().map(text).collect::<Vec<_>>())
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_is_no_mixture_and_a_missing_one_is() {
        let row = |precision: &str| ResultRow { precision: precision.into(), ..ResultRow::default() };
        let of = |values: &[&str]| {
            let rows: Vec<ResultRow> = values.iter().map(|value| row(value)).collect();
            mixture(&rows.iter().collect::<Vec<_>>(), FIELDS[0].0, FIELDS[0].1)
        };
        assert_eq!(of(&["fp32", "fp32"]), None);
        assert_eq!(of(&["", ""]), None);
        let found = of(&["fp32", "bf16", "fp32"]).unwrap();
        assert!(found.contains("mixes number formats: fp32 (2 cells) and bf16 (1 cell)"), "{found}");
        assert!(of(&["fp32", ""]).unwrap().contains("not recorded (1 cell)"));
    }
}
