//! Copies between views: cast, strides and broadcasting in one; fill with a number.

use crate::ViewMut;
use crate::cast::{CastFn, single_step};
use crate::gather::copy_bytes;
use crate::map::Operand;
use crate::walk::{Walk, run_small};
use base::{DType, Result};

/// Writes `src`, broadcast to `out`'s dims and cast to its dtype.
///
/// # Errors
/// An internal error if `src` does not broadcast to `out`.
pub fn copy(out: ViewMut<'_>, src: Operand<'_>) -> Result<()> {
    let to = out.dtype();
    let from = match src {
        Operand::View(view) => view.dtype(),
        Operand::Scalar(_) => to,
    };
    let (want, made, convert) = conversion(from, to);
    let run = |ins: *const *const u8, out: *mut u8, n: usize| {
        // SAFETY: one input of dtype `want`, one output of dtype `made`, `n` elements each and apart:
        // what `convert` expects, and what walks give.
        unsafe {
            match convert {
                Some(convert) => convert(*ins, out, n),
                None => copy_bytes(*ins, out, n * made.size()),
            }
        }
    };
    // SAFETY: `run` keeps to these dtypes.
    unsafe {
        if !run_small(out, &[src], &[want], made, &run) {
            Walk::plan(out, &[src], &[want], made)?.run(&run);
        }
    }
    Ok(())
}

/// The conversion at the heart of a copy: what it reads, what it makes, and the function (`None`:
/// the bytes as they are). The walk's own casts bring 16-bit floats to f32 and back.
fn conversion(from: DType, to: DType) -> (DType, DType, Option<CastFn>) {
    if from == to {
        return (from, to, None);
    }
    if let Some(run) = single_step(from, to) {
        return (from, to, Some(run));
    }
    let (want, made) = (from.compute(), to.compute());
    (want, made, if want == made { None } else { single_step(want, made) })
}
