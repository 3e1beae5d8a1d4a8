//! What a convolution asks of its operands, in PyTorch's words.

use base::{DType, Result, ensure, shape};
use tape::Tensor;

pub(super) fn check_operands(x: &Tensor, weight: &Tensor, rank: usize, groups: i64) -> Result<()> {
    let (xd, wd) = (x.dims(), weight.dims());
    ensure!(
        xd.len() == rank + 2,
        Runtime,
        "Expected {}D (unbatched) or {}D (batched) input to conv{rank}d, but got input of size: {}",
        rank + 1,
        rank + 2,
        shape::show(&xd)
    );
    ensure!(groups > 0, Runtime, "non-positive groups is not supported");
    ensure!(wd.len() > 2, Runtime, "weight should have at least three dimensions");
    ensure!(
        wd.len() == xd.len(),
        Runtime,
        "Expected {}-dimensional input for {}-dimensional weight {}, but got {}-dimensional input of size {} instead",
        wd.len(),
        wd.len(),
        shape::show(&wd),
        xd.len(),
        shape::show(&xd)
    );
    ensure!(
        x.dtype().is_float() || is_number(x.dtype()),
        NotImplemented,
        "\"slow_conv{rank}d_cpu\" not implemented for '{}'",
        x.dtype().type_name()
    );
    Ok(())
}

pub(super) fn check_dtypes(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<()> {
    ensure!(
        x.dtype() == weight.dtype(),
        Runtime,
        "Input type ({}) and weight type ({}) should be the same",
        tensor_type(x),
        tensor_type(weight)
    );
    if let Some(bias) = bias {
        ensure!(
            x.dtype() == bias.dtype(),
            Runtime,
            "Input type ({}) and bias type ({}) should be the same",
            tensor_type(x),
            tensor_type(bias)
        );
    }
    Ok(())
}

/// An integer type, but not bool.
pub(super) fn is_number(dtype: DType) -> bool {
    dtype.is_integral() && dtype != DType::Bool
}

fn tensor_type(x: &Tensor) -> String {
    format!("torch.{}Tensor", x.dtype().type_name())
}

pub(super) fn joined(sizes: impl Iterator<Item = usize>) -> String {
    sizes.map(|n| n.to_string()).collect::<Vec<_>>().join(" x ")
}

pub(super) fn check_bias(bias: Option<&Tensor>, channels: usize, weight: &[usize]) -> Result<()> {
    if let Some(bias) = bias {
        ensure!(
            *bias.dims() == [channels],
            Runtime,
            "Given weight of size {}, expected bias to be 1-dimensional with {channels} elements, but got bias of size {} instead",
            shape::show(weight),
            shape::show(&bias.dims())
        );
    }
    Ok(())
}
