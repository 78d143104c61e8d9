//! Holm's correction of several p values.

/// The corrected values, in the order of `p`. Compared with a level, they keep the probability of calling any difference
/// real that is not at or below this level, however many comparisons there are.
pub(crate) fn corrected(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let mut found = vec![1.0; p.len()];
    let mut at_least = 0.0f64;
    for (before, at) in order.into_iter().enumerate() {
        at_least = at_least.max(p[at] * (p.len() - before) as f64).min(1.0);
        found[at] = at_least;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_multiplied_by_the_number_of_those_that_are_not_smaller() {
        // In order 0.01 · 4, 0.02 · 3, 0.03 · 2 and 0.04 · 1, where none may be less than the one before.
        assert_eq!(corrected(&[0.04, 0.01, 0.03, 0.02]), [0.06, 0.04, 0.06, 0.06]);
        assert_eq!(corrected(&[0.03125]), [0.03125]);
        assert_eq!(corrected(&[0.75, 0.5]), [1.0, 1.0]);
        assert_eq!(corrected(&[]), [0.0; 0]);
    }
}
