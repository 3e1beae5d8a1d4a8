//! The Mersenne Twister MT19937 of Matsumoto and Nishimura (1998), 32-bit outputs.
//!
//! Invariant: `next + left == N + 1` after the first output and `left == 1` before it, so the
//! words that remain until the next twist always lie inside the state.

/// Words of state.
pub(super) const N: usize = 624;
const M: usize = 397;

/// The engine: 624 words and where the next output comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mt19937 {
    pub(super) words: [u32; N],
    pub(super) left: usize,
    pub(super) next: usize,
}

impl Mt19937 {
    /// The engine seeded by the low 32 bits of `seed`.
    pub fn new(seed: u64) -> Mt19937 {
        let mut words = [0; N];
        words[0] = seed as u32;
        for i in 1..N {
            let previous: u32 = words[i - 1];
            words[i] =
                (previous ^ (previous >> 30)).wrapping_mul(1_812_433_253).wrapping_add(i as u32);
        }
        Mt19937 { words, left: 1, next: 0 }
    }

    /// The next 32 bits.
    #[inline]
    pub fn next_u32(&mut self) -> u32 {
        if self.left == 1 {
            self.twist();
        } else {
            self.left -= 1;
        }
        let word = self.words[self.next];
        self.next += 1;
        temper(word)
    }

    /// Fills `out` with the next outputs, a run of state words at a time.
    pub fn fill(&mut self, out: &mut [u32]) {
        let mut rest = out;
        while !rest.is_empty() {
            if self.left == 1 {
                self.twist();
                self.left += 1;
            }
            let run = rest.len().min(self.left - 1);
            let (head, tail) = rest.split_at_mut(run);
            for (value, &word) in head.iter_mut().zip(&self.words[self.next..self.next + run]) {
                *value = temper(word);
            }
            self.next += run;
            self.left -= run;
            rest = tail;
        }
    }

    /// Replaces the whole state. Reading the old words from a copy lets each run vectorise.
    fn twist(&mut self) {
        let old = self.words;
        let (front, back) = self.words.split_at_mut(N - M);
        for (i, word) in front.iter_mut().enumerate() {
            *word = old[i + M] ^ mix(old[i], old[i + 1]);
        }
        let (middle, end) = back.split_at_mut(N - M);
        for ((i, word), &from) in middle.iter_mut().enumerate().zip(front.iter()) {
            let i = i + N - M;
            *word = from ^ mix(old[i], old[i + 1]);
        }
        let inner = end.len() - 1;
        for ((i, word), &from) in end[..inner].iter_mut().enumerate().zip(middle.iter()) {
            let i = i + 2 * (N - M);
            *word = from ^ mix(old[i], old[i + 1]);
        }
        // The last word is mixed with the new first one.
        self.words[N - 1] = self.words[M - 1] ^ mix(old[N - 1], self.words[0]);
        self.left = N;
        self.next = 0;
    }
}

#[inline]
fn mix(upper: u32, lower: u32) -> u32 {
    let joined = (upper & 0x8000_0000) | (lower & 0x7FFF_FFFF);
    (joined >> 1) ^ ((lower & 1).wrapping_neg() & 0x9908_B0DF)
}

#[inline]
fn temper(mut y: u32) -> u32 {
    y ^= y >> 11;
    y ^= (y << 7) & 0x9D2C_5680;
    y ^= (y << 15) & 0xEFC6_0000;
    y ^ (y >> 18)
}
