//! Number formats, devices and versions of both runs.

use scour_core::ResultRow;
use serde::Serialize;

use crate::number::{listed, plural};

/// What the cells of both runs were computed with.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Machine {
    pub(crate) name: &'static str,
    pub(crate) first: String,
    pub(crate) second: String,
    pub(crate) same: bool,
}

/// A value of rows and its name.
type Field = (&'static str, fn(&ResultRow) -> String);

const FIELDS: [Field; 5] = [
    ("number format", |row| row.precision.clone()),
    ("device", |row| row.device.clone()),
    ("processor", |row| row.processor.clone()),
    ("threads", |row| row.threads.map(|threads| threads.to_string()).unwrap_or_default()),
    ("versions", |row| row.versions.clone()),
];

/// One for each field that is recorded in either run.
pub(crate) fn machines(first: &[ResultRow], second: &[ResultRow]) -> Vec<Machine> {
    let of_field = |(name, field): Field| {
        let [a, b] = [first, second].map(|rows| values(rows, field));
        let recorded = [&a, &b].iter().any(|values| values.iter().any(|(value, _)| !value.is_empty()));
        let same = a.len() == b.len() && a.iter().all(|(value, _)| b.iter().any(|(other, _)| other == value));
        recorded.then(|| Machine { name, first: text(&a), second: text(&b), same })
    };
    FIELDS.into_iter().filter_map(of_field).collect()
}

/// The values of the rows that have figures, and how many have each.
fn values(rows: &[ResultRow], field: fn(&ResultRow) -> String) -> Vec<(String, usize)> {
    let mut found: Vec<(String, usize)> = vec![];
    for value in rows.iter().filter(|row| row.acc.is_some()).map(field) {
        match found.iter_mut().find(|(known, _)| *known == value) {
            Some((_, count)) => *count += 1,
            None => found.push((value, 1)),
        }
    }
    found
}

/// `fp32`, or `fp32 (35 cells) and bf16 (4 cells)`.
fn text(values: &[(String, usize)]) -> String {
    let named = |value: &str| if value.is_empty() { "not recorded".to_string() } else { value.to_string() };
    match values {
        [] => "–".into(),
        [(value, _)] => named(value),
        several => listed(
            &several
                .iter()
                .map(|(value, count)| format!("{} ({})", named(value), plural(*count, "cell")))
                .collect::<Vec<_>>(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_are_not_recorded_are_left_out_and_mixtures_are_counted() {
        let row = |precision: &str| ResultRow {
            precision: precision.into(),
            acc: Some(1.0),
            ..ResultRow::default()
        };
        let found = machines(&[row("fp32"), row("bf16"), row("fp32")], &[row("bf16"), row("")]);
        assert_eq!(
            found,
            [Machine {
                name: "number format",
                first: "fp32 (2 cells) and bf16 (1 cell)".into(),
                second: "bf16 (1 cell) and not recorded (1 cell)".into(),
                same: false
            }]
        );
        assert!(machines(&[row("fp32")], &[row("fp32"), row("fp32")])[0].same);
        assert_eq!(machines(&[row("")], &[row("")]), []);
    }
}
