//! The allocator behind [`Buffer`](crate::Buffer): blocks aligned to 64 bytes.

use std::alloc::Layout;

/// Alignment of every block: a cache line, and the widest vector register.
pub(crate) const ALIGN: usize = 64;

/// A piece of memory given out by [`acquire`].
pub(crate) struct Block {
    ptr: *mut u8,
    capacity: usize,
}

impl Block {
    pub(crate) fn ptr(&self) -> *mut u8 {
        self.ptr
    }
}

/// A block of at least `nbytes` (> 0) bytes, or `None` when there is no memory for it.
pub(crate) fn acquire(nbytes: usize, zeroed: bool) -> Option<Block> {
    let layout = Layout::from_size_align(nbytes, ALIGN).ok()?;
    // SAFETY: the size is not zero.
    let ptr = unsafe {
        if zeroed { std::alloc::alloc_zeroed(layout) } else { std::alloc::alloc(layout) }
    };
    (!ptr.is_null()).then_some(Block { ptr, capacity: nbytes })
}

/// Takes a block back.
#[allow(clippy::needless_pass_by_value)]
pub(crate) fn release(block: Block) {
    if let Ok(layout) = Layout::from_size_align(block.capacity, ALIGN) {
        // SAFETY: the block came from `acquire` with this very layout.
        unsafe { std::alloc::dealloc(block.ptr, layout) }
    }
}
