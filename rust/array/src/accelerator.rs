//! The GPUs as the layers above ask about them: how many, which, their memory and random streams.

use base::{Device, Error, Result, bail};
pub use gpu::{Adapter, Event, Memory, Recorded, Refusal, opened, seed_all, set_wait_hook};

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};

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
    gpu::device(index)?.trim()
}

/// From now on takes no more than this from the driver.
pub fn limit_memory(index: usize, nbytes: u64) -> Result<()> {
    gpu::device(index)?.limit_memory(nbytes);
    Ok(())
}

/// Whether GPU `index` lets elementwise ops wait, to become one kernel with those that use them.
pub fn fuses(index: usize) -> Result<bool> {
    Ok(gpu::device(index)?.fuses())
}

/// Lets elementwise ops wait or not.
pub fn set_fusion(index: usize, enabled: bool) -> Result<()> {
    gpu::device(index)?.set_fusion(enabled)
}

/// Marks the end of what was asked so far; the device notes the time there if `timed`.
pub fn mark(index: usize, timed: bool) -> Result<Event> {
    gpu::device(index)?.mark(timed)
}

/// Brings about a fault, for tests: `lost` or `shader`.
pub fn provoke(index: usize, fault: &str) -> Result<()> {
    match fault {
        "lost" => gpu::device(index)?.lose(),
        "shader" => gpu::device(index)?.compile_nonsense()?,
        _ => bail!(Value, "there is no fault '{fault}'"),
    }
    Ok(())
}

/// From now on launches are recorded, for tests; [`recorded`] ends it.
pub fn record(index: usize) -> Result<()> {
    gpu::device(index)?.record();
    Ok(())
}

/// The launches since [`record`].
pub fn recorded(index: usize) -> Result<Vec<Recorded>> {
    gpu::device(index)?.recorded()
}

/// The shader files there are.
pub fn shaders() -> Vec<&'static str> {
    gpu::shader::FILES.iter().map(|file| file.0).collect()
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

/// How often each op that has no kernel for the GPU ran on the CPU instead.
static FALLBACKS: Mutex<BTreeMap<Cow<'static, str>, u64>> = Mutex::new(BTreeMap::new());

static WARN: OnceLock<fn(&str) -> Result<()>> = OnceLock::new();

/// Installs what shows a warning to the user. Only the first one counts.
pub fn set_warning_hook(hook: fn(&str) -> Result<()>) {
    WARN.get_or_init(|| hook);
}

/// Counts of ops that ran on the CPU for want of a kernel, by name.
pub fn fallbacks() -> BTreeMap<Cow<'static, str>, u64> {
    FALLBACKS.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Counts a fall-back and warns of the first of each op. Returns the error where it is another one,
/// or where `PYRITE_GPU_FALLBACK=error` forbids to fall back.
pub(crate) fn allow_fallback(device: Device, error: Error) -> Result<()> {
    let Some(op) = error.missing_kernel() else { return Err(error) };
    match std::env::var("PYRITE_GPU_FALLBACK").as_deref() {
        Err(_) | Ok("" | "warn") => {}
        Ok("error") => return Err(error),
        Ok(other) => bail!(Value, "PYRITE_GPU_FALLBACK must be 'warn' or 'error', got '{other}'"),
    }
    let mut counts = FALLBACKS.lock().unwrap_or_else(PoisonError::into_inner);
    let count = counts.entry(op.clone()).or_default();
    *count += 1;
    let first = *count == 1;
    drop(counts);
    match WARN.get() {
        Some(warn) if first => warn(&format!(
            "The operator 'aten::{op}' is not currently supported on the GPU backend and will fall back to run on the CPU. This may have performance implications.\n  {op}: on {device}; hint: PYRITE_GPU_FALLBACK=error makes this an error, pyrite.gpu.fallbacks() counts"
        )),
        _ => Ok(()),
    }
}
