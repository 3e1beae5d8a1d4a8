//! Rows of a table by index.

use super::{on_cpu, view};
use crate::Array;
use base::Result;
use cpu::embedding as kernels;

/// `out[i] = weight[indices[i]]`.
pub fn embedding(out: &Array, weight: &Array, indices: &Array) -> Result<()> {
    on_cpu(out, |target| kernels::embedding(target, view(weight)?, view(indices)?))
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
    on_cpu(grad_weight, |target| {
        kernels::embedding_backward(target, view(grad)?, view(indices)?, padding, by_frequency)
    })
}
