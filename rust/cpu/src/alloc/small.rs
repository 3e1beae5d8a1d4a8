//! Small blocks: size classes with a free list for each thread.

use super::{ALIGN, Block, large};
use std::alloc::{Layout, alloc, alloc_zeroed, dealloc};
use std::cell::RefCell;
use std::ptr;

/// Bytes a thread keeps at most.
const KEPT_BYTES: usize = 32 << 20;
/// The largest class: the next one would be as large as a large block, which is given back in
/// another way.
pub(super) const LARGEST: usize = large::PAGE / 8 * 7;
/// Four classes for each power of two up to the smallest large block.
const CLASSES: usize = 4 * (large::PAGE.trailing_zeros() as usize + 1);

/// Freed blocks, each holding the address of the next.
struct Lists {
    heads: [*mut u8; CLASSES],
    bytes: usize,
}

thread_local! {
    static LISTS: RefCell<Lists> =
        const { RefCell::new(Lists { heads: [ptr::null_mut(); CLASSES], bytes: 0 }) };
}

/// The class of a size and the class's capacity.
#[inline]
fn class(nbytes: usize) -> (usize, usize) {
    let n = nbytes.max(ALIGN);
    let power = (n - 1).ilog2();
    let step = (1usize << (power - 2)).max(ALIGN);
    let capacity = n.next_multiple_of(step);
    let quarter = (capacity - 1) >> (power - 2) & 3;
    (4 * power as usize + quarter, capacity)
}

/// A block of the capacity that `nbytes` would get, without memory.
#[cfg(test)]
pub(super) fn rounded(nbytes: usize) -> Block {
    Block { ptr: ptr::null_mut(), capacity: class(nbytes).1 }
}

#[inline]
pub(super) fn acquire(nbytes: usize, zeroed: bool) -> Option<Block> {
    let (class, capacity) = class(nbytes);
    let kept = LISTS.try_with(|lists| lists.borrow_mut().pop(class, capacity)).ok().flatten();
    if let Some(ptr) = kept {
        if zeroed {
            // SAFETY: the block has at least `nbytes` bytes, and nobody else has it.
            unsafe { ptr.write_bytes(0, nbytes) };
        }
        return Some(Block { ptr, capacity });
    }
    fresh(capacity, zeroed)
}

#[cold]
fn fresh(capacity: usize, zeroed: bool) -> Option<Block> {
    let layout = Layout::from_size_align(capacity, ALIGN).ok()?;
    // SAFETY: the size is not zero.
    let ptr = unsafe { if zeroed { alloc_zeroed(layout) } else { alloc(layout) } };
    (!ptr.is_null()).then_some(Block { ptr, capacity })
}

#[inline]
pub(super) fn release(block: Block) {
    let (class, _) = class(block.capacity);
    let kept = LISTS.try_with(|lists| lists.borrow_mut().push(class, block));
    if kept != Ok(true) {
        free(block);
    }
}

#[cold]
fn free(block: Block) {
    if let Ok(layout) = Layout::from_size_align(block.capacity, ALIGN) {
        // SAFETY: the block came from `fresh` with this layout, its capacity being that of its
        // class.
        unsafe { dealloc(block.ptr, layout) };
    }
}

pub(super) fn trim() {
    let _ = LISTS.try_with(|lists| lists.borrow_mut().clear());
}

impl Lists {
    #[inline]
    fn pop(&mut self, class: usize, capacity: usize) -> Option<*mut u8> {
        let head = self.heads[class];
        if head.is_null() {
            return None;
        }
        // SAFETY: a block in a list holds the next one's address, written by `push`.
        self.heads[class] = unsafe { head.cast::<*mut u8>().read() };
        self.bytes -= capacity;
        Some(head)
    }

    #[inline]
    fn push(&mut self, class: usize, block: Block) -> bool {
        if self.bytes + block.capacity > KEPT_BYTES {
            return false;
        }
        // SAFETY: the block is at least 64 bytes, aligned, and no longer used.
        unsafe { block.ptr.cast::<*mut u8>().write(self.heads[class]) };
        self.heads[class] = block.ptr;
        self.bytes += block.capacity;
        true
    }

    fn clear(&mut self) {
        for class in 0..CLASSES {
            let (power, quarter) = (class / 4, class % 4);
            let capacity = if power < 2 { 0 } else { (5 + quarter) << (power - 2) };
            let capacity = capacity.next_multiple_of(ALIGN);
            while let Some(ptr) = self.pop(class, capacity) {
                free(Block { ptr, capacity });
            }
        }
    }
}

impl Drop for Lists {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_has_one_capacity_and_wastes_at_most_a_quarter() {
        let mut capacities = [0; CLASSES];
        for nbytes in 1..200_000 {
            let (at, capacity) = class(nbytes);
            assert!(capacity >= nbytes && capacity % ALIGN == 0);
            assert!(nbytes < 4 * ALIGN || capacity * 4 <= nbytes * 5, "{nbytes} -> {capacity}");
            assert_eq!(class(capacity), (at, capacity));
            assert!(capacities[at] == 0 || capacities[at] == capacity);
            capacities[at] = capacity;
            let (power, quarter) = (at / 4, at % 4);
            assert_eq!(((5 + quarter) << (power - 2)).next_multiple_of(ALIGN), capacity);
        }
        assert_eq!(class(LARGEST).1, LARGEST);
        assert_eq!(class(LARGEST + 1).1, large::PAGE);
    }
}
