//! One element of a dimension for each output: `gather`, and `index_select` of whole slices.

use super::check;
use crate::gather::by_size;
use crate::pool::parallel_chunks;
use crate::{View, ViewMut};
use base::iter::Nest;
use base::{Dims, IndexRule, Result, Strides, ensure};

/// Elements of a task.
const CHUNK: usize = 16 * 1024;

/// `out[i][j][k] = x[i][index[i][j][k]][k]` for `dim` 1, and so on. `out` has `index`'s dims, which
/// do not exceed `x`'s but along `dim`, and `x`'s dtype.
pub fn gather(out: ViewMut<'_>, x: View<'_>, dim: usize, index: View<'_>) -> Result<()> {
    let rank = index.rank();
    let within = |d: usize| d == dim || index.dims()[d] <= x.dims()[d];
    ensure!(
        x.rank() == rank && (0..rank).all(within) && out.dims() == index.dims(),
        Runtime,
        "internal error: gather {:?} from {:?} into {:?}",
        index.dims(),
        x.dims(),
        out.dims()
    );
    let strides = Strides::from_slice(index.strides());
    read_indexed(out, x, dim, index, &strides, IndexRule::ALONG)
}

/// Slices of `x` at the positions in the 1-d (or 0-d) `index` along `dim`.
pub fn index_select(out: ViewMut<'_>, x: View<'_>, dim: usize, index: View<'_>) -> Result<()> {
    let mut dims = Dims::from_slice(x.dims());
    ensure!(
        index.rank() <= 1 && (dim < dims.len() || dims.is_empty() && dim == 0),
        Runtime,
        "internal error: index_select of {:?} along {dim} by {:?}",
        x.dims(),
        index.dims()
    );
    let mut strides = Strides::filled(0, dims.len());
    if !dims.is_empty() {
        dims[dim] = index.numel();
        strides[dim] = index.strides().first().copied().unwrap_or(0);
    }
    ensure!(out.dims() == &*dims, Runtime, "internal error: index_select into {:?}", out.dims());
    read_indexed(out, x, dim, index, &strides, IndexRule::ROWS)
}

/// `index_strides` walk the index along `out`'s dims.
fn read_indexed(
    out: ViewMut<'_>,
    x: View<'_>,
    dim: usize,
    index: View<'_>,
    index_strides: &[isize],
    rule: IndexRule,
) -> Result<()> {
    ensure!(out.dtype() == x.dtype(), Runtime, "internal error: dtypes differ");
    let size = x.dims().get(dim).copied().unwrap_or(1);
    check(rule, index, dim, size)?;
    let mut x_strides = Strides::from_slice(x.strides());
    let step = x_strides.get(dim).copied().unwrap_or(0);
    if dim < x_strides.len() {
        x_strides[dim] = 0;
    }
    let nest = Nest::plan(out.dims(), [out.strides(), &x_strides, index_strides]);
    let pick = Pick { nest, rule, size, step };
    let (from, to, index) =
        (Ptr(x.bytes().cast_mut()), Ptr(out.bytes()), Ptr(index.bytes().cast_mut()));
    by_size!(out.dtype().size(), T => {
        parallel_chunks(pick.nest.numel(), CHUNK, &|start, end| {
            let (from, to, index) = (from, to, index);
            let (from, to, index) = (from.cast::<T>(), to.cast::<T>(), index.cast::<i64>());
            pick.nest.for_each_run(start..end, |[o, x, i], n| {
                // SAFETY: the offsets are those of elements of out and index; x's lacks only the
                // position along `dim`, which `run` checks.
                unsafe { pick.run(to.offset(o), from.offset(x), index.offset(i), n) }
            });
        });
    });
    Ok(())
}

/// A pointer that tasks share.
#[derive(Clone, Copy)]
pub(super) struct Ptr(pub *mut u8);
// SAFETY: tasks partition what they write through it.
unsafe impl Sync for Ptr {}

impl Ptr {
    pub fn cast<T>(self) -> *mut T {
        self.0.cast()
    }
}

struct Pick {
    /// Operands: out, x without `dim`, index.
    nest: Nest<3>,
    rule: IndexRule,
    size: usize,
    /// Step of x along `dim`.
    step: isize,
}

impl Pick {
    unsafe fn run<T: Copy>(&self, to: *mut T, from: *const T, index: *const i64, n: usize) {
        let [so, sx, si] = [0, 1, 2].map(|i| self.nest.inner_stride(i));
        if si == 0 && n > 1 {
            // SAFETY: an element of the index.
            let Some(at) = self.rule.position(unsafe { *index }, self.size) else { return };
            let from = from.wrapping_offset(at as isize * self.step);
            for k in 0..n as isize {
                // SAFETY: the position is inside x, and so is the whole run.
                unsafe { to.offset(k * so).write_unaligned(from.offset(k * sx).read_unaligned()) };
            }
            return;
        }
        for k in 0..n as isize {
            // SAFETY: an element of the index.
            let i = unsafe { *index.offset(k * si) };
            let Some(at) = self.rule.position(i, self.size) else { continue };
            let at = k * sx + at as isize * self.step;
            // SAFETY: the position is inside x.
            unsafe { to.offset(k * so).write_unaligned(from.offset(at).read_unaligned()) };
        }
    }
}
