//! Reversed and rotated copies: strided copies from views that only a kernel may make.

use crate::{View, ViewMut, copy};
use base::{Dims, Result, Strides, ensure};

/// `x` with the order of elements reversed along each of `dims`.
pub fn flip(out: ViewMut<'_>, x: View<'_>, dims: &[usize]) -> Result<()> {
    ensure!(
        out.dims() == x.dims() && dims.iter().all(|&d| d < x.rank()),
        Runtime,
        "internal error: flip {:?} along {dims:?} into {:?}",
        x.dims(),
        out.dims()
    );
    if x.numel() == 0 {
        return Ok(());
    }
    let mut strides = Strides::from_slice(x.strides());
    let mut start = 0;
    for &d in dims {
        start += (x.dims()[d] as isize - 1) * x.strides()[d];
        strides[d] = -x.strides()[d];
    }
    let ptr = x.bytes().wrapping_offset(start * x.dtype().size() as isize);
    // SAFETY: the same elements in another order; `start` is that of the last along `dims`.
    copy(out, unsafe { View::from_raw(ptr, x.dtype(), x.dims(), &strides) }.into())
}

/// `x` with its elements moved by `shifts` along `dims`, those pushed out coming back in.
pub fn roll(out: ViewMut<'_>, x: View<'_>, shifts: &[i64], dims: &[usize]) -> Result<()> {
    ensure!(
        out.dims() == x.dims() && shifts.len() == dims.len() && dims.iter().all(|&d| d < x.rank()),
        Runtime,
        "internal error: roll {:?} along {dims:?} into {:?}",
        x.dims(),
        out.dims()
    );
    if x.numel() == 0 {
        return Ok(());
    }
    let mut shift = Dims::filled(0, x.rank());
    for (&by, &d) in shifts.iter().zip(dims) {
        let size = x.dims()[d];
        shift[d] = (shift[d] + by.rem_euclid(size as i64) as usize) % size;
    }
    roll_from(out, x, &shift, 0)
}

/// Splits the first dimension that is shifted, from `d` on, into its two parts.
fn roll_from(out: ViewMut<'_>, x: View<'_>, shift: &[usize], d: usize) -> Result<()> {
    let Some(d) = (d..shift.len()).find(|&d| shift[d] != 0) else {
        return copy(out, x.into());
    };
    let (size, by) = (x.dims()[d], shift[d]);
    for (from, to, len) in [(0, by, size - by), (size - by, 0, by)] {
        let (mut out_dims, mut x_dims) = (Dims::from_slice(out.dims()), Dims::from_slice(x.dims()));
        out_dims[d] = len;
        x_dims[d] = len;
        let offset =
            |i: usize, strides: &[isize], size: usize| i as isize * strides[d] * size as isize;
        let (x_size, out_size) = (x.dtype().size(), out.dtype().size());
        let x_ptr = x.bytes().wrapping_offset(offset(from, x.strides(), x_size));
        let out_ptr = out.bytes().wrapping_offset(offset(to, out.strides(), out_size));
        // SAFETY: `len` of the `size` places along `d`, starting at `to` or `from`.
        let (part_out, part_x) = unsafe {
            (
                ViewMut::from_raw(out_ptr, out.dtype(), &out_dims, out.strides()),
                View::from_raw(x_ptr, x.dtype(), &x_dims, x.strides()),
            )
        };
        roll_from(part_out, part_x, shift, d + 1)?;
    }
    Ok(())
}
