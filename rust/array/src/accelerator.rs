//! The GPUs as the layers above ask about them: how many, which, their memory and random streams.

use base::Result;
pub use gpu::{Adapter, Memory, Refusal, seed_all, set_wait_hook};

/// How many GPUs there are.
pub fn count() -> usize {
    gpu::device_count()
}

/// Every adapter that was tried, usable or not.
pub fn adapters() -> &'static [Adapter] {
    gpu::adapters()
}

/// What GPU `index` was opened from.
pub fn adapter(index: usize) -> Result<&'static Adapter> {
    Ok(gpu::device(index)?.adapter())
}

/// Whether GPU `index` has been used.
pub fn is_open(index: usize) -> bool {
    gpu::is_open(index)
}

/// Waits for everything recorded; errors of that work show here.
pub fn synchronize(index: usize) -> Result<()> {
    gpu::device(index)?.synchronize()
}

/// Counts of memory.
pub fn memory(index: usize) -> Result<Memory> {
    Ok(gpu::device(index)?.memory())
}

/// Peaks start anew.
pub fn reset_peaks(index: usize) -> Result<()> {
    gpu::device(index)?.reset_peaks();
    Ok(())
}

/// Gives memory that no tensor holds back to the driver.
pub fn empty_cache(index: usize) -> Result<()> {
    gpu::device(index)?.trim();
    Ok(())
}

/// Dispatches recorded and batches submitted so far.
pub fn counts(index: usize) -> Result<(u64, u64)> {
    Ok(gpu::device(index)?.counts())
}

/// Seed and position of the random stream.
pub fn random_state(index: usize) -> Result<(u64, u64)> {
    let random = *gpu::device(index)?.random().lock();
    Ok((random.seed, random.offset))
}

/// Continues the random stream from a seed and position.
pub fn set_random_state(index: usize, (seed, offset): (u64, u64)) -> Result<()> {
    let mut random = gpu::device(index)?.random().lock();
    (random.seed, random.offset) = (seed, offset);
    Ok(())
}
