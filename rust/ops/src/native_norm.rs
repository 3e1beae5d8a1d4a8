//! Normalizations with what they normalized by: the result, the means, and 1 / the standard
//! deviations.

use crate::norm::{self, Statistics};
use crate::{Var, reduce, view};
use base::{Dims, Result};
use tape::Tensor;

type Normalized = (Tensor, Tensor, Tensor);

/// Mean and 1 / standard deviation over dimensions.
fn moments(x: &Tensor, dims: &[i64], eps: f64, keep: bool) -> Result<[Tensor; 2]> {
    let mean = Var::from(reduce::mean(x, Some(dims), true, None)?);
    let centred = Var::from(x) - &mean;
    let spread = centred.square().then(|t| reduce::mean(t, Some(dims), true, None));
    let scale = (spread + eps).rsqrt();
    let shaped =
        |v: Var| v.then(|t| if keep { Ok(t.clone()) } else { view::squeeze(t, Some(dims)) });
    Ok([shaped(mean).tensor()?, shaped(scale).tensor()?])
}

fn last(count: usize) -> Vec<i64> {
    (1..=count as i64).map(|d| -d).collect()
}

fn native_layer_norm(
    x: &Tensor,
    normalized: &[i64],
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
    eps: f64,
) -> Result<Normalized> {
    let out = norm::layer_norm(x, normalized, weight, bias, eps)?;
    let [mean, scale] = moments(&x.detach(), &last(normalized.len()), eps, true)?;
    Ok((out, mean, scale))
}

fn native_group_norm(
    x: &Tensor,
    [weight, bias]: [Option<&Tensor>; 2],
    [n, c, space]: [i64; 3],
    groups: i64,
    eps: f64,
) -> Result<Normalized> {
    let out = norm::group_norm(x, groups, weight, bias, eps)?;
    let dims: Dims = [n, groups, c / groups.max(1) * space].iter().map(|&d| d as usize).collect();
    let [mean, scale] = moments(&view::reshape_to(x, &dims)?, &[-1], eps, false)?;
    Ok((out, mean, scale))
}

fn native_batch_norm(
    x: &Tensor,
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
    by: Statistics<'_>,
) -> Result<Normalized> {
    let (training, eps) = (by.training, by.eps);
    let [mean, scale] = if training {
        let dims: Vec<i64> = (0..x.rank() as i64).filter(|&d| d != 1).collect();
        moments(&x.detach(), &dims, eps, false)?
    } else {
        let none = || crate::create::zeros(&[0], x.dtype(), x.device());
        [none()?, none()?]
    };
    Ok((norm::batch_norm(x, weight, bias, by)?, mean, scale))
}

crate::ops! {
    /// Normalizations with their moments.
    NATIVE:
    /// Layer normalization, means and 1 / standard deviations.
    f "native_layer_norm(Tensor input, int[] normalized_shape, Tensor? weight, Tensor? bias, float eps) -> (Tensor, Tensor, Tensor)" => |x, dims, w, b, eps| native_layer_norm(x, dims, w, b, eps);
    /// Group normalization, means and 1 / standard deviations.
    f "native_group_norm(Tensor input, Tensor? weight, Tensor? bias, int N, int C, int HxW, int group, float eps) -> (Tensor, Tensor, Tensor)" => |x, w, b, n, c, space, groups, eps| native_group_norm(x, [w, b], [n, c, space], groups, eps);
    /// Batch normalization, means and 1 / standard deviations of the batch.
    fo "native_batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, float momentum, float eps) -> (Tensor, Tensor, Tensor)" => |x, w, b, mean, var, training, momentum, eps| native_batch_norm(x, w, b, Statistics { mean, var, training, momentum, eps });
}
