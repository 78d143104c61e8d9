//! Numbers as text. Percentages come as 0..100 and are printed with a fixed number of decimals.

/// Mean and spread of one metric over the repeats that have it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Statistic {
    pub(crate) mean: f64,
    /// Sample standard deviation; `None` for a single repeat.
    pub(crate) std: Option<f64>,
    /// Repeats behind it.
    pub(crate) n: u32,
}

/// Fixed decimals, without the minus sign that rounding can leave on a zero.
pub(crate) fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(rest) if rest.chars().all(|c| c == '0' || c == '.') => rest.to_string(),
        _ => text,
    }
}

/// What a reader of the rounded table can tell apart.
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
    fn numbers_read_well() {
        assert_eq!(fixed(-0.001, 2), "0.00");
        assert_eq!(fixed(-0.006, 2), "-0.01");
        assert_eq!(fixed(7.555, 0), "8");
        assert_eq!(ratio_percent(0.1), "10%");
        assert_eq!(ratio_percent(0.005), "0.5%");
        assert_eq!(ratio_percent(1.0), "100%");
        assert_eq!(plural(1, "seed"), "1 seed");
        assert_eq!(listed(&["a".into(), "b".into(), "c".into()]), "a, b and c");
    }
}
