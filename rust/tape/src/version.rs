//! Version counters: how a saved value learns that its memory was written since.
//!
//! A tensor, its views and its `detach()` share one counter; it is allocated when first shared.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A shared count of writes.
#[derive(Clone, Default, Debug)]
pub struct Version(Arc<AtomicU64>);

impl Version {
    /// How many writes so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Notes one write.
    pub fn bump(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }

    /// Sets the count (restoring state in checkpoint-like tools).
    pub fn set(&self, count: u64) {
        self.0.store(count, Ordering::Release);
    }
}
