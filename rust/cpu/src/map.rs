//! Elementwise operations on views: a kernel mapped over its operands, and selection.

use crate::ViewMut;
use crate::gather::by_size;
use crate::kernel::{Kernel, Params};
use crate::walk::{MAX_INPUTS, Walk, run_small};
use crate::{View, arch::simd};
use base::{B8, DType, Result, Scalar, ensure};
use std::mem::MaybeUninit;

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

simd! {
    unsafe fn select[T: Copy](ins: *const *const u8, out: *mut u8, n: usize) {
        // SAFETY: a condition and two inputs of `n` elements each, as the walk was planned; the
        // inputs do not overlap the output.
        let (cond, a, b, out) = unsafe {
            (
                std::slice::from_raw_parts((*ins).cast::<B8>(), n),
                std::slice::from_raw_parts((*ins.add(1)).cast::<T>(), n),
                std::slice::from_raw_parts((*ins.add(2)).cast::<T>(), n),
                std::slice::from_raw_parts_mut(out.cast::<MaybeUninit<T>>(), n),
            )
        };
        for i in 0..n {
            out[i].write(if cond[i].get() { a[i] } else { b[i] });
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
    match dtype {
        // Pairs of floats, aligned as such: the integer of that size would ask for more.
        // SAFETY: planned with a bool and two inputs of this dtype.
        DType::C64 => unsafe { walk.run(&|ins, out, n| select::<[u32; 2]>(ins, out, n)) },
        // SAFETY: planned with a bool and two inputs of this size and alignment.
        _ => by_size!(dtype.size(), T => unsafe {
            walk.run(&|ins, out, n| select::<T>(ins, out, n));
        }),
    }
    Ok(())
}
