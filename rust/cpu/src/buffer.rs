//! Memory of tensors on the CPU: the only owner of raw allocations.
//!
//! A buffer is shared (`Arc`'d by the layer above) and read and written through raw-pointer views,
//! never through `&mut [T]`. Two threads that write the same elements without agreement get
//! unspecified numbers, as in PyTorch, but never an invalid value: every bit pattern is a valid
//! element of every dtype.

use crate::alloc::{self, Block};
use crate::{View, ViewMut};
use base::{DType, Layout, Result, bail, ensure};
use std::any::Any;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

static LIVE_BUFFERS: AtomicUsize = AtomicUsize::new(0);
static LIVE_BYTES: AtomicUsize = AtomicUsize::new(0);
static PEAK_BYTES: AtomicUsize = AtomicUsize::new(0);

/// A piece of memory with a fixed address. Its length may shrink and grow again within the memory it
/// was made with; the addresses stay valid meanwhile.
pub struct Buffer {
    ptr: *mut u8,
    len: AtomicUsize,
    capacity: usize,
    writable: bool,
    origin: Origin,
}

enum Origin {
    Empty,
    Own(Block),
    Foreign { _keep: Box<dyn Any + Send + Sync> },
}

// SAFETY: the pointer is to memory that no thread owns in particular; the views through which it is
// accessed state their own conditions.
unsafe impl Send for Buffer {}
// SAFETY: as above; all methods take `&self` and change nothing.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// Memory with unspecified contents, aligned to 64 bytes.
    pub fn uninit(nbytes: usize) -> Result<Buffer> {
        Self::allocate(nbytes, false)
    }

    /// Memory full of zeros, aligned to 64 bytes.
    pub fn zeroed(nbytes: usize) -> Result<Buffer> {
        Self::allocate(nbytes, true)
    }

    fn allocate(nbytes: usize, zeroed: bool) -> Result<Buffer> {
        if nbytes == 0 {
            return Ok(Buffer {
                ptr: std::ptr::null_mut(),
                len: AtomicUsize::new(0),
                capacity: 0,
                writable: true,
                origin: Origin::Empty,
            });
        }
        let Some(block) = alloc::acquire(nbytes, zeroed) else {
            bail!(
                OutOfMemory,
                "DefaultCPUAllocator: can't allocate memory: you tried to allocate {nbytes} bytes."
            );
        };
        LIVE_BUFFERS.fetch_add(1, Relaxed);
        let live = LIVE_BYTES.fetch_add(nbytes, Relaxed) + nbytes;
        if live > PEAK_BYTES.load(Relaxed) {
            PEAK_BYTES.fetch_max(live, Relaxed);
        }
        Ok(Buffer {
            ptr: block.ptr(),
            len: AtomicUsize::new(nbytes),
            capacity: nbytes,
            writable: true,
            origin: Origin::Own(block),
        })
    }

    /// Memory owned by somebody else, kept alive by `keep`.
    ///
    /// # Safety
    /// Until `keep` is dropped, `ptr` is valid for reads of `nbytes` bytes, and for writes if
    /// `writable`.
    pub unsafe fn foreign(
        ptr: *mut u8,
        nbytes: usize,
        keep: Box<dyn Any + Send + Sync>,
        writable: bool,
    ) -> Buffer {
        Buffer {
            ptr,
            len: AtomicUsize::new(nbytes),
            capacity: nbytes,
            writable,
            origin: Origin::Foreign { _keep: keep },
        }
    }

    /// Length in bytes.
    #[inline]
    pub fn len(&self) -> usize {
        self.len.load(Relaxed)
    }

    /// Whether the memory is our own, and not somebody else's that only they can resize.
    pub fn is_own(&self) -> bool {
        !matches!(self.origin, Origin::Foreign { .. })
    }

    /// Changes the length of memory of our own; false beyond what it was made with. What is cut off
    /// loses its contents and gives its pages back to the system, but not its addresses: whoever
    /// still reads there finds zeros or old bytes, as between two unordered writes.
    pub fn resize(&self, nbytes: usize) -> bool {
        let Origin::Own(block) = &self.origin else {
            return nbytes == 0 && self.capacity == 0;
        };
        if nbytes > self.capacity {
            return false;
        }
        let old = self.len.swap(nbytes, Relaxed);
        LIVE_BYTES.fetch_add(nbytes, Relaxed);
        LIVE_BYTES.fetch_sub(old, Relaxed);
        if nbytes < old {
            alloc::discard(block, nbytes..old);
        }
        true
    }

    /// True when it holds no byte.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its address; null for an empty buffer of our own.
    #[inline]
    pub fn ptr(&self) -> *mut u8 {
        self.ptr
    }

    /// False for read-only foreign memory.
    #[inline]
    pub fn writable(&self) -> bool {
        self.writable
    }

    /// A copy of the bytes from `start` on.
    pub fn read_bytes(&self, start: usize, len: usize) -> Result<Vec<u8>> {
        ensure!(
            start <= self.len() && len <= self.len() - start,
            Runtime,
            "internal error: bytes {start} + {len} of a buffer of {}",
            self.len()
        );
        let mut bytes = Vec::with_capacity(len);
        if len > 0 {
            // SAFETY: the range lies inside the buffer, and the vector has room for it; all bit
            // patterns are bytes.
            unsafe {
                std::ptr::copy_nonoverlapping(self.ptr.add(start), bytes.as_mut_ptr(), len);
                bytes.set_len(len);
            }
        }
        Ok(bytes)
    }

    /// Overwrites the first bytes.
    pub fn write_bytes(&self, bytes: &[u8]) -> Result<()> {
        ensure!(
            self.writable && bytes.len() <= self.len(),
            Runtime,
            "internal error: {} bytes into a buffer of {}",
            bytes.len(),
            self.len()
        );
        if !bytes.is_empty() {
            // SAFETY: the buffer is writable and as long; `bytes` is another allocation.
            unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.ptr, bytes.len()) };
        }
        Ok(())
    }

    /// A view for reading; the layout must lie inside the buffer.
    #[inline]
    pub fn view<'a>(&'a self, dtype: DType, layout: &'a Layout) -> Result<View<'a>> {
        let ptr = self.element_zero(dtype, layout)?;
        // SAFETY: `element_zero` has checked alignment and bounds of every index.
        Ok(unsafe { View::from_raw(ptr, dtype, &layout.dims, &layout.strides) })
    }

    /// A view for writing; the layout must lie inside the buffer, which must be writable.
    #[inline]
    pub fn view_mut<'a>(&'a self, dtype: DType, layout: &'a Layout) -> Result<ViewMut<'a>> {
        ensure!(self.writable, Runtime, "cannot write to read-only memory");
        let ptr = self.element_zero(dtype, layout)?;
        // SAFETY: `element_zero` has checked alignment and bounds of every index.
        Ok(unsafe { ViewMut::from_raw(ptr, dtype, &layout.dims, &layout.strides) })
    }

    /// Address of the layout's first element, once every index is known to lie inside.
    #[inline]
    fn element_zero(&self, dtype: DType, layout: &Layout) -> Result<*mut u8> {
        let align = alignment(dtype);
        let Some(needed) = needed_bytes(dtype, layout) else {
            bail!(Runtime, "internal error: layout {layout:?} cannot be addressed");
        };
        if needed == 0 {
            return Ok(std::ptr::without_provenance_mut(align));
        }
        ensure!(
            needed <= self.len(),
            Runtime,
            "The tensor has a non-zero number of elements, but its data is not allocated yet.\n  the storage was resized to {} bytes and the tensor needs {needed}: untyped_storage().resize_({needed}) gives it room again",
            self.len()
        );
        // SAFETY: offset * size < needed <= len <= capacity, so the address is inside the allocation.
        let ptr = unsafe { self.ptr.add(layout.offset * dtype.size()) };
        ensure!(
            ptr.addr() & (align - 1) == 0,
            Runtime,
            "memory of a {dtype} tensor must be aligned to {align} bytes"
        );
        Ok(ptr)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Origin::Own(block) = std::mem::replace(&mut self.origin, Origin::Empty) {
            LIVE_BUFFERS.fetch_sub(1, Relaxed);
            LIVE_BYTES.fetch_sub(self.len(), Relaxed);
            alloc::release(block);
        }
    }
}

impl std::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Buffer")
            .field("ptr", &self.ptr)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// A power of two.
fn alignment(dtype: DType) -> usize {
    dtype.to_real().size()
}

/// Bytes from the buffer's start to the end of the furthest element; 0 for an empty layout, `None`
/// on overflow, a negative stride or a rank mismatch.
#[inline]
fn needed_bytes(dtype: DType, layout: &Layout) -> Option<usize> {
    if layout.dims.len() != layout.strides.len() {
        return None;
    }
    if layout.dims.contains(&0) {
        return Some(0);
    }
    let mut last = layout.offset;
    for (&n, &stride) in layout.dims.iter().zip(&layout.strides) {
        let reach = usize::try_from(stride).ok()?.checked_mul(n - 1)?;
        last = last.checked_add(reach)?;
    }
    last.checked_add(1)?.checked_mul(dtype.size())
}

/// How many buffers of our own are alive (foreign and empty ones are not counted).
pub fn live_buffers() -> usize {
    LIVE_BUFFERS.load(Relaxed)
}

/// How many bytes they hold, as asked for.
pub fn live_bytes() -> usize {
    LIVE_BYTES.load(Relaxed)
}

/// The most [`live_bytes`] has been.
pub fn peak_bytes() -> usize {
    PEAK_BYTES.load(Relaxed)
}

/// Starts a new measurement of [`peak_bytes`] from what is alive now.
pub fn reset_peak_bytes() {
    PEAK_BYTES.store(LIVE_BYTES.load(Relaxed), Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Kind, Strides};

    #[test]
    fn views_stay_inside() {
        let buffer = Buffer::zeroed(24).unwrap();
        let inside = Layout::contiguous(&[2, 3]);
        assert!(buffer.view(DType::F32, &inside).is_ok());
        assert!(buffer.view(DType::F64, &inside).is_err());
        let shifted = Layout { offset: 1, ..inside.clone() };
        assert!(buffer.view_mut(DType::F32, &shifted).is_err());
        let negative = Layout { strides: Strides::from_slice(&[3, -1]), offset: 2, ..inside };
        assert!(buffer.view(DType::F32, &negative).is_err());
        let huge = Layout::contiguous(&[usize::MAX, 4]);
        assert!(buffer.view(DType::F32, &huge).is_err());
    }

    #[test]
    fn empty_buffers_have_no_address_but_can_be_viewed() {
        let buffer = Buffer::uninit(0).unwrap();
        assert!(buffer.ptr().is_null() && buffer.is_empty());
        let layout = Layout::contiguous(&[3, 0]);
        assert_eq!(buffer.view(DType::C128, &layout).unwrap().numel(), 0);
    }

    #[test]
    fn impossible_sizes_are_errors() {
        let err = Buffer::uninit(isize::MAX as usize - 4096).unwrap_err();
        assert_eq!(err.kind(), Kind::OutOfMemory);
        assert!(Buffer::zeroed(usize::MAX).is_err());
    }

    #[test]
    fn foreign_memory_keeps_its_owner_and_its_rights() {
        let mut memory = vec![0u64; 4];
        let ptr = memory.as_mut_ptr().cast::<u8>();
        // SAFETY: the vector moves into `keep`; its heap block stays where it is.
        let buffer = unsafe { Buffer::foreign(ptr, 32, Box::new(memory), false) };
        let layout = Layout::contiguous(&[4]);
        assert!(buffer.view(DType::I64, &layout).is_ok());
        assert!(buffer.view_mut(DType::I64, &layout).is_err());
    }
}
