//! Indexing by several tensors at once (`x[i, j]`), and by flat positions (`take`, `put`).
//!
//! The layer above has moved the indexed dimensions of `x` to the front and broadcast the indices to
//! one shape B; results and values have the shape [B..., rest...].

use super::combine::{Assign, Op, Plus};
use super::gather::Ptr;
use crate::dispatch::dispatch;
use crate::gather::by_size;
use crate::map::Operand;
use crate::pool::parallel_chunks;
use crate::walk::{Value, broadcast_strides};
use crate::{View, ViewMut};
use base::iter::Nest;
use base::{DType, Dims, IndexRule, Result, Strides, bail, ensure};

/// Elements of a task.
const CHUNK: usize = 16 * 1024;

/// `out = x[indices[0], indices[1], ...]`: `indices` (all of shape B, broadcast by strides of 0)
/// address the first dimensions of `x`, negative ones from the end.
pub fn index(out: ViewMut<'_>, x: View<'_>, indices: &[View<'_>]) -> Result<()> {
    pick(out, x, indices, IndexRule::ADVANCED)
}

fn pick(out: ViewMut<'_>, x: View<'_>, indices: &[View<'_>], rule: IndexRule) -> Result<()> {
    ensure!(out.dtype() == x.dtype(), Runtime, "internal error: dtypes differ");
    let plan = Plan::new(x, indices, rule)?;
    ensure!(
        out.dims() == &*plan.dims,
        Runtime,
        "internal error: index gives {:?}, not {:?}",
        plan.dims,
        out.dims()
    );
    let (from, to) = (Ptr(x.bytes().cast_mut()), Ptr(out.bytes()));
    let walk = plan.walk(x, out.strides());
    by_size!(x.dtype().size(), T => walk.run_picks(&|picked, other, n, steps| {
        let (from, to) = (from, to);
        for k in 0..n as isize {
            // SAFETY: the walk gives offsets of elements of x and out; tasks write disjoint ones.
            unsafe {
                let value = from.cast::<T>().offset(picked + k * steps[0]).read_unaligned();
                to.cast::<T>().offset(other + k * steps[1]).write_unaligned(value);
            }
        }
    }));
    Ok(())
}

/// `x[indices[0], indices[1], ...] = values`, or `+=` if `accumulate`; values broadcast to
/// [B..., rest...] and have `x`'s dtype. The last of several values for one place wins.
pub fn index_put(
    x: ViewMut<'_>,
    indices: &[View<'_>],
    values: Operand<'_>,
    accumulate: bool,
) -> Result<()> {
    put_with(x, indices, values, accumulate, IndexRule::ADVANCED)
}

/// `out = x.flatten()[index]`, for a contiguous `x`.
pub fn take(out: ViewMut<'_>, x: View<'_>, index: View<'_>) -> Result<()> {
    ensure!(x.is_contiguous(), Runtime, "internal error: take() needs contiguous memory");
    if x.numel() == 0 && index.numel() > 0 {
        bail!(Index, "take(): tried to take from an empty tensor");
    }
    let (dims, strides) = ([x.numel()], [1]);
    // SAFETY: x is contiguous, so its elements lie one after the other.
    let flat = unsafe { View::from_raw(x.bytes(), x.dtype(), &dims, &strides) };
    pick(out, flat, &[index], IndexRule::ELEMENTS)
}

/// `x.flatten()[index] = values`, or `+=` if `accumulate`, for a contiguous `x`; values broadcast to
/// `index`'s dims.
pub fn put(x: ViewMut<'_>, index: View<'_>, values: Operand<'_>, accumulate: bool) -> Result<()> {
    ensure!(x.is_contiguous(), Runtime, "internal error: put() needs contiguous memory");
    let (dims, strides) = ([x.numel()], [1]);
    // SAFETY: x is contiguous, so its elements lie one after the other.
    let flat = unsafe { ViewMut::from_raw(x.bytes(), x.dtype(), &dims, &strides) };
    put_with(flat, &[index], values, accumulate, IndexRule::ELEMENTS)
}

fn put_with(
    x: ViewMut<'_>,
    indices: &[View<'_>],
    values: Operand<'_>,
    accumulate: bool,
    rule: IndexRule,
) -> Result<()> {
    let plan = Plan::new(x.as_view(), indices, rule)?;
    let mut constant = Value::zero();
    let (values, strides) = match values {
        Operand::View(v) => {
            ensure!(v.dtype() == x.dtype(), Runtime, "internal error: dtypes differ");
            (v.bytes(), broadcast_strides(v.dims(), v.strides(), &plan.dims)?)
        }
        Operand::Scalar(s) => {
            constant = Value::of(s, x.dtype());
            (constant.ptr(), Strides::filled(0, plan.dims.len()))
        }
    };
    let put = Put { walk: plan.walk(x.as_view(), &strides), to: x.bytes(), from: values };
    if accumulate {
        dispatch!("index_put", x.dtype(), [all], T => put.run::<T, Plus>());
    } else {
        by_size!(x.dtype().size(), T => put.run::<T, Assign>());
    }
    let _ = &constant;
    Ok(())
}

/// The elements that indices pick: their offsets in x, for each position of B.
struct Plan {
    offsets: Vec<isize>,
    /// Shape of the result: [B..., rest...].
    dims: Dims,
    /// Rank of B.
    rank: usize,
    /// Number of indexed dimensions.
    indexed: usize,
}

impl Plan {
    fn new(x: View<'_>, indices: &[View<'_>], rule: IndexRule) -> Result<Plan> {
        let shape = indices.first().map_or(&[][..], |i| i.dims());
        let agree = indices.iter().all(|i| i.dims() == shape);
        ensure!(
            agree && indices.len() <= x.rank(),
            Runtime,
            "internal error: {} indices of {shape:?} for {:?}",
            indices.len(),
            x.dims()
        );
        let mut offsets = vec![0isize; shape.iter().product()];
        for (d, view) in indices.iter().enumerate() {
            let (size, step) = (x.dims()[d], x.strides()[d]);
            ensure!(view.dtype() == DType::I64, Runtime, "internal error: index is not int64");
            let nest = Nest::in_order(shape, [view.strides()]);
            let (start, stride) = (view.ptr::<i64>(), nest.inner_stride(0));
            let (mut at, mut bad) = (0, None);
            nest.for_each_run(0..nest.numel(), |[first], n| {
                for (k, offset) in offsets[at..at + n].iter_mut().enumerate() {
                    // SAFETY: an element of the index.
                    let i = unsafe { *start.offset(first + k as isize * stride) };
                    match rule.position(i, size) {
                        Some(position) => *offset += position as isize * step,
                        None => bad = bad.or(Some(i)),
                    }
                }
                at += n;
            });
            if let Some(i) = bad {
                return Err(rule.error(i, d, size));
            }
        }
        let dims = shape.iter().chain(&x.dims()[indices.len()..]).copied().collect();
        Ok(Plan { offsets, dims, rank: shape.len(), indexed: indices.len() })
    }

    /// Pairs x with another operand of the shape [B..., rest...].
    fn walk(self, x: View<'_>, other: &[isize]) -> Walk {
        let (dims, rest) = self.dims.split_at(self.rank);
        let (other_picks, other_rest) = other.split_at(self.rank);
        Walk {
            picks: Nest::in_order(dims, [other_picks]),
            rest: Nest::plan(rest, [&x.strides()[self.indexed..], other_rest]),
            offsets: self.offsets,
        }
    }
}

/// Picked positions, and for each the elements of the remaining dimensions.
struct Walk {
    offsets: Vec<isize>,
    /// B in order; operand: the other.
    picks: Nest<1>,
    /// Operands: x, the other.
    rest: Nest<2>,
}

impl Walk {
    /// Calls `visit(offset in x, offset in the other, length, steps of both)` for runs of elements,
    /// in parallel over the picks; steps are within the remaining dimensions.
    fn run_picks(&self, visit: &(impl Fn(isize, isize, usize, [isize; 2]) + Sync)) {
        let inner = self.rest.numel();
        if inner == 0 {
            return;
        }
        parallel_chunks(self.offsets.len(), (CHUNK / inner).max(1), &|start, end| {
            self.visit(start..end, 0..inner, visit);
        });
    }

    fn visit(
        &self,
        picks: std::ops::Range<usize>,
        rest: std::ops::Range<usize>,
        visit: &(impl Fn(isize, isize, usize, [isize; 2]) + Sync),
    ) {
        let steps = [self.rest.inner_stride(0), self.rest.inner_stride(1)];
        let stride = self.picks.inner_stride(0);
        let mut pick = picks.start;
        self.picks.for_each_run(picks, |[at], n| {
            for k in 0..n as isize {
                let (from, to) = (self.offsets[pick], at + k * stride);
                pick += 1;
                if self.rest.dims.is_empty() {
                    visit(from, to, 1, steps);
                    continue;
                }
                self.rest.for_each_run(rest.clone(), |[x, other], n| {
                    visit(from + x, to + other, n, steps);
                });
            }
        });
    }
}

struct Put {
    walk: Walk,
    to: *mut u8,
    from: *const u8,
}

// SAFETY: tasks write disjoint elements, see `run`.
unsafe impl Sync for Put {}

impl Put {
    /// In parallel over the remaining dimensions only: picks may meet at one place.
    fn run<T: Copy, O: Op<T>>(&self) {
        let (to, from) = (Ptr(self.to), Ptr(self.from.cast_mut()));
        let write = |x: isize, other: isize, n: usize, steps: [isize; 2]| {
            let (to, from) = (to, from);
            for k in 0..n as isize {
                // SAFETY: the walk gives offsets of elements of both; one task writes each place.
                unsafe {
                    let to = to.cast::<T>().offset(x + k * steps[0]);
                    let value = from.cast::<T>().offset(other + k * steps[1]).read_unaligned();
                    to.write_unaligned(O::apply(to.read_unaligned(), value));
                }
            }
        };
        let picks = self.walk.offsets.len();
        let chunk = (CHUNK / picks.max(1)).max(64);
        parallel_chunks(self.walk.rest.numel(), chunk, &|start, end| {
            self.walk.visit(0..picks, start..end, &write);
        });
    }
}
