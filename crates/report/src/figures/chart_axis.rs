//! The two axes of a chart: linear, or logarithmic at given values.

use super::axis::{Scale, percent_range, ticks};
use crate::number::fixed;

/// Values that differ by this factor or more are drawn on a logarithmic axis.
const LOGARITHMIC_FROM: f64 = 20.0;

/// An axis with its label, range and ticks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ChartAxis {
    pub(super) label: String,
    range: [f64; 2],
    ticks: Vec<(f64, String)>,
    logarithmic: bool,
}

impl ChartAxis {
    /// A linear axis with round ticks.
    pub(crate) fn linear(label: &str, range: [f64; 2]) -> Self {
        let range = if range[1] > range[0] { range } else { [range[0], range[0] + 1.0] };
        Self { label: label.into(), range, ticks: ticks(range), logarithmic: false }
    }

    /// An axis of epochs: ticks at whole numbers only.
    pub(crate) fn epochs(label: &str, last: usize) -> Self {
        let steps = [1, 2, 5, 10, 20, 50, 100, 200, 500];
        let step = steps.into_iter().find(|step| last / step <= 8).unwrap_or(last);
        let ticks = (1..=last)
            .filter(|epoch| *epoch == 1 || epoch.is_multiple_of(step))
            .map(|epoch| (epoch as f64, epoch.to_string()))
            .collect();
        Self { label: label.into(), range: [1.0, last.max(2) as f64], ticks, logarithmic: false }
    }

    /// An axis with a tick at each of these sorted values. It is logarithmic if all are positive and far apart.
    pub(crate) fn at_values(label: &str, values: &[f64]) -> Self {
        let (first, last) =
            (values.first().copied().unwrap_or_default(), values.last().copied().unwrap_or(1.0));
        let logarithmic = first > 0.0 && last >= LOGARITHMIC_FROM * first;
        let range = if last > first { [first, last] } else { [first - 0.5, first + 0.5] };
        let ticks = values.iter().map(|value| (*value, value.to_string())).collect();
        Self { label: label.into(), range, ticks, logarithmic }
    }

    /// An axis for positive values: linear from 0, or logarithmic from the smallest one if they are far apart.
    pub(crate) fn positive(label: &str, smallest: f64, largest: f64) -> Self {
        if smallest <= 0.0 || largest < LOGARITHMIC_FROM * smallest {
            return Self::linear(label, from_zero([largest].into_iter()));
        }
        let range = [0.8 * smallest, 1.1 * largest];
        let tens = (range[0].log10().floor() as i32)..=(range[1].log10().ceil() as i32);
        let values = tens.flat_map(|ten| [1.0, 2.0, 5.0].map(|first| first * 10f64.powi(ten)));
        let ticks = values
            .filter(|value| (range[0]..=range[1]).contains(value))
            .map(|value| (value, fixed(value, if value < 1.0 { -value.log10().floor() as usize } else { 0 })))
            .collect();
        Self { label: label.into(), range, ticks, logarithmic: true }
    }

    /// From values to these pixels.
    pub(super) fn scale(&self, pixels: [f64; 2]) -> AxisScale {
        let data = if self.logarithmic { self.range.map(f64::log10) } else { self.range };
        AxisScale { scale: Scale { data, pixels }, logarithmic: self.logarithmic }
    }

    /// Ticks with their pixels; labels that would touch the one before are left out.
    pub(super) fn placed(&self, scale: &AxisScale, room: impl Fn(&str) -> f64) -> Vec<(f64, String)> {
        let mut end: Option<f64> = None;
        let mut placed = vec![];
        for (value, text) in &self.ticks {
            let pixel = scale.pixel(*value);
            let text = if end.is_some_and(|end| (pixel - end).abs() < room(text)) { "" } else { text };
            if !text.is_empty() {
                end = Some(pixel);
            }
            placed.push((pixel, text.to_string()));
        }
        placed
    }
}

/// From values to pixels, clamped to the plot.
#[derive(Clone, Copy, Debug)]
pub(super) struct AxisScale {
    scale: Scale,
    logarithmic: bool,
}

impl AxisScale {
    pub(super) fn pixel(&self, value: f64) -> f64 {
        self.scale.clamped(if self.logarithmic { value.max(f64::MIN_POSITIVE).log10() } else { value })
    }
}

/// From 0 to a little above the largest value.
pub(crate) fn from_zero(values: impl Iterator<Item = f64>) -> [f64; 2] {
    let largest = values.fold(0.0, f64::max);
    [0.0, if largest > 0.0 { 1.04 * largest } else { 1.0 }]
}

/// The range of percentages around these values.
pub(crate) fn from_percentages(values: impl Iterator<Item = f64>) -> [f64; 2] {
    percent_range(values)
}

/// A number for a tooltip: three significant decimals.
pub(crate) fn shown(value: f64) -> String {
    fixed(value, if value.abs() < 10.0 { 3 } else { 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_at_values_are_logarithmic_if_these_are_far_apart() {
        let near = ChartAxis::at_values("n", &[0.0, 0.1, 0.3]);
        assert_eq!(near.scale([0.0, 300.0]).pixel(0.1).round(), 100.0);
        let far = ChartAxis::at_values("lr", &[0.001, 0.01, 0.1]);
        assert_eq!(far.scale([0.0, 300.0]).pixel(0.01).round(), 150.0);
        let one = ChartAxis::at_values("n", &[2.0]);
        assert_eq!(one.scale([0.0, 100.0]).pixel(2.0), 50.0);
    }

    #[test]
    fn positive_values_that_are_far_apart_have_a_logarithmic_axis() {
        let texts = |axis: &ChartAxis| axis.ticks.iter().map(|(_, text)| text.clone()).collect::<Vec<_>>();
        let near = ChartAxis::positive("a", 1.0, 10.0);
        assert_eq!((near.logarithmic, near.range[0]), (false, 0.0));
        let far = ChartAxis::positive("a", 0.1, 8.0);
        assert!(far.logarithmic);
        assert_eq!(texts(&far), ["0.1", "0.2", "0.5", "1", "2", "5"]);
    }

    #[test]
    fn labels_do_not_touch_and_epochs_are_whole() {
        let axis = ChartAxis::at_values("n", &[0.0, 0.01, 0.5, 1.0]);
        let texts: Vec<String> =
            axis.placed(&axis.scale([0.0, 100.0]), |_| 20.0).into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, ["0", "", "0.5", "1"]);
        let epochs = ChartAxis::epochs("epoch", 20);
        assert_eq!(epochs.ticks.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [1.0, 5.0, 10.0, 15.0, 20.0]);
        assert_eq!(from_zero([2.0, 50.0].into_iter()), [0.0, 52.0]);
        assert_eq!(from_zero(std::iter::empty()), [0.0, 1.0]);
    }
}
