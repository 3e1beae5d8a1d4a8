//! Elements where a mask holds: `masked_select`, `masked_scatter`, `nonzero`.
//!
//! The mask is walked in row-major order in chunks; a first pass counts, so that each chunk of the
//! second knows where its elements go.

use super::gather::Ptr;
use crate::cast::cast;
use crate::gather::{by_size, gather};
use crate::pool::parallel;
use crate::walk::broadcast_strides;
use crate::{View, ViewMut};
use base::iter::Nest;
use base::{B8, DType, Dims, Result, bail, ensure};
use std::ops::Range;
use std::sync::Mutex;

/// Elements of a task.
const CHUNK: usize = 16 * 1024;
/// Elements turned to truth values at a time.
const BLOCK: usize = 512;

/// The elements of `x` where `mask` (bool) holds, in row-major order of the shape both broadcast to,
/// which is `dims`. `out` is 1-d, as long as [`count_nonzero`](crate::reduce::count_nonzero) of the
/// broadcast mask, and of `x`'s dtype.
pub fn masked_select(out: ViewMut<'_>, x: View<'_>, mask: View<'_>, dims: &[usize]) -> Result<()> {
    ensure!(
        out.rank() == 1 && out.dtype() == x.dtype() && mask.dtype() == DType::Bool,
        Runtime,
        "internal error: masked_select of {} by {} into {:?}",
        x.dtype(),
        mask.dtype(),
        out.dims()
    );
    let mask_strides = broadcast_strides(mask.dims(), mask.strides(), dims)?;
    let x_strides = broadcast_strides(x.dims(), x.strides(), dims)?;
    let nest = Nest::in_order(dims, [&mask_strides, &x_strides]);
    let truth = Truth { nest, start: mask.bytes(), dtype: DType::Bool };
    let starts = truth.count(out.dims()[0])?;
    let (to, from, step) = (Ptr(out.bytes()), Ptr(x.bytes().cast_mut()), out.strides()[0]);
    by_size!(x.dtype().size(), T => truth.visit(&starts, &|place, [_, at], _| {
        let (to, from) = (to, from);
        // SAFETY: `place` is below out's length; `at` is an element of x.
        unsafe {
            let value = from.cast::<T>().offset(at).read_unaligned();
            to.cast::<T>().offset(place as isize * step).write_unaligned(value);
        }
    }));
    Ok(())
}

/// Elements of the contiguous `src`, in order, to where `mask` (bool, broadcast to `out`) holds.
pub fn masked_scatter(out: ViewMut<'_>, mask: View<'_>, src: View<'_>) -> Result<()> {
    ensure!(
        src.is_contiguous() && src.dtype() == out.dtype() && mask.dtype() == DType::Bool,
        Runtime,
        "internal error: masked_scatter of {} by {} into {}",
        src.dtype(),
        mask.dtype(),
        out.dtype()
    );
    let mask_strides = broadcast_strides(mask.dims(), mask.strides(), out.dims())?;
    let nest = Nest::in_order(out.dims(), [&mask_strides, out.strides()]);
    let truth = Truth { nest, start: mask.bytes(), dtype: DType::Bool };
    let Ok(starts) = truth.count_at_most(src.numel()) else {
        bail!(Runtime, "Number of elements of source < number of ones in mask");
    };
    let (to, from) = (Ptr(out.bytes()), Ptr(src.bytes().cast_mut()));
    by_size!(out.dtype().size(), T => truth.visit(&starts, &|place, [_, at], _| {
        let (to, from) = (to, from);
        // SAFETY: `place` is below src's length; `at` is an element of out.
        unsafe {
            let value = from.cast::<T>().add(place).read_unaligned();
            to.cast::<T>().offset(at).write_unaligned(value);
        }
    }));
    Ok(())
}

/// Indices of the non-zero elements of `x`, row-major: `out` is [count, rank of x], int64.
pub fn nonzero(out: ViewMut<'_>, x: View<'_>) -> Result<()> {
    let rank = x.rank();
    ensure!(
        out.rank() == 2 && out.dims()[1] == rank && out.dtype() == DType::I64,
        Runtime,
        "internal error: nonzero of {:?} into {:?}",
        x.dims(),
        out.dims()
    );
    let nest = Nest::in_order(x.dims(), [x.strides(), x.strides()]);
    let truth = Truth { nest, start: x.bytes(), dtype: x.dtype() };
    let starts = truth.count(out.dims()[0])?;
    let (to, row, column) = (Ptr(out.bytes()), out.strides()[0], out.strides()[1]);
    let dims = Dims::from_slice(x.dims());
    truth.visit(&starts, &|place, _, position| {
        let mut rest = position;
        for d in (0..rank).rev() {
            let at = place as isize * row + d as isize * column;
            // SAFETY: `place` is below out's length and `d` below its width.
            unsafe { to.cast::<i64>().offset(at).write((rest % dims[d]) as i64) };
            rest /= dims[d];
        }
    });
    Ok(())
}

/// A tensor read as truth values, walked beside another operand.
struct Truth {
    /// Row-major; operands: this, the other.
    nest: Nest<2>,
    start: *const u8,
    dtype: DType,
}

// SAFETY: the pointer is only read.
unsafe impl Sync for Truth {}

/// Where the elements of each chunk go; the last entry is their number.
struct Starts(Vec<usize>);

impl Truth {
    fn chunk(&self, task: usize) -> Range<usize> {
        task * CHUNK..self.nest.numel().min((task + 1) * CHUNK)
    }

    /// Calls `visit(offsets, position)` for each true element of a range.
    fn for_each(&self, range: Range<usize>, mut visit: impl FnMut([isize; 2], usize)) {
        let mut position = range.start;
        let steps = [0, 1].map(|i| self.nest.inner_stride(i));
        let (mut raw, mut truth) = ([[0u64; 2]; BLOCK], [B8(0); BLOCK]);
        self.nest.for_each_run(range, |at, n| {
            for start in (0..n).step_by(BLOCK) {
                let len = BLOCK.min(n - start);
                let offset = at[0] + start as isize * steps[0];
                let size = self.dtype.size();
                // SAFETY: a run of elements inside the tensor; both blocks hold BLOCK elements.
                unsafe {
                    let from = self.start.wrapping_offset(offset * size as isize);
                    gather(size, from, steps[0], raw.as_mut_ptr().cast(), len);
                    cast(
                        self.dtype,
                        DType::Bool,
                        raw.as_ptr().cast(),
                        truth.as_mut_ptr().cast(),
                        len,
                    );
                }
                for (k, truth) in truth[..len].iter().enumerate() {
                    if truth.get() {
                        let k = (start + k) as isize;
                        visit([0, 1].map(|i| at[i] + k * steps[i]), position + k as usize);
                    }
                }
            }
            position += n;
        });
    }

    /// Counts each chunk; the total must be `expected`.
    fn count(&self, expected: usize) -> Result<Starts> {
        let starts = self.count_at_most(usize::MAX)?;
        let total = starts.0.last().copied().unwrap_or(0);
        ensure!(
            total == expected,
            Runtime,
            "internal error: {total} elements selected, room for {expected}"
        );
        Ok(starts)
    }

    fn count_at_most(&self, limit: usize) -> Result<Starts> {
        let tasks = self.nest.numel().div_ceil(CHUNK);
        let counts = Mutex::new(vec![0; tasks + 1]);
        parallel(tasks, &|task| {
            let mut count = 0;
            self.for_each(self.chunk(task), |_, _| count += 1);
            if let Ok(mut counts) = counts.lock() {
                counts[task + 1] = count;
            }
        });
        let mut starts = counts.into_inner().unwrap_or_default();
        for i in 1..starts.len() {
            starts[i] += starts[i - 1];
        }
        let total = starts.last().copied().unwrap_or(0);
        ensure!(total <= limit, Runtime, "internal error: {total} elements exceed {limit}");
        Ok(Starts(starts))
    }

    /// Calls `visit(place, offsets, position)` for each true element, places counting up from 0. A
    /// mask changed since the count never makes a place of another chunk's, or one past the end.
    fn visit(&self, starts: &Starts, visit: &(impl Fn(usize, [isize; 2], usize) + Sync)) {
        let starts = &starts.0;
        parallel(starts.len().saturating_sub(1), &|task| {
            let mut place = starts[task];
            self.for_each(self.chunk(task), |at, position| {
                if place < starts[task + 1] {
                    visit(place, at, position);
                    place += 1;
                }
            });
        });
    }
}
