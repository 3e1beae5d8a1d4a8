//! The driver of elementwise kernels: walks strided operands of any dtype so that a kernel sees
//! contiguous runs of the dtype it computes in.
//!
//! Operands that already are such runs are passed as they are; others are gathered, repeated or
//! cast into blocks that stay in the first-level cache. Long rows are visited one by one, short
//! ones many at a time, transposed operands tile by tile. Work is split into chunks whose size does
//! not depend on the number of threads.

mod blocks;
mod small;
mod tiles;
mod value;

pub(crate) use small::run_small;
pub(crate) use value::Value;

use crate::cast::cast;
use crate::gather::{gather_rows, scatter};
use crate::map::Operand;
use crate::pool::parallel_chunks;
use crate::{View, ViewMut};
use base::iter::Nest;
use base::{DType, Dims, Result, Strides, ensure};
use blocks::{Blocks, Place};
use std::ops::Range;

/// Inputs a kernel may have.
pub(crate) const MAX_INPUTS: usize = 4;
/// Elements gathered or cast at a time.
const BLOCK: usize = 512;
/// Innermost runs shorter than this are visited many at a time, gathered into blocks; where nothing
/// needs gathering, those a quarter as long.
const SHORT_RUN: usize = 64;
/// Elements of one task.
const CHUNK: usize = 16 * 1024;

/// Runs a kernel on a contiguous run: inputs, output, number of elements.
pub(crate) type Run<'a> = dyn Fn(*const *const u8, *mut u8, usize) + Sync + 'a;

/// An input: where it is, its dtype, the dtype the kernel wants.
#[derive(Clone, Copy)]
struct Lane {
    ptr: *const u8,
    from: DType,
    to: DType,
    /// The one element it repeats, already cast.
    constant: Option<Value>,
}

const NO_LANE: Lane =
    Lane { ptr: std::ptr::null(), from: DType::U8, to: DType::U8, constant: None };

/// How the elements are visited.
#[derive(Clone, Copy)]
enum Order {
    /// Run by run, every operand in place.
    Direct,
    /// Run by run.
    Runs,
    /// Blocks of this many positions, across short runs.
    Blocks(usize),
    /// Tiles of the innermost dimension and this one.
    Tiles(usize),
}

/// A planned walk over an output and its inputs.
pub(crate) struct Walk {
    /// Operand 0 is the output, 1.. are the inputs.
    nest: Nest<{ MAX_INPUTS + 1 }>,
    lanes: [Lane; MAX_INPUTS],
    count: usize,
    out: *mut u8,
    out_dtype: DType,
    made: DType,
    order: Order,
}

// SAFETY: the pointers are to elements that tasks partition among themselves.
unsafe impl Sync for Walk {}

impl Walk {
    /// Plans a walk in which the kernel reads input `i` as `wants[i]` and writes `made`.
    pub(crate) fn plan(
        out: ViewMut<'_>,
        ins: &[Operand<'_>],
        wants: &[DType],
        made: DType,
    ) -> Result<Walk> {
        ensure!(
            ins.len() == wants.len() && ins.len() <= MAX_INPUTS,
            Runtime,
            "internal error: kernel of {} inputs given {}",
            wants.len(),
            ins.len()
        );
        let mut lanes = [NO_LANE; MAX_INPUTS];
        for ((lane, operand), &to) in lanes.iter_mut().zip(ins).zip(wants) {
            *lane = Lane::new(operand, to);
        }
        let mut walk = Walk {
            nest: plan_nest(out, ins, &lanes)?,
            lanes,
            count: ins.len(),
            out: out.bytes(),
            out_dtype: out.dtype(),
            made,
            order: Order::Runs,
        };
        walk.order = walk.best_order();
        Ok(walk)
    }

    fn best_order(&self) -> Order {
        if self.nest.numel() == 0 {
            return Order::Direct;
        }
        if let Some(dim) = self.tiled_dim() {
            return Order::Tiles(dim);
        }
        let direct = self.is_direct();
        let short = if direct { SHORT_RUN / 4 } else { SHORT_RUN };
        if self.nest.dims.len() > 1 && self.nest.inner() < short {
            return Order::Blocks(self.block_length());
        }
        if direct { Order::Direct } else { Order::Runs }
    }

    fn lanes(&self) -> impl Iterator<Item = (usize, &Lane)> {
        self.lanes[..self.count].iter().enumerate().filter(|(_, lane)| lane.constant.is_none())
    }

    /// The output is a run of the kernel's dtype, and so is every input, apart from it.
    fn is_direct(&self) -> bool {
        let out = self.span(0, self.out, self.out_dtype);
        self.lanes().count() == self.count
            && self.nest.inner_stride(0) == 1
            && self.made == self.out_dtype
            && self.lanes().all(|(i, lane)| {
                let span = self.span(i + 1, lane.ptr, lane.from);
                lane.from == lane.to
                    && self.nest.inner_stride(i + 1) == 1
                    && (span.end <= out.start || out.end <= span.start)
            })
    }

    /// Addresses an operand touches.
    fn span(&self, operand: usize, ptr: *const u8, dtype: DType) -> Range<usize> {
        let (mut low, mut high) = (0, 1);
        for (&n, &stride) in self.nest.dims.iter().zip(&self.nest.strides[operand]) {
            let reach = n.saturating_sub(1) as isize * stride;
            low += reach.min(0);
            high += reach.max(0);
        }
        let size = dtype.size() as isize;
        ptr.addr().wrapping_add_signed(low * size)..ptr.addr().wrapping_add_signed(high * size)
    }

    /// The number of positions after which an input repeats itself (a bias), if that fits a block.
    fn period(&self, i: usize) -> Option<usize> {
        let mut period = 1;
        for (d, &n) in self.nest.dims.iter().enumerate().rev() {
            if self.nest.strides[i + 1][..=d].iter().all(|&s| s == 0) {
                return Some(period);
            }
            period *= n;
            if period > BLOCK {
                return None;
            }
        }
        None
    }

    /// Length of the blocks for short runs: a multiple of the longest run or period, so that all
    /// begin alike and what repeats is gathered once.
    fn block_length(&self) -> usize {
        let periods = self.lanes().filter_map(|(i, _)| self.period(i));
        let longest = periods.fold(self.nest.inner(), usize::max);
        BLOCK / longest * longest
    }

    /// Runs the kernel over all elements, in parallel chunks.
    ///
    /// # Safety
    /// `run` keeps to the dtypes the walk was planned with; see [`crate::kernel::MapFn`].
    pub(crate) unsafe fn run(&self, run: &Run<'_>) {
        let numel = self.nest.numel();
        match self.order {
            Order::Tiles(dim) => self.run_tiles(dim, run),
            Order::Direct => {
                parallel_chunks(numel, CHUNK, &|start, end| self.run_direct(start..end, run));
            }
            Order::Runs => {
                parallel_chunks(numel, CHUNK, &|start, end| self.run_rows(start..end, run));
            }
            Order::Blocks(length) => {
                let chunk = CHUNK / length * length;
                parallel_chunks(numel, chunk, &|start, end| {
                    let mut blocks = Blocks::new(self, length.min(end - start));
                    for start in (start..end).step_by(length) {
                        self.run_short(start..end.min(start + length), &mut blocks, run);
                    }
                });
            }
        }
    }

    fn run_direct(&self, range: Range<usize>, run: &Run<'_>) {
        self.nest.for_each_run(range, |offsets, n| {
            let mut ins = [std::ptr::null(); MAX_INPUTS];
            for i in 0..self.count {
                ins[i] = element(self.lanes[i].ptr, offsets[i + 1], self.lanes[i].from);
            }
            run(ins.as_ptr(), element(self.out, offsets[0], self.out_dtype).cast_mut(), n);
        });
    }

    /// Long runs, a block at a time.
    fn run_rows(&self, range: Range<usize>, run: &Run<'_>) {
        let mut blocks = Blocks::new(self, range.len().min(BLOCK));
        let strides: [isize; MAX_INPUTS + 1] = std::array::from_fn(|i| self.nest.inner_stride(i));
        self.nest.for_each_run(range, |offsets, n| {
            for start in (0..n).step_by(BLOCK) {
                let at = |i: usize| offsets[i] + start as isize * strides[i];
                let places = self.places(at, &strides);
                let ptr = element(self.out, at(0), self.out_dtype);
                let out = Place { ptr, stride: strides[0] };
                blocks.process(self, BLOCK.min(n - start), &places, out, run);
            }
        });
    }

    /// Where each input's elements are, from offset `at(i + 1)` on.
    fn places(
        &self,
        at: impl Fn(usize) -> isize,
        strides: &[isize; MAX_INPUTS + 1],
    ) -> [Place; MAX_INPUTS] {
        let mut places = [Place::NONE; MAX_INPUTS];
        for (i, lane) in self.lanes() {
            places[i] =
                Place { ptr: element(lane.ptr, at(i + 1), lane.from), stride: strides[i + 1] };
        }
        places
    }

    /// A block of positions that spans several short runs.
    fn run_short(&self, range: Range<usize>, blocks: &mut Blocks, run: &Run<'_>) {
        let start = self.nest.offsets(range.start);
        let mut places = [Place::NONE; MAX_INPUTS];
        for (i, lane) in self.lanes() {
            let mut ptr = element(lane.ptr, start[i + 1], lane.from);
            if !self.nest.is_flat(i + 1) {
                let again = blocks.gathered[i] >= range.len() && self.period(i).is_some();
                let block = blocks.gather_block(i);
                if !again {
                    self.gather_short(range.clone(), i, block);
                    blocks.gathered[i] = range.len();
                }
                ptr = block;
            }
            places[i] = Place { ptr, stride: 1 };
        }
        if self.nest.is_flat(0) {
            let out = Place { ptr: element(self.out, start[0], self.out_dtype), stride: 1 };
            blocks.process(self, range.len(), &places, out, run);
            return;
        }
        let result = blocks.result();
        let out = Place { ptr: result, stride: 1 };
        blocks.process(self, range.len(), &places, out, run);
        let (size, stride) = (self.out_dtype.size(), self.nest.inner_stride(0));
        let mut done = 0;
        self.nest.for_each_run(range, |offsets, n| {
            let dst = element(self.out, offsets[0], self.out_dtype).cast_mut();
            // SAFETY: the block holds the range's elements; `dst` is inside the output.
            unsafe { scatter(size, result.add(done * size), dst, stride, n) };
            done += n;
        });
    }

    /// Gathers an input's elements at a range of positions.
    fn gather_short(&self, range: Range<usize>, i: usize, block: *mut u8) {
        let lane = &self.lanes[i];
        let size = lane.from.size();
        let strides = [self.nest.row_stride(i + 1), self.nest.inner_stride(i + 1)];
        let mut done = 0;
        self.nest.for_each_plane(range, |offsets, rows, n| {
            let src = element(lane.ptr, offsets[i + 1], lane.from);
            // SAFETY: the rows are inside the input; the range fits the block.
            unsafe { gather_rows(size, src, strides, block.add(done * size), [rows, n]) };
            done += rows * n;
        });
    }
}

impl Lane {
    fn new(operand: &Operand<'_>, to: DType) -> Lane {
        match operand {
            Operand::Scalar(scalar) => {
                Lane { ptr: std::ptr::null(), from: to, to, constant: Some(Value::of(*scalar, to)) }
            }
            Operand::View(view) => {
                let repeats = |(&n, &stride): (&usize, &isize)| n == 1 || stride == 0;
                let one = view.dims().iter().zip(view.strides()).all(repeats);
                let constant = (one && view.numel() > 0).then(|| read_constant(*view, to));
                Lane { ptr: view.bytes(), from: view.dtype(), to, constant }
            }
        }
    }
}

/// Element 0 of a view that has one, cast.
fn read_constant(view: View<'_>, to: DType) -> Value {
    let mut value = Value::zero();
    // SAFETY: the view has an element; `value` has room for any.
    unsafe { cast(view.dtype(), to, view.bytes(), value.ptr_mut(), 1) };
    value
}

/// Address of the element `offset` elements from `ptr`, which lies inside the operand's memory.
#[inline(always)]
fn element(ptr: *const u8, offset: isize, dtype: DType) -> *const u8 {
    ptr.wrapping_offset(offset * dtype.size() as isize)
}

/// Strides of an operand against the output's dims: 0 where it repeats.
pub(crate) fn broadcast_strides(
    dims: &[usize],
    strides: &[isize],
    to: &[usize],
) -> Result<Strides> {
    let lead = to.len().checked_sub(dims.len());
    let fits = |lead: usize| dims.iter().zip(&to[lead..]).all(|(&n, &m)| n == m || n == 1);
    let Some(lead) = lead.filter(|&lead| fits(lead)) else {
        base::bail!(Runtime, "internal error: operand {dims:?} does not broadcast to {to:?}");
    };
    let mut out = Strides::filled(0, to.len());
    for (i, (&n, &stride)) in dims.iter().zip(strides).enumerate() {
        if n != 1 {
            out[lead + i] = stride;
        }
    }
    Ok(out)
}

fn plan_nest(
    out: ViewMut<'_>,
    ins: &[Operand<'_>],
    lanes: &[Lane],
) -> Result<Nest<{ MAX_INPUTS + 1 }>> {
    let plain = |(operand, lane): (&Operand<'_>, &Lane)| match operand {
        Operand::View(v) => lane.constant.is_none() && v.dims() == out.dims() && v.is_contiguous(),
        Operand::Scalar(_) => true,
    };
    if out.is_contiguous() && ins.iter().zip(lanes).all(plain) {
        let one = Strides::filled(1, 1);
        return Ok(Nest {
            dims: Dims::filled(out.numel(), 1),
            strides: std::array::from_fn(|_| one.clone()),
        });
    }
    let mut strides: [Strides; MAX_INPUTS] =
        std::array::from_fn(|_| Strides::filled(0, out.rank()));
    for (strides, operand) in strides.iter_mut().zip(ins) {
        if let Operand::View(view) = operand {
            *strides = broadcast_strides(view.dims(), view.strides(), out.dims())?;
        }
    }
    // What is not an input follows the output, so as not to keep dimensions from merging.
    for strides in &mut strides[ins.len()..] {
        *strides = Strides::from_slice(out.strides());
    }
    let [a, b, c, d] = &strides;
    Ok(Nest::plan(out.dims(), [out.strides(), a, b, c, d]))
}
