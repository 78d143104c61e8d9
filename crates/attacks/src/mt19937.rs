//! The Mersenne Twister as numpy's legacy generator uses it, so that published choices of
//! images can be repeated to the index.

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
pub(crate) fn numpy_permutation(count: u32, seed: u32) -> Vec<u32> {
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

    proptest! {
        #[test]
        fn nothing_is_drawn_twice_or_left_out(count in 0u32..3000, seed in any::<u32>()) {
            let mut order = numpy_permutation(count, seed);
            order.sort_unstable();
            prop_assert_eq!(order, (0..count).collect::<Vec<_>>());
        }
    }
}
