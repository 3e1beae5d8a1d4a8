//! Writing along one dimension: `scatter` and its reductions, and the `index_*` family, which is the
//! same with one index for a whole slice.
//!
//! Values that meet at one position combine in the order of the index along `dim`, by one task: the
//! result is the same for any number of threads. f16 and bf16 sums are collected in f32.

use super::check;
use super::combine::{Assign, Larger, Op, Plus, Smaller, Times};
use super::gather::Ptr;
use crate::arch::simd;
use crate::dispatch::dispatch;
use crate::gather::by_size;
use crate::map::Operand;
use crate::math::Ordered;
use crate::pool::parallel_chunks;
use crate::walk::Value;
use crate::{Buffer, View, ViewMut, binary, copy, map};
use base::iter::Nest;
use base::{DType, Dims, IndexRule, Layout, Result, Scalar, Strides, bail, ensure};

/// Positions of a task.
const CHUNK: usize = 4 * 1024;

/// How `scatter_reduce` combines values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum ScatterOp {
    Sum,
    Prod,
    Mean,
    Amax,
    Amin,
}

/// `out[i][index[i][j]] = src[i][j]` for `dim` 1, and so on; the last of several wins. `src` is a
/// number, or a view of `out`'s dtype at least as large as `index`.
pub fn scatter(out: ViewMut<'_>, dim: usize, index: View<'_>, src: Operand<'_>) -> Result<()> {
    let write = Write::scatter(out, dim, index, src)?;
    write.assign();
    Ok(())
}

/// `out[i][index[i][j]] += src[i][j]` for `dim` 1, and so on.
pub fn scatter_add(out: ViewMut<'_>, dim: usize, index: View<'_>, src: Operand<'_>) -> Result<()> {
    scatter_reduce(out, dim, index, src, ScatterOp::Sum, true)
}

/// Combines `src` into the positions `index` names along `dim`; without `include_self` the values
/// that were there do not count (but stay where no index points).
pub fn scatter_reduce(
    out: ViewMut<'_>,
    dim: usize,
    index: View<'_>,
    src: Operand<'_>,
    op: ScatterOp,
    include_self: bool,
) -> Result<()> {
    // The check comes first: nothing is written if an index is bad.
    Write::scatter(out, dim, index, src)?;
    in_compute_dtype(out, src, |out, src| {
        reduce_into(out, src, op, include_self, |out, src| Write::scatter(out, dim, index, src))
    })
}

/// `out[index[j]] += alpha * src[j]` along `dim`, `index` being 1-d.
pub fn index_add(
    out: ViewMut<'_>,
    dim: usize,
    index: View<'_>,
    src: View<'_>,
    alpha: Scalar,
) -> Result<()> {
    let rule = IndexRule::of_index_add(out.rank());
    Write::slices(out, dim, index, src.into(), rule)?;
    if alpha.equals_int(1) {
        return Write::slices(out, dim, index, src.into(), rule)?.combine(ScatterOp::Sum);
    }
    let layout = Layout::contiguous(src.dims());
    let scaled = Buffer::uninit(layout.numel() * src.dtype().size())?;
    let to = scaled.view_mut(src.dtype(), &layout)?;
    let kernel = dispatch!("index_add", src.dtype().compute(), [number], T => {
        binary(|a: T, b: T| crate::math::Number::mul(a, b))
    });
    map(&kernel, to, &[src.into(), alpha.into()], &[0.0; 4])?;
    Write::slices(out, dim, index, to.as_view().into(), rule)?.combine(ScatterOp::Sum)
}

/// `out[index[j]] = src[j]` along `dim`, `index` being 1-d.
pub fn index_copy(out: ViewMut<'_>, dim: usize, index: View<'_>, src: View<'_>) -> Result<()> {
    Write::slices(out, dim, index, src.into(), IndexRule::COPY)?.assign();
    Ok(())
}

/// `out[index[j]] = value` along `dim`, `index` being 1-d; negative indices count from the end.
pub fn index_fill(out: ViewMut<'_>, dim: usize, index: View<'_>, value: Scalar) -> Result<()> {
    Write::slices(out, dim, index, value.into(), IndexRule::FILL)?.assign();
    Ok(())
}

/// Combines slices of `src` into `out` along `dim`, `index` being 1-d.
pub fn index_reduce(
    out: ViewMut<'_>,
    dim: usize,
    index: View<'_>,
    src: View<'_>,
    op: ScatterOp,
    include_self: bool,
) -> Result<()> {
    Write::slices(out, dim, index, src.into(), IndexRule::ROWS)?;
    in_compute_dtype(out, src.into(), |out, src| {
        reduce_into(out, src, op, include_self, |out, src| {
            Write::slices(out, dim, index, src, IndexRule::ROWS)
        })
    })
}

/// Runs `f` on f32 copies when the dtype is a 16-bit float, and rounds once at the end.
fn in_compute_dtype(
    out: ViewMut<'_>,
    src: Operand<'_>,
    f: impl Fn(ViewMut<'_>, Operand<'_>) -> Result<()>,
) -> Result<()> {
    let compute = out.dtype().compute();
    if compute == out.dtype() {
        return f(out, src);
    }
    let layout = Layout::contiguous(out.dims());
    let wide = Buffer::uninit(layout.numel() * compute.size())?;
    let to = wide.view_mut(compute, &layout)?;
    copy(to, out.as_view().into())?;
    match src {
        Operand::Scalar(_) => f(to, src)?,
        Operand::View(view) => {
            let layout = Layout::contiguous(view.dims());
            let wide = Buffer::uninit(layout.numel() * compute.size())?;
            let src = wide.view_mut(compute, &layout)?;
            copy(src, view.into())?;
            f(to, src.as_view().into())?;
        }
    }
    copy(out, to.as_view().into())
}

fn reduce_into<'a>(
    out: ViewMut<'a>,
    src: Operand<'a>,
    op: ScatterOp,
    include_self: bool,
    write: impl for<'b> Fn(ViewMut<'b>, Operand<'b>) -> Result<Write>,
) -> Result<()> {
    let dtype = out.dtype();
    if op != ScatterOp::Sum {
        ensure!(
            dtype != DType::Bool || op != ScatterOp::Mean,
            NotImplemented,
            "\"scatter_gather_tensor_cpu_reduce_mean\" not implemented for 'Bool'"
        );
        ensure!(
            !dtype.is_complex() || matches!(op, ScatterOp::Prod | ScatterOp::Mean),
            NotImplemented,
            "\"scatter_gather_tensor_cpu_reduce_{}\" not implemented for '{}'",
            if op == ScatterOp::Amax { "amax" } else { "amin" },
            dtype.type_name()
        );
    }
    if !include_self {
        write(out, identity(op, dtype).into())?.assign();
    }
    write(out, src)?.combine(op)?;
    if op == ScatterOp::Mean {
        let layout = Layout::contiguous(out.dims());
        let counts = Buffer::uninit(layout.numel() * dtype.size())?;
        let counts = counts.view_mut(dtype, &layout)?;
        copy(counts, Scalar::Int(i64::from(include_self)).into())?;
        write(counts, Scalar::Int(1).into())?.combine(ScatterOp::Sum)?;
        divide(out, counts)?;
    }
    Ok(())
}

/// The value that does not change a reduction.
pub fn identity(op: ScatterOp, dtype: DType) -> Scalar {
    let (low, high) = dtype.int_range().unwrap_or((0, 0));
    let float = dtype.int_range().is_none();
    match op {
        ScatterOp::Sum | ScatterOp::Mean => Scalar::Int(0),
        ScatterOp::Prod => Scalar::Int(1),
        ScatterOp::Amax if float => Scalar::Float(f64::NEG_INFINITY),
        ScatterOp::Amin if float => Scalar::Float(f64::INFINITY),
        ScatterOp::Amax => Scalar::Int(low),
        ScatterOp::Amin => Scalar::Int(high),
    }
}

/// `out /= max(counts, 1)`, rounding integers down.
fn divide(out: ViewMut<'_>, counts: ViewMut<'_>) -> Result<()> {
    let kernel = match out.dtype() {
        DType::F32 => binary(|a: f32, n: f32| a / n.max(1.0)),
        DType::F64 => binary(|a: f64, n: f64| a / n.max(1.0)),
        DType::C64 => binary(|a: base::Complex32, n: base::Complex32| a / n.re.max(1.0)),
        DType::C128 => binary(|a: base::Complex64, n: base::Complex64| a / n.re.max(1.0)),
        DType::U8 => binary(|a: u8, n: u8| Ordered::div_floor(a, n.max(1))),
        DType::I8 => binary(|a: i8, n: i8| Ordered::div_floor(a, n.max(1))),
        DType::I16 => binary(|a: i16, n: i16| Ordered::div_floor(a, n.max(1))),
        DType::I32 => binary(|a: i32, n: i32| Ordered::div_floor(a, n.max(1))),
        DType::I64 => binary(|a: i64, n: i64| Ordered::div_floor(a, n.max(1))),
        other => bail!(Runtime, "internal error: mean of {other}"),
    };
    map(&kernel, out, &[out.as_view().into(), counts.as_view().into()], &[0.0; 4])
}

simd! {
    /// # Safety
    /// Both are valid for `n` elements and do not overlap.
    unsafe fn apply_row[T: Copy, O: Op<T>](to: *mut T, from: *const T, n: usize) {
        for j in 0..n {
            // SAFETY: the caller's promise.
            unsafe {
                let (to, value) = (to.add(j), from.add(j).read_unaligned());
                to.write_unaligned(O::apply(to.read_unaligned(), value));
            }
        }
    }
}

/// A planned write: for each position off `dim` a walk along it.
struct Write {
    /// Dimensions but `dim`; operands: out, index, src.
    nest: Nest<3>,
    /// Steps along `dim` of out, index, src.
    steps: [isize; 3],
    /// Indices along `dim`.
    count: usize,
    /// Size of out along `dim`.
    size: usize,
    rule: IndexRule,
    dtype: DType,
    out: Ptr,
    index: Ptr,
    src: Ptr,
    /// What `src` points to if it is a number.
    _constant: Box<Value>,
}

impl Write {
    fn scatter(out: ViewMut<'_>, dim: usize, index: View<'_>, src: Operand<'_>) -> Result<Write> {
        let rank = index.rank();
        let src_fits = match src {
            Operand::View(v) => {
                v.rank() == rank && v.dims().iter().zip(index.dims()).all(|(s, i)| i <= s)
            }
            Operand::Scalar(_) => true,
        };
        let within = |d: usize| d == dim || index.dims()[d] <= out.dims()[d];
        ensure!(
            src_fits && out.rank() == rank && (0..rank).all(within),
            Runtime,
            "internal error: scatter {:?} into {:?}",
            index.dims(),
            out.dims()
        );
        let strides = Strides::from_slice(index.strides());
        Write::new(out, dim, index, (index.dims(), &strides), src, IndexRule::ALONG)
    }

    fn slices(
        out: ViewMut<'_>,
        dim: usize,
        index: View<'_>,
        src: Operand<'_>,
        rule: IndexRule,
    ) -> Result<Write> {
        let mut dims = Dims::from_slice(out.dims());
        let mut strides = Strides::filled(0, dims.len());
        let known = index.rank() <= 1 && (dim < dims.len() || dims.is_empty() && dim == 0);
        ensure!(known, Runtime, "internal error: index {:?} along {dim}", index.dims());
        if !dims.is_empty() {
            dims[dim] = index.numel();
            strides[dim] = index.strides().first().copied().unwrap_or(0);
        }
        if let Operand::View(v) = src {
            let single = dims.is_empty() && v.numel() == 1;
            ensure!(
                v.dims() == &*dims || single,
                Runtime,
                "internal error: {:?} into slices {dims:?}",
                v.dims()
            );
        }
        Write::new(out, dim, index, (&dims, &strides), src, rule)
    }

    /// `walk` gives the dims to walk and the index's strides along them.
    fn new(
        out: ViewMut<'_>,
        dim: usize,
        index: View<'_>,
        walk: (&[usize], &[isize]),
        src: Operand<'_>,
        rule: IndexRule,
    ) -> Result<Write> {
        let (dims, index_strides) = walk;
        let rank = dims.len();
        ensure!(dim < rank.max(1), Runtime, "internal error: no dim {dim} in {:?}", out.dims());
        let size = out.dims().get(dim).copied().unwrap_or(1);
        check(rule, index, dim, size)?;
        let dtype = out.dtype();
        let mut constant = Box::new(Value::zero());
        let zeros = Strides::filled(0, rank);
        let (src_ptr, src_strides) = match src {
            Operand::View(v) => {
                ensure!(v.dtype() == dtype, Runtime, "internal error: dtypes differ");
                let strides = if v.rank() == rank { v.geometry().1 } else { &*zeros };
                (v.bytes(), strides)
            }
            Operand::Scalar(s) => {
                *constant = Value::of(s, dtype);
                (constant.ptr(), &*zeros)
            }
        };
        let at = |strides: &[isize]| strides.get(dim).copied().unwrap_or(0);
        let without = |strides: &[isize]| -> Strides {
            strides.iter().enumerate().filter(|&(d, _)| d != dim).map(|(_, &s)| s).collect()
        };
        let kept: Dims =
            dims.iter().enumerate().filter(|&(d, _)| d != dim).map(|(_, &n)| n).collect();
        let operands = [out.strides(), index_strides, src_strides];
        let [a, b, c] = operands.map(without);
        Ok(Write {
            nest: Nest::plan(&kept, [&a, &b, &c]),
            steps: operands.map(at),
            count: dims.get(dim).copied().unwrap_or(index.numel().min(1)),
            size,
            rule,
            dtype,
            out: Ptr(out.bytes()),
            index: Ptr(index.bytes().cast_mut()),
            src: Ptr(src_ptr.cast_mut()),
            _constant: constant,
        })
    }

    fn assign(&self) {
        by_size!(self.dtype.size(), T => self.run::<T, Assign>());
    }

    fn combine(&self, op: ScatterOp) -> Result<()> {
        let bool_as_bytes = if self.dtype == DType::Bool { DType::U8 } else { self.dtype };
        match op {
            ScatterOp::Sum | ScatterOp::Mean => {
                dispatch!("scatter_add", self.dtype, [all], T => self.run::<T, Plus>());
            }
            ScatterOp::Prod => {
                dispatch!("scatter_prod", self.dtype, [all], T => self.run::<T, Times>());
            }
            ScatterOp::Amax => {
                dispatch!("scatter_amax", bool_as_bytes, [real], T => self.run::<T, Larger>());
            }
            ScatterOp::Amin => {
                dispatch!("scatter_amin", bool_as_bytes, [real], T => self.run::<T, Smaller>());
            }
        }
        Ok(())
    }

    /// `T` has the size of the dtype, and is its type unless the values are only moved.
    fn run<T: Copy, O: Op<T>>(&self) {
        let chunk = (CHUNK / self.count.max(1)).max(64);
        parallel_chunks(self.nest.numel(), chunk, &|start, end| {
            self.nest.for_each_run(start..end, |at, n| self.run_block::<T, O>(at, n));
        });
    }

    /// The walks along `dim` of `n` neighbouring positions.
    fn run_block<T: Copy, O: Op<T>>(&self, at: [isize; 3], n: usize) {
        let (out, index, src) =
            (self.out.cast::<T>(), self.index.cast::<i64>(), self.src.cast::<T>());
        let strides = [0, 1, 2].map(|i| self.nest.inner_stride(i));
        if let ([1, 0, 1], true) = (strides, n > 1) {
            // Slices that lie together: one index each.
            for k in 0..self.count as isize {
                // SAFETY: an element of the index.
                let i = unsafe { *index.offset(at[1] + k * self.steps[1]) };
                let Some(position) = self.rule.position(i, self.size) else { continue };
                // SAFETY: as below, for `n` neighbouring elements.
                unsafe {
                    let to = out.offset(at[0] + position as isize * self.steps[0]);
                    apply_row::<T, O>(to, src.offset(at[2] + k * self.steps[2]), n);
                }
            }
            return;
        }
        let walk = |mut at: [isize; 3], moves: [isize; 3], n: usize| {
            for _ in 0..n {
                // SAFETY: an element of the index.
                let i = unsafe { *index.offset(at[1]) };
                if let Some(position) = self.rule.position(i, self.size) {
                    // SAFETY: positions of out (the one along `dim` was just checked) and of src,
                    // or its only value, whose strides are 0; this task alone writes there.
                    unsafe {
                        let to = out.offset(at[0] + position as isize * self.steps[0]);
                        let value = src.offset(at[2]).read_unaligned();
                        to.write_unaligned(O::apply(to.read_unaligned(), value));
                    }
                }
                at = [0, 1, 2].map(|m| at[m] + moves[m]);
            }
        };
        let along = [0, self.steps[1], self.steps[2]];
        let from = |moves: [isize; 3], by: usize| [0, 1, 2].map(|m| at[m] + by as isize * moves[m]);
        // The walk that is closer in memory goes innermost; either keeps the order along `dim`.
        if self.steps[0].abs() < strides[0].abs() {
            (0..n).for_each(|j| walk(from(strides, j), along, self.count));
        } else {
            (0..self.count).for_each(|k| walk(from(along, k), strides, n));
        }
    }
}
