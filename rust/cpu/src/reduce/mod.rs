//! Reductions of any set of dimensions of a strided view.
//!
//! A [`Fold`](fold::Fold) says how elements combine; the driver here says in which order they are
//! visited. Where the reduced dimensions lie closest in memory, each output folds its own runs;
//! otherwise a block of outputs is folded side by side, row after row. Long reductions to few
//! outputs are split into segments of fixed size and merged in order, so that results do not depend
//! on the number of threads.

mod arg;
mod fold;
mod moments;
mod norm;

pub use arg::{argmax, argmin, max_dim, min_dim};
pub use moments::{std, var, var_mean};
pub use norm::{logsumexp, norm};

use crate::cast::cast;
use crate::gather::{gather, scatter};
use crate::pool::parallel;
use crate::scratch::Scratch;
use crate::{View, ViewMut};
use base::iter::Nest;
use base::{DType, Dims, Element, Result, Strides, ensure};
use fold::Fold;
use std::mem::MaybeUninit;
use std::ops::Range;

/// Elements gathered or cast at a time, and the longest run given to a fold.
pub(crate) const BLOCK: usize = 2048;
/// Outputs folded side by side: a page of f32, so that rows are read in long runs.
const COLUMNS: usize = 1024;
/// Elements a task should fold, and the length of a segment.
const GRAIN: usize = 32 * 1024;
/// With fewer tasks than this a long reduction is split into segments.
const FEW: usize = 16;

/// Sum; integers and bool give what `out`'s dtype holds (int64 as a rule).
pub fn sum(out: ViewMut<'_>, x: View<'_>, mask: &[bool]) -> Result<()> {
    fold::sum(out, x, mask)
}

/// Arithmetic mean, in `out`'s dtype (a float or complex one); NaN of nothing.
pub fn mean(out: ViewMut<'_>, x: View<'_>, mask: &[bool]) -> Result<()> {
    fold::mean(out, x, mask)
}

/// Sum of the elements that are not NaN.
pub fn nansum(out: ViewMut<'_>, x: View<'_>, mask: &[bool]) -> Result<()> {
    fold::nansum(out, x, mask)
}

/// Product, in `out`'s dtype.
pub fn prod(out: ViewMut<'_>, x: View<'_>, mask: &[bool]) -> Result<()> {
    fold::prod(out, x, mask)
}

/// Largest element; NaN if there is one. Nothing to reduce is an error.
pub fn amax(out: ViewMut<'_>, x: View<'_>, mask: &[bool]) -> Result<()> {
    fold::amax(out, x, mask)
}

/// Smallest element; NaN if there is one. Nothing to reduce is an error.
pub fn amin(out: ViewMut<'_>, x: View<'_>, mask: &[bool]) -> Result<()> {
    fold::amin(out, x, mask)
}

/// Whether any element is non-zero.
pub fn any(out: ViewMut<'_>, x: View<'_>, mask: &[bool]) -> Result<()> {
    reduce(fold::Any, out, x, mask)
}

/// Whether all elements are non-zero.
pub fn all(out: ViewMut<'_>, x: View<'_>, mask: &[bool]) -> Result<()> {
    reduce(fold::All, out, x, mask)
}

/// How many elements are non-zero.
pub fn count_nonzero(out: ViewMut<'_>, x: View<'_>, mask: &[bool]) -> Result<()> {
    reduce(fold::Count, out, x, mask)
}

/// Folds the dimensions marked in `mask`. `out` has the other dimensions, with the marked ones
/// removed or of size 1; `x` is cast to the fold's input, the result to `out`'s dtype.
pub(crate) fn reduce<F: Fold>(fold: F, out: ViewMut<'_>, x: View<'_>, mask: &[bool]) -> Result<()> {
    let plan = Plan::new(fold, out, x, mask)?;
    plan.run();
    Ok(())
}

/// Sizes and strides of the dimensions kept (of x and out) and of those reduced.
pub(crate) struct Split {
    pub kept: Dims,
    pub kept_x: Strides,
    pub kept_out: Strides,
    pub reduced: Dims,
    pub reduced_x: Strides,
}

impl Split {
    /// Checks `out`'s shape against `x`'s and the mask (which may be longer for a 0-d `x`).
    pub fn new(out: ViewMut<'_>, x: View<'_>, mask: &[bool]) -> Result<Split> {
        let rank = x.rank();
        ensure!(mask.len() >= rank, Runtime, "internal error: reduction mask is too short");
        let kept_rank = (0..rank).filter(|&d| !mask[d]).count();
        let keeps = out.rank() == rank;
        let mut split = Split {
            kept: Dims::new(),
            kept_x: Strides::new(),
            kept_out: Strides::new(),
            reduced: Dims::new(),
            reduced_x: Strides::new(),
        };
        let mut fits = keeps || out.rank() == kept_rank;
        for d in 0..rank {
            if !fits {
                break;
            }
            let (n, step) = (x.dims()[d], x.strides()[d]);
            if mask[d] {
                fits &= !keeps || out.dims()[d] == 1;
                split.reduced.push(n);
                split.reduced_x.push(step);
            } else {
                let at = if keeps { d } else { split.kept.len() };
                fits &= out.dims()[at] == n;
                split.kept.push(n);
                split.kept_x.push(step);
                split.kept_out.push(out.strides()[at]);
            }
        }
        ensure!(
            fits,
            Runtime,
            "internal error: cannot reduce {:?} by {mask:?} to {:?}",
            x.dims(),
            out.dims()
        );
        Ok(split)
    }
}

struct Plan<F: Fold> {
    fold: F,
    /// Operand 0 is x, 1 is out.
    kept: Nest<2>,
    reduced: Nest<1>,
    x: *const u8,
    x_dtype: DType,
    out: *mut u8,
    out_dtype: DType,
    /// Outputs are folded side by side.
    columns: bool,
}

// SAFETY: the pointers are read, or written by tasks that partition the outputs.
unsafe impl<F: Fold> Sync for Plan<F> {}

/// Results of tasks, each written by one of them.
struct Slots<T>(*mut T);
// SAFETY: tasks write disjoint slots, and the vector behind them is read after they have ended.
unsafe impl<T: Send> Sync for Slots<T> {}

impl<F: Fold> Plan<F> {
    fn new(fold: F, out: ViewMut<'_>, x: View<'_>, mask: &[bool]) -> Result<Self> {
        let split = Split::new(out, x, mask)?;
        let kept = Nest::plan(&split.kept, [&split.kept_x, &split.kept_out]);
        let reduced = Nest::plan(&split.reduced, [&split.reduced_x]);
        ensure!(
            reduced.numel() > 0 || kept.numel() == 0 || fold.allows_empty(),
            Runtime,
            "internal error: reduction of no elements has no identity"
        );
        let closest = |stride: isize| if stride == 0 { isize::MAX } else { stride.abs() };
        let columns = !kept.dims.is_empty()
            && !reduced.dims.is_empty()
            && closest(kept.inner_stride(0)) < closest(reduced.inner_stride(0));
        let (x_dtype, out_dtype) = (x.dtype(), out.dtype());
        let (x, out) = (x.bytes(), out.bytes());
        Ok(Plan { fold, kept, reduced, x, x_dtype, out, out_dtype, columns })
    }

    /// Number of outputs folded by one task.
    fn group(&self) -> usize {
        let n = self.reduced.numel().max(1);
        if self.columns {
            self.kept.inner().clamp(1, COLUMNS)
        } else {
            (GRAIN / n).clamp(1, COLUMNS)
        }
    }

    /// The outputs of a group: side by side ones share a run of the innermost kept dimension.
    fn outputs(&self, group: usize, size: usize) -> Range<usize> {
        if !self.columns {
            return group * size..self.kept.numel().min((group + 1) * size);
        }
        let per_run = self.kept.inner().div_ceil(size);
        let start = group / per_run * self.kept.inner();
        let first = group % per_run * size;
        start + first..start + self.kept.inner().min(first + size)
    }

    fn groups(&self, size: usize) -> usize {
        if !self.columns {
            return self.kept.numel().div_ceil(size);
        }
        self.kept.numel() / self.kept.inner().max(1) * self.kept.inner().div_ceil(size)
    }

    fn run(&self) {
        if self.kept.numel() == 0 {
            return;
        }
        let (size, n) = (self.group(), self.reduced.numel());
        let groups = self.groups(size);
        let segment = (GRAIN / if self.columns { size } else { 1 }).max(64);
        let segments = if groups < FEW { n.div_ceil(segment).max(1) } else { 1 };
        if segments == 1 {
            let tasks = |group| {
                let outputs = self.outputs(group, size);
                let mut states = [const { MaybeUninit::uninit() }; COLUMNS];
                self.fold_group(&outputs, 0..n, &mut states[..outputs.len()]);
                self.finish(&outputs, &states[..outputs.len()]);
            };
            if self.kept.numel() * n < GRAIN {
                (0..groups).for_each(tasks);
            } else {
                parallel(groups, &tasks);
            }
            return;
        }
        let mut partial = Vec::with_capacity(groups * segments * size);
        let slots: Slots<MaybeUninit<F::State>> = Slots(partial.as_mut_ptr());
        parallel(groups * segments, &|task| {
            let slots = &slots;
            let (group, start) = (task / segments, task % segments * segment);
            let outputs = self.outputs(group, size);
            // SAFETY: the slots of this task lie inside the vector's capacity; MaybeUninit may be
            // uninitialised.
            let states =
                unsafe { std::slice::from_raw_parts_mut(slots.0.add(task * size), outputs.len()) };
            self.fold_group(&outputs, start..n.min(start + segment), states);
        });
        for group in 0..groups {
            let outputs = self.outputs(group, size);
            let mut states = [const { MaybeUninit::uninit() }; COLUMNS];
            for (i, state) in states[..outputs.len()].iter_mut().enumerate() {
                // SAFETY: each task has written one state for each of its outputs.
                let part = |s: usize| unsafe {
                    (*slots.0.add((group * segments + s) * size + i)).assume_init()
                };
                let merged = (1..segments).fold(part(0), |sum, s| self.fold.merge(sum, part(s)));
                state.write(merged);
            }
            self.finish(&outputs, &states[..outputs.len()]);
        }
    }

    /// Folds a range of the reduced positions into a state for each output.
    fn fold_group(
        &self,
        outputs: &Range<usize>,
        range: Range<usize>,
        states: &mut [MaybeUninit<F::State>],
    ) {
        if self.columns {
            self.fold_columns(outputs, range, states);
            return;
        }
        let step = self.kept.inner_stride(0);
        let in_place = self.reduced.dims.len() <= 1
            && self.reduced.inner_stride(0) == 1
            && self.x_dtype == F::In::DTYPE
            && range.len() <= BLOCK;
        let mut block = Block::new();
        let mut done = 0;
        self.kept.for_each_run(outputs.clone(), |[at, _], n| {
            for i in 0..n {
                let x = self.element(at + i as isize * step);
                states[done + i].write(if in_place {
                    let first = x.cast::<F::In>().wrapping_add(range.start);
                    // SAFETY: the reduced elements are one run of the fold's own dtype inside x.
                    unsafe { self.fold.run(first, range.len()) }
                } else {
                    self.fold_row(x, range.clone(), &mut block)
                });
            }
            done += n;
        });
    }

    /// Folds one output's elements, run by run.
    fn fold_row(&self, x: *const u8, range: Range<usize>, block: &mut Block) -> F::State {
        let mut state = self.fold.start();
        let stride = self.reduced.inner_stride(0);
        self.reduced.for_each_run(range, |[at], n| {
            for start in (0..n).step_by(BLOCK) {
                let len = BLOCK.min(n - start);
                let offset = at + start as isize * stride;
                let from = x.wrapping_offset(offset * self.x_dtype.size() as isize);
                // SAFETY: `len` elements of a run inside x; the fold reads as many.
                let part = unsafe {
                    let run = read::<F::In>(from, self.x_dtype, stride, len, block);
                    self.fold.run(run, len)
                };
                state = self.fold.merge(state, part);
            }
        });
        state
    }

    /// Folds neighbouring outputs side by side, one reduced position after the other.
    fn fold_columns(
        &self,
        outputs: &Range<usize>,
        range: Range<usize>,
        states: &mut [MaybeUninit<F::State>],
    ) {
        let [at, _] = self.kept.offsets(outputs.start);
        let (x, step) = (self.element(at), self.kept.inner_stride(0));
        for state in states.iter_mut() {
            state.write(self.fold.start());
        }
        let mut block = Block::new();
        let down = self.reduced.inner_stride(0);
        let in_place = (step == 1 || states.len() == 1) && self.x_dtype == F::In::DTYPE;
        self.reduced.for_each_run(range, |[at], n| {
            if in_place {
                let from = x.wrapping_offset(at * self.x_dtype.size() as isize).cast();
                let states_ptr = states.as_mut_ptr().cast();
                // SAFETY: `n` rows of elements inside x, one for each state, all initialised above.
                unsafe { self.fold.rows(states_ptr, from, states.len(), (n, down)) };
                return;
            }
            for i in 0..n {
                let offset = (at + i as isize * down) * self.x_dtype.size() as isize;
                // SAFETY: a row of elements inside x, one for each state, all initialised above.
                unsafe {
                    let from = x.wrapping_offset(offset);
                    let row = read::<F::In>(from, self.x_dtype, step, states.len(), &mut block);
                    self.fold.columns(states.as_mut_ptr().cast(), row, states.len());
                }
            }
        });
    }

    fn element(&self, offset: isize) -> *const u8 {
        self.x.wrapping_offset(offset * self.x_dtype.size() as isize)
    }

    /// Turns states into results and stores them.
    fn finish(&self, outputs: &Range<usize>, states: &[MaybeUninit<F::State>]) {
        let count = self.reduced.numel();
        let mut results = [const { MaybeUninit::<F::Out>::uninit() }; COLUMNS];
        for (result, state) in results.iter_mut().zip(states) {
            // SAFETY: `fold_group` has written every state.
            result.write(self.fold.finish(unsafe { state.assume_init() }, count));
        }
        let mut cast_results = [const { MaybeUninit::<[u64; 2]>::uninit() }; COLUMNS];
        let mut from = results.as_ptr().cast::<u8>();
        let size = self.out_dtype.size();
        if F::Out::DTYPE != self.out_dtype {
            let to = cast_results.as_mut_ptr().cast::<u8>();
            // SAFETY: both arrays hold COLUMNS elements of any dtype.
            unsafe { cast(F::Out::DTYPE, self.out_dtype, from, to, states.len()) };
            from = to;
        }
        let mut done = 0;
        self.kept.for_each_run(outputs.clone(), |[_, at], n| {
            let to = self.out.wrapping_offset(at * size as isize);
            // SAFETY: offsets of the nest lie inside out; tasks write disjoint outputs.
            unsafe { scatter(size, from.add(done * size), to, self.kept.inner_stride(1), n) };
            done += n;
        });
    }
}

/// Room for a block of the widest element, before and after a cast; taken when first needed.
pub(crate) struct Block(Option<Scratch>);

impl Block {
    pub fn new() -> Block {
        Block(None)
    }

    /// The places for gathered and for cast elements.
    fn parts(&mut self) -> [*mut u8; 2] {
        let start = self.0.get_or_insert_with(|| Scratch::new::<[u64; 2]>(2 * BLOCK)).ptr::<u8>();
        [start, start.wrapping_add(BLOCK * 16)]
    }
}

/// A run of at most `BLOCK` elements as consecutive values of `T`: as it lies, or in the block.
///
/// # Safety
/// `from` is the first of `n` elements of `dtype`, `stride` apart, inside a view.
#[inline(always)]
pub(crate) unsafe fn read<T: Element>(
    from: *const u8,
    dtype: DType,
    stride: isize,
    n: usize,
    block: &mut Block,
) -> *const T {
    let mut at = from;
    if stride != 1 && n > 1 {
        let [to, _] = block.parts();
        // SAFETY: the caller's promise; the block holds BLOCK elements of any dtype.
        unsafe { gather(dtype.size(), from, stride, to, n) };
        at = to;
    }
    if dtype != T::DTYPE {
        let [_, to] = block.parts();
        // SAFETY: as above.
        unsafe { cast(dtype, T::DTYPE, at, to, n) };
        at = to;
    }
    at.cast()
}
