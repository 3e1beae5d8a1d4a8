//! Normalisation over rows, groups of channels and batches, with learnt factors and offsets.
//!
//! Each op is one node whose gradient is a kernel; its meaning is `(x - mean) * scale`, times the
//! factors, plus the offsets.

use crate::node::{Saved, record_optional};
use crate::{Var, fused, reduce, view};
use array::Array;
use array::dispatch::{self, Affine, BatchNorm, Moments, NormGradients};
use base::{DType, Dims, Layout, Result, ensure, shape};
use tape::Tensor;

/// An input with its learnt parameters, where present.
#[derive(Clone, Copy)]
struct Operands<'a> {
    x: &'a Tensor,
    weight: Option<&'a Tensor>,
    bias: Option<&'a Tensor>,
}

impl Operands<'_> {
    fn affine(&self) -> Affine {
        Affine { weight: self.weight.map(Tensor::array), bias: self.bias.map(Tensor::array) }
    }

    /// Records `out`: the gradient by `kernel`, the meaning by `standardize`, whose result is then
    /// multiplied by the weight and moved by the bias, both shaped as `parameters`.
    fn record(
        self,
        name: &'static str,
        out: Array,
        parameters: Dims,
        kernel: impl Fn(&NormGradients, [&Array; 2], Option<&Array>) -> Result<()>
        + Send
        + Sync
        + 'static,
        standardize: impl Fn(&Tensor) -> Var + Send + Sync + 'static,
    ) -> Result<Tensor> {
        let (weighted, moved) = (self.weight.is_some(), self.bias.is_some());
        record_optional(out, &[Some(self.x), self.weight, self.bias], |inputs| {
            fused::node(
                name,
                inputs,
                Vec::new(),
                move |grad, saved| by_kernel(grad, saved, [weighted, moved], &kernel),
                move |inputs| {
                    let lined = |t: &Tensor| Var::from(view::reshape_to(t, &parameters));
                    let mut y = standardize(&inputs[0]);
                    if weighted {
                        y = y * lined(&inputs[1]);
                    }
                    if moved {
                        y = y + lined(&inputs[1 + usize::from(weighted)]);
                    }
                    y.tensor()
                },
            )
        })
    }
}

/// The gradients a norm's kernel gives towards its inputs, of which weight and bias may be absent.
fn by_kernel(
    grad: &Tensor,
    saved: &Saved,
    [weighted, moved]: [bool; 2],
    kernel: impl Fn(&NormGradients, [&Array; 2], Option<&Array>) -> Result<()>,
) -> Result<fused::Gradients> {
    let list: Vec<Array> =
        saved.vars.iter().map(|v| v.clone().tensor().map(|t| t.array())).collect::<Result<_>>()?;
    let empty = |i: usize| -> Result<Option<Array>> {
        let like = &list[i];
        let fresh = || Array::empty_contiguous(like.dims(), like.dtype(), like.device());
        saved.needs[i].then(fresh).transpose()
    };
    let last = 1 + usize::from(weighted);
    let to = NormGradients {
        input: empty(0)?,
        weight: if weighted { empty(1)? } else { None },
        bias: if moved { empty(last)? } else { None },
    };
    kernel(&to, [&grad.array(), &list[0]], weighted.then(|| &list[1]))?;
    let all = [Some(to.input), weighted.then_some(to.weight), moved.then_some(to.bias)];
    Ok(all.into_iter().flatten().map(|a| a.map(|a| Var::T(Tensor::new(a)))).collect())
}

fn mean_keep(x: Var, dims: &[i64]) -> Var {
    x.then(|x| reduce::mean(x, Some(dims), true, None))
}

/// `(x - mean) / sqrt(var + eps)` over dimensions.
fn standardized(x: &Tensor, dims: &[i64], eps: f64) -> Var {
    let x = Var::from(x);
    let centred = &x - &mean_keep(x.clone(), dims);
    let variance = mean_keep(centred.clone().square(), dims);
    centred * (variance + eps).rsqrt()
}

fn empty_moments(dims: &[usize], x: &Tensor) -> Result<Moments> {
    Ok(Moments {
        mean: Array::empty_contiguous(dims, x.dtype(), x.device())?,
        scale: Array::empty_contiguous(dims, x.dtype(), x.device())?,
    })
}

/// Checks the normalized shape against an input; the number of elements of a row.
fn row_width(x: &Tensor, normalized: &[usize]) -> Result<usize> {
    let dims = x.dims();
    ensure!(
        !normalized.is_empty(),
        Runtime,
        "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got normalized_shape = []"
    );
    ensure!(
        dims.ends_with(normalized),
        Runtime,
        "Given normalized_shape={}, expected input with shape [*, {}, but got input of size{}",
        shape::show(normalized),
        shape::show(normalized).trim_start_matches('['),
        shape::show(&dims)
    );
    Ok(normalized.iter().product())
}

fn check_rows(normalized: &[usize], parameter: Option<&Tensor>, name: &str) -> Result<()> {
    if let Some(parameter) = parameter {
        ensure!(
            *parameter.dims() == *normalized,
            Runtime,
            "Expected {name} to be of same shape as normalized_shape, but got {name} of shape {} and normalized_shape = {}",
            shape::show(&parameter.dims()),
            shape::show(normalized)
        );
    }
    Ok(())
}

fn check_float(x: &Tensor, kernel: &str) -> Result<()> {
    ensure!(
        x.dtype().is_float(),
        NotImplemented,
        "\"{kernel}\" not implemented for '{}'",
        x.dtype().type_name()
    );
    Ok(())
}

/// The last dimensions, as negative numbers.
fn last_dims(count: usize) -> Vec<i64> {
    (1..=count as i64).map(|d| -d).collect()
}

/// Rows of the last dimensions standardized, times `weight`, plus `bias`.
pub fn layer_norm(
    x: &Tensor,
    normalized: &[i64],
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
    eps: f64,
) -> Result<Tensor> {
    let normalized = shape::sizes(normalized)?;
    let width = row_width(x, &normalized)?;
    check_rows(&normalized, weight, "weight")?;
    check_rows(&normalized, bias, "bias")?;
    check_float(x, "LayerNormKernelImpl")?;
    let operands = Operands { x, weight, bias };
    let lead = x.rank() - normalized.len();
    let moments = empty_moments(&x.dims()[..lead], x)?;
    let out = Array::empty_contiguous(&x.dims(), x.dtype(), x.device())?;
    dispatch::layer_norm(&out, &moments, &x.array(), &operands.affine(), (width, eps))?;
    let dims = last_dims(normalized.len());
    operands.record(
        "NativeLayerNormBackward0",
        out,
        normalized,
        move |to, [g, x], w| dispatch::layer_norm_backward(to, g, x, &moments, w, width),
        move |x| standardized(x, &dims, eps),
    )
}

/// Rows of the last dimensions divided by their root mean square, times `weight`.
pub fn rms_norm(
    x: &Tensor,
    normalized: &[i64],
    weight: Option<&Tensor>,
    eps: Option<f64>,
) -> Result<Tensor> {
    let normalized = shape::sizes(normalized)?;
    let width = row_width(x, &normalized)?;
    check_rows(&normalized, weight, "weight")?;
    let eps = eps.unwrap_or_else(|| epsilon(x.dtype()));
    let dims = last_dims(normalized.len());
    if x.dtype().is_complex() {
        let y = by_root_mean_square(x, &dims, eps);
        return weight.map_or(y.clone(), |w| y * Var::from(w)).tensor();
    }
    check_float(x, "rms_norm")?;
    let operands = Operands { x, weight, bias: None };
    let lead = x.rank() - normalized.len();
    let rstd = Array::empty_contiguous(&x.dims()[..lead], x.dtype(), x.device())?;
    let out = Array::empty_contiguous(&x.dims(), x.dtype(), x.device())?;
    let factors = operands.affine().weight;
    dispatch::rms_norm(&out, &rstd, &x.array(), factors.as_ref(), (width, eps))?;
    operands.record(
        "FusedRmsNormBackward0",
        out,
        normalized,
        move |to, [g, x], w| dispatch::rms_norm_backward(to, g, x, &rstd, w, width),
        move |x| by_root_mean_square(x, &dims, eps),
    )
}

fn by_root_mean_square(x: &Tensor, dims: &[i64], eps: f64) -> Var {
    let x = Var::from(x);
    let square = mean_keep(x.clone().square(), dims);
    x * (square + eps).rsqrt()
}

/// The distance from 1 to the next number; 16-bit floats are normalised in f32.
fn epsilon(dtype: DType) -> f64 {
    if dtype.to_real() == DType::F64 { f64::EPSILON } else { f64::from(f32::EPSILON) }
}

/// A parameter a channel, shaped to line up with dimension 1.
fn channel_dims(channels: usize, rank: usize) -> Dims {
    let mut dims = Dims::filled(1, rank);
    dims[1] = channels;
    dims
}

/// Groups of channels of each sample standardized, times `weight`, plus `bias` a channel.
pub fn group_norm(
    x: &Tensor,
    groups: i64,
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
    eps: f64,
) -> Result<Tensor> {
    let dims = x.dims();
    ensure!(groups > 0, Runtime, "Expected num groups to be greater than 0, got {groups}");
    ensure!(
        dims.len() >= 2,
        Runtime,
        "Expected at least 2 dimensions for input tensor but received {}",
        dims.len()
    );
    let (groups, channels) = (groups as usize, dims[1]);
    ensure!(
        channels.is_multiple_of(groups),
        Runtime,
        "Expected number of channels in input to be divisible by num_groups, but got input of shape {} and num_groups={groups}",
        shape::show(&dims)
    );
    check_channels(weight, channels, "weight", &dims)?;
    check_channels(bias, channels, "bias", &dims)?;
    check_float(x, "GroupNormKernelImpl")?;
    let operands = Operands { x, weight, bias };
    let moments = empty_moments(&[dims[0], groups], x)?;
    let out = empty_in_format(x)?;
    dispatch::group_norm(&out, &moments, &x.array(), &operands.affine(), (groups, eps))?;
    let rank = dims.len();
    operands.record(
        "NativeGroupNormBackward0",
        out,
        channel_dims(channels, rank),
        move |to, [g, x], w| dispatch::group_norm_backward(to, g, x, &moments, w, groups),
        move |x| {
            let rows = [dims[0], groups, dims[1..].iter().product::<usize>() / groups];
            Var::from(view::reshape_to(x, &rows))
                .then(|rows| standardized(rows, &[-1], eps).tensor())
                .then(|y| view::reshape_to(y, &dims))
        },
    )
}

fn check_channels(
    parameter: Option<&Tensor>,
    channels: usize,
    name: &str,
    dims: &[usize],
) -> Result<()> {
    if let Some(parameter) = parameter {
        ensure!(
            *parameter.dims() == [channels],
            Runtime,
            "Expected {name} to be a vector of size equal to the number of channels in input, but got {name} of shape {} and input of shape {}",
            shape::show(&parameter.dims()),
            shape::show(dims)
        );
    }
    Ok(())
}

/// Memory in the format of `x`, channels last or row-major.
fn empty_in_format(x: &Tensor) -> Result<Array> {
    let layout = Layout::in_format(&x.dims(), x.layout().suggested_format())?;
    Array::empty(layout, x.dtype(), x.device())
}

/// What batch norm is told beside its operands.
#[derive(Clone, Copy)]
pub struct Statistics<'a> {
    /// Running mean, updated in training.
    pub mean: Option<&'a Tensor>,
    /// Running variance, updated in training.
    pub var: Option<&'a Tensor>,
    /// Use the statistics of this input.
    pub training: bool,
    /// Weight of this input in the running statistics.
    pub momentum: f64,
    /// Added to the variance.
    pub eps: f64,
}

/// Checks what batch norm is given; the number of channels.
fn check_batch(
    x: &Tensor,
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
    by: Statistics<'_>,
) -> Result<usize> {
    let dims = x.dims();
    ensure!(
        dims.len() >= 2,
        Runtime,
        "Expected more than 1 dimension for the input of batch_norm, got {}",
        shape::show(&dims)
    );
    let channels = dims[1];
    let named =
        [("running_mean", by.mean), ("running_var", by.var), ("weight", weight), ("bias", bias)];
    for (name, parameter) in named {
        let count = parameter.map_or(channels, Tensor::numel);
        ensure!(
            count == channels,
            Runtime,
            "{name} should contain {channels} elements not {count}"
        );
    }
    ensure!(
        by.training || (by.mean.is_some() && by.var.is_some()),
        Runtime,
        "running_mean and running_var must be defined in evaluation mode"
    );
    check_float(x, "batch_norm")?;
    Ok(channels)
}

/// Channels standardized over batch and positions, times `weight`, plus `bias`.
pub fn batch_norm(
    x: &Tensor,
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
    by: Statistics<'_>,
) -> Result<Tensor> {
    if x.numel() == 0 {
        return empty_batch(x, weight, bias);
    }
    let channels = check_batch(x, weight, bias, by)?;
    let operands = Operands { x, weight, bias };
    let saved = empty_moments(&[channels], x)?;
    let out = empty_in_format(x)?;
    let running = by.mean.zip(by.var).map(|(m, v)| Moments { mean: m.array(), scale: v.array() });
    let (training, eps) = (by.training, by.eps);
    let frozen =
        if training { None } else { by.mean.zip(by.var).map(|(m, v)| (m.detach(), v.detach())) };
    let norm =
        BatchNorm { affine: operands.affine(), running, training, momentum: by.momentum, eps };
    dispatch::batch_norm(&out, &saved, &x.array(), &norm)?;
    if training {
        [by.mean, by.var].into_iter().flatten().for_each(Tensor::bump_version);
    }
    let over: Vec<i64> = (0..x.rank() as i64).filter(|&d| d != 1).collect();
    let lined = channel_dims(channels, x.rank());
    operands.record(
        "NativeBatchNormBackward0",
        out,
        lined.clone(),
        move |to, [g, x], w| dispatch::batch_norm_backward(to, g, x, &saved, w, training),
        move |x| match &frozen {
            None => standardized(x, &over, eps),
            Some((mean, var)) => {
                let lined = |t: &Tensor| Var::from(view::reshape_to(t, &lined));
                (Var::from(x) - lined(mean)) * (lined(var) + eps).rsqrt()
            }
        },
    )
}

/// An empty batch has no statistics, but keeps its history.
fn empty_batch(x: &Tensor, weight: Option<&Tensor>, bias: Option<&Tensor>) -> Result<Tensor> {
    let first = |t: &Tensor| view::select(t, 0, 0).map(Var::from);
    let mut out = Var::from(crate::create::clone(x, None)?);
    if let Some(weight) = weight {
        out = out * first(weight)?;
    }
    if let Some(bias) = bias {
        out = out + first(bias)?;
    }
    out.tensor()
}

/// Channels of each sample standardized: batch norm in which every sample's channel is its own.
fn instance_norm(
    x: &Tensor,
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
    by: Statistics<'_>,
) -> Result<Tensor> {
    let dims = x.dims();
    ensure!(
        by.training || (by.mean.is_some() && by.var.is_some()),
        Runtime,
        "Expected running_mean and running_var to be defined when use_input_stats is false"
    );
    ensure!(
        dims.len() >= 2,
        Runtime,
        "Expected more than 1 dimension for the input of instance_norm, got {}",
        shape::show(&dims)
    );
    let (samples, channels) = (dims[0], dims[1]);
    let each =
        [("weight", weight), ("bias", bias), ("running_mean", by.mean), ("running_var", by.var)];
    for (name, t) in each.into_iter().filter_map(|(name, t)| Some((name, t?))) {
        ensure!(
            *t.dims() == [channels],
            Runtime,
            "{name} should contain {} elements not {}",
            samples * channels,
            samples * t.numel()
        );
    }
    let repeated = |t: Option<&Tensor>| -> Result<Option<Tensor>> {
        t.map(|t| {
            let wide = view::expand_to(&view::unsqueeze(t, 0)?, &[samples, channels]);
            view::reshape_to(&wide, &[samples * channels])
        })
        .transpose()
    };
    let silent = tape::set_grad_enabled(false);
    let own = |t: Option<&Tensor>| repeated(t)?.map(|t| crate::create::clone(&t, None)).transpose();
    let (mean, var) = (own(by.mean)?, own(by.var)?);
    drop(silent);
    let mut merged = Dims::from_slice(&[1, samples * channels]);
    dims[2..].iter().for_each(|&n| merged.push(n));
    let statistics = Statistics { mean: mean.as_ref(), var: var.as_ref(), ..by };
    let (weight, bias) = (repeated(weight)?, repeated(bias)?);
    let out =
        batch_norm(&view::reshape_to(x, &merged)?, weight.as_ref(), bias.as_ref(), statistics)?;
    if by.training {
        let _silent = tape::set_grad_enabled(false);
        for (running, each) in [(by.mean, mean), (by.var, var)] {
            if let (Some(running), Some(each)) = (running, each) {
                let rows = view::reshape_to(&each, &[samples, channels])?;
                crate::inplace::copy_(running, &reduce::mean(&rows, Some(&[0]), false, None)?)?;
            }
        }
    }
    view::reshape_to(&out, &dims)
}

crate::ops! {
    /// Normalisations.
    NORMS:
    /// Standardizes rows of the last dimensions.
    f "layer_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1e-05, bool cudnn_enable=True) -> Tensor" => |x, dims, w, b, eps, _cudnn| on_any_backend(_cudnn, layer_norm(x, dims, w, b, eps));
    /// Divides rows of the last dimensions by their root mean square.
    f "rms_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, float? eps=None) -> Tensor" => |x, dims, w, eps| rms_norm(x, dims, w, eps);
    /// Standardizes groups of channels of each sample.
    f "group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float eps=1e-05, bool cudnn_enabled=True) -> Tensor" => |x, groups, w, b, eps, _cudnn| on_any_backend(_cudnn, group_norm(x, groups, w, b, eps));
    /// Standardizes channels over the batch.
    f "batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, float momentum, float eps, bool cudnn_enabled) -> Tensor" => |x, w, b, mean, var, training, momentum, eps, _cudnn| on_any_backend(_cudnn, batch_norm(x, w, b, Statistics { mean, var, training, momentum, eps }));
    /// Standardizes channels of each sample.
    f "instance_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool use_input_stats, float momentum, float eps, bool cudnn_enabled) -> Tensor" => |x, w, b, mean, var, training, momentum, eps, _cudnn| on_any_backend(_cudnn, instance_norm(x, w, b, Statistics { mean, var, training, momentum, eps }));
}

/// The choice of a vendor's library changes nothing here.
fn on_any_backend(_vendor: bool, out: Result<Tensor>) -> Result<Tensor> {
    out
}
