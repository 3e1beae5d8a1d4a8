//! Pooling over as many even windows as asked.

use crate::pool::{Mean, check_float, flattened, lowered, max_of, mean_of, planar_dims, raised};
use array::dispatch::{Divisor, Windows};
use base::{Dims, Result, ensure, shape};
use std::sync::Arc;
use tape::Tensor;

/// The output of an adaptive pool with `size` windows along the last dimensions.
fn adaptive_dims(x: &Tensor, size: &Dims, rank: usize, op: &str) -> Result<Dims> {
    let dims = x.dims();
    ensure!(
        dims.len() == rank + 1 || dims.len() == rank + 2,
        Runtime,
        "{op}(): Expected {}D or {}D tensor, but got {}",
        rank + 1,
        rank + 2,
        shape::show(&dims)
    );
    let lead = dims.len() - rank;
    for (d, &n) in dims.iter().enumerate().skip(lead) {
        ensure!(
            n > 0,
            Runtime,
            "{op}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes {} with dimension {d} being empty",
            shape::show(&dims)
        );
    }
    Ok(dims[..lead].iter().chain(size.iter()).copied().collect())
}

/// One number stands for all dimensions.
fn for_all(size: &[i64], rank: usize) -> Vec<i64> {
    if let [n] = size { vec![*n; rank] } else { size.to_vec() }
}

/// The windows of an adaptive mean.
fn mean_sizes(size: &[i64], rank: usize, op: &str) -> Result<Dims> {
    let size = for_all(size, rank);
    ensure!(size.len() == rank, Runtime, "{op}: output_size must be {rank}");
    ensure!(
        size.iter().all(|&n| n >= 0),
        Runtime,
        "{op}: elements of output_size must be greater than or equal to 0 but received {}",
        braces(&size)
    );
    Ok(size.iter().map(|&n| n as usize).collect())
}

/// The windows of an adaptive maximum.
fn max_sizes(size: &[i64], rank: usize, op: &str) -> Result<Dims> {
    if rank == 1 {
        ensure!(size.len() == 1, Runtime, "'output_size' should contain one int");
    }
    let size = for_all(size, rank);
    ensure!(size.len() == rank, Runtime, "internal error: {op}: output_size must be {rank}");
    shape::sizes(&size)
}

fn braces(list: &[i64]) -> String {
    format!("{{{}}}", list.iter().map(i64::to_string).collect::<Vec<_>>().join(", "))
}

fn adaptive_avg_pool(x: &Tensor, size: &[i64], rank: usize) -> Result<Tensor> {
    let (op, name) = match rank {
        1 => ("adaptive_avg_pool1d", "AdaptiveAvgPool2DBackward0"),
        2 => ("adaptive_avg_pool2d", "AdaptiveAvgPool2DBackward0"),
        _ => ("adaptive_avg_pool3d", "AdaptiveAvgPool3DBackward0"),
    };
    check_float(x, op)?;
    let dims = adaptive_dims(x, &mean_sizes(size, rank, op)?, rank, op)?;
    let divisor = Divisor::Inside;
    if rank == 1 {
        let (x, windows) = (raised(x)?, Windows::Adaptive { rank: 2 });
        let (whole, dims) = (x.dims(), planar_dims(&dims));
        return flattened(&mean_of(&x, &Arc::new(Mean { windows, divisor, whole, dims, name }))?);
    }
    let (whole, windows) = (x.dims(), Windows::Adaptive { rank });
    mean_of(x, &Arc::new(Mean { windows, divisor, whole, dims, name }))
}

fn adaptive_max_pool(x: &Tensor, size: &[i64], rank: usize) -> Result<(Tensor, Tensor)> {
    let (op, name) = match rank {
        1 => ("adaptive_max_pool1d", "AdaptiveMaxPool2DBackward0"),
        2 => ("adaptive_max_pool2d", "AdaptiveMaxPool2DBackward0"),
        _ => ("adaptive_max_pool3d", "AdaptiveMaxPool3DBackward0"),
    };
    let dims = adaptive_dims(x, &max_sizes(size, rank, op)?, rank, op)?;
    if rank == 1 {
        let windows = Windows::Adaptive { rank: 2 };
        return lowered(max_of(&raised(x)?, &windows, &planar_dims(&dims), name)?);
    }
    max_of(x, &Windows::Adaptive { rank }, &dims, name)
}

crate::ops! {
    /// Pooling to a size.
    ADAPTIVE_POOLS:
    /// Means of as many even windows as asked.
    f "adaptive_avg_pool1d(Tensor self, int[1] output_size) -> Tensor" => |x, size| adaptive_avg_pool(x, size, 1);
    /// Means of as many even windows as asked.
    fo "adaptive_avg_pool2d(Tensor self, int[2] output_size) -> Tensor" => |x, size| adaptive_avg_pool(x, size, 2);
    /// Means of as many even windows as asked.
    fo f32 "adaptive_avg_pool3d(Tensor self, int[3] output_size) -> Tensor" => |x, size| adaptive_avg_pool(x, size, 3);
    /// Maxima of as many even windows as asked, and their positions.
    f "adaptive_max_pool1d(Tensor self, int[1] output_size) -> (Tensor, Tensor)" => |x, size| adaptive_max_pool(x, size, 1);
    /// Maxima of as many even windows as asked, and their positions.
    fo "adaptive_max_pool2d(Tensor self, int[2] output_size) -> (Tensor, Tensor)" => |x, size| adaptive_max_pool(x, size, 2);
    /// Maxima of as many even windows as asked, and their positions.
    fo f32 "adaptive_max_pool3d(Tensor self, int[3] output_size) -> (Tensor, Tensor)" => |x, size| adaptive_max_pool(x, size, 3);
}
