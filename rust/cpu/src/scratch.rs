//! Working memory of kernels: one uninitialised, 64-byte aligned block, reused by its thread.
//!
//! For small blocks a task needs for itself (packed panels, a row of sums). A thread keeps a few
//! blocks, so nested users (attention around matrix multiplication) each get their own.

use std::cell::RefCell;

const ALIGN: usize = 64;
/// Blocks a thread keeps; more are freed.
const KEPT: usize = 4;

#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct Line([std::mem::MaybeUninit<u8>; ALIGN]);

thread_local! {
    static BLOCKS: RefCell<Vec<Vec<Line>>> = const { RefCell::new(Vec::new()) };
}

/// A block of working memory, given back when dropped.
pub(crate) struct Scratch(Vec<Line>);

impl Scratch {
    /// Memory for at least `count` values of `T`, contents unspecified.
    pub fn new<T: Copy>(count: usize) -> Scratch {
        let lines = (count * size_of::<T>()).div_ceil(ALIGN);
        let kept = BLOCKS.try_with(|blocks| blocks.borrow_mut().pop()).ok().flatten();
        let mut block = kept.unwrap_or_default();
        if block.capacity() < lines {
            block = Vec::with_capacity(lines);
        }
        Scratch(block)
    }

    /// Start of the memory.
    #[inline]
    pub fn ptr<T: Copy>(&mut self) -> *mut T {
        self.0.as_mut_ptr().cast()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let block = std::mem::take(&mut self.0);
        let _ = BLOCKS.try_with(|blocks| {
            let mut blocks = blocks.borrow_mut();
            if blocks.len() < KEPT {
                blocks.push(block);
            }
        });
    }
}
