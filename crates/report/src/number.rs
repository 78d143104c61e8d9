//! Numbers as text. Percentages come as 0..100 and are printed with a fixed number of decimals.

/// Mean and spread of one metric over the repeats that have it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Statistic {
    pub(crate) mean: f64,
    /// Sample standard deviation; `None` for a single repeat.
    pub(crate) std: Option<f64>,
    /// The number of these repeats.
    pub(crate) n: u32,
}

impl Statistic {
    /// `2/3` if only two of three planned repeats have the metric.
    pub(crate) fn part(&self, planned: u32) -> Option<String> {
        (self.n < planned).then(|| format!("{}/{planned}", self.n))
    }

    /// `81.00 ± 1.41`, or `81.00 ± 1.41 (2 of 3 seeds)` if not every planned repeat has the metric.
    pub(crate) fn text(&self, decimals: usize, planned: u32) -> String {
        let std = self.std.map(|std| format!(" ± {}", fixed(std, decimals))).unwrap_or_default();
        let part = if self.n < planned { format!(" ({} of {planned} seeds)", self.n) } else { String::new() };
        format!("{}{std}{part}", fixed(self.mean, decimals))
    }
}

/// The mean; `None` without values.
pub(crate) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// `1,548`.
pub(crate) fn thousands(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Fixed decimals, without the minus sign that rounding can leave on a zero.
pub(crate) fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(rest) if rest.chars().all(|c| c == '0' || c == '.') => rest.to_string(),
        _ => text,
    }
}

/// The value in units of the last decimal that a table shows, so that values that are shown alike are equal.
pub(crate) fn rounded(value: f64, decimals: usize) -> i64 {
    (value * 10f64.powi(decimals as i32)).round() as i64
}

/// A ratio such as 0.1 as `10%`, with no more digits than it needs.
pub(crate) fn ratio_percent(ratio: f64) -> String {
    let percent = format!("{:.4}", 100.0 * ratio);
    format!("{}%", percent.trim_end_matches('0').trim_end_matches('.'))
}

/// `1 seed`, `2 seeds`.
pub(crate) fn plural(count: usize, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [head @ .., last] => format!("{} and {last}", head.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_over_fewer_repeats_than_planned_says_so() {
        let two = Statistic { mean: 81.0, std: Some(1.4), n: 2 };
        assert_eq!((two.part(3).as_deref(), two.part(2)), (Some("2/3"), None));
        assert_eq!(two.text(1, 3), "81.0 ± 1.4 (2 of 3 seeds)");
        assert_eq!(two.text(1, 2), "81.0 ± 1.4");
    }

    #[test]
    fn numbers_are_formatted() {
        assert_eq!(fixed(-0.001, 2), "0.00");
        assert_eq!(fixed(-0.006, 2), "-0.01");
        assert_eq!(fixed(7.555, 0), "8");
        assert_eq!(ratio_percent(0.1), "10%");
        assert_eq!(ratio_percent(0.005), "0.5%");
        assert_eq!(ratio_percent(1.0), "100%");
        assert_eq!(["1", "999", "1,548", "1,000,000"], [1, 999, 1548, 1_000_000].map(thousands));
        assert_eq!(plural(1, "seed"), "1 seed");
        assert_eq!(listed(&["a".into(), "b".into(), "c".into()]), "a, b and c");
    }
}
