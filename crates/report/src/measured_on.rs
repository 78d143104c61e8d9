//! The machine and the day of a measurement.

use std::fmt;

use scour_core::ResultRow;

/// The machine, number format, threads and day of measured seconds. Seconds can be compared if all of these agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MeasuredOn<'a> {
    processor: &'a str,
    device: &'a str,
    threads: usize,
    precision: &'a str,
    day: &'a str,
}

impl<'a> MeasuredOn<'a> {
    /// `None` if a part of it is not recorded, as in older files.
    pub(crate) fn of(row: &'a ResultRow) -> Option<Self> {
        let known = |text: &'a str| Some(text).filter(|text| !text.is_empty());
        Some(Self {
            processor: known(&row.processor)?,
            device: known(&row.device)?,
            threads: row.threads?,
            precision: known(&row.precision)?,
            day: row.finished.get(..10)?,
        })
    }
}

impl fmt::Display for MeasuredOn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { processor, device, threads, precision, day } = self;
        write!(f, "{processor}, {device}, {threads} threads, {precision}, {day}")
    }
}
