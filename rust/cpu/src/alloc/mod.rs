//! The allocator behind [`Buffer`](crate::Buffer): blocks aligned to 64 bytes, kept for reuse.
//!
//! Small blocks come in sizes of four steps per power of two and are kept by their thread
//! (`small`); those above 1.75 MiB lie on huge pages and are kept for all threads (`large`).
//! Fresh pages cost seven times what their first use costs once they are there, hence the keeping.

mod large;
mod small;

use std::ops::Range;

/// Alignment of every block: a cache line, and the widest vector register.
pub(crate) const ALIGN: usize = 64;

/// A piece of memory given out by [`acquire`].
#[derive(Clone, Copy)]
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
#[inline]
pub(crate) fn acquire(nbytes: usize, zeroed: bool) -> Option<Block> {
    if nbytes <= small::LARGEST {
        return small::acquire(nbytes, zeroed);
    }
    large::acquire(nbytes, zeroed).or_else(|| {
        trim();
        large::acquire(nbytes, zeroed)
    })
}

/// Takes a block back.
#[inline]
pub(crate) fn release(block: Block) {
    if block.capacity <= small::LARGEST {
        small::release(block);
    } else {
        large::release(block);
    }
}

/// Gives the pages behind these bytes of a block in use back to the system, where they are whole
/// pages of a mapping of their own; their contents are lost, the addresses stay.
pub(crate) fn discard(block: &Block, bytes: Range<usize>) {
    if block.capacity > small::LARGEST {
        large::discard(block, bytes);
    }
}

/// Gives kept memory back to the system: the large blocks, and this thread's small ones.
pub fn trim() {
    small::trim();
    large::trim();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_aligned_large_enough_and_zeroed_if_asked() {
        for nbytes in [1, 63, 64, 65, 1000, 4096, 70_000, 1 << 20, 2 << 20, (5 << 20) + 1] {
            for round in 0..3 {
                let block = acquire(nbytes, round > 0).unwrap();
                assert_eq!(block.ptr().addr() % ALIGN, 0);
                assert!(block.capacity >= nbytes);
                // SAFETY: the block holds `nbytes` bytes, initialised when asked for zeros.
                unsafe {
                    if round > 0 {
                        let bytes = std::slice::from_raw_parts(block.ptr(), nbytes);
                        assert!(bytes.iter().all(|&b| b == 0));
                    }
                    block.ptr().write_bytes(0xff, nbytes);
                }
                release(block);
            }
        }
        trim();
    }

    #[test]
    fn released_blocks_are_reused() {
        for nbytes in [100, 3000, 1_700_000, 1_960_000, 14 << 20] {
            let first = acquire(nbytes, false).unwrap();
            release(first);
            let second = acquire(nbytes - 1, false).unwrap();
            assert_eq!(first.ptr(), second.ptr());
            release(second);
        }
    }

    #[test]
    fn blocks_may_be_released_by_another_thread() {
        let addresses: Vec<usize> = (0..100)
            .map(|i| {
                let block = acquire(200 + i, false).unwrap();
                let address = block.ptr().expose_provenance();
                std::thread::spawn(move || {
                    let ptr = std::ptr::with_exposed_provenance_mut(address);
                    release(Block { ptr, ..small::rounded(200 + i) });
                })
                .join()
                .unwrap();
                address
            })
            .collect();
        assert_eq!(addresses.len(), 100);
    }
}
