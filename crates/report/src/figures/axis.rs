//! Scales and ticks.

use super::at;

/// A linear scale from data to pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    pub(super) data: [f64; 2],
    pub(super) pixels: [f64; 2],
}

impl Scale {
    pub(super) fn pixel(&self, value: f64) -> f64 {
        let share = (value - self.data[0]) / (self.data[1] - self.data[0]);
        self.pixels[0] + share * (self.pixels[1] - self.pixels[0])
    }

    /// The same, clamped to the plot.
    pub(super) fn clamped(&self, value: f64) -> f64 {
        self.pixel(value.clamp(self.data[0], self.data[1]))
    }
}

/// The vertical axis of a plot from `left` to `right`: a horizontal line at each tick, the strongest at 0, and a label.
pub(super) fn upward_axis(y: &Scale, [left, right]: [f64; 2], label: &str) -> String {
    let mut svg = String::new();
    for (value, text) in ticks(y.data) {
        let height = y.pixel(value);
        svg += &format!(
            "<line x1=\"{}\" x2=\"{}\" y1=\"{2}\" y2=\"{2}\" stroke=\"currentColor\" stroke-opacity=\"{3}\"/>\
             <text x=\"{4}\" y=\"{5}\" text-anchor=\"end\" opacity=\"0.8\">{text}</text>\n",
            at(left),
            at(right),
            at(height),
            if value == 0.0 { "0.6" } else { "0.13" },
            at(left - 8.0),
            at(height + 4.0)
        );
    }
    svg += &format!(
        "<text transform=\"translate(14 {}) rotate(-90)\" text-anchor=\"middle\">{label}</text>\n",
        at((y.pixels[0] + y.pixels[1]) / 2.0)
    );
    svg
}

/// Round numbers within the range, about five of them, with the decimals they need.
pub(super) fn ticks(range: [f64; 2]) -> Vec<(f64, String)> {
    let rough = (range[1] - range[0]) / 5.0;
    let magnitude = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|nice| nice * magnitude).into_iter().find(|step| *step >= rough);
    let step = step.unwrap_or(10.0 * magnitude);
    let decimals = if step >= 1.0 { 0 } else { (-step.log10().floor()) as usize };
    let first = (range[0] / step - 1e-9).ceil() as i64;
    let last = (range[1] / step + 1e-9).floor() as i64;
    (first..=last).map(|k| (k as f64 * step, crate::number::fixed(k as f64 * step, decimals))).collect()
}

/// A range of percentages around the values, with a margin; never empty and never beyond 0..100 by more than 2.
pub(super) fn percent_range(values: impl Iterator<Item = f64>) -> [f64; 2] {
    let (low, high) = values.fold((100.0f64, 0.0f64), |(low, high), v| (low.min(v), high.max(v)));
    if low > high {
        return [0.0, 100.0];
    }
    let margin = (0.08 * (high - low)).max(1.0);
    [(low - margin).max(-2.0), (high + margin).min(102.0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        let texts = |range| ticks(range).into_iter().map(|(_, text)| text).collect::<Vec<_>>();
        assert_eq!(texts([-2.0, 102.0]), ["0", "50", "100"]);
        assert_eq!(texts([0.0, 100.0]), ["0", "20", "40", "60", "80", "100"]);
        assert_eq!(texts([71.3, 73.0]), ["71.5", "72.0", "72.5", "73.0"]);
        assert_eq!(percent_range([50.0, 60.0].into_iter()), [49.0, 61.0]);
        assert_eq!(percent_range(std::iter::empty()), [0.0, 100.0]);
        assert_eq!(percent_range([100.0].into_iter()), [99.0, 101.0]);
    }

    #[test]
    fn scales_run_either_way() {
        let scale = Scale { data: [0.0, 10.0], pixels: [100.0, 0.0] };
        assert_eq!((scale.pixel(2.5), scale.clamped(20.0)), (75.0, 0.0));
    }
}
