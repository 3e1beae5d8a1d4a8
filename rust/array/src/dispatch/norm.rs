//! Normalisations with learnt factors and offsets.

use super::{gpu_view, on_device, view, view_mut};
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

fn maybe(array: Option<&Array>) -> Result<Option<View<'_>>> {
    array.map(view).transpose()
}

fn maybe_mut(array: Option<&Array>) -> Result<Option<ViewMut<'_>>> {
    array.map(view_mut).transpose()
}

impl Affine {
    fn on_host(&self) -> Result<kernels::Affine<'_>> {
        Ok(kernels::Affine {
            weight: maybe(self.weight.as_ref())?,
            bias: maybe(self.bias.as_ref())?,
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

    fn on_host(&self) -> Result<kernels::Gradients<'_>> {
        Ok(kernels::Gradients {
            input: maybe_mut(self.input.as_ref())?,
            weight: maybe_mut(self.weight.as_ref())?,
            bias: maybe_mut(self.bias.as_ref())?,
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

fn pair(moments: &Moments) -> Result<(ViewMut<'_>, ViewMut<'_>)> {
    Ok((view_mut(&moments.mean)?, view_mut(&moments.scale)?))
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
        |target| {
            let (mean, scale) = pair(moments)?;
            kernels::layer_norm(target, mean, scale, view(x)?, affine.on_host()?, (width, eps))
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
        |_| {
            let saved = (view(&moments.mean)?, view(&moments.scale)?);
            let (grad, x, weight) = (view(grad)?, view(x)?, maybe(weight)?);
            kernels::layer_norm_backward(to.on_host()?, grad, x, saved, weight, width)
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
        |target| kernels::rms_norm(target, view_mut(rstd)?, view(x)?, maybe(weight)?, (width, eps)),
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
        |_| {
            let (grad, x, rstd) = (view(grad)?, view(x)?, view(rstd)?);
            kernels::rms_norm_backward(to.on_host()?, grad, x, rstd, maybe(weight)?, width)
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
        |target| {
            kernels::group_norm(target, pair(moments)?, view(x)?, affine.on_host()?, groups, eps)
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
        |_| {
            let saved = (view(&moments.mean)?, view(&moments.scale)?);
            let (grad, x, weight) = (view(grad)?, view(x)?, maybe(weight)?);
            kernels::group_norm_backward(to.on_host()?, grad, x, saved, weight, groups)
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
    let on_host = |target: ViewMut<'_>| {
        let by = kernels::BatchNorm {
            affine: norm.affine.on_host()?,
            running: norm.running.as_ref().map(pair).transpose()?,
            training: norm.training,
            momentum: norm.momentum,
            eps: norm.eps,
        };
        kernels::batch_norm(target, Some(pair(saved)?), view(x)?, &by)
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
    let on_host = |_: ViewMut<'_>| {
        let from = kernels::BatchNormGradient {
            grad: view(grad)?,
            x: view(x)?,
            mean: view(&saved.mean)?,
            invstd: view(&saved.scale)?,
            weight: maybe(weight)?,
            training,
        };
        kernels::batch_norm_backward(to.on_host()?, &from)
    };
    on_device(any, on_host, |_| {
        let (grad, x, by) = (gpu_view(grad)?, gpu_view(x)?, (maybe_gpu(weight)?, training));
        gpu::norm::batch_norm_backward(&to.on_gpu()?, grad, x, saved.on_gpu()?, by)
    })
}
