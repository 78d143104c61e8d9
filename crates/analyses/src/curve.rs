//! How many of the top neurons two lists share, at every length of the lists.

use scour_torch::Random;
use tch::Device;

/// Random rankings from which the interval of areas is computed.
const RANDOM_RANKINGS: usize = 1000;

/// The share of the top k of one list that is among the top k of another, for every k.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Curve {
    /// The number of shared neurons for k = 1, 2, ..
    shared: Vec<usize>,
}

impl Curve {
    /// From the scores of the same neurons in two lists; those with higher scores come first, equal ones in the order of the
    /// neurons.
    pub(crate) fn new(a: &[f64], b: &[f64]) -> Self {
        assert_eq!(a.len(), b.len(), "scores of the same neurons");
        Self::of_orders(&descending(a), &descending(b))
    }

    /// From two orders of the same neurons.
    fn of_orders(a: &[usize], b: &[usize]) -> Self {
        let mut seen = vec![0; a.len()];
        let mut count = 0;
        let mut shared = vec![];
        for (&a, &b) in a.iter().zip(b) {
            for neuron in [a, b] {
                seen[neuron] += 1;
                count += usize::from(seen[neuron] == 2);
            }
            shared.push(count);
        }
        Self { shared }
    }

    /// The share at a ratio of all neurons, 0..1: k is the ratio of their number, rounded down, but at least 1.
    pub(crate) fn at(&self, ratio: f64) -> f64 {
        let (shared, k) = self.counts_at(ratio);
        shared as f64 / k as f64
    }

    /// The shared neurons and k at a ratio.
    fn counts_at(&self, ratio: f64) -> (usize, usize) {
        let k = ((self.shared.len() as f64 * ratio) as usize).clamp(1, self.shared.len());
        (self.shared[k - 1], k)
    }

    /// The mean share over all k: the area under the curve. A random ranking of n neurons has (n + 1) / 2n on average.
    pub(crate) fn area(&self) -> f64 {
        let shares = self.shared.iter().enumerate().map(|(at, &shared)| shared as f64 / (at + 1) as f64);
        shares.sum::<f64>() / self.shared.len() as f64
    }
}

/// Curves of several pairs of lists, one for each layer or one for all neurons, that are read as one.
pub(crate) struct Curves(Vec<Curve>);

impl Curves {
    /// From the scores of the same neurons in two rankings; the lists have so many neurons, one after the other.
    pub(crate) fn new(a: &[f64], b: &[f64], lists: &[usize]) -> Self {
        assert_eq!(a.len(), lists.iter().sum::<usize>(), "each neuron is in a list");
        let mut start = 0;
        let curve = |&neurons: &usize| {
            let list = start..start + neurons;
            start += neurons;
            Curve::new(&a[list.clone()], &b[list])
        };
        Self(lists.iter().map(curve).collect())
    }

    /// The share at a ratio that is taken of every list, 0..1: shared neurons of all lists by those taken.
    pub(crate) fn at(&self, ratio: f64) -> f64 {
        let add = |(shared, taken), (more, k)| (shared + more, taken + k);
        let (shared, taken) = self.0.iter().map(|curve| curve.counts_at(ratio)).fold((0, 0), add);
        shared as f64 / taken as f64
    }

    /// The mean of the areas, each weighted by the number of its neurons.
    pub(crate) fn area(&self) -> f64 {
        let neurons: usize = self.0.iter().map(|curve| curve.shared.len()).sum();
        let weighted = self.0.iter().map(|curve| curve.area() * curve.shared.len() as f64);
        weighted.sum::<f64>() / neurons as f64
    }
}

/// The interval that has the areas of 95 % of random rankings; the lists have so many neurons.
pub(crate) fn random_areas(lists: &[usize], seed: u64) -> (f64, f64) {
    let mut random = Random::new(seed);
    let mut one = |&neurons: &usize| {
        let sorted: Vec<usize> = (0..neurons).collect();
        Curve::of_orders(&sorted, &random_order(neurons, &mut random))
    };
    let mut areas: Vec<f64> =
        (0..RANDOM_RANKINGS).map(|_| Curves(lists.iter().map(&mut one).collect()).area()).collect();
    areas.sort_by(f64::total_cmp);
    let outside = RANDOM_RANKINGS / 40;
    (areas[outside], areas[RANDOM_RANKINGS - 1 - outside])
}

/// Scores of a random ranking.
pub(crate) fn random_scores(neurons: usize, random: &mut Random) -> Vec<f64> {
    random_order(neurons, random).into_iter().map(|rank| rank as f64).collect()
}

fn random_order(neurons: usize, random: &mut Random) -> Vec<usize> {
    let order = random.permutation(neurons, Device::Cpu);
    let mut values = vec![0i64; neurons];
    order.copy_data(&mut values, neurons);
    values.into_iter().map(|value| value as usize).collect()
}

/// The indices of scores in descending order.
fn descending(scores: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_counted_at_every_length() {
        // Orders 0 1 2 3 and 2 0 1 3: top 1 shares none, top 2 shares 0, top 3 and top 4 share all.
        let curve = Curve::new(&[9.0, 8.0, 7.0, 6.0], &[3.0, 2.0, 4.0, 1.0]);
        assert_eq!(curve.shared, [0, 1, 3, 4]);
        assert_eq!([0.1, 0.25, 0.5, 0.75, 1.0].map(|ratio| curve.at(ratio)), [0.0, 0.0, 0.5, 1.0, 1.0]);
        assert!((curve.area() - (0.0 + 0.5 + 1.0 + 1.0) / 4.0).abs() < 1e-12);
    }

    #[test]
    fn several_lists_are_added_up() {
        // The first list of two neurons is in opposite order (0 of 1, 2 of 2), the second of four in the same.
        let (a, b) = ([1.0, 2.0, 1.0, 2.0, 3.0, 4.0], [2.0, 1.0, 5.0, 6.0, 7.0, 8.0]);
        let curves = Curves::new(&a, &b, &[2, 4]);
        assert_eq!([0.5, 1.0].map(|ratio| curves.at(ratio)), [2.0 / 3.0, 1.0]);
        assert!((curves.area() - (2.0 * 0.5 + 4.0) / 6.0).abs() < 1e-12);
        let whole = Curves::new(&a, &b, &[6]);
        assert_eq!((whole.at(0.5), whole.area()), (Curve::new(&a, &b).at(0.5), Curve::new(&a, &b).area()));
    }

    #[test]
    fn equal_lists_share_everything_and_equal_scores_keep_the_order_of_neurons() {
        let scores = [0.5, 2.0, 0.5, 1.0];
        assert_eq!(Curve::new(&scores, &scores).area(), 1.0);
        assert_eq!(descending(&scores), [1, 3, 0, 2]);
        let opposite: Vec<f64> = (0..100).map(f64::from).collect();
        let reversed: Vec<f64> = opposite.iter().map(|score| -score).collect();
        assert_eq!(Curve::new(&opposite, &reversed).at(0.5), 0.0);
    }

    #[test]
    fn random_rankings_have_an_area_of_about_a_half() {
        let (low, high) = random_areas(&[200], 1);
        assert!(low < 0.5025 && 0.5025 < high && high - low < 0.15, "{low}, {high}");
        assert_eq!(random_areas(&[200], 1), (low, high), "of one seed");
        let mut random = Random::new(2);
        let (a, b) = (random_scores(200, &mut random), random_scores(200, &mut random));
        assert_ne!(a, b);
        let (low, high) = random_areas(&[40], 1);
        assert!(
            low > 0.3 && high < 0.7 && high - low > 0.05,
            "fewer neurons, a wider interval: {low}, {high}"
        );
    }
}
