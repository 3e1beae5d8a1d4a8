//! A task's working memory, and the kernel's run on one block of elements.

use super::{BLOCK, Lane, MAX_INPUTS, Run, Walk};
use crate::cast::cast;
use crate::gather::{gather, scatter, splat};
use crate::scratch::Scratch;
use std::ops::Range;

/// Bytes of a block: room for the widest elements.
pub(super) const BLOCK_BYTES: usize = BLOCK * 16;

/// A run of an operand in memory.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub ptr: *const u8,
    pub stride: isize,
}

impl Place {
    pub const NONE: Place = Place { ptr: std::ptr::null(), stride: 1 };
}

/// Blocks of a task: for each input one as the kernel wants it and one as gathered; one for a
/// strided input before its cast or the kernel's output before its own; one for the output before
/// it is scattered.
pub(super) struct Blocks {
    memory: Scratch,
    /// Bytes of one block.
    size: usize,
    /// How many elements each input's gathered block holds.
    pub gathered: [usize; MAX_INPUTS],
}

impl Blocks {
    /// Blocks of `n` elements, with the constant inputs filled in.
    pub fn new(walk: &Walk, n: usize) -> Blocks {
        let size = if n < BLOCK { (n * 16).next_multiple_of(64) } else { BLOCK_BYTES };
        let memory = Scratch::new::<u8>(size * (2 * MAX_INPUTS + 2));
        let mut blocks = Blocks { memory, size, gathered: [0; MAX_INPUTS] };
        for (i, lane) in walk.lanes[..walk.count].iter().enumerate() {
            if let Some(value) = lane.constant {
                // SAFETY: the block has room for `n` elements.
                unsafe { splat(lane.to.size(), value.ptr(), blocks.block(i), n) };
            }
        }
        blocks
    }

    fn block(&mut self, i: usize) -> *mut u8 {
        self.memory.ptr::<u8>().wrapping_add(i * self.size)
    }

    /// The block for input `i` as gathered.
    pub fn gather_block(&mut self, i: usize) -> *mut u8 {
        self.block(MAX_INPUTS + i)
    }

    fn raw(&mut self) -> *mut u8 {
        self.block(2 * MAX_INPUTS)
    }

    /// The block for an output that must be scattered.
    pub fn result(&mut self) -> *mut u8 {
        self.block(2 * MAX_INPUTS + 1)
    }

    /// Runs the kernel on `n` elements, no more than a block.
    pub fn process(
        &mut self,
        walk: &Walk,
        n: usize,
        places: &[Place; MAX_INPUTS],
        out: Place,
        run: &Run<'_>,
    ) {
        let into = out.ptr.addr()..out.ptr.addr() + n * walk.out_dtype.size();
        let mut ins = [std::ptr::null(); MAX_INPUTS];
        for i in 0..walk.count {
            ins[i] = self.prepare(i, &walk.lanes[i], n, places[i], &into);
        }
        if walk.made == walk.out_dtype && out.stride == 1 {
            run(ins.as_ptr(), out.ptr.cast_mut(), n);
            return;
        }
        let raw = self.raw();
        run(ins.as_ptr(), raw, n);
        let size = walk.out_dtype.size();
        // SAFETY: the blocks hold `n` elements; `out` is a run of `n` in the output or in `result`
        // (then of stride 1), which is not in use here.
        unsafe {
            if out.stride == 1 {
                cast(walk.made, walk.out_dtype, raw, out.ptr.cast_mut(), n);
            } else if walk.made == walk.out_dtype {
                scatter(size, raw, out.ptr.cast_mut(), out.stride, n);
            } else {
                let result = self.result();
                cast(walk.made, walk.out_dtype, raw, result, n);
                scatter(size, result, out.ptr.cast_mut(), out.stride, n);
            }
        }
    }

    /// Input `i` as a contiguous run of the wanted dtype that does not overlap the output's run.
    #[inline(always)]
    fn prepare(
        &mut self,
        i: usize,
        lane: &Lane,
        n: usize,
        place: Place,
        into: &Range<usize>,
    ) -> *const u8 {
        let block = self.block(i);
        if lane.constant.is_some() {
            return block;
        }
        let size = lane.from.size();
        let from = place.ptr.addr();
        let apart = from + n * size <= into.start || into.end <= from;
        // SAFETY: `place` is a run of `n` elements inside the input or its gathered block; the
        // blocks hold as many.
        unsafe {
            if lane.from == lane.to {
                if place.stride == 1 && apart {
                    return place.ptr;
                }
                strided(size, place, block, n);
            } else if place.stride == 1 {
                cast(lane.from, lane.to, place.ptr, block, n);
            } else {
                let raw = self.raw();
                strided(size, place, raw, n);
                cast(lane.from, lane.to, raw, block, n);
            }
        }
        block
    }
}

/// Gathers a run, which may be one element repeated.
unsafe fn strided(size: usize, place: Place, dst: *mut u8, n: usize) {
    // SAFETY: the caller's promise, that of `gather`.
    unsafe {
        if place.stride == 0 {
            splat(size, place.ptr, dst, n);
        } else {
            gather(size, place.ptr, place.stride, dst, n);
        }
    }
}
