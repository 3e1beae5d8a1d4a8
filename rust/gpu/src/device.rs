//! An opened adapter: its queue, its recording state, its memory counts, its health.

use crate::adapter::{self, Adapter};
use crate::batch::State;
use crate::buffer::{Block, Buffer, size_class};
use crate::fork;
use crate::map::Pending;
use base::{Error, Kind, Result, bail, ensure};
use parking_lot::{Mutex, MutexGuard};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use wgpu::{BufferDescriptor, BufferUsages, DeviceDescriptor, ErrorFilter, MemoryHints, Trace};

/// A GPU.
pub struct Device {
    index: usize,
    adapter: Adapter,
    raw: wgpu::Device,
    queue: wgpu::Queue,
    int64: bool,
    timestamps: bool,
    largest_buffer: u64,
    largest_binding: u64,
    /// The most that may be taken from the driver.
    memory_limit: AtomicU64,
    state: Mutex<State>,
    returned: Mutex<Vec<Block>>,
    memory: Counters,
    trouble: Arc<Trouble>,
    random: Mutex<Random>,
    checks: Mutex<crate::readback::Pending>,
    recording: Mutex<Option<Vec<crate::Recorded>>>,
    pending: Mutex<Pending>,
    coop: crate::coop::Coop,
}

/// What the driver reported outside of calls.
#[derive(Default)]
struct Trouble {
    /// There is something below; what is checked before every launch.
    any: AtomicBool,
    /// Set once; nothing works afterwards.
    lost: Mutex<Option<String>>,
    /// The first error since the last check.
    fault: Mutex<Option<String>>,
}

/// Bytes of a device's memory.
#[derive(Clone, Copy, Default, Debug)]
pub struct Memory {
    /// Held by tensors.
    pub allocated: usize,
    /// The most that tensors held.
    pub max_allocated: usize,
    /// Taken from the driver.
    pub reserved: usize,
    /// The most taken from the driver.
    pub max_reserved: usize,
}

#[derive(Default)]
struct Counters {
    allocated: AtomicUsize,
    max_allocated: AtomicUsize,
    reserved: AtomicUsize,
    max_reserved: AtomicUsize,
}

impl Counters {
    fn add(now: &AtomicUsize, peak: &AtomicUsize, bytes: u64) {
        let sum = now.fetch_add(bytes as usize, Ordering::Relaxed) + bytes as usize;
        peak.fetch_max(sum, Ordering::Relaxed);
    }
}

/// What one binding holds: the adapter's limit, indices of 32 bits, and, for tests of what happens
/// above it, `PYRITE_GPU_BINDING_LIMIT`.
fn binding_limit(adapter: u64) -> Result<u64> {
    let limit = adapter.min(u32::MAX.into());
    match std::env::var("PYRITE_GPU_BINDING_LIMIT") {
        Err(_) => Ok(limit),
        Ok(text) => match text.parse::<u64>() {
            Ok(given) if given >= 4096 => Ok(limit.min(given)),
            _ => bail!(Value, "PYRITE_GPU_BINDING_LIMIT must be 4096 bytes or more, got '{text}'"),
        },
    }
}

/// Leave for what a driver may have and wgpu calls experimental.
fn experimental(features: wgpu::Features) -> wgpu::ExperimentalFeatures {
    if !features.contains(crate::coop::FEATURES) {
        return wgpu::ExperimentalFeatures::disabled();
    }
    // SAFETY: the only such feature asked for is cooperative matrices. One kernel uses them, on
    // workgroup memory of its own and at places below its size, after a test of its results.
    unsafe { wgpu::ExperimentalFeatures::enabled() }
}

/// The key and position of the device's Philox stream.
#[derive(Clone, Copy, Debug)]
pub struct Random {
    /// The seed.
    pub seed: u64,
    /// Counters used so far.
    pub offset: u64,
}

impl Device {
    pub(crate) fn open(adapter: &Adapter, index: usize) -> Result<Device> {
        let features = adapter::wanted(adapter.raw.features());
        let limits = adapter.raw.limits();
        let largest_binding = binding_limit(limits.max_storage_buffer_binding_size)?;
        let descriptor = DeviceDescriptor {
            label: Some("pyrite"),
            required_features: features,
            required_limits: limits.clone(),
            experimental_features: experimental(features),
            memory_hints: MemoryHints::Performance,
            trace: Trace::Off,
        };
        let (raw, queue) =
            pollster::block_on(adapter.raw.request_device(&descriptor)).map_err(|error| {
                let text = format!("gpu:{index}: {} cannot be opened: {error}", adapter.name());
                Error::new(Kind::Device, text)
            })?;
        let trouble = Arc::new(Trouble::default());
        let (on_lost, on_fault) = (trouble.clone(), trouble.clone());
        raw.set_device_lost_callback(move |reason, text| {
            *on_lost.lost.lock() = Some(format!("{reason:?}: {text}"));
            on_lost.any.store(true, Ordering::Release);
        });
        raw.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            on_fault.fault.lock().get_or_insert_with(|| error.to_string());
            on_fault.any.store(true, Ordering::Release);
        }));
        Ok(Device {
            index,
            adapter: adapter.clone(),
            raw,
            queue,
            int64: features.contains(wgpu::Features::SHADER_INT64),
            timestamps: features.contains(adapter::TIMESTAMPS),
            largest_buffer: limits.max_buffer_size,
            largest_binding,
            memory_limit: AtomicU64::new(u64::MAX),
            state: Mutex::new(State::new()),
            returned: Mutex::default(),
            memory: Counters::default(),
            trouble,
            random: Mutex::new(Random { seed: crate::runtime::seed(), offset: 0 }),
            checks: Mutex::default(),
            recording: Mutex::default(),
            pending: Mutex::new(Pending::new()?),
            coop: crate::coop::Coop::default(),
        })
    }

    /// Its number.
    pub fn index(&self) -> usize {
        self.index
    }

    /// What it was opened from.
    pub fn adapter(&self) -> &Adapter {
        &self.adapter
    }

    /// Kernels can compute in 64-bit integers.
    pub fn has_int64(&self) -> bool {
        self.int64
    }

    /// The device can note times.
    pub fn has_timestamps(&self) -> bool {
        self.timestamps
    }

    /// The key and position of its random stream.
    pub fn random(&self) -> &Mutex<Random> {
        &self.random
    }

    pub(crate) fn raw(&self) -> &wgpu::Device {
        &self.raw
    }

    pub(crate) fn queue(&self) -> &wgpu::Queue {
        &self.queue
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    pub(crate) fn checks(&self) -> MutexGuard<'_, crate::readback::Pending> {
        self.checks.lock()
    }

    pub(crate) fn recording(&self) -> MutexGuard<'_, Option<Vec<crate::Recorded>>> {
        self.recording.lock()
    }

    pub(crate) fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock()
    }

    pub(crate) fn coop(&self) -> &crate::coop::Coop {
        &self.coop
    }

    pub(crate) fn largest_binding(&self) -> u64 {
        self.largest_binding
    }

    /// Fails when the device is gone or an earlier batch failed.
    pub(crate) fn check(&self) -> Result<()> {
        if fork::happened() {
            crate::device(self.index)?;
        }
        if self.trouble.any.load(Ordering::Acquire) { self.report() } else { Ok(()) }
    }

    #[cold]
    fn report(&self) -> Result<()> {
        if let Some(why) = &*self.trouble.lost.lock() {
            bail!(
                Device,
                "gpu:{}: the device is lost ({why})\n  tensors on it cannot be read any more; other devices and the process live on",
                self.index
            );
        }
        self.trouble.any.store(false, Ordering::Release);
        if let Some(why) = self.trouble.fault.lock().take() {
            bail!(Runtime, "gpu:{}: earlier work failed and was discarded\n  {why}", self.index);
        }
        Ok(())
    }

    /// Memory, not zeroed. `written_next` by the host: then it is memory that no recorded work uses.
    pub fn allocate(&'static self, nbytes: usize, written_next: bool) -> Result<Buffer> {
        self.check()?;
        let size = size_class(nbytes);
        ensure!(
            size <= self.largest_buffer,
            OutOfMemory,
            "CUDA out of memory. Tried to allocate {nbytes} bytes on gpu:{}, of which one tensor can have {} at most",
            self.index,
            self.largest_buffer
        );
        let mut state = self.state();
        self.collect(&mut state);
        let outside = written_next.then_some(state.batch);
        let block = match state.pool.take(size, outside).or_else(|| self.create(size)) {
            Some(block) => block,
            None => {
                drop(state);
                self.settle()?;
                self.state().submit(&self.queue);
                self.wait()?;
                self.trim()?;
                self.create(size).ok_or_else(|| self.out_of_memory(nbytes))?
            }
        };
        Counters::add(&self.memory.allocated, &self.memory.max_allocated, size);
        Ok(Buffer::new(self, block, nbytes))
    }

    fn create(&self, size: u64) -> Option<Block> {
        let reserved = self.memory.reserved.load(Ordering::Relaxed) as u64;
        if reserved + size > self.memory_limit.load(Ordering::Relaxed) {
            return None;
        }
        let scope = self.raw.push_error_scope(ErrorFilter::OutOfMemory);
        let raw = self.raw.create_buffer(&BufferDescriptor {
            label: None,
            size,
            usage: BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        if pollster::block_on(scope.pop()).is_some() {
            return None;
        }
        Counters::add(&self.memory.reserved, &self.memory.max_reserved, size);
        Some(Block::new(raw))
    }

    #[cold]
    fn out_of_memory(&self, nbytes: usize) -> Error {
        let memory = self.memory();
        Error::new(
            Kind::OutOfMemory,
            format!(
                "CUDA out of memory. Tried to allocate {nbytes} bytes on gpu:{}; {} bytes are held by tensors, {} are reserved",
                self.index, memory.allocated, memory.reserved
            ),
        )
    }

    pub(crate) fn give_back(&self, block: Block) {
        self.memory.allocated.fetch_sub(block.size as usize, Ordering::Relaxed);
        self.returned.lock().push(block);
    }

    fn collect(&self, state: &mut State) {
        for block in self.returned.lock().drain(..) {
            state.pool.put(block);
        }
    }

    /// Gives the memory that no tensor holds back to the driver.
    pub fn trim(&self) -> Result<()> {
        self.settle()?;
        let mut state = self.state();
        self.collect(&mut state);
        state.pipelines.forget_groups();
        let freed: u64 = state.pool.drain().map(|block| block.size).sum();
        self.memory.reserved.fetch_sub(freed as usize, Ordering::Relaxed);
        Ok(())
    }

    /// From now on takes no more than this from the driver.
    pub fn limit_memory(&self, nbytes: u64) {
        self.memory_limit.store(nbytes, Ordering::Relaxed);
    }

    /// Gives the device up, as a driver does after a fault it cannot mend. For tests.
    pub fn lose(&self) {
        self.raw.destroy();
        // The callback runs when the device is next looked at.
        let _ = self.raw.poll(wgpu::PollType::Poll);
    }

    /// Counts of its memory.
    pub fn memory(&self) -> Memory {
        let m = &self.memory;
        let read = |n: &AtomicUsize| n.load(Ordering::Relaxed);
        Memory {
            allocated: read(&m.allocated),
            max_allocated: read(&m.max_allocated),
            reserved: read(&m.reserved),
            max_reserved: read(&m.max_reserved),
        }
    }

    /// Peaks start anew from what is held now.
    pub fn reset_peaks(&self) {
        let m = &self.memory;
        m.max_allocated.store(m.allocated.load(Ordering::Relaxed), Ordering::Relaxed);
        m.max_reserved.store(m.reserved.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Dispatches recorded and batches submitted since the device was opened.
    pub fn counts(&self) -> (u64, u64) {
        let counts = self.state().counts;
        (counts.dispatches, counts.submissions)
    }

    /// Memory with these bytes.
    pub fn upload(&'static self, bytes: &[u8]) -> Result<Buffer> {
        let buffer = self.allocate(bytes.len(), true)?;
        self.overwrite(&buffer, bytes);
        Ok(buffer)
    }

    /// Overwrites the beginning of a buffer, up to a whole word.
    pub fn write(&self, buffer: &Buffer, bytes: &[u8]) -> Result<()> {
        self.settle()?;
        self.overwrite(buffer, bytes);
        Ok(())
    }

    fn overwrite(&self, buffer: &Buffer, bytes: &[u8]) {
        let mut state = self.state();
        state.upload(&self.queue, buffer.block(), bytes);
        if state.is_full() {
            state.submit(&self.queue);
        }
    }
}
