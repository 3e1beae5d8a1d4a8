//! The driver of elementwise kernels: walks strided operands of any dtype so that a kernel sees
//! contiguous runs of the dtype it computes in.
//!
//! Operands that already are such runs are passed as they are; others are gathered, repeated or
//! cast into blocks of 512 elements that stay in the first-level cache. Work is split into chunks
//! whose size does not depend on the number of threads.

use crate::cast::cast;
use crate::gather::{gather, scatter, splat};
use crate::map::Operand;
use crate::pool::parallel_chunks;
use crate::{View, ViewMut};
use base::iter::Nest;
use base::{B8, Complex32, Complex64, DType, Dims, Element, Result, Scalar, Strides, ensure};
use std::mem::MaybeUninit;
use std::ops::Range;

/// Inputs a kernel may have.
pub(crate) const MAX_INPUTS: usize = 4;
/// Elements gathered or cast at a time.
const BLOCK: usize = 512;
/// Innermost runs shorter than this are gathered across runs rather than visited one by one.
const SHORT_RUN: usize = 64;
/// Elements of one task.
const CHUNK: usize = 16 * 1024;

/// Runs a kernel on a contiguous run: inputs, output, number of elements.
pub(crate) type Run<'a> = dyn Fn(*const *const u8, *mut u8, usize) + Sync + 'a;

/// Room for a block of the widest element.
#[repr(C, align(64))]
struct Block([MaybeUninit<u8>; BLOCK * 16]);

impl Block {
    #[inline(always)]
    fn new() -> Block {
        Block([MaybeUninit::uninit(); BLOCK * 16])
    }

    #[inline(always)]
    fn ptr(&mut self) -> *mut u8 {
        self.0.as_mut_ptr().cast()
    }
}

/// One element of any dtype, aligned for all of them.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub(crate) struct Value([u8; 16]);

impl Value {
    /// The scalar as an element of `dtype`.
    pub(crate) fn of(scalar: Scalar, dtype: DType) -> Value {
        match dtype {
            DType::Bool => Self::new::<B8>(scalar),
            DType::U8 => Self::new::<u8>(scalar),
            DType::I8 => Self::new::<i8>(scalar),
            DType::I16 => Self::new::<i16>(scalar),
            DType::I32 => Self::new::<i32>(scalar),
            DType::I64 => Self::new::<i64>(scalar),
            DType::F16 => Self::new::<base::f16>(scalar),
            DType::BF16 => Self::new::<base::bf16>(scalar),
            DType::F32 => Self::new::<f32>(scalar),
            DType::F64 => Self::new::<f64>(scalar),
            DType::C64 => Self::new::<Complex32>(scalar),
            DType::C128 => Self::new::<Complex64>(scalar),
        }
    }

    /// All bits zero.
    pub(crate) const fn zero() -> Value {
        Value([0; 16])
    }

    fn new<T: Element>(scalar: Scalar) -> Value {
        let mut value = Value::zero();
        // SAFETY: every element type is plain data of at most 16 bytes and alignment.
        unsafe { value.0.as_mut_ptr().cast::<T>().write(T::from_scalar(scalar)) };
        value
    }

    /// Its address.
    pub(crate) fn ptr(&self) -> *const u8 {
        self.0.as_ptr()
    }
}

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

/// A planned walk over an output and its inputs.
pub(crate) struct Walk {
    /// Operand 0 is the output, 1.. are the inputs.
    nest: Nest<{ MAX_INPUTS + 1 }>,
    lanes: [Lane; MAX_INPUTS],
    count: usize,
    out: *mut u8,
    out_dtype: DType,
    made: DType,
    /// No operand needs a block.
    direct: bool,
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
        let nest = plan_nest(out, ins, &lanes)?;
        let mut walk = Walk {
            nest,
            lanes,
            count: ins.len(),
            out: out.bytes(),
            out_dtype: out.dtype(),
            made,
            direct: false,
        };
        walk.direct = walk.is_direct();
        Ok(walk)
    }

    /// Every operand is a long run of the right dtype already, apart from the output.
    fn is_direct(&self) -> bool {
        let runs = self.nest.dims.len() <= 1 || self.nest.inner() >= SHORT_RUN;
        let out_span = self.span(0, self.out, self.out_dtype);
        runs && self.nest.inner_stride(0) == 1
            && self.made == self.out_dtype
            && self.lanes[..self.count].iter().enumerate().all(|(i, lane)| {
                let span = self.span(i + 1, lane.ptr, lane.from);
                lane.constant.is_none()
                    && lane.from == lane.to
                    && self.nest.inner_stride(i + 1) == 1
                    && (span.end <= out_span.start || out_span.end <= span.start)
            })
    }

    /// Addresses an operand touches.
    fn span(&self, operand: usize, ptr: *const u8, dtype: DType) -> Range<usize> {
        let reach: usize = self
            .nest
            .dims
            .iter()
            .zip(&self.nest.strides[operand])
            .map(|(&n, &stride)| n.saturating_sub(1) * stride.unsigned_abs())
            .sum();
        ptr.addr()..ptr.addr() + (reach + 1) * dtype.size()
    }

    /// Runs the kernel over all elements, in parallel chunks.
    ///
    /// # Safety
    /// `run` keeps to the dtypes the walk was planned with; see [`crate::kernel::MapFn`].
    pub(crate) unsafe fn run(&self, run: &Run<'_>) {
        let numel = self.nest.numel();
        parallel_chunks(numel, CHUNK, &|start, end| {
            if self.direct {
                self.run_direct(start..end, run);
            } else {
                self.run_blocks(start..end, run);
            }
        });
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

    #[inline(never)]
    fn run_blocks(&self, range: Range<usize>, run: &Run<'_>) {
        let mut blocks = Blocks::new(self, range.len().min(BLOCK));
        if self.nest.dims.len() > 1 && self.nest.inner() < SHORT_RUN {
            for start in range.clone().step_by(BLOCK) {
                self.run_short(start..range.end.min(start + BLOCK), &mut blocks, run);
            }
            return;
        }
        let strides: [isize; MAX_INPUTS + 1] = std::array::from_fn(|i| self.nest.inner_stride(i));
        self.nest.for_each_run(range, |offsets, n| {
            for start in (0..n).step_by(BLOCK) {
                let mut places = [Place::NONE; MAX_INPUTS];
                let at = |i: usize| offsets[i] + start as isize * strides[i];
                for i in 0..self.count {
                    let lane = &self.lanes[i];
                    places[i] =
                        Place { ptr: element(lane.ptr, at(i + 1), lane.from), stride: strides[i + 1] };
                }
                let ptr = element(self.out, at(0), self.out_dtype);
                let out = Place { ptr, stride: strides[0] };
                blocks.process(self, BLOCK.min(n - start), &places, out, run);
            }
        });
    }

    /// A block of positions that spans several short runs.
    fn run_short(&self, range: Range<usize>, blocks: &mut Blocks, run: &Run<'_>) {
        let mut places = [Place::NONE; MAX_INPUTS];
        let start = self.nest.offsets(range.start);
        let mut staged = [false; MAX_INPUTS];
        for i in 0..self.count {
            let lane = &self.lanes[i];
            staged[i] = lane.constant.is_none() && !self.nest.is_flat(i + 1);
            let ptr = if staged[i] {
                blocks.staged[i].ptr().cast_const()
            } else {
                element(lane.ptr, start[i + 1], lane.from)
            };
            places[i] = Place { ptr, stride: 1 };
        }
        if staged.contains(&true) {
            self.stage(range.clone(), &staged, blocks);
        }
        if self.nest.is_flat(0) {
            let out = Place { ptr: element(self.out, start[0], self.out_dtype), stride: 1 };
            blocks.process(self, range.len(), &places, out, run);
            return;
        }
        let result = blocks.result.ptr();
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

    /// Gathers the marked lanes of a block of positions.
    fn stage(&self, range: Range<usize>, staged: &[bool; MAX_INPUTS], blocks: &mut Blocks) {
        let mut done = 0;
        self.nest.for_each_run(range, |offsets, n| {
            for i in (0..self.count).filter(|&i| staged[i]) {
                let lane = &self.lanes[i];
                let (size, stride) = (lane.from.size(), self.nest.inner_stride(i + 1));
                let src = element(lane.ptr, offsets[i + 1], lane.from);
                // SAFETY: the run is inside the input; the range fits the block.
                unsafe {
                    gather(size, src, stride, blocks.staged[i].ptr().add(done * size), n);
                }
            }
            done += n;
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
    unsafe { cast(view.dtype(), to, view.bytes(), value.0.as_mut_ptr(), 1) };
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
        Operand::View(v) => {
            lane.constant.is_none() && v.dims() == out.dims() && v.is_contiguous()
        }
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
    let [a, b, c, d] = &strides;
    Ok(Nest::plan(out.dims(), [out.strides(), a, b, c, d]))
}

/// A run of an operand in memory.
#[derive(Clone, Copy)]
struct Place {
    ptr: *const u8,
    stride: isize,
}

impl Place {
    const NONE: Place = Place { ptr: std::ptr::null(), stride: 1 };
}

/// A task's working memory.
struct Blocks {
    /// Inputs as the kernel wants them.
    inputs: [Block; MAX_INPUTS],
    /// Inputs gathered across short runs, not yet cast.
    staged: [Block; MAX_INPUTS],
    /// A strided input before its cast, or the kernel's output before its own.
    raw: Block,
    /// The output cast but not yet scattered.
    result: Block,
}

impl Blocks {
    /// Blocks with the constant inputs filled in, `n` times.
    #[inline(always)]
    fn new(walk: &Walk, n: usize) -> Blocks {
        let mut blocks = Blocks {
            inputs: [const { Block([MaybeUninit::uninit(); BLOCK * 16]) }; MAX_INPUTS],
            staged: [const { Block([MaybeUninit::uninit(); BLOCK * 16]) }; MAX_INPUTS],
            raw: Block::new(),
            result: Block::new(),
        };
        for (lane, block) in walk.lanes[..walk.count].iter().zip(&mut blocks.inputs) {
            if let Some(value) = lane.constant {
                // SAFETY: `n` is at most the block's length.
                unsafe { splat(lane.to.size(), value.ptr(), block.ptr(), n) };
            }
        }
        blocks
    }

    /// Runs the kernel on `n <= BLOCK` elements.
    fn process(
        &mut self,
        walk: &Walk,
        n: usize,
        places: &[Place; MAX_INPUTS],
        out: Place,
        run: &Run<'_>,
    ) {
        let into = out.ptr.addr()..out.ptr.addr() + n * walk.out_dtype.size();
        let mut ins = [std::ptr::null(); MAX_INPUTS];
        for i in 0..walk.count {
            ins[i] = self.prepare(i, &walk.lanes[i], n, places[i], &into);
        }
        if walk.made == walk.out_dtype && out.stride == 1 {
            run(ins.as_ptr(), out.ptr.cast_mut(), n);
            return;
        }
        let raw = self.raw.ptr();
        run(ins.as_ptr(), raw, n);
        let size = walk.out_dtype.size();
        // SAFETY: the blocks hold `n` elements; `out` is a run of `n` in the output or `result`,
        // which is written directly only when nothing else is in it.
        unsafe {
            if out.stride == 1 {
                cast(walk.made, walk.out_dtype, raw, out.ptr.cast_mut(), n);
            } else if walk.made == walk.out_dtype {
                scatter(size, raw, out.ptr.cast_mut(), out.stride, n);
            } else {
                let result = self.result.ptr();
                cast(walk.made, walk.out_dtype, raw, result, n);
                scatter(size, result, out.ptr.cast_mut(), out.stride, n);
            }
        }
    }

    /// Input `i` as a contiguous run of the wanted dtype that does not overlap the output's run.
    #[inline(always)]
    fn prepare(
        &mut self,
        i: usize,
        lane: &Lane,
        n: usize,
        place: Place,
        into: &Range<usize>,
    ) -> *const u8 {
        let block = self.inputs[i].ptr();
        if lane.constant.is_some() {
            return block;
        }
        let size = lane.from.size();
        let clear = || {
            let from = place.ptr.addr();
            from + n * size <= into.start || into.end <= from
        };
        // SAFETY: `place` is a run of `n <= BLOCK` elements inside the input; blocks hold as many.
        unsafe {
            if lane.from == lane.to {
                if place.stride == 1 && clear() {
                    return place.ptr;
                }
                strided(size, place, block, n);
            } else if place.stride == 1 {
                cast(lane.from, lane.to, place.ptr, block, n);
            } else {
                let raw = self.raw.ptr();
                strided(size, place, raw, n);
                cast(lane.from, lane.to, raw, block, n);
            }
        }
        block
    }
}

/// Gathers a run, which may be one element repeated.
unsafe fn strided(size: usize, place: Place, dst: *mut u8, n: usize) {
    // SAFETY: the caller's promise, that of `gather`.
    unsafe {
        if place.stride == 0 {
            splat(size, place.ptr, dst, n);
        } else {
            gather(size, place.ptr, place.stride, dst, n);
        }
    }
}
