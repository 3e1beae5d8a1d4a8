//! Rows of a table by index.

use super::{fill, gpu_view, index::shares, on_device};
use crate::Array;
use base::{DType, Dims, IndexRule, Result, Scalar, Strides};
use cpu::embedding as kernels;
use gpu::index::{Action, Walk, indexed};

/// `out[i] = weight[indices[i]]`.
pub fn embedding(out: &Array, weight: &Array, indices: &Array) -> Result<()> {
    on_device(
        out,
        |host, target| kernels::embedding(target, host.view(weight)?, host.view(indices)?),
        |target| {
            let (indices, walk) = (indices.contiguous()?, rows(weight, indices, None));
            let weight = weight.contiguous()?;
            let at = (gpu_view(&indices)?, &walk);
            indexed("embedding", Action::Read, target, gpu_view(&weight)?, at)
        },
    )
}

/// `grad_weight[r]` = the sum of `grad[i]` over the places where `indices[i]` is `r`, without row
/// `padding`, divided by their number where `by_frequency`.
pub fn embedding_backward(
    grad_weight: &Array,
    grad: &Array,
    indices: &Array,
    padding: Option<usize>,
    by_frequency: bool,
) -> Result<()> {
    on_device(
        grad_weight,
        |host, target| {
            kernels::embedding_backward(
                target,
                host.view(grad)?,
                host.view(indices)?,
                padding,
                by_frequency,
            )
        },
        |target| {
            fill(grad_weight, Scalar::Int(0))?;
            let (indices, walk) = (indices.contiguous()?, rows(grad_weight, indices, padding));
            let grad = grad.contiguous()?;
            let at = (gpu_view(&indices)?, &walk);
            indexed("embedding_backward", Action::Add, target, gpu_view(&grad)?, at)?;
            if by_frequency { divide_by_frequency(grad_weight, &indices) } else { Ok(()) }
        },
    )
}

/// Divides the rows of a table on the GPU by how many of the row-major indices name them.
fn divide_by_frequency(table: &Array, indices: &Array) -> Result<()> {
    let count =
        |dims: &[usize], value| Array::full(dims, Scalar::Int(value), DType::I32, table.device());
    let (counts, ones) = (count(&[table.dims()[0], 1], 0)?, count(&[1, 1], 1)?);
    let ones = ones.view(ones.layout().expand(&[indices.numel(), 1]));
    let walk = Walk { near: ones.layout().strides.clone(), ..rows(&counts, indices, None) };
    let at = (gpu_view(indices)?, &walk);
    indexed("embedding_backward", Action::Add, gpu_view(&counts)?, gpu_view(&ones)?, at)?;
    shares(table, &counts)
}

/// The walk over row-major indices and the columns of a row-major table.
fn rows(table: &Array, indices: &Array, padding: Option<usize>) -> Walk {
    let (bound, width) = (table.dims()[0], table.dims()[1]);
    Walk {
        dims: Dims::from_slice(&[indices.numel(), width]),
        index: Strides::from_slice(&[1, 0]),
        near: Strides::from_slice(&[width as isize, 1]),
        far: Strides::from_slice(&[0, 1]),
        step: width,
        bound,
        rule: IndexRule::ROWS,
        dim: 0,
        skipped: padding,
    }
}
