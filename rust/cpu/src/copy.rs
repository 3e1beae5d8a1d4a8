//! Copies between views: cast, strides and broadcasting in one; fill with a number.
//!
//! A copy that turns rows into columns goes tile by tile, so that each cache line is fetched once.

use crate::ViewMut;
use crate::cast::{CastFn, single_step};
use crate::gather::by_size;
use crate::map::Operand;
use crate::pool::parallel;
use crate::walk::{Walk, broadcast_strides};
use base::iter::Nest;
use base::{DType, Result};

/// Side of a tile of a transposing copy, in elements.
const TILE: usize = 32;
/// Elements below which a transposing copy is not worth its own path.
const SMALL: usize = 1024;

/// Writes `src`, broadcast to `out`'s dims and cast to its dtype.
///
/// # Errors
/// An internal error if `src` does not broadcast to `out`.
pub fn copy(out: ViewMut<'_>, src: Operand<'_>) -> Result<()> {
    let to = out.dtype();
    if let Operand::View(view) = src
        && view.dtype() == to
        && out.numel() >= SMALL
        && !(view.is_contiguous() && view.dims() == out.dims())
    {
        let strides = broadcast_strides(view.dims(), view.strides(), out.dims())?;
        let nest = Nest::plan(out.dims(), [out.strides(), &strides]);
        if let Some(transpose) = Transpose::of(&nest, to.size()) {
            transpose.run(out.bytes(), view.bytes());
            return Ok(());
        }
    }
    let from = match src {
        Operand::View(view) => view.dtype(),
        Operand::Scalar(_) => to,
    };
    let (want, made, run) = conversion(from, to);
    let walk = Walk::plan(out, &[src], &[want], made)?;
    // SAFETY: one input of dtype `want`, one output of dtype `made`: what `run` converts; the walk
    // keeps them apart.
    unsafe {
        match run {
            Some(run) => walk.run(&|ins, out, n| run(*ins, out, n)),
            None => walk.run(&|ins, out, n| {
                std::ptr::copy_nonoverlapping(*ins, out, n * made.size());
            }),
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

/// A copy whose output is contiguous along the innermost dimension and whose input is contiguous
/// along another.
struct Transpose<'a> {
    nest: &'a Nest<2>,
    /// The dimension along which the input is contiguous.
    dim: usize,
    size: usize,
}

impl<'a> Transpose<'a> {
    fn of(nest: &'a Nest<2>, size: usize) -> Option<Self> {
        let inner = nest.dims.len().checked_sub(1)?;
        let long = |d: usize| nest.dims[d] >= 4;
        if nest.strides[0][inner] != 1 || nest.strides[1][inner] <= 1 || !long(inner) {
            return None;
        }
        let dim = (0..inner).find(|&d| nest.strides[1][d] == 1 && long(d))?;
        Some(Transpose { nest, dim, size })
    }

    fn run(&self, out: *mut u8, src: *const u8) {
        let inner = self.nest.dims.len() - 1;
        let (rows, cols) = (self.nest.dims[self.dim], self.nest.dims[inner]);
        let planes = self.nest.numel() / (rows * cols);
        let bands = rows.div_ceil(TILE);
        let (out, src) = (out.expose_provenance(), src.expose_provenance());
        parallel(planes * bands, &|task| {
            let [at_out, at_src] = self.plane(task / bands);
            let first = task % bands * TILE;
            let last = rows.min(first + TILE);
            let out = std::ptr::with_exposed_provenance_mut::<u8>(out);
            let src = std::ptr::with_exposed_provenance::<u8>(src);
            let place = |at: isize, strides: &[isize], row: usize| {
                (at + row as isize * strides[self.dim]) * self.size as isize
            };
            let (so, ss) = (&self.nest.strides[0], &self.nest.strides[1]);
            let dst = out.wrapping_offset(place(at_out, so, first));
            let src = src.wrapping_offset(place(at_src, ss, first));
            let band = Band { rows: last - first, cols, out_step: so[self.dim], src_step: ss[inner] };
            by_size!(self.size, T => {
                // SAFETY: rows `first..last` and all columns of one plane of both operands, whose
                // every index the views vouch for; tasks write disjoint rows.
                unsafe { copy_band::<T>(dst.cast(), src.cast(), &band) }
            });
        });
    }

    /// Offsets of a plane, counted over the dimensions that are neither rows nor columns.
    fn plane(&self, index: usize) -> [isize; 2] {
        let mut rest = index;
        let mut at = [0isize; 2];
        for d in (0..self.nest.dims.len() - 1).rev().filter(|&d| d != self.dim) {
            let i = (rest % self.nest.dims[d]) as isize;
            rest /= self.nest.dims[d];
            at[0] += i * self.nest.strides[0][d];
            at[1] += i * self.nest.strides[1][d];
        }
        at
    }
}

/// Some rows of a transposing copy: output rows are `out_step` apart, input columns `src_step`.
struct Band {
    rows: usize,
    cols: usize,
    out_step: isize,
    src_step: isize,
}

/// `out[r * out_step + c] = src[c * src_step + r]`, tile by tile.
unsafe fn copy_band<T: Copy>(out: *mut T, src: *const T, band: &Band) {
    for first in (0..band.cols).step_by(TILE) {
        let last = band.cols.min(first + TILE);
        for r in 0..band.rows {
            let row = out.wrapping_offset(r as isize * band.out_step);
            for c in first..last {
                // SAFETY: `r < rows` and `c < cols`: inside both operands. The widest integer may
                // ask for more alignment than the dtype, hence unaligned accesses.
                unsafe {
                    let value = src.offset(c as isize * band.src_step + r as isize);
                    row.add(c).write_unaligned(value.read_unaligned());
                }
            }
        }
    }
}
