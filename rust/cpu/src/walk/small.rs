//! Contiguous operands of one shape: no plan, and for a few elements no tasks either and blocks on
//! the stack. A small tensor costs tens of nanoseconds this way.

use super::{CHUNK, MAX_INPUTS, Run, Value};
use crate::ViewMut;
use crate::cast::cast;
use crate::gather::splat;
use crate::map::Operand;
use crate::pool::parallel_chunks;
use base::DType;
use std::mem::MaybeUninit;
use std::ptr;

/// Elements at most.
const SMALL: usize = 64;

#[repr(C, align(64))]
struct Block([MaybeUninit<u8>; SMALL * 16]);

impl Block {
    const NEW: Block = Block([MaybeUninit::uninit(); SMALL * 16]);

    fn ptr(&mut self) -> *mut u8 {
        self.0.as_mut_ptr().cast()
    }
}

/// Runs a kernel that reads inputs as `wants` and writes `made`; false, with nothing done, unless all
/// operands are contiguous and of one shape and either small (then 0-d inputs, numbers and casts
/// are fine too) or in the kernel's own dtypes.
///
/// # Safety
/// `run` keeps to these dtypes; see [`crate::kernel::MapFn`].
#[inline]
pub(crate) unsafe fn run_small(
    out: ViewMut<'_>,
    ins: &[Operand<'_>],
    wants: &[DType],
    made: DType,
    run: &Run<'_>,
) -> bool {
    let known = ins.len() == wants.len() && ins.len() <= MAX_INPUTS;
    if !known || !out.is_contiguous() {
        return false;
    }
    let n = out.numel();
    if n > SMALL {
        // SAFETY: the caller's promise.
        return unsafe { run_flat(out, ins, wants, made, n, run) };
    }
    let fits = |operand: &Operand<'_>| match operand {
        Operand::View(v) => v.rank() == 0 || v.dims() == out.dims() && v.is_contiguous(),
        Operand::Scalar(_) => true,
    };
    if !ins.iter().all(fits) {
        return false;
    }
    let mut blocks = [Block::NEW; MAX_INPUTS];
    let mut places = [ptr::null(); MAX_INPUTS];
    for i in 0..ins.len() {
        // SAFETY: `fits` and `n <= SMALL` hold.
        places[i] = unsafe { prepare(out, &ins[i], wants[i], n, &mut blocks[i]) };
    }
    if made == out.dtype() {
        run(places.as_ptr(), out.bytes(), n);
        return true;
    }
    let mut result = Block::NEW;
    run(places.as_ptr(), result.ptr(), n);
    // SAFETY: both have room for `n` elements.
    unsafe { cast(made, out.dtype(), result.ptr(), out.bytes(), n) };
    true
}

/// Operands that are one run each, of the kernel's own dtypes and apart from each other.
///
/// # Safety
/// As [`run_small`].
unsafe fn run_flat(
    out: ViewMut<'_>,
    ins: &[Operand<'_>],
    wants: &[DType],
    made: DType,
    n: usize,
    run: &Run<'_>,
) -> bool {
    let low = out.bytes().addr();
    let high = low + n * made.size();
    let mut starts = [0usize; MAX_INPUTS];
    for ((start, operand), want) in starts.iter_mut().zip(ins).zip(wants) {
        let Operand::View(v) = operand else { return false };
        *start = v.bytes().expose_provenance();
        let apart = *start + n * want.size() <= low || high <= *start;
        if !apart || v.dtype() != *want || v.dims() != out.dims() || !v.is_contiguous() {
            return false;
        }
    }
    if made != out.dtype() {
        return false;
    }
    let to = out.bytes().expose_provenance();
    parallel_chunks(n, CHUNK, &|start, end| {
        let mut places = [ptr::null(); MAX_INPUTS];
        for ((place, from), want) in places.iter_mut().zip(starts).zip(wants) {
            *place = ptr::with_exposed_provenance::<u8>(from + start * want.size());
        }
        let to = ptr::with_exposed_provenance_mut::<u8>(to + start * made.size());
        run(places.as_ptr(), to, end - start);
    });
    true
}

/// An input as `n` elements of the wanted dtype, apart from the output.
///
/// # Safety
/// The input is a number, 0-d, or `n <= SMALL` contiguous elements.
#[inline]
unsafe fn prepare(
    out: ViewMut<'_>,
    operand: &Operand<'_>,
    want: DType,
    n: usize,
    block: &mut Block,
) -> *const u8 {
    let block = block.ptr();
    let view = match operand {
        Operand::View(view) => view,
        Operand::Scalar(scalar) => {
            let value = Value::of(*scalar, want);
            // SAFETY: the block has room for SMALL elements of any dtype.
            unsafe { splat(want.size(), value.ptr(), block, n) };
            return block;
        }
    };
    let (from, start) = (view.dtype(), view.bytes());
    // SAFETY: as above; the view has one element, or `n`.
    unsafe {
        if view.rank() == 0 && n != 1 {
            let mut value = Value::zero();
            cast(from, want, start, value.ptr_mut(), 1);
            splat(want.size(), value.ptr(), block, n);
            return block;
        }
        let (low, high) = (out.bytes().addr(), out.bytes().addr() + n * out.dtype().size());
        let apart = start.addr() + n * from.size() <= low || high <= start.addr();
        if from == want && apart {
            return start;
        }
        cast(from, want, start, block, n);
    }
    block
}
