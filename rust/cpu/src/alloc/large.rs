//! Large blocks: whole huge pages, kept in one list for all threads and reused best fit.

use super::Block;
use crate::fork;
use std::ops::Range;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

/// Size and alignment of a huge page, and of the smallest large block.
pub(super) const PAGE: usize = 2 << 20;
/// Bytes kept at most; the blocks kept longest go first.
const KEPT_BYTES: usize = 1 << 30;

/// Freed blocks, oldest first.
struct Kept(Vec<Block>);

// SAFETY: a kept block belongs to nobody; whoever takes it out owns it.
unsafe impl Send for Kept {}

/// Replaced in a forked child, where the lock may be held for ever.
static KEPT: AtomicPtr<Mutex<Kept>> = AtomicPtr::new(ptr::null_mut());

fn kept() -> MutexGuard<'static, Kept> {
    static REGISTERED: Once = Once::new();
    extern "C" fn forget() {
        KEPT.store(ptr::null_mut(), Ordering::Relaxed);
    }
    REGISTERED.call_once(|| fork::in_child(forget));
    let mut at = KEPT.load(Ordering::Acquire);
    if at.is_null() {
        let made = Box::into_raw(Box::new(Mutex::new(Kept(Vec::new()))));
        at = match KEPT.compare_exchange(at, made, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => made,
            Err(theirs) => {
                // SAFETY: `made` came from `into_raw` and was not published.
                drop(unsafe { Box::from_raw(made) });
                theirs
            }
        };
    }
    // SAFETY: a published list is never freed.
    unsafe { &*at }.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn acquire(nbytes: usize, zeroed: bool) -> Option<Block> {
    let capacity = nbytes.checked_next_multiple_of(PAGE)?;
    if let Some(block) = kept().take(capacity) {
        if zeroed {
            // SAFETY: the block has at least `nbytes` bytes, and nobody else has it.
            unsafe { block.ptr.write_bytes(0, nbytes) };
        }
        return Some(block);
    }
    system::map(capacity).map(|ptr| Block { ptr, capacity })
}

pub(super) fn discard(block: &Block, bytes: Range<usize>) {
    system::discard(block, bytes);
}

pub(super) fn release(block: Block) {
    let surplus = kept().put(block);
    for block in surplus {
        system::unmap(block);
    }
}

pub(super) fn trim() {
    let blocks = std::mem::take(&mut kept().0);
    for block in blocks {
        system::unmap(block);
    }
}

impl Kept {
    /// The smallest block that fits and wastes at most a quarter, the latest of several.
    fn take(&mut self, capacity: usize) -> Option<Block> {
        let fits = |b: &Block| b.capacity >= capacity && b.capacity - capacity <= capacity / 4;
        let candidates = self.0.iter().enumerate().rev().filter(|(_, b)| fits(b));
        let (best, _) = candidates.min_by_key(|(_, b)| b.capacity)?;
        Some(self.0.remove(best))
    }

    /// Keeps a block; returns those that are too many.
    fn put(&mut self, block: Block) -> Vec<Block> {
        self.0.push(block);
        let mut total: usize = self.0.iter().map(|b| b.capacity).sum();
        let mut surplus = 0;
        while total > KEPT_BYTES {
            total -= self.0[surplus].capacity;
            surplus += 1;
        }
        self.0.drain(..surplus).collect()
    }
}

#[cfg(target_os = "linux")]
mod system {
    use super::{Block, PAGE};
    use std::ops::Range;
    use std::ptr;

    /// A multiple of the system's page size on every machine.
    const SYSTEM_PAGE: usize = 64 << 10;

    /// Zeroed pages, aligned to a huge page and marked to be backed by such.
    pub fn map(capacity: usize) -> Option<*mut u8> {
        let room = capacity.checked_add(PAGE)?;
        let (rights, flags) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new private mapping at an address of the system's choice.
        let start = unsafe { libc::mmap(ptr::null_mut(), room, rights, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return None;
        }
        let lead = start.addr().next_multiple_of(PAGE) - start.addr();
        let aligned = start.wrapping_byte_add(lead);
        // SAFETY: the parts given back and the part marked lie inside the mapping just made, at
        // page boundaries; nothing refers to them.
        unsafe {
            if lead > 0 {
                libc::munmap(start, lead);
            }
            if lead < PAGE {
                libc::munmap(aligned.wrapping_byte_add(capacity), PAGE - lead);
            }
            libc::madvise(aligned, capacity, libc::MADV_HUGEPAGE);
        }
        Some(aligned.cast())
    }

    pub fn discard(block: &Block, bytes: Range<usize>) {
        let start = bytes.start.next_multiple_of(SYSTEM_PAGE);
        // The rest of the last page is nobody else's: blocks are whole pages.
        let end = bytes.end.next_multiple_of(SYSTEM_PAGE).min(block.capacity);
        if start < end {
            // SAFETY: the range lies inside the block, a private anonymous mapping, at page
            // boundaries; its pages read as zeros from now on, and nobody relies on them.
            unsafe {
                libc::madvise(
                    block.ptr.wrapping_add(start).cast(),
                    end - start,
                    libc::MADV_DONTNEED,
                )
            };
        }
    }

    pub fn unmap(block: Block) {
        // SAFETY: the block is a mapping of exactly this length, and no longer used.
        unsafe { libc::munmap(block.ptr.cast(), block.capacity) };
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::{Block, PAGE};
    use std::alloc::{Layout, alloc_zeroed, dealloc};
    use std::ops::Range;

    /// Zeroed memory aligned to a huge page.
    pub fn map(capacity: usize) -> Option<*mut u8> {
        let layout = Layout::from_size_align(capacity, PAGE).ok()?;
        // SAFETY: the size is not zero.
        let ptr = unsafe { alloc_zeroed(layout) };
        (!ptr.is_null()).then_some(ptr)
    }

    /// Pages of the general allocator cannot be given back one by one.
    pub fn discard(_block: &Block, _bytes: Range<usize>) {}

    pub fn unmap(block: Block) {
        if let Ok(layout) = Layout::from_size_align(block.capacity, PAGE) {
            // SAFETY: the block came from `map` with this layout.
            unsafe { dealloc(block.ptr, layout) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reuse_is_best_fit_within_a_quarter_and_bounded() {
        let block = |pages: usize| Block { ptr: ptr::null_mut(), capacity: pages * PAGE };
        let mut kept = Kept(Vec::new());
        for pages in [9, 4, 5] {
            assert!(kept.put(block(pages)).is_empty());
        }
        assert_eq!(kept.take(4 * PAGE).map(|b| b.capacity), Some(4 * PAGE));
        assert_eq!(kept.take(4 * PAGE).map(|b| b.capacity), Some(5 * PAGE));
        assert!(kept.take(4 * PAGE).is_none());
        let surplus = kept.put(block(KEPT_BYTES / PAGE - 3));
        assert_eq!(surplus.iter().map(|b| b.capacity / PAGE).collect::<Vec<_>>(), [9]);
    }
}
