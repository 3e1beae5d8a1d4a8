//! Handles on streams: clones of a [`Generator`] share one stream behind a lock.
//!
//! The default generator is seeded by the operating system until `manual_seed` is called.

use super::stream::{DEFAULT_SEED, Stream};
use crate::{Error, Kind, Result};
use parking_lot::{Mutex, MutexGuard};
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

/// A shared stream: what `torch.Generator` is on the CPU.
#[derive(Clone, Debug)]
pub struct Generator(Arc<Mutex<Stream>>);

impl Generator {
    /// A generator of its own, with PyTorch's default seed.
    pub fn new() -> Generator {
        Generator::seeded(DEFAULT_SEED)
    }

    /// A generator of its own.
    pub fn seeded(seed: u64) -> Generator {
        Generator(Arc::new(Mutex::new(Stream::new(seed))))
    }

    /// The stream, for the duration of one fill. No callback into Python may run under this lock.
    pub fn lock(&self) -> MutexGuard<'_, Stream> {
        self.0.lock()
    }

    /// Restarts the stream; negative seeds arrive here wrapped modulo 2^64.
    pub fn manual_seed(&self, seed: u64) {
        *self.lock() = Stream::new(seed);
    }

    /// Restarts from 64 bits of the operating system's entropy and returns them.
    pub fn seed(&self) -> Result<u64> {
        let seed = entropy()?;
        self.manual_seed(seed);
        Ok(seed)
    }

    /// The seed of the running stream.
    pub fn initial_seed(&self) -> u64 {
        self.lock().initial_seed()
    }

    /// The 5056 state bytes.
    pub fn state(&self) -> Vec<u8> {
        self.lock().state()
    }

    /// Continues from saved state bytes; unchanged when they are invalid.
    pub fn set_state(&self, bytes: &[u8]) -> Result<()> {
        let stream = Stream::from_state(bytes)?;
        *self.lock() = stream;
        Ok(())
    }

    /// A generator of its own that continues where this one stands.
    pub fn fork(&self) -> Generator {
        Generator(Arc::new(Mutex::new(self.lock().clone())))
    }

    /// True when both are handles on one stream.
    pub fn is(&self, other: &Generator) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Default for Generator {
    fn default() -> Generator {
        Generator::new()
    }
}

/// The process's generator. Where a sandbox withholds entropy, it is seeded by clock and process.
pub fn default_generator() -> &'static Generator {
    static DEFAULT: OnceLock<Generator> = OnceLock::new();
    DEFAULT.get_or_init(|| Generator::seeded(entropy().unwrap_or_else(|_| clock())))
}

fn entropy() -> Result<u64> {
    getrandom::u64()
        .map_err(|e| Error::new(Kind::Runtime, format!("seed: the system has no entropy: {e}")))
}

fn clock() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    elapsed.as_nanos() as u64 ^ u64::from(std::process::id()) << 32
}
