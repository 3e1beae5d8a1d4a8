//! Elementwise operations on views: a kernel mapped over its operands, and selection.

use crate::ViewMut;
use crate::kernel::{Kernel, Params};
use crate::walk::{MAX_INPUTS, Walk, run_small};
use crate::{View, arch::simd};
use base::{B8, DType, Result, Scalar, ensure};
use std::ops::{BitAnd, BitOr, Not};

/// What a kernel reads: a view that broadcasts to the output, or one number.
#[derive(Clone, Copy, Debug)]
pub enum Operand<'a> {
    /// Elements.
    View(View<'a>),
    /// The same number for every element.
    Scalar(Scalar),
}

impl<'a> From<View<'a>> for Operand<'a> {
    fn from(view: View<'a>) -> Self {
        Operand::View(view)
    }
}

impl From<Scalar> for Operand<'_> {
    fn from(scalar: Scalar) -> Self {
        Operand::Scalar(scalar)
    }
}

/// Runs `kernel` for every element of `out`.
///
/// Inputs broadcast to `out`'s dims and may have any dtype: they are cast to the kernel's input
/// dtype, its result to `out`'s. `out` may be one of the inputs (in place).
///
/// # Errors
/// An internal error if the number of inputs is not the kernel's or one does not broadcast.
pub fn map(kernel: &Kernel, out: ViewMut<'_>, ins: &[Operand<'_>], params: &Params) -> Result<()> {
    ensure!(
        ins.len() == kernel.inputs,
        Runtime,
        "internal error: {kernel:?} given {} inputs",
        ins.len()
    );
    let wants = [kernel.input; MAX_INPUTS];
    let wants = &wants[..kernel.inputs];
    // SAFETY: the kernel's contract is handed on to the walks, which keep it.
    let run = |ins: *const *const u8, out: *mut u8, n| unsafe { (kernel.run)(ins, out, n, params) };
    // SAFETY: these are the kernel's own dtypes and number of inputs.
    unsafe {
        if !run_small(out, ins, wants, kernel.output, &run) {
            Walk::plan(out, ins, wants, kernel.output)?.run(&run);
        }
    }
    Ok(())
}

/// An element as bits that a mask of the same width chooses from.
trait Bits: Copy + BitAnd<Output = Self> + BitOr<Output = Self> + Not<Output = Self> {
    const NONE: Self;
}

macro_rules! bits {
    ($($ty:ty)*) => {$(
        impl Bits for $ty {
            const NONE: $ty = 0;
        }
    )*};
}
bits! { u8 u16 u32 u64 }

simd! {
    unsafe fn select[T: Bits](ins: *const *const u8, out: *mut u8, n: usize) {
        const BLOCK: usize = 32;
        // SAFETY: a condition and two inputs of `n` elements each, as the walk was planned; the
        // inputs do not overlap the output.
        let (cond, a, b) = unsafe {
            (
                std::slice::from_raw_parts((*ins).cast::<B8>(), n),
                (*ins.add(1)).cast::<T>(),
                (*ins.add(2)).cast::<T>(),
            )
        };
        let out = out.cast::<T>();
        let (blocks, _) = cond.as_chunks::<BLOCK>();
        for (at, cond) in blocks.iter().enumerate() {
            let masks = cond.map(|c| if c.get() { !T::NONE } else { T::NONE });
            // If the compiler knew what the masks are, it would choose addresses instead of values,
            // one by one.
            let masks = std::hint::black_box(masks);
            for k in 0..BLOCK {
                let i = at * BLOCK + k;
                // SAFETY: below `n`; pairs of floats are aligned as one of them.
                unsafe {
                    let (x, y) = (a.add(i).read_unaligned(), b.add(i).read_unaligned());
                    out.add(i).write_unaligned((x & masks[k]) | (y & !masks[k]));
                }
            }
        }
        for i in n / BLOCK * BLOCK..n {
            // SAFETY: as above.
            unsafe {
                let from = if cond[i].get() { a } else { b };
                out.add(i).write_unaligned(from.add(i).read_unaligned());
            }
        }
    }
}

unsafe fn select_wide(ins: *const *const u8, out: *mut u8, n: usize) {
    let out = out.cast::<[u64; 2]>();
    for i in 0..n {
        // SAFETY: a condition and two inputs of `n` elements each, as the walk was planned.
        unsafe {
            let from = *ins.add(if (*(*ins).cast::<B8>().add(i)).get() { 1 } else { 2 });
            out.add(i).write_unaligned(from.cast::<[u64; 2]>().add(i).read_unaligned());
        }
    }
}

/// `out = a` where `cond` (a bool view) holds, else `b`; all broadcast to `out`'s dims, `a` and `b`
/// are cast to its dtype.
///
/// # Errors
/// An internal error if `cond` is not bool or an operand does not broadcast.
pub fn where_(out: ViewMut<'_>, cond: View<'_>, a: Operand<'_>, b: Operand<'_>) -> Result<()> {
    let dtype = out.dtype();
    ensure!(cond.dtype() == DType::Bool, Runtime, "internal error: condition is not bool");
    let wants = [DType::Bool, dtype, dtype];
    let walk = Walk::plan(out, &[Operand::View(cond), a, b], &wants, dtype)?;
    let choose = match dtype.size() {
        1 => select::<u8>,
        2 => select::<u16>,
        4 => select::<u32>,
        8 => select::<u64>,
        _ => select_wide,
    };
    // SAFETY: planned with a bool and two inputs of this size.
    unsafe { walk.run(&|ins, out, n| choose(ins, out, n)) };
    Ok(())
}
