//! Reading and writing at indexed positions. Outputs that are written in part hold their old values
//! when the call begins; indices are int64 and checked by the kernels before anything is written.

use super::{Host, Operand, gpu_operand, gpu_view, on_device};
use crate::Array;
use base::{DType, Dims, IndexRule, Layout, Result, Scalar, Strides, ensure};
use cpu::View;
use cpu::index as kernels;
pub use cpu::index::ScatterOp;
use gpu::index::{Action, Walk, indexed};
use gpu::map::Expression;

/// `out[..] = x[.., index[..], ..]` along `dim`.
pub fn gather(out: &Array, x: &Array, dim: usize, index: &Array) -> Result<()> {
    on_device(
        out,
        |host, target| kernels::gather(target, host.view(x)?, dim, host.view(index)?),
        |target| {
            let walk =
                along(index.dims(), index.layout(), target.layout, (x, dim), IndexRule::ALONG);
            indexed("gather", Action::Read, target, gpu_view(x)?, (gpu_view(index)?, &walk))
        },
    )
}

/// Slices of `x` along `dim`.
pub fn index_select(out: &Array, x: &Array, dim: usize, index: &Array) -> Result<()> {
    on_device(
        out,
        |host, target| kernels::index_select(target, host.view(x)?, dim, host.view(index)?),
        |target| {
            let index = spread(index, out.dims(), dim);
            let walk = along(out.dims(), index.layout(), target.layout, (x, dim), IndexRule::ROWS);
            indexed("index_select", Action::Read, target, gpu_view(x)?, (gpu_view(&index)?, &walk))
        },
    )
}

/// `out[.., index[..], ..] = src[..]` along `dim`.
pub fn scatter(out: &Array, dim: usize, index: &Array, src: Operand<'_>) -> Result<()> {
    src.check_fits(out)?;
    on_device(
        out,
        |host, target| kernels::scatter(target, dim, host.view(index)?, host.operand(src)?),
        |_| scatter_on_gpu(("scatter", IndexRule::ALONG), Action::Write, out, (index, dim), src),
    )
}

/// [`scatter`] that combines with the values that are there.
pub fn scatter_reduce(
    out: &Array,
    dim: usize,
    index: &Array,
    src: Operand<'_>,
    op: ScatterOp,
    include_self: bool,
) -> Result<()> {
    src.check_fits(out)?;
    on_device(
        out,
        |host, target| {
            kernels::scatter_reduce(
                target,
                dim,
                host.view(index)?,
                host.operand(src)?,
                op,
                include_self,
            )
        },
        |_| {
            let name = match (op, include_self) {
                (ScatterOp::Sum, true) => "scatter_add",
                _ => "scatter_reduce",
            };
            reduce_on_gpu((name, IndexRule::ALONG), out, (index, dim), src, (op, include_self))
        },
    )
}

/// `out[index[j]] += alpha * src[j]` along `dim`.
pub fn index_add(out: &Array, dim: usize, index: &Array, src: &Array, alpha: Scalar) -> Result<()> {
    on_device(
        out,
        |host, target| kernels::index_add(target, dim, host.view(index)?, host.view(src)?, alpha),
        |_| {
            let scaled = scaled(src, alpha)?;
            let (index, src) = (spread(index, src.dims(), dim), Operand::Array(&scaled));
            let named = ("index_add", IndexRule::of_index_add(out.dims().len()));
            scatter_on_gpu(named, Action::Add, out, (&index, dim), src)
        },
    )
}

/// `out[index[j]] = src[j]` along `dim`.
pub fn index_copy(out: &Array, dim: usize, index: &Array, src: &Array) -> Result<()> {
    on_device(
        out,
        |host, target| kernels::index_copy(target, dim, host.view(index)?, host.view(src)?),
        |_| {
            let (index, src) = (spread(index, src.dims(), dim), Operand::Array(src));
            scatter_on_gpu(("index_copy", IndexRule::COPY), Action::Write, out, (&index, dim), src)
        },
    )
}

/// `out[index[j]] = value` along `dim`.
pub fn index_fill(out: &Array, dim: usize, index: &Array, value: Scalar) -> Result<()> {
    value.check_fits(out.dtype())?;
    on_device(
        out,
        |host, target| kernels::index_fill(target, dim, host.view(index)?, value),
        |_| {
            // A single number is a vector of one: there may be any number of indices into it.
            let single = || out.view(out.layout().unsqueeze(0));
            let out = if out.dims().is_empty() { single() } else { out.clone() };
            let mut dims = Dims::from_slice(out.dims());
            dims[dim] = index.numel();
            let index = spread(index, &dims, dim);
            let named = ("index_fill", IndexRule::FILL);
            scatter_on_gpu(named, Action::Write, &out, (&index, dim), Operand::Scalar(value))
        },
    )
}

/// Combines slices of `src` into `out` along `dim`.
pub fn index_reduce(
    out: &Array,
    dim: usize,
    index: &Array,
    src: &Array,
    op: ScatterOp,
    include_self: bool,
) -> Result<()> {
    on_device(
        out,
        |host, target| {
            kernels::index_reduce(target, dim, host.view(index)?, host.view(src)?, op, include_self)
        },
        |_| {
            let (index, src) = (spread(index, src.dims(), dim), Operand::Array(src));
            reduce_on_gpu(
                ("index_reduce", IndexRule::ROWS),
                out,
                (&index, dim),
                src,
                (op, include_self),
            )
        },
    )
}

fn views<'a>(host: &'a Host, indices: &'a [Array]) -> Result<Vec<View<'a>>> {
    indices.iter().map(|a| host.view(a)).collect()
}

/// `x[indices[0], indices[1], ..]`: the indices, all of one shape, address the first dimensions.
pub fn index(out: &Array, x: &Array, indices: &[Array]) -> Result<()> {
    on_device(
        out,
        |host, target| kernels::index(target, host.view(x)?, &views(host, indices)?),
        |target| {
            let (at, walk) = places("index", x, indices, target.layout)?;
            indexed("index", Action::Read, target, gpu_view(x)?, (gpu_view(&at)?, &walk))
        },
    )
}

/// `out[indices[0], indices[1], ..] = values`, or `+=`.
pub fn index_put(
    out: &Array,
    indices: &[Array],
    values: Operand<'_>,
    accumulate: bool,
) -> Result<()> {
    values.check_fits(out)?;
    on_device(
        out,
        |host, target| {
            kernels::index_put(target, &views(host, indices)?, host.operand(values)?, accumulate)
        },
        |target| {
            let rest = &out.dims()[indices.len()..];
            let dims: Dims = indices[0].dims().iter().chain(rest).copied().collect();
            let values = values_of(out, &dims, values)?;
            let (at, walk) = places("index_put", out, indices, values.layout())?;
            let action = if accumulate { Action::Add } else { Action::Write };
            indexed("index_put", action, target, gpu_view(&values)?, (gpu_view(&at)?, &walk))
        },
    )
}

/// `x.flatten()[index]`; `x` is row-major.
pub fn take(out: &Array, x: &Array, index: &Array) -> Result<()> {
    on_device(
        out,
        |host, target| kernels::take(target, host.view(x)?, host.view(index)?),
        |target| {
            ensure!(
                x.numel() > 0 || index.numel() == 0,
                Index,
                "take(): tried to take from an empty tensor"
            );
            let walk = anywhere(index, target.layout, x.numel());
            indexed("take", Action::Read, target, gpu_view(x)?, (gpu_view(index)?, &walk))
        },
    )
}

/// `out.flatten()[index] = values`, or `+=`; `out` is row-major.
pub fn put(out: &Array, index: &Array, values: Operand<'_>, accumulate: bool) -> Result<()> {
    values.check_fits(out)?;
    on_device(
        out,
        |host, target| kernels::put(target, host.view(index)?, host.operand(values)?, accumulate),
        |target| {
            let values = values_of(out, index.dims(), values)?;
            let walk = anywhere(index, values.layout(), out.numel());
            let action = if accumulate { Action::Add } else { Action::Write };
            indexed("put_", action, target, gpu_view(&values)?, (gpu_view(index)?, &walk))
        },
    )
}

/// The elements of `x` where the mask holds; both broadcast to `dims`.
pub fn masked_select(out: &Array, x: &Array, mask: &Array, dims: &[usize]) -> Result<()> {
    on_device(
        out,
        |host, target| kernels::masked_select(target, host.view(x)?, host.view(mask)?, dims),
        |target| {
            let [x, mask] = [x, mask].map(|a| a.view(a.layout().expand(dims)));
            gpu::compact::masked_select(target, gpu_view(&x)?, gpu_view(&mask)?)
        },
    )
}

/// Elements of the row-major `src`, in order, to where the mask holds.
pub fn masked_scatter(out: &Array, mask: &Array, src: &Array) -> Result<()> {
    on_device(
        out,
        |host, target| kernels::masked_scatter(target, host.view(mask)?, host.view(src)?),
        |target| {
            let mask = mask.view(mask.layout().expand(out.dims()));
            gpu::compact::masked_scatter(target, gpu_view(&mask)?, gpu_view(src)?)
        },
    )
}

/// The indices of non-zero elements, `[count, rank]`.
pub fn nonzero(out: &Array, x: &Array) -> Result<()> {
    on_device(
        out,
        |host, target| kernels::nonzero(target, host.view(x)?),
        |target| gpu::compact::nonzero(target, gpu_view(x)?),
    )
}

/// `x` with the order of elements reversed along `dims`.
pub fn flip(out: &Array, x: &Array, dims: &[usize]) -> Result<()> {
    on_device(
        out,
        |host, target| kernels::flip(target, host.view(x)?, dims),
        |target| gpu::flip::flip(target, gpu_view(x)?, dims),
    )
}

/// `x` with its elements moved around along `dims`.
pub fn roll(out: &Array, x: &Array, shifts: &[i64], dims: &[usize]) -> Result<()> {
    on_device(
        out,
        |host, target| kernels::roll(target, host.view(x)?, shifts, dims),
        |target| {
            let by = |d: usize| shifts.iter().zip(dims).filter(|s| *s.1 == d).map(|s| s.0).sum();
            let moved: Vec<(i64, usize)> = (0..x.dims().len()).map(|d| (by(d), d)).collect();
            gpu::flip::roll(target, gpu_view(x)?, &moved)
        },
    )
}

/// The walk over `dims`, where `index` moves places of `far` along `dim` and `near` follows the
/// coordinates.
fn along(
    dims: &[usize],
    index: &Layout,
    near: &Layout,
    (far, dim): (&Array, usize),
    rule: IndexRule,
) -> Walk {
    let steps = &far.layout().strides;
    let step = |d: usize| if d == dim { 0 } else { steps[d] };
    Walk {
        dims: Dims::from_slice(dims),
        index: index.strides.clone(),
        near: near.strides.clone(),
        far: (0..dims.len()).map(step).collect(),
        step: steps.get(dim).map_or(1, |&s| s as usize),
        bound: far.dims().get(dim).copied().unwrap_or(1),
        rule,
        dim,
        skipped: None,
    }
}

/// The walk over an array of indices into all elements of a row-major array, from either end.
fn anywhere(index: &Array, near: &Layout, bound: usize) -> Walk {
    Walk {
        dims: Dims::from_slice(index.dims()),
        index: index.layout().strides.clone(),
        near: near.strides.clone(),
        far: Strides::filled(0, index.dims().len()),
        step: 1,
        bound,
        rule: IndexRule::ELEMENTS,
        dim: 0,
        skipped: None,
    }
}

/// A vector of indices, repeated over all dimensions but `dim`.
fn spread(index: &Array, dims: &[usize], dim: usize) -> Array {
    let step = index.layout().strides.first().copied().unwrap_or(0);
    let mut strides = Strides::filled(0, dims.len());
    if let Some(slot) = strides.get_mut(dim) {
        *slot = step;
    }
    let offset = index.layout().offset;
    index.view(Layout { dims: Dims::from_slice(dims), strides, offset })
}

/// What is written to indexed places, as an array of those dims and of the target's dtype.
fn values_of(out: &Array, dims: &[usize], values: Operand<'_>) -> Result<Array> {
    let array = match (gpu_operand(values)?, values) {
        (gpu::map::Operand::View(_), Operand::Array(array)) => array.cast(out.dtype())?,
        (gpu::map::Operand::Scalar(scalar), _) | (_, Operand::Scalar(scalar)) => {
            Array::full(&[], scalar, out.dtype(), out.device())?
        }
    };
    Ok(array.view(array.layout().expand(dims)))
}

/// `alpha * x`.
fn scaled(x: &Array, alpha: Scalar) -> Result<Array> {
    if alpha.equals_int(1) {
        return Ok(x.clone());
    }
    let out = Array::empty_contiguous(x.dims(), x.dtype(), x.device())?;
    let compute = x.dtype().compute();
    let op = Expression { name: "mul", wgsl: "a * b", compute, truth: false };
    let operands = [gpu_operand(Operand::Array(x))?, gpu::map::Operand::Scalar(alpha)];
    gpu::map::map(&op, gpu_view(&out)?, &operands, [0.0; 4])?;
    Ok(out)
}

/// An op, and how it reads its indices.
type Named = (&'static str, IndexRule);

/// A mean is a sum divided by how many there are.
fn reduce_on_gpu(
    named: Named,
    out: &Array,
    at: (&Array, usize),
    src: Operand<'_>,
    (op, include_self): (ScatterOp, bool),
) -> Result<()> {
    ensure!(
        op != ScatterOp::Mean || out.dtype() != DType::Bool,
        NotImplemented,
        "\"scatter_gather_tensor_cpu_reduce_mean\" not implemented for 'Bool'"
    );
    let action = match op {
        ScatterOp::Sum | ScatterOp::Mean => Action::Add,
        ScatterOp::Prod => Action::Multiply,
        ScatterOp::Amax => Action::Largest,
        ScatterOp::Amin => Action::Smallest,
    };
    if !include_self {
        let start = Operand::Scalar(kernels::identity(op, out.dtype()));
        scatter_on_gpu(named, Action::Write, out, at, start)?;
    }
    scatter_on_gpu(named, action, out, at, src)?;
    if op != ScatterOp::Mean {
        return Ok(());
    }
    let own = Scalar::Int(i64::from(include_self));
    let counts = Array::full(out.dims(), own, DType::I32, out.device())?;
    scatter_on_gpu(named, Action::Add, &counts, at, Operand::Scalar(Scalar::Int(1)))?;
    shares(out, &counts)
}

/// `sums / counts`, in place on the GPU; a sum of nothing stays.
pub(super) fn shares(sums: &Array, counts: &Array) -> Result<()> {
    let compute = sums.dtype().compute();
    let wgsl = if compute.is_float() {
        "a / max(b, 1.0)"
    } else {
        "select(div_floor(a, b), a, is_zero(b))"
    };
    let op = Expression { name: "mean", wgsl, compute, truth: false };
    let operands = [gpu::map::Operand::View(gpu_view(sums)?), gpu_operand(Operand::Array(counts))?];
    gpu::map::map(&op, gpu_view(sums)?, &operands, [0.0; 4])
}

fn scatter_on_gpu(
    (op, rule): Named,
    action: Action,
    out: &Array,
    (index, dim): (&Array, usize),
    src: Operand<'_>,
) -> Result<()> {
    let src = match src {
        // Only the part of the source that has indices is read.
        Operand::Array(array) if array.dims().len() == index.dims().len() => {
            let dims = Dims::from_slice(index.dims());
            array.view(Layout { dims, ..array.layout().clone() }).cast(out.dtype())?
        }
        other => values_of(out, index.dims(), other)?,
    };
    let walk = along(index.dims(), index.layout(), src.layout(), (out, dim), rule);
    indexed(op, action, gpu_view(out)?, gpu_view(&src)?, (gpu_view(index)?, &walk))
}

/// One array of positions, in steps of `x`, for several index arrays of one shape that address its
/// first dimensions; and the walk over them and the other dimensions.
fn places(op: &'static str, x: &Array, indices: &[Array], near: &Layout) -> Result<(Array, Walk)> {
    let (count, shape) = (indices.len(), indices[0].dims());
    let at = Array::empty_contiguous(shape, DType::I64, x.device())?;
    let arrays = indices.iter().map(gpu_view).collect::<Result<Vec<_>>>()?;
    let sizes: Vec<(usize, usize)> =
        (0..count).map(|d| (x.dims()[d], x.layout().strides[d] as usize)).collect();
    gpu::index::linear(op, gpu_view(&at)?, &arrays, &sizes)?;
    let reach: usize = sizes.iter().map(|(size, step)| size.saturating_sub(1) * step).sum();
    let rest = &x.dims()[count..];
    let dims = shape.iter().chain(rest).copied().collect();
    let index = at.layout().strides.iter().copied().chain(rest.iter().map(|_| 0)).collect();
    let steps = x.layout().strides[count..].iter().copied();
    let far = shape.iter().map(|_| 0).chain(steps).collect();
    let (near, bound, rule) = (near.strides.clone(), reach + 1, IndexRule::ADVANCED);
    let walk = Walk { dims, index, near, far, step: 1, bound, rule, dim: 0, skipped: None };
    Ok((at, walk))
}
