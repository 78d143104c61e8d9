//! The number of repeats with each status.

use scour_core::{ResultRow, RowStatus};

/// One number for each status, in the order of [`RowStatus::ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts([u32; RowStatus::ALL.len()]);

impl Counts {
    pub(crate) fn of<'a>(rows: impl IntoIterator<Item = &'a ResultRow>) -> Self {
        let mut counts = Self::default();
        for row in rows {
            counts.0[index_of(row.status)] += 1;
        }
        counts
    }

    /// From one number for each status.
    pub(crate) fn new(numbers: [u32; RowStatus::ALL.len()]) -> Self {
        Self(numbers)
    }

    pub(crate) fn get(self, status: RowStatus) -> u32 {
        self.0[index_of(status)]
    }

    pub(crate) fn total(self) -> u32 {
        self.0.iter().sum()
    }

    /// The status that is shown for a cell: one with figures if any repeat has them, otherwise the most important one.
    pub(crate) fn shown_status(self) -> Option<RowStatus> {
        use RowStatus::{Collapsed, Failed, NotApplicable, NotEvaluated, NotImplanted, Ok};
        [Ok, Collapsed, NotImplanted, Failed, NotEvaluated, NotApplicable]
            .into_iter()
            .find(|status| self.get(*status) > 0)
    }
}

fn index_of(status: RowStatus) -> usize {
    RowStatus::ALL.iter().position(|known| *known == status).unwrap_or_default()
}

/// A status as tables show it: `not implanted`, which is `not_implanted` in files.
pub(crate) fn status_text(status: RowStatus) -> &'static str {
    match status {
        RowStatus::NotImplanted => "not implanted",
        RowStatus::NotEvaluated => "not evaluated",
        other => other.word(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_a_count_of_its_own() {
        let rows: Vec<ResultRow> = RowStatus::ALL
            .into_iter()
            .enumerate()
            .flat_map(|(at, status)| vec![ResultRow { status, ..ResultRow::default() }; at + 1])
            .collect();
        let counts = Counts::of(&rows);
        assert_eq!(counts, Counts::new([1, 2, 3, 4, 5, 6]));
        assert_eq!((counts.get(RowStatus::Failed), counts.total()), (6, 21));
        assert_eq!(Counts::new([0, 0, 0, 1, 0, 1]).shown_status(), Some(RowStatus::Failed));
        assert_eq!(Counts::default().shown_status(), None);
    }
}
