//! Marks in a device's queue: whether the work before them is done, and when that was.

use crate::Device;
use crate::readback::blocking;
use base::{Result, bail, ensure};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use wgpu::{BufferDescriptor, BufferUsages, MapMode, PollType, QuerySetDescriptor, QueryType};

/// Bytes of a time in ticks.
const TICK_BYTES: u64 = 8;

/// A mark behind the work that had been asked for.
pub struct Event {
    device: &'static Device,
    done: Arc<AtomicBool>,
    /// Where the device notes the time.
    time: Option<wgpu::Buffer>,
    ticks: OnceLock<u64>,
}

impl Device {
    /// Starts what is recorded and marks its end; the device notes the time there if `timed`.
    pub fn mark(&'static self, timed: bool) -> Result<Event> {
        self.check()?;
        self.settle()?;
        let time = if timed { Some(self.note_time()?) } else { None };
        let done = Arc::new(AtomicBool::new(false));
        blocking(&mut || {
            self.state().submit(self.queue());
            let done = done.clone();
            self.queue().on_submitted_work_done(move || done.store(true, Ordering::Release));
        })?;
        Ok(Event { device: self, done, time, ticks: OnceLock::new() })
    }

    fn note_time(&self) -> Result<wgpu::Buffer> {
        ensure!(
            self.has_timestamps(),
            NotImplemented,
            "Event: the driver of gpu:{} has no timestamps; hint: measure with time.perf_counter() around synchronize()",
            self.index()
        );
        let buffer = |usage| {
            let (label, size, mapped_at_creation) = (None, TICK_BYTES, false);
            self.raw().create_buffer(&BufferDescriptor { label, size, usage, mapped_at_creation })
        };
        let resolved = buffer(BufferUsages::QUERY_RESOLVE | BufferUsages::COPY_SRC);
        let time = buffer(BufferUsages::MAP_READ | BufferUsages::COPY_DST);
        let (label, ty, count) = (None, QueryType::Timestamp, 1);
        let set = self.raw().create_query_set(&QuerySetDescriptor { label, ty, count });
        let mut state = self.state();
        let encoder = state.encoder(self.raw());
        encoder.write_timestamp(&set, 0);
        encoder.resolve_query_set(&set, 0..1, &resolved, 0);
        encoder.copy_buffer_to_buffer(&resolved, 0, &time, 0, TICK_BYTES);
        Ok(time)
    }
}

impl Event {
    /// Whether the work before the mark is done.
    pub fn is_done(&self) -> Result<bool> {
        self.device.check()?;
        if !self.done.load(Ordering::Acquire) {
            // An error shows in what the device's callbacks note, which `check` reads.
            let _ = self.device.raw().poll(PollType::Poll);
            self.device.check()?;
        }
        Ok(self.done.load(Ordering::Acquire))
    }

    /// Waits for the work before the mark.
    pub fn wait(&self) -> Result<()> {
        if self.is_done()? { Ok(()) } else { self.device.wait() }
    }

    /// Milliseconds from this mark to a later one on the same device; both are waited for.
    pub fn elapsed(&self, end: &Event) -> Result<f64> {
        ensure!(
            std::ptr::eq(self.device, end.device),
            Value,
            "Event.elapsed_time: the events lie on two devices, gpu:{} and gpu:{}",
            self.device.index(),
            end.device.index()
        );
        let ticks = end.ticks()? as f64 - self.ticks()? as f64;
        Ok(ticks * f64::from(self.device.queue().get_timestamp_period()) * 1e-6)
    }

    fn ticks(&self) -> Result<u64> {
        if let Some(ticks) = self.ticks.get() {
            return Ok(*ticks);
        }
        let Some(time) = &self.time else {
            bail!(Value, "Both events must be created with argument 'enable_timing=True'.");
        };
        self.wait()?;
        time.map_async(MapMode::Read, .., |_| {});
        self.device.wait()?;
        let ticks = match time.get_mapped_range(..) {
            Ok(mapped) => {
                let mut bytes = [0; TICK_BYTES as usize];
                bytes.copy_from_slice(&mapped);
                u64::from_le_bytes(bytes)
            }
            Err(error) => bail!(Device, "gpu:{}: reading failed: {error}", self.device.index()),
        };
        Ok(*self.ticks.get_or_init(|| ticks))
    }
}
