//! The Mersenne Twister as numpy's legacy generator and Python's `random` use it, so that published choices of
//! pictures can be repeated to the index.

const WORDS: usize = 624;
const MIDDLE: usize = 397;

/// MT19937 (Matsumoto and Nishimura, 1998), 32 bits a draw.
struct Mt19937 {
    words: [u32; WORDS],
    next: usize,
}

impl Mt19937 {
    /// Seeded with one word, as `numpy.random.RandomState(seed)` is.
    fn from_word(seed: u32) -> Self {
        let mut words = [0u32; WORDS];
        words[0] = seed;
        for i in 1..WORDS {
            let last = words[i - 1];
            words[i] = 1_812_433_253u32.wrapping_mul(last ^ (last >> 30)).wrapping_add(i as u32);
        }
        Self { words, next: WORDS }
    }

    /// Seeded with a number of any length, as Python's `random.seed(seed)` is: its 32-bit words, lowest first.
    fn from_number(seed: u64) -> Self {
        let low = seed as u32;
        let high = (seed >> 32) as u32;
        let key = if high == 0 { vec![low] } else { vec![low, high] };
        let mut state = Self::from_word(19_650_218);
        let words = &mut state.words;
        let mixed = |words: &[u32; WORDS], i: usize| words[i - 1] ^ (words[i - 1] >> 30);
        let mut i = 1;
        let wrap = |words: &mut [u32; WORDS], i: &mut usize| {
            *i += 1;
            if *i >= WORDS {
                words[0] = words[WORDS - 1];
                *i = 1;
            }
        };
        for round in 0..WORDS.max(key.len()) {
            let at = round % key.len();
            words[i] = (words[i] ^ mixed(words, i).wrapping_mul(1_664_525))
                .wrapping_add(key[at])
                .wrapping_add(at as u32);
            wrap(words, &mut i);
        }
        for _ in 0..WORDS - 1 {
            words[i] = (words[i] ^ mixed(words, i).wrapping_mul(1_566_083_941)).wrapping_sub(i as u32);
            wrap(words, &mut i);
        }
        words[0] = 0x8000_0000;
        state
    }

    fn refill(&mut self) {
        for i in 0..WORDS {
            let y = (self.words[i] & 0x8000_0000) | (self.words[(i + 1) % WORDS] & 0x7fff_ffff);
            let twist = if y & 1 == 0 { 0 } else { 0x9908_b0df };
            self.words[i] = self.words[(i + MIDDLE) % WORDS] ^ (y >> 1) ^ twist;
        }
        self.next = 0;
    }

    fn draw(&mut self) -> u32 {
        if self.next >= WORDS {
            self.refill();
        }
        let mut y = self.words[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }
}

/// `numpy.random.RandomState(seed).permutation(count)`.
pub fn numpy_permutation(count: u32, seed: u32) -> Vec<u32> {
    let mut random = Mt19937::from_word(seed);
    let mut order: Vec<u32> = (0..count).collect();
    for last in (1..count).rev() {
        // The smallest run of ones that covers `last`; what is drawn above `last` is drawn again.
        let mask = u32::MAX >> last.leading_zeros();
        let pick = loop {
            let drawn = random.draw() & mask;
            if drawn <= last {
                break drawn;
            }
        };
        order.swap(last as usize, pick as usize);
    }
    order
}

/// Python's `random.seed(seed); random.sample(range(count), size)`, in the order drawn. A `size` above `count`, for
/// which Python raises an error, gives all of them.
pub fn python_sample(count: u32, size: u32, seed: u64) -> Vec<u32> {
    let size = size.min(count);
    let mut random = Mt19937::from_number(seed);
    let mut below = |n: u32| {
        let bits = u32::BITS - n.leading_zeros();
        loop {
            let drawn = random.draw() >> (u32::BITS - bits);
            if drawn < n {
                return drawn;
            }
        }
    };
    // Python keeps either a list of what is left or a set of what is taken, whichever it deems smaller, and the two
    // draw differently.
    let mut set_size = 21u64;
    if size > 5 {
        let exponent = (f64::from(size) * 3.0).log(4.0).ceil();
        set_size += 4f64.powf(exponent) as u64;
    }
    if u64::from(count) <= set_size {
        let mut left: Vec<u32> = (0..count).collect();
        return (0..size).map(|_| left.swap_remove(below(left.len() as u32) as usize)).collect();
    }
    let mut taken = std::collections::HashSet::new();
    let mut sample = vec![];
    while sample.len() < size as usize {
        let drawn = below(count);
        if taken.insert(drawn) {
            sample.push(drawn);
        }
    }
    sample
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_twister_is_the_published_one() {
        // Of its authors' own example: init_genrand's 5489 is the customary default seed.
        let mut random = Mt19937::from_word(5489);
        assert_eq!(random.draw(), 3_499_211_612);
        for _ in 1..9_999 {
            random.draw();
        }
        assert_eq!(random.draw(), 4_123_659_995, "the 10,000th draw that the C++ standard asks for");
    }

    #[test]
    fn permutations_are_those_of_the_benchmark() {
        for (count, head, share, sum) in [
            (
                50_000u32,
                vec![11841u32, 19602, 45519, 25747, 42642, 31902, 30346, 12363, 32490, 26128],
                5000,
                126_459_119u64,
            ),
            (39_209, vec![19138, 21703, 32087, 19762, 13970], 3921, 77_219_889),
            (100_000, vec![3582, 60498, 53227, 21333, 3885], 10_000, 499_851_984),
        ] {
            let order = numpy_permutation(count, 0);
            assert_eq!(order[..head.len()], head, "{count}");
            assert_eq!(order[..share].iter().map(|&i| u64::from(i)).sum::<u64>(), sum, "{count}");
        }
    }

    #[test]
    fn samples_are_those_of_the_benchmark() {
        let head = |count, size| python_sample(count, size, 0)[..5].to_vec();
        assert_eq!(head(50_000, 2500), [25247, 49673, 27562, 2653, 16968]);
        assert_eq!(head(39_209, 1960), [25247, 27562, 2653, 16968, 33506]);
        // Python 3: random.seed(0); random.sample(range(10), 5), by the list of what is left.
        assert_eq!(head(10, 5), [6, 9, 0, 2, 4]);
        // A seed of two words: random.seed(2**40 + 7); random.sample(range(64), 64).
        assert_eq!(python_sample(64, 64, (1 << 40) + 7)[..8], [60, 16, 63, 39, 8, 33, 24, 58]);
    }

    proptest! {
        #[test]
        fn nothing_is_drawn_twice_or_left_out(count in 0u32..3000, size in 0u32..3000, seed in any::<u64>()) {
            let mut order = numpy_permutation(count, seed as u32);
            order.sort_unstable();
            prop_assert_eq!(order, (0..count).collect::<Vec<_>>());
            let mut sample = python_sample(count, size, seed);
            prop_assert_eq!(sample.len(), size.min(count) as usize);
            sample.sort_unstable();
            sample.dedup();
            prop_assert_eq!(sample.len(), size.min(count) as usize);
            prop_assert!(sample.iter().all(|&i| i < count));
        }
    }
}
