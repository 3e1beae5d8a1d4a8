//! A CPU random stream: the engine, the seed it came from, and the cached half of the last
//! Box-Muller pair. Its 5056 state bytes are PyTorch's, so states travel both ways.

use super::mt19937::{Mt19937, N};
use crate::{Result, ensure};

/// The seed of a fresh generator object.
pub const DEFAULT_SEED: u64 = 67_280_421_310_721;

/// Length of the saved state.
pub const STATE_BYTES: usize = 5056;

const WORDS_AT: usize = 24;
const NORMAL_AT: usize = WORDS_AT + 8 * N + 8;
const NORMAL_VALID_AT: usize = NORMAL_AT + 16;
const SINGLE_AT: usize = NORMAL_VALID_AT + 8;

/// The serial source of every CPU draw.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    engine: Mt19937,
    seed: u64,
    cached: Option<f64>,
    /// Never produced by a CPU draw, kept so that a state read is the state written back.
    cached_single: Option<f32>,
}

impl Stream {
    /// The stream of `seed`.
    pub fn new(seed: u64) -> Stream {
        Stream { engine: Mt19937::new(seed), seed, cached: None, cached_single: None }
    }

    /// The seed it was made with, all 64 bits.
    pub fn initial_seed(&self) -> u64 {
        self.seed
    }

    /// The next 32 bits.
    #[inline]
    pub fn next_u32(&mut self) -> u32 {
        self.engine.next_u32()
    }

    /// The next 64 bits; the first output is the high half.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        let high = u64::from(self.next_u32());
        high << 32 | u64::from(self.next_u32())
    }

    /// The next outputs, faster than one by one.
    pub fn fill(&mut self, out: &mut [u32]) {
        self.engine.fill(out);
    }

    /// Uniform in [0, 1) with 24 bits.
    #[inline]
    pub fn uniform_f32(&mut self) -> f32 {
        unit_f32(self.next_u32())
    }

    /// Uniform in [0, 1) with 53 bits.
    #[inline]
    pub fn uniform_f64(&mut self) -> f64 {
        unit_f64(self.next_u64())
    }

    /// A standard normal by Box-Muller in double precision; the sine half is cached.
    pub fn normal(&mut self) -> f64 {
        if let Some(value) = self.cached.take() {
            return value;
        }
        let angle = 2.0 * std::f64::consts::PI * self.uniform_f64();
        let radius = (-2.0 * (-self.uniform_f64()).ln_1p()).sqrt();
        self.cached = Some(radius * angle.sin());
        radius * angle.cos()
    }

    /// The state in PyTorch's layout, little endian.
    pub fn state(&self) -> Vec<u8> {
        let mut bytes = vec![0; STATE_BYTES];
        let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
        put(0, &self.seed.to_le_bytes());
        put(8, &(self.engine.left as i32).to_le_bytes());
        put(12, &1_i32.to_le_bytes());
        put(16, &(self.engine.next as u64).to_le_bytes());
        for (i, &word) in self.engine.words.iter().enumerate() {
            put(WORDS_AT + 8 * i, &u64::from(word).to_le_bytes());
        }
        if let Some(value) = self.cached {
            put(NORMAL_AT, &value.to_le_bytes());
            put(NORMAL_VALID_AT, &1_i32.to_le_bytes());
        }
        if let Some(value) = self.cached_single {
            put(SINGLE_AT, &value.to_le_bytes());
            put(SINGLE_AT + 4, &[1]);
        }
        bytes
    }

    /// The stream of a saved state. Fails on another length and on counters that point outside.
    pub fn from_state(bytes: &[u8]) -> Result<Stream> {
        ensure!(
            bytes.len() == STATE_BYTES,
            Runtime,
            "Expected a CPUGeneratorImplState of size {STATE_BYTES} but found the input RNG state \
             size to be {}",
            bytes.len()
        );
        let left = u64::from(u32::from_le_bytes(field(bytes, 8)));
        let seeded = i32::from_le_bytes(field(bytes, 12)) != 0;
        let next = u64::from_le_bytes(field(bytes, 16));
        let inside =
            (1..=N as u64).contains(&left) && next <= N as u64 && next + left <= N as u64 + 1;
        ensure!(seeded && inside, Runtime, "Invalid mt19937 state");
        let mut words = [0; N];
        for (i, word) in words.iter_mut().enumerate() {
            *word = u64::from_le_bytes(field(bytes, WORDS_AT + 8 * i)) as u32;
        }
        let cached = (i32::from_le_bytes(field(bytes, NORMAL_VALID_AT)) != 0)
            .then(|| f64::from_le_bytes(field(bytes, NORMAL_AT)));
        let cached_single =
            (bytes[SINGLE_AT + 4] != 0).then(|| f32::from_le_bytes(field(bytes, SINGLE_AT)));
        let engine = Mt19937 { words, left: left as usize, next: next as usize };
        Ok(Stream { engine, seed: u64::from_le_bytes(field(bytes, 0)), cached, cached_single })
    }
}

/// Uniform in [0, 1) from the low 24 bits.
#[inline]
pub(super) fn unit_f32(bits: u32) -> f32 {
    (bits & 0x00FF_FFFF) as f32 * (1.0 / 16_777_216.0)
}

/// Uniform in [0, 1) from the low 53 bits.
#[inline]
pub(super) fn unit_f64(bits: u64) -> f64 {
    (bits & ((1 << 53) - 1)) as f64 * (1.0 / 9_007_199_254_740_992.0)
}

fn field<const LEN: usize>(bytes: &[u8], at: usize) -> [u8; LEN] {
    let mut field = [0; LEN];
    field.copy_from_slice(&bytes[at..at + LEN]);
    field
}
