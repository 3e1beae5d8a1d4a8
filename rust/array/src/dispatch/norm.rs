//! Normalisations with learnt factors and offsets.

use super::{on_cpu, view, view_mut};
use crate::Array;
use base::Result;
use cpu::norm as kernels;
use cpu::{View, ViewMut};

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
    on_cpu(out, |target| {
        let (mean, scale) = pair(moments)?;
        kernels::layer_norm(target, mean, scale, view(x)?, affine.on_host()?, (width, eps))
    })
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
    on_cpu(any, |_| {
        let saved = (view(&moments.mean)?, view(&moments.scale)?);
        kernels::layer_norm_backward(
            to.on_host()?,
            view(grad)?,
            view(x)?,
            saved,
            maybe(weight)?,
            width,
        )
    })
}

/// RMS norm over rows of `width`; fills `rstd`.
pub fn rms_norm(
    out: &Array,
    rstd: &Array,
    x: &Array,
    weight: Option<&Array>,
    (width, eps): (usize, f64),
) -> Result<()> {
    on_cpu(out, |target| {
        kernels::rms_norm(target, view_mut(rstd)?, view(x)?, maybe(weight)?, (width, eps))
    })
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
    on_cpu(any, |_| {
        kernels::rms_norm_backward(
            to.on_host()?,
            view(grad)?,
            view(x)?,
            view(rstd)?,
            maybe(weight)?,
            width,
        )
    })
}

/// Group norm; fills `moments`, one entry a sample and group.
pub fn group_norm(
    out: &Array,
    moments: &Moments,
    x: &Array,
    affine: &Affine,
    (groups, eps): (usize, f64),
) -> Result<()> {
    on_cpu(out, |target| {
        kernels::group_norm(target, pair(moments)?, view(x)?, affine.on_host()?, groups, eps)
    })
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
    on_cpu(any, |_| {
        let saved = (view(&moments.mean)?, view(&moments.scale)?);
        kernels::group_norm_backward(
            to.on_host()?,
            view(grad)?,
            view(x)?,
            saved,
            maybe(weight)?,
            groups,
        )
    })
}

/// Batch norm; fills `saved` with the mean and reciprocal standard deviation used and, in training,
/// updates the running statistics.
pub fn batch_norm(out: &Array, saved: &Moments, x: &Array, norm: &BatchNorm) -> Result<()> {
    on_cpu(out, |target| {
        let by = kernels::BatchNorm {
            affine: norm.affine.on_host()?,
            running: norm.running.as_ref().map(pair).transpose()?,
            training: norm.training,
            momentum: norm.momentum,
            eps: norm.eps,
        };
        kernels::batch_norm(target, Some(pair(saved)?), view(x)?, &by)
    })
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
    on_cpu(any, |_| {
        let from = kernels::BatchNormGradient {
            grad: view(grad)?,
            x: view(x)?,
            mean: view(&saved.mean)?,
            invstd: view(&saved.scale)?,
            weight: maybe(weight)?,
            training,
        };
        kernels::batch_norm_backward(to.on_host()?, &from)
    })
}
