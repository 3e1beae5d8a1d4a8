//! GPU memory: buffers handed out from a pool of size classes.
//!
//! Dropping a buffer takes no lock of the engine: it goes to the device's return list, which the
//! next allocation drains. Memory is not zeroed.

use crate::Device;
use crate::fork;
use crate::pipeline::Map;
use crate::window::ALIGNMENT;
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

/// Memory of one device. Cloning shares it.
#[derive(Clone)]
pub struct Buffer(Arc<Owned>);

struct Owned {
    device: &'static Device,
    block: ManuallyDrop<Block>,
    nbytes: usize,
}

// Written out so that crates above need not follow wgpu's types to the bottom for each of theirs.
const _: fn() = || {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<Owned>();
    is_shared::<Device>();
};
// SAFETY: the parts are `Send` and `Sync` by themselves, as checked above.
unsafe impl Send for Buffer {}
// SAFETY: as above.
unsafe impl Sync for Buffer {}

/// The same memory.
impl PartialEq for Buffer {
    fn eq(&self, other: &Buffer) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// A buffer as long as others hold it.
pub(crate) struct Home(Weak<Owned>);

impl Home {
    pub fn buffer(&self) -> Option<Buffer> {
        self.0.upgrade().map(Buffer)
    }

    pub fn is_of(&self, buffer: &Buffer) -> bool {
        std::ptr::eq(self.0.as_ptr(), Arc::as_ptr(&buffer.0))
    }
}

impl Buffer {
    pub(crate) fn new(device: &'static Device, block: Block, nbytes: usize) -> Buffer {
        Buffer(Arc::new(Owned { device, block: ManuallyDrop::new(block), nbytes }))
    }

    /// Where it lies.
    pub fn device(&self) -> &'static Device {
        self.0.device
    }

    /// Size in bytes, as asked for.
    pub fn nbytes(&self) -> usize {
        self.0.nbytes
    }

    /// A made-up address: stable, and different for buffers that live at one time.
    pub fn address(&self) -> usize {
        if self.0.nbytes == 0 { 0 } else { self.0.block.address }
    }

    pub(crate) fn block(&self) -> &Block {
        &self.0.block
    }

    pub(crate) fn home(&self) -> Home {
        Home(Arc::downgrade(&self.0))
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: taken once, here; nothing reads the field afterwards.
        let block = unsafe { ManuallyDrop::take(&mut self.block) };
        if fork::happened() {
            // The driver of the parent process must not be called from here.
            std::mem::forget(block);
        } else {
            self.device.give_back(block);
        }
    }
}

/// A wgpu buffer with its place in the bookkeeping.
pub(crate) struct Block {
    pub id: u64,
    pub raw: wgpu::Buffer,
    pub size: u64,
    pub address: usize,
    /// The batch that last recorded a use of it.
    pub stamp: AtomicU64,
}

impl Block {
    pub fn new(raw: wgpu::Buffer) -> Block {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        static ADDRESS: AtomicU64 = AtomicU64::new(1 << 44);
        let size = raw.size();
        let address = ADDRESS.fetch_add(size, Ordering::Relaxed) as usize;
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Block { id, raw, size, address, stamp: AtomicU64::new(0) }
    }

    pub fn is_used_in(&self, batch: u64) -> bool {
        self.stamp.load(Ordering::Relaxed) == batch
    }
}

/// The size that a request is rounded up to: powers of two up to 4 KiB, then eight steps a doubling.
/// All are multiples of what bindings begin at.
pub(crate) fn size_class(nbytes: usize) -> u64 {
    let bytes = (nbytes as u64).max(ALIGNMENT);
    if bytes <= 4096 {
        bytes.next_power_of_two()
    } else {
        bytes.next_multiple_of(bytes.next_power_of_two() / 16)
    }
}

/// Blocks that nobody holds, by size class.
#[derive(Default)]
pub(crate) struct Pool {
    free: Map<u64, Vec<Block>>,
}

impl Pool {
    pub fn put(&mut self, block: Block) {
        self.free.entry(block.size).or_default().push(block);
    }

    /// A block of the class; with `outside`, one that the batch of that number does not use.
    pub fn take(&mut self, size: u64, outside: Option<u64>) -> Option<Block> {
        let list = self.free.get_mut(&size)?;
        let at = match outside {
            None => list.len().checked_sub(1)?,
            Some(batch) => list.iter().position(|block| !block.is_used_in(batch))?,
        };
        Some(list.swap_remove(at))
    }

    /// Empties the pool.
    pub fn drain(&mut self) -> impl Iterator<Item = Block> + '_ {
        self.free.drain().flat_map(|(_, list)| list)
    }
}

#[cfg(test)]
mod tests {
    use super::{ALIGNMENT, size_class};

    #[test]
    fn classes_hold_their_requests_and_waste_an_eighth_at_most() {
        for n in [0, 1, 255, 256, 257, 4095, 4096, 4097, 100_000, 1 << 20, (1 << 20) + 1] {
            let class = size_class(n);
            assert!(class >= n as u64 && class.is_multiple_of(ALIGNMENT));
            assert!(n < 4096 || class - n as u64 <= n as u64 / 8 + 1);
            assert_eq!(size_class(class as usize), class);
        }
    }
}
