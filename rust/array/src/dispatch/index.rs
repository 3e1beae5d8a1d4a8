//! Reading and writing at indexed positions. Outputs that are written in part hold their old values
//! when the call begins; indices are int64 and checked by the kernels before anything is written.

use super::{Operand, host, on_cpu, view};
use crate::Array;
use base::{Result, Scalar};
use cpu::View;
use cpu::index as kernels;
pub use cpu::index::ScatterOp;

/// `out[..] = x[.., index[..], ..]` along `dim`.
pub fn gather(out: &Array, x: &Array, dim: usize, index: &Array) -> Result<()> {
    on_cpu(out, |target| kernels::gather(target, view(x)?, dim, view(index)?))
}

/// Slices of `x` along `dim`.
pub fn index_select(out: &Array, x: &Array, dim: usize, index: &Array) -> Result<()> {
    on_cpu(out, |target| kernels::index_select(target, view(x)?, dim, view(index)?))
}

/// `out[.., index[..], ..] = src[..]` along `dim`.
pub fn scatter(out: &Array, dim: usize, index: &Array, src: Operand<'_>) -> Result<()> {
    on_cpu(out, |target| kernels::scatter(target, dim, view(index)?, host(src)?))
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
    on_cpu(out, |target| {
        kernels::scatter_reduce(target, dim, view(index)?, host(src)?, op, include_self)
    })
}

/// `out[index[j]] += alpha * src[j]` along `dim`.
pub fn index_add(out: &Array, dim: usize, index: &Array, src: &Array, alpha: Scalar) -> Result<()> {
    on_cpu(out, |target| kernels::index_add(target, dim, view(index)?, view(src)?, alpha))
}

/// `out[index[j]] = src[j]` along `dim`.
pub fn index_copy(out: &Array, dim: usize, index: &Array, src: &Array) -> Result<()> {
    on_cpu(out, |target| kernels::index_copy(target, dim, view(index)?, view(src)?))
}

/// `out[index[j]] = value` along `dim`.
pub fn index_fill(out: &Array, dim: usize, index: &Array, value: Scalar) -> Result<()> {
    on_cpu(out, |target| kernels::index_fill(target, dim, view(index)?, value))
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
    on_cpu(out, |target| {
        kernels::index_reduce(target, dim, view(index)?, view(src)?, op, include_self)
    })
}

fn views(indices: &[Array]) -> Result<Vec<View<'_>>> {
    indices.iter().map(view).collect()
}

/// `x[indices[0], indices[1], ..]`: the indices, all of one shape, address the first dimensions.
pub fn index(out: &Array, x: &Array, indices: &[Array]) -> Result<()> {
    on_cpu(out, |target| kernels::index(target, view(x)?, &views(indices)?))
}

/// `out[indices[0], indices[1], ..] = values`, or `+=`.
pub fn index_put(
    out: &Array,
    indices: &[Array],
    values: Operand<'_>,
    accumulate: bool,
) -> Result<()> {
    on_cpu(out, |target| kernels::index_put(target, &views(indices)?, host(values)?, accumulate))
}

/// `x.flatten()[index]`; `x` is row-major.
pub fn take(out: &Array, x: &Array, index: &Array) -> Result<()> {
    on_cpu(out, |target| kernels::take(target, view(x)?, view(index)?))
}

/// `out.flatten()[index] = values`, or `+=`; `out` is row-major.
pub fn put(out: &Array, index: &Array, values: Operand<'_>, accumulate: bool) -> Result<()> {
    on_cpu(out, |target| kernels::put(target, view(index)?, host(values)?, accumulate))
}

/// The elements of `x` where the mask holds; both broadcast to `dims`.
pub fn masked_select(out: &Array, x: &Array, mask: &Array, dims: &[usize]) -> Result<()> {
    on_cpu(out, |target| kernels::masked_select(target, view(x)?, view(mask)?, dims))
}

/// Elements of the row-major `src`, in order, to where the mask holds.
pub fn masked_scatter(out: &Array, mask: &Array, src: &Array) -> Result<()> {
    on_cpu(out, |target| kernels::masked_scatter(target, view(mask)?, view(src)?))
}

/// The indices of non-zero elements, `[count, rank]`.
pub fn nonzero(out: &Array, x: &Array) -> Result<()> {
    on_cpu(out, |target| kernels::nonzero(target, view(x)?))
}

/// `x` with the order of elements reversed along `dims`.
pub fn flip(out: &Array, x: &Array, dims: &[usize]) -> Result<()> {
    on_cpu(out, |target| kernels::flip(target, view(x)?, dims))
}

/// `x` with its elements moved around along `dims`.
pub fn roll(out: &Array, x: &Array, shifts: &[i64], dims: &[usize]) -> Result<()> {
    on_cpu(out, |target| kernels::roll(target, view(x)?, shifts, dims))
}
