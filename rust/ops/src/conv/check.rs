//! What a convolution asks of its operands, in PyTorch's words.

use base::{DType, Dims, Result, ensure, shape};
use tape::Tensor;

/// A list with one entry for each spatial dimension.
pub(super) fn per_dim(values: &[i64], rank: usize, what: &str, op: &str) -> Result<Dims> {
    let list: Vec<i64> = if values.len() == 1 { vec![values[0]; rank] } else { values.to_vec() };
    ensure!(
        list.len() == rank,
        Runtime,
        "expected {what} to be a single integer value or a list of {rank} values to match the convolution dimensions, but got {what}={}",
        shape::show(values)
    );
    let (least, refused) = match what {
        "stride" => (1, "non-positive stride is not supported".to_string()),
        "dilation" if list.contains(&0) && list.iter().all(|&v| v >= 0) => {
            let whole = if rank == 1 { vec![1, 0] } else { list.clone() }; // one as two
            (1, format!("dilation should be greater than zero, but got {}", shape::show(&whole)))
        }
        "dilation" => (1, "dilation should be greater than zero".to_string()),
        _ => (0, format!("negative {what} is not supported")),
    };
    ensure!(
        list.iter().all(|&v| v >= least),
        Runtime,
        "{refused}\n  {op}: got {what} {}",
        shape::show(values)
    );
    Ok(list.iter().map(|&v| v as usize).collect())
}

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
    check_kernel(&wd[2..])?;
    ensure!(
        x.dtype().is_float() || is_number(x.dtype()),
        NotImplemented,
        "\"slow_conv{rank}d_cpu\" not implemented for '{}'",
        x.dtype().type_name()
    );
    Ok(())
}

/// PyTorch runs one dimension as two, the first of size 1.
fn check_kernel(sizes: &[usize]) -> Result<()> {
    let shown = match *sizes {
        [d, h, w] => format!(": {d} x {h} x {w} (TxHxW)"),
        [h, w] => format!(" kernel_height: {h} kernel_width: {w}"),
        _ => format!(" kernel_height: 1 kernel_width: {}", joined(sizes.iter().copied())),
    };
    ensure!(
        sizes.iter().all(|&size| size > 0),
        Runtime,
        "kernel size should be greater than zero, but got{shown}"
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

/// How far a dilated kernel reaches.
pub(super) fn reach(kernel: usize, dilation: usize) -> usize {
    dilation.saturating_mul(kernel.saturating_sub(1)).saturating_add(1)
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
