//! numpy's legacy generator `numpy.random.RandomState`, as far as it is needed to make the draws
//! of others: torch-fidelity's KID subsets and the latent vectors of its PPL, and the latent vectors
//! of NVIDIA's `generate.py`.
//!
//! MT19937: Matsumoto and Nishimura 1998. Seeding, `random_interval`, `shuffle`, `choice`, `rand`
//! and `randn`: numpy's `_mt19937.pyx`, `mt19937.c`, `legacy-distributions.c` and `mtrand.pyx`,
//! frozen by numpy's NEP 19.
//!
//! ```
//! use fledge_base::mt19937::RandomState;
//!
//! // numpy.random.RandomState(0).rand()
//! assert_eq!(RandomState::new(0).uniform(), 0.5488135039273248);
//! ```

/// Words of state.
const N: usize = 624;
/// Offset of the recurrence.
const M: usize = 397;

/// `numpy.random.RandomState(seed)` for an integer seed.
#[derive(Clone, Debug)]
pub struct RandomState {
    key: [u32; N],
    position: usize,
    /// The second of the last pair of normal numbers, until it is drawn.
    normal: Option<f64>,
}

impl RandomState {
    /// Seeds as `RandomState(seed)` does for an integer (`mt19937_seed`, Knuth's multiplier).
    #[must_use]
    pub fn new(seed: u32) -> Self {
        let mut key = [0; N];
        let mut word = seed;
        for (i, slot) in key.iter_mut().enumerate() {
            *slot = word;
            word = 1_812_433_253_u32.wrapping_mul(word ^ (word >> 30)).wrapping_add(i as u32 + 1);
        }
        Self { key, position: N, normal: None }
    }

    /// Seeds as `RandomState(words)` does for a list of integers (`init_by_array`).
    ///
    /// # Panics
    /// If there are none.
    #[must_use]
    pub fn of_words(words: &[u32]) -> Self {
        let mut state = Self::new(19_650_218);
        let key = &mut state.key;
        let mixed = |key: &[u32; N], i: usize, factor: u32| {
            let before = key[i - 1];
            key[i] ^ (before ^ (before >> 30)).wrapping_mul(factor)
        };
        let mut i = 1;
        let step = |key: &mut [u32; N], i: usize| {
            if i + 1 < N {
                return i + 1;
            }
            key[0] = key[N - 1];
            1
        };
        for round in 0..N.max(words.len()) {
            let j = round % words.len();
            key[i] = mixed(key, i, 1_664_525).wrapping_add(words[j]).wrapping_add(j as u32);
            i = step(key, i);
        }
        for _ in 1..N {
            key[i] = mixed(key, i, 1_566_083_941).wrapping_sub(i as u32);
            i = step(key, i);
        }
        key[0] = 0x8000_0000;
        state
    }

    /// `RandomState(seed)`; for a seed that numpy refuses, since it has more than 32 bits, that of
    /// its words, the lower one first.
    #[must_use]
    pub fn of_seed(seed: u64) -> Self {
        match u32::try_from(seed) {
            Ok(seed) => Self::new(seed),
            Err(_) => Self::of_words(&[seed as u32, (seed >> 32) as u32]),
        }
    }

    /// The next 32 random bits.
    pub fn bits(&mut self) -> u32 {
        if self.position == N {
            self.twist();
        }
        let mut y = self.key[self.position];
        self.position += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    fn twist(&mut self) {
        for i in 0..N {
            let y = (self.key[i] & 0x8000_0000) | (self.key[(i + 1) % N] & 0x7fff_ffff);
            let odd = if y & 1 == 1 { 0x9908_b0df } else { 0 };
            self.key[i] = self.key[(i + M) % N] ^ (y >> 1) ^ odd;
        }
        self.position = 0;
    }

    /// Uniform on 0..=max: bits under the smallest covering mask, redrawn while they exceed `max`
    /// (`random_interval`). A `max` of 0 draws nothing.
    pub fn interval(&mut self, max: u32) -> u32 {
        if max == 0 {
            return 0;
        }
        let mask = u32::MAX >> max.leading_zeros();
        loop {
            let value = self.bits() & mask;
            if value <= max {
                return value;
            }
        }
    }

    /// `rand()`: uniform on [0, 1), 53 bits of two words (`mt19937_next_double`).
    pub fn uniform(&mut self) -> f64 {
        let (high, low) = (f64::from(self.bits() >> 5), f64::from(self.bits() >> 6));
        (high * f64::from(1 << 26) + low) / (1u64 << 53) as f64
    }

    /// `randn()`: standard normal by Marsaglia's polar method, which yields two at a time
    /// (`legacy_gauss`).
    pub fn normal(&mut self) -> f64 {
        if let Some(second) = self.normal.take() {
            return second;
        }
        loop {
            let (x, y) = (2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0);
            let square = x * x + y * y;
            if square < 1.0 && square != 0.0 {
                let factor = (-2.0 * square.ln() / square).sqrt();
                self.normal = Some(factor * x);
                return factor * y;
            }
        }
    }

    /// `permutation(n)`: 0..n shuffled from the last place down.
    pub fn permutation(&mut self, n: usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..n as u32).collect();
        for i in (1..n).rev() {
            order.swap(i, self.interval(i as u32) as usize);
        }
        order
    }

    /// `choice(n, size, replace=False)`: the first `size` of a permutation of all `n`.
    pub fn choice(&mut self, n: usize, size: usize) -> Vec<u32> {
        let mut order = self.permutation(n);
        order.truncate(size);
        order
    }
}
