//! Lines of a tensor along one dimension, one after the other: what scans and sorts work on.

use crate::View;
use crate::cast::cast;
use crate::gather::{gather, scatter};
use crate::pool::parallel_chunks;
use crate::room::Room;
use base::iter::Nest;
use base::{DType, Dims, Element, Result, Strides, ensure};

/// Elements a task should work on.
const GRAIN: usize = 16 * 1024;

/// A view cut into lines along `dim`; `N` other operands with the same other dims are walked along.
pub(crate) struct Rows<const N: usize> {
    /// Dimensions but `dim`; operands as given.
    nest: Nest<N>,
    operands: [Line; N],
}

/// The lines of one operand.
#[derive(Clone, Copy)]
pub(crate) struct Line {
    ptr: *mut u8,
    dtype: DType,
    /// Elements of a line.
    pub len: usize,
    step: isize,
    /// Step to the neighbouring line, inside a run of them.
    next: isize,
}

// SAFETY: tasks partition the lines.
unsafe impl Send for Line {}
// SAFETY: as above.
unsafe impl Sync for Line {}

impl<const N: usize> Rows<N> {
    /// Pairs operands that agree in all dims but `dim` (a 0-d operand is a line of one element).
    pub fn new(operands: [View<'_>; N], dim: usize) -> Result<Rows<N>> {
        let kept = |v: &View<'_>| -> Dims {
            v.dims().iter().enumerate().filter(|&(d, _)| d != dim).map(|(_, &n)| n).collect()
        };
        let dims = kept(&operands[0]);
        let agree = operands
            .iter()
            .all(|v| kept(v) == dims && v.rank() == operands[0].rank() && dim < v.rank().max(1));
        let shapes = || operands.iter().map(|v| v.dims().to_vec()).collect::<Vec<_>>();
        ensure!(agree, Runtime, "internal error: lines along {dim} of {:?}", shapes());
        let strides: [Strides; N] = operands.map(|v| {
            v.strides().iter().enumerate().filter(|&(d, _)| d != dim).map(|(_, &s)| s).collect()
        });
        let nest = Nest::plan(&dims, strides.each_ref().map(|s| &**s));
        let mut at = 0;
        Ok(Rows {
            operands: operands.map(|v| Line {
                ptr: v.bytes().cast_mut(),
                dtype: v.dtype(),
                len: v.dims().get(dim).copied().unwrap_or(1),
                step: v.strides().get(dim).copied().unwrap_or(1),
                next: {
                    at += 1;
                    nest.inner_stride(at - 1)
                },
            }),
            nest,
        })
    }

    /// Calls `visit` with the lines at each position, in parallel; `make` makes a task's
    /// working memory.
    pub fn for_each<W>(
        &self,
        make: impl Fn() -> W + Sync,
        visit: impl Fn(&mut W, [Line; N]) + Sync,
    ) {
        let length = self.operands.iter().map(|line| line.len).max().unwrap_or(1).max(1);
        parallel_chunks(self.nest.numel(), (GRAIN / length).max(1), &|start, end| {
            let mut work = make();
            self.nest.for_each_run(start..end, |at, n| {
                for k in 0..n as isize {
                    let lines = std::array::from_fn(|i| {
                        let offset = at[i] + k * self.nest.inner_stride(i);
                        self.operands[i].moved(offset)
                    });
                    visit(&mut work, lines);
                }
            });
        });
    }
}

impl<const N: usize> Rows<N> {
    /// Neighbouring lines are closer in memory than the elements of one.
    pub fn lies_across(&self) -> bool {
        self.nest.inner() > 1 && self.operands.iter().all(|line| line.next.abs() < line.step.abs())
    }

    /// Calls `visit` with bands of neighbouring lines, in parallel: their number and the first ones.
    pub fn for_each_band(&self, visit: impl Fn(usize, [Line; N]) + Sync) {
        const BAND: usize = 256;
        let inner = self.nest.inner().max(1);
        let bands = inner.div_ceil(BAND);
        parallel_chunks(self.nest.numel() / inner * bands, 1, &|task, _| {
            let first = task / bands * inner + task % bands * BAND;
            let at = self.nest.offsets(first);
            let lines = std::array::from_fn(|i| self.operands[i].moved(at[i]));
            visit(BAND.min(inner - task % bands * BAND), lines);
        });
    }
}

impl Line {
    /// Element `k` of each of `band` neighbouring lines, as a line.
    pub fn across(self, k: usize, band: usize) -> Line {
        Line { len: band, step: self.next, ..self.moved(k as isize * self.step) }
    }

    fn moved(self, offset: isize) -> Line {
        let bytes = offset * self.dtype.size() as isize;
        Line { ptr: self.ptr.wrapping_offset(bytes), ..self }
    }

    /// Reads the elements, cast to `T`.
    pub fn read<T: Element>(self, raw: &mut Room<[u64; 2]>, to: &mut Room<T>) {
        let (size, n) = (self.dtype.size(), self.len);
        // SAFETY: the line lies inside a view; each room has place for its elements.
        unsafe {
            if self.dtype == T::DTYPE {
                to.fill_with(n, |to| gather(size, self.ptr, self.step, to, n));
                return;
            }
            raw.reset(n);
            let from = raw.place();
            gather(size, self.ptr, self.step, from, n);
            to.fill_with(n, |to| cast(self.dtype, T::DTYPE, from, to, n));
        }
    }

    /// Writes as many values as there are, cast to the operand's dtype, from the start.
    ///
    /// # Safety
    /// The line was made from a view for writing, and this task alone writes to it.
    pub unsafe fn write<T: Element>(self, values: &[T], raw: &mut Room<[u64; 2]>) {
        let n = values.len().min(self.len);
        let (size, from) = (self.dtype.size(), values.as_ptr().cast::<u8>());
        // SAFETY: the line lies inside a view; `raw` has place for its elements.
        unsafe {
            if self.dtype == T::DTYPE {
                scatter(size, from, self.ptr, self.step, n);
                return;
            }
            raw.reset(n);
            let to = raw.place();
            cast(T::DTYPE, self.dtype, from, to, n);
            scatter(size, to, self.ptr, self.step, n);
        }
    }
}
