//! Normalisations with learnt factors and offsets.

use super::{Host, gpu_view, on_device};
use crate::Array;
use base::Result;
use cpu::norm as kernels;
use cpu::{View, ViewMut};
use gpu::norm::Rows;

/// Learnt factors and offsets, where present.
#[derive(Clone, Default)]
#[allow(missing_docs)]
pub struct Affine {
    pub weight: Option<Array>,
    pub bias: Option<Array>,
}

/// Gradients to fill, where wanted.
#[derive(Clone, Default)]
#[allow(missing_docs)]
pub struct NormGradients {
    pub input: Option<Array>,
    pub weight: Option<Array>,
    pub bias: Option<Array>,
}

/// Mean and reciprocal standard deviation (or variance).
#[derive(Clone)]
#[allow(missing_docs)]
pub struct Moments {
    pub mean: Array,
    pub scale: Array,
}

/// What batch norm is given beside its input.
#[derive(Clone)]
pub struct BatchNorm {
    /// Factors and offsets of each channel.
    pub affine: Affine,
    /// Running mean and variance.
    pub running: Option<Moments>,
    /// Use the statistics of this input.
    pub training: bool,
    /// Weight of this input in the running statistics.
    pub momentum: f64,
    /// Added to the variance.
    pub eps: f64,
}

fn maybe<'a>(host: &'a Host, array: Option<&'a Array>) -> Result<Option<View<'a>>> {
    array.map(|a| host.view(a)).transpose()
}

fn maybe_mut<'a>(host: &'a Host, array: Option<&'a Array>) -> Result<Option<ViewMut<'a>>> {
    array.map(|a| host.view_mut(a)).transpose()
}

impl Affine {
    fn on_host<'a>(&'a self, host: &'a Host) -> Result<kernels::Affine<'a>> {
        Ok(kernels::Affine {
            weight: maybe(host, self.weight.as_ref())?,
            bias: maybe(host, self.bias.as_ref())?,
        })
    }

    fn on_gpu(&self) -> Result<gpu::norm::Affine<'_>> {
        let [weight, bias] = [&self.weight, &self.bias].map(|a| maybe_gpu(a.as_ref()));
        Ok(gpu::norm::Affine { weight: weight?, bias: bias? })
    }
}

fn maybe_gpu(array: Option<&Array>) -> Result<Option<gpu::View<'_>>> {
    array.map(gpu_view).transpose()
}

impl Moments {
    fn on_gpu(&self) -> Result<gpu::norm::Moments<'_>> {
        Ok(gpu::norm::Moments { mean: gpu_view(&self.mean)?, scale: gpu_view(&self.scale)? })
    }
}

impl NormGradients {
    fn any(&self) -> Option<&Array> {
        self.input.as_ref().or(self.weight.as_ref()).or(self.bias.as_ref())
    }

    fn on_host<'a>(&'a self, host: &'a Host) -> Result<kernels::Gradients<'a>> {
        Ok(kernels::Gradients {
            input: maybe_mut(host, self.input.as_ref())?,
            weight: maybe_mut(host, self.weight.as_ref())?,
            bias: maybe_mut(host, self.bias.as_ref())?,
        })
    }

    fn on_gpu(&self) -> Result<gpu::norm::Gradients<'_>> {
        Ok(gpu::norm::Gradients {
            input: maybe_gpu(self.input.as_ref())?,
            weight: maybe_gpu(self.weight.as_ref())?,
            bias: maybe_gpu(self.bias.as_ref())?,
        })
    }
}

fn pair<'a>(host: &'a Host, moments: &'a Moments) -> Result<(ViewMut<'a>, ViewMut<'a>)> {
    Ok((host.view_mut(&moments.mean)?, host.view_mut(&moments.scale)?))
}

/// Layer norm over rows of `width`; fills `moments`.
pub fn layer_norm(
    out: &Array,
    moments: &Moments,
    x: &Array,
    affine: &Affine,
    (width, eps): (usize, f64),
) -> Result<()> {
    on_device(
        out,
        |host, target| {
            let (mean, scale) = pair(host, moments)?;
            kernels::layer_norm(
                target,
                mean,
                scale,
                host.view(x)?,
                affine.on_host(host)?,
                (width, eps),
            )
        },
        |target| {
            let by = (Rows { width, groups: 1, spatial: 1, centred: true }, eps);
            gpu::norm::row_norm(target, moments.on_gpu()?, gpu_view(x)?, affine.on_gpu()?, by)
        },
    )
}

/// Gradients of [`layer_norm`].
pub fn layer_norm_backward(
    to: &NormGradients,
    grad: &Array,
    x: &Array,
    moments: &Moments,
    weight: Option<&Array>,
    width: usize,
) -> Result<()> {
    let Some(any) = to.any() else { return Ok(()) };
    on_device(
        any,
        |host, _| {
            let saved = (host.view(&moments.mean)?, host.view(&moments.scale)?);
            let (grad, x, weight) = (host.view(grad)?, host.view(x)?, maybe(host, weight)?);
            kernels::layer_norm_backward(to.on_host(host)?, grad, x, saved, weight, width)
        },
        |_| {
            let by = (maybe_gpu(weight)?, Rows { width, groups: 1, spatial: 1, centred: true });
            let (grad, x) = (gpu_view(grad)?, gpu_view(x)?);
            gpu::norm::row_norm_backward(&to.on_gpu()?, grad, x, moments.on_gpu()?, by)
        },
    )
}

/// RMS norm over rows of `width`; fills `rstd`.
pub fn rms_norm(
    out: &Array,
    rstd: &Array,
    x: &Array,
    weight: Option<&Array>,
    (width, eps): (usize, f64),
) -> Result<()> {
    on_device(
        out,
        |host, target| {
            kernels::rms_norm(
                target,
                host.view_mut(rstd)?,
                host.view(x)?,
                maybe(host, weight)?,
                (width, eps),
            )
        },
        |target| {
            let weight = maybe_gpu(weight)?;
            gpu::norm::rms_norm(target, gpu_view(rstd)?, gpu_view(x)?, weight, (width, eps))
        },
    )
}

/// Gradients of [`rms_norm`].
pub fn rms_norm_backward(
    to: &NormGradients,
    grad: &Array,
    x: &Array,
    rstd: &Array,
    weight: Option<&Array>,
    width: usize,
) -> Result<()> {
    let Some(any) = to.any() else { return Ok(()) };
    on_device(
        any,
        |host, _| {
            let (grad, x, rstd) = (host.view(grad)?, host.view(x)?, host.view(rstd)?);
            kernels::rms_norm_backward(
                to.on_host(host)?,
                grad,
                x,
                rstd,
                maybe(host, weight)?,
                width,
            )
        },
        |_| {
            let (grad, x, rstd) = (gpu_view(grad)?, gpu_view(x)?, gpu_view(rstd)?);
            gpu::norm::rms_norm_backward(&to.on_gpu()?, grad, x, rstd, (maybe_gpu(weight)?, width))
        },
    )
}

/// Group norm; fills `moments`, one entry a sample and group.
pub fn group_norm(
    out: &Array,
    moments: &Moments,
    x: &Array,
    affine: &Affine,
    (groups, eps): (usize, f64),
) -> Result<()> {
    on_device(
        out,
        |host, target| {
            kernels::group_norm(
                target,
                pair(host, moments)?,
                host.view(x)?,
                affine.on_host(host)?,
                groups,
                eps,
            )
        },
        |target| {
            let by = (group_rows(x, groups), eps);
            gpu::norm::row_norm(target, moments.on_gpu()?, gpu_view(x)?, affine.on_gpu()?, by)
        },
    )
}

/// Gradients of [`group_norm`].
pub fn group_norm_backward(
    to: &NormGradients,
    grad: &Array,
    x: &Array,
    moments: &Moments,
    weight: Option<&Array>,
    groups: usize,
) -> Result<()> {
    let Some(any) = to.any() else { return Ok(()) };
    on_device(
        any,
        |host, _| {
            let saved = (host.view(&moments.mean)?, host.view(&moments.scale)?);
            let (grad, x, weight) = (host.view(grad)?, host.view(x)?, maybe(host, weight)?);
            kernels::group_norm_backward(to.on_host(host)?, grad, x, saved, weight, groups)
        },
        |_| {
            let by = (maybe_gpu(weight)?, group_rows(x, groups));
            let (grad, x) = (gpu_view(grad)?, gpu_view(x)?);
            gpu::norm::row_norm_backward(&to.on_gpu()?, grad, x, moments.on_gpu()?, by)
        },
    )
}

/// The rows of a group norm: a group of channels of one sample each.
fn group_rows(x: &Array, groups: usize) -> Rows {
    let spatial: usize = x.dims()[2..].iter().product();
    Rows { width: x.dims()[1] / groups * spatial, groups, spatial, centred: true }
}

/// Batch norm; fills `saved` with the mean and reciprocal standard deviation used and, in training,
/// updates the running statistics.
pub fn batch_norm(out: &Array, saved: &Moments, x: &Array, norm: &BatchNorm) -> Result<()> {
    let on_host = |host: &Host, target: ViewMut<'_>| {
        let by = kernels::BatchNorm {
            affine: norm.affine.on_host(host)?,
            running: norm.running.as_ref().map(|m| pair(host, m)).transpose()?,
            training: norm.training,
            momentum: norm.momentum,
            eps: norm.eps,
        };
        kernels::batch_norm(target, Some(pair(host, saved)?), host.view(x)?, &by)
    };
    let on_gpu = |target: gpu::View<'_>| {
        let by = gpu::norm::BatchNorm {
            affine: norm.affine.on_gpu()?,
            running: norm.running.as_ref().map(Moments::on_gpu).transpose()?,
            training: norm.training,
            momentum: norm.momentum,
            eps: norm.eps,
        };
        gpu::norm::batch_norm(target, saved.on_gpu()?, gpu_view(x)?, &by)
    };
    on_device(out, on_host, on_gpu)
}

/// Gradients of [`batch_norm`].
pub fn batch_norm_backward(
    to: &NormGradients,
    grad: &Array,
    x: &Array,
    saved: &Moments,
    weight: Option<&Array>,
    training: bool,
) -> Result<()> {
    let Some(any) = to.any() else { return Ok(()) };
    let on_host = |host: &Host, _: ViewMut<'_>| {
        let from = kernels::BatchNormGradient {
            grad: host.view(grad)?,
            x: host.view(x)?,
            mean: host.view(&saved.mean)?,
            invstd: host.view(&saved.scale)?,
            weight: maybe(host, weight)?,
            training,
        };
        kernels::batch_norm_backward(to.on_host(host)?, &from)
    };
    on_device(any, on_host, |_| {
        let (grad, x, by) = (gpu_view(grad)?, gpu_view(x)?, (maybe_gpu(weight)?, training));
        gpu::norm::batch_norm_backward(&to.on_gpu()?, grad, x, saved.on_gpu()?, by)
    })
}
