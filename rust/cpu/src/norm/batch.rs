//! Batch norm: `[n, channels, spatial]`, statistics of each channel over samples and positions.

use super::{Affine, Gradients};
use crate::arch::simd;
use crate::dispatch::dispatch;
use crate::float::{Float, rows_per_task, sum};
use crate::stage::{In, Input, Out, Output, Shared, finish_or_none, input_or_none, output_or_none};
use crate::{View, ViewMut, parallel_chunks};
use base::{DType, Result, ensure};

/// Positions of a channel below which channels are worked on side by side.
const NARROW: usize = 8;
/// Channels worked on side by side.
const STRIP: usize = 64;

/// What batch norm is given beside its input.
#[derive(Clone, Copy)]
pub struct BatchNorm<'a> {
    /// Factors and offsets, `[channels]`.
    pub affine: Affine<'a>,
    /// Running mean and variance, `[channels]`: updated in training, used otherwise.
    pub running: Option<(ViewMut<'a>, ViewMut<'a>)>,
    /// Normalise by the statistics of this input.
    pub training: bool,
    /// Weight of this input's statistics in the running ones.
    pub momentum: f64,
    /// Added to the variance.
    pub eps: f64,
}

/// Sizes `[n, channels, spatial]`.
fn sizes(x: View<'_>) -> Result<[usize; 3]> {
    let dims = x.dims();
    ensure!(dims.len() >= 2, Runtime, "internal error: batch_norm of {dims:?}");
    Ok([dims[0], dims[1], dims[2..].iter().product()])
}

fn check(channels: usize, views: &[Option<View<'_>>]) -> Result<()> {
    let fits = views.iter().flatten().all(|v| v.numel() == channels);
    ensure!(fits, Runtime, "internal error: operands of batch_norm do not fit");
    Ok(())
}

/// `out = (x - mean) * invstd * weight + bias` per channel of x `[n, channels, ...]`. In training
/// the mean and `1 / sqrt(var + eps)` of each channel are saved; otherwise the running ones serve
/// and `saved` may be absent.
pub fn batch_norm(
    out: ViewMut<'_>,
    saved: Option<(ViewMut<'_>, ViewMut<'_>)>,
    x: View<'_>,
    norm: &BatchNorm<'_>,
) -> Result<()> {
    let shape = sizes(x)?;
    let ([n, channels, spatial], affine) = (shape, norm.affine);
    let pair = |p: Option<(ViewMut<'_>, ViewMut<'_>)>| p.map(|(a, b)| [a.numel(), b.numel()]);
    check(channels, &[affine.weight, affine.bias])?;
    let fits = [saved, norm.running].into_iter().filter_map(pair).flatten().all(|n| n == channels);
    let known = norm.training || norm.running.is_some();
    ensure!(
        fits && known && out.dims() == x.dims(),
        Runtime,
        "internal error: operands of batch_norm do not fit"
    );
    let x = Input::new(x)?;
    let dtype = x.dtype();
    let y = Output::cast(out, dtype)?;
    let (w, b) = (input_or_none(affine.weight, dtype)?, input_or_none(affine.bias, dtype)?);
    dispatch!("batch_norm", dtype, [float], T => {
        let statistics = Shared::<T>::new(2 * channels)?;
        let [mean, var] = halves(statistics.values());
        let from = x.values::<T>();
        if norm.training {
            each_channels(shape, &|first, last| {
                // SAFETY: the arrays are bounds-checked.
                unsafe { moments(from, shape, [first, last], mean, var) }
            });
            update_running(norm, mean.read(), var.read(), n * spatial)?;
        } else if let Some((running_mean, running_var)) = norm.running {
            for (target, from) in [(mean, running_mean), (var, running_var)] {
                let from = Input::cast(from.as_view(), dtype)?;
                (0..channels).for_each(|c| target.set(c, from.values::<T>().at(c)));
            }
        }
        let (w, b) = (w.as_ref().map(Input::values::<T>), b.as_ref().map(Input::values::<T>));
        let factors = Shared::<T>::new(2 * channels)?;
        let [scale, shift] = halves(factors.values());
        for c in 0..channels {
            var.set(c, T::of(1.0 / (var.at(c).to_f64() + norm.eps).sqrt()));
            scale.set(c, w.map_or(var.at(c), |w| w.at(c) * var.at(c)));
            shift.set(c, b.map_or(T::of(0.0), |b| b.at(c)));
        }
        if let Some((save_mean, save_invstd)) = saved {
            store(save_mean, mean.read(), dtype)?;
            store(save_invstd, var.read(), dtype)?;
        }
        let to = y.values::<T>();
        each_samples(shape, &|first, last| {
            // SAFETY: the arrays are bounds-checked.
            unsafe { apply(from, to, shape, [first, last], [mean, scale, shift].map(Out::read)) }
        });
    });
    y.finish()
}

/// Both halves of an array.
fn halves<T: Copy>(values: Out<'_, T>) -> [Out<'_, T>; 2] {
    let half = values.len() / 2;
    [values.part(0, half), values.part(half, half)]
}

/// Tasks over channels: as many as a strip, or as many as have enough elements.
fn each_channels([n, channels, spatial]: [usize; 3], f: &(dyn Fn(usize, usize) + Sync)) {
    let chunk = if spatial < NARROW { STRIP } else { rows_per_task(n * spatial) };
    parallel_chunks(channels, chunk, f);
}

/// Tasks over samples.
fn each_samples([n, channels, spatial]: [usize; 3], f: &(dyn Fn(usize, usize) + Sync)) {
    parallel_chunks(n, rows_per_task(channels * spatial), f);
}

fn store<T: Float>(target: ViewMut<'_>, values: In<'_, T>, dtype: DType) -> Result<()> {
    let target = Output::cast(target, dtype)?;
    for c in 0..values.len() {
        target.values::<T>().set(c, values.at(c));
    }
    target.finish()
}

fn update_running<T: Float>(
    norm: &BatchNorm<'_>,
    mean: In<'_, T>,
    var: In<'_, T>,
    count: usize,
) -> Result<()> {
    let Some((running_mean, running_var)) = norm.running else {
        return Ok(());
    };
    let unbiased = count as f64 / (count as f64 - 1.0);
    for (view, from, factor) in [(running_mean, mean, 1.0), (running_var, var, unbiased)] {
        let target = Output::update(view, T::DTYPE)?;
        let values = target.values::<T>();
        for c in 0..values.len() {
            let new = from.at(c).to_f64() * factor;
            values
                .set(c, T::of((1.0 - norm.momentum) * values.at(c).to_f64() + norm.momentum * new));
        }
        target.finish()?;
    }
    Ok(())
}

simd! {
    /// Mean and biased variance of channels `range`.
    unsafe fn moments[T: Float](
        x: In<'_, T>, shape: [usize; 3], range: [usize; 2], mean: Out<'_, T>, var: Out<'_, T>
    ) {
        let [n, channels, spatial] = shape;
        let count = (n * spatial) as f64;
        let [first, last] = range;
        if spatial >= NARROW {
            for c in first..last {
                let plane = |i: usize| x.part((i * channels + c) * spatial, spatial);
                let total: f64 = (0..n).map(|i| sum([plane(i)], |[v]| v)).sum();
                let center = T::of(total / count);
                let square = |i: usize| sum([plane(i)], |[v]| (v - center) * (v - center));
                mean.set(c, center);
                var.set(c, T::of((0..n).map(square).sum::<f64>() / count));
            }
            return;
        }
        let (mut sums, mut centers) = ([0.0f64; STRIP], [0.0f64; STRIP]);
        for pass in 0..2 {
            for i in 0..n {
                let row = x.part((i * channels + first) * spatial, (last - first) * spatial);
                for s in 0..spatial {
                    for c in 0..last - first {
                        let d = row.at(c * spatial + s).to_f64() - centers[c];
                        sums[c] += if pass == 0 { d } else { d * d };
                    }
                }
            }
            for c in 0..last - first {
                let target = if pass == 0 { mean } else { var };
                target.set(first + c, T::of(sums[c] / count));
                centers[c] = sums[c] / count;
                sums[c] = 0.0;
            }
        }
    }
}

simd! {
    /// `y = (x - mean) * scale + shift` for samples `range`.
    unsafe fn apply[T: Float](
        x: In<'_, T>, y: Out<'_, T>, shape: [usize; 3], range: [usize; 2], by: [In<'_, T>; 3]
    ) {
        let [_, channels, spatial] = shape;
        let [mean, scale, shift] = by.map(|v| v.part(0, channels));
        for i in range[0]..range[1] {
            let at = i * channels * spatial;
            let (x, y) = (x.part(at, channels * spatial), y.part(at, channels * spatial));
            if spatial == 1 {
                let (x, y) = (x.part(0, channels), y.part(0, channels));
                for c in 0..channels {
                    y.set(c, (x.at(c) - mean.at(c)) * scale.at(c) + shift.at(c));
                }
                continue;
            }
            for c in 0..channels {
                let (x, y) = (x.part(c * spatial, spatial), y.part(c * spatial, spatial));
                let (mean, scale, shift) = (mean.at(c), scale.at(c), shift.at(c));
                for s in 0..spatial {
                    y.set(s, (x.at(s) - mean) * scale + shift);
                }
            }
        }
    }
}

/// What the backward pass of batch norm is given.
#[derive(Clone, Copy)]
pub struct BatchNormGradient<'a> {
    /// Gradient of the output.
    pub grad: View<'a>,
    /// The input.
    pub x: View<'a>,
    /// Mean of each channel: the saved one in training, else the running one.
    pub mean: View<'a>,
    /// `1 / sqrt(var + eps)` of each channel.
    pub invstd: View<'a>,
    /// Factors, where present.
    pub weight: Option<View<'a>>,
    /// The statistics depend on the input.
    pub training: bool,
}

/// Gradients of [`batch_norm`].
pub fn batch_norm_backward(to: Gradients<'_>, from: &BatchNormGradient<'_>) -> Result<()> {
    let shape = sizes(from.x)?;
    let channels = shape[1];
    let parameters = [to.weight.map(ViewMut::as_view), to.bias.map(ViewMut::as_view)];
    check(
        channels,
        &[Some(from.mean), Some(from.invstd), from.weight, parameters[0], parameters[1]],
    )?;
    ensure!(from.grad.dims() == from.x.dims(), Runtime, "internal error: batch_norm_backward");
    let x = Input::new(from.x)?;
    let dtype = x.dtype();
    let (g, w) = (Input::cast(from.grad, dtype)?, input_or_none(from.weight, dtype)?);
    let (mean, invstd) = (Input::cast(from.mean, dtype)?, Input::cast(from.invstd, dtype)?);
    let gx = output_or_none(to.input, dtype)?;
    dispatch!("batch_norm_backward", dtype, [float], T => {
        let saved = Saved::<T> {
            g: g.values(),
            x: x.values(),
            mean: mean.values(),
            invstd: invstd.values(),
            shape,
        };
        let sums = Shared::<T>::new(2 * channels)?;
        let [slope, shift] = halves(sums.values());
        each_channels(shape, &|first, last| {
            // SAFETY: the arrays are bounds-checked.
            unsafe { channel_sums(saved, [first, last], slope, shift) }
        });
        for (target, values) in [(to.weight, slope), (to.bias, shift)] {
            if let Some(target) = target {
                store(target, values.read(), dtype)?;
            }
        }
        if let Some(gx) = &gx {
            let count = T::of(if from.training { 1.0 / (shape[0] * shape[2]) as f64 } else { 0.0 });
            for c in 0..channels {
                slope.set(c, slope.at(c) * count);
                shift.set(c, shift.at(c) * count);
            }
            let (gx, w) = (gx.values::<T>(), w.as_ref().map(Input::values::<T>));
            each_samples(shape, &|first, last| {
                // SAFETY: the arrays are bounds-checked.
                unsafe { input_gradient(saved, [first, last], [slope.read(), shift.read()], w, gx) }
            });
        }
    });
    finish_or_none(gx)
}

/// What the backward pass reads, as arrays.
#[derive(Clone, Copy)]
struct Saved<'a, T> {
    g: In<'a, T>,
    x: In<'a, T>,
    mean: In<'a, T>,
    invstd: In<'a, T>,
    shape: [usize; 3],
}

simd! {
    /// Sums of `g` times the normalised input, and of `g`, for channels `range`.
    unsafe fn channel_sums[T: Float](
        saved: Saved<'_, T>, range: [usize; 2], slope: Out<'_, T>, shift: Out<'_, T>
    ) {
        let [n, channels, spatial] = saved.shape;
        let [first, last] = range;
        if spatial >= NARROW {
            for c in first..last {
                let (mean, invstd) = (saved.mean.at(c), saved.invstd.at(c));
                let (mut p, mut q) = (0.0, 0.0);
                for i in 0..n {
                    let at = (i * channels + c) * spatial;
                    let (g, x) = (saved.g.part(at, spatial), saved.x.part(at, spatial));
                    p += sum([g, x], |[g, x]| g * ((x - mean) * invstd));
                    q += sum([g], |[g]| g);
                }
                slope.set(c, T::of(p));
                shift.set(c, T::of(q));
            }
            return;
        }
        let (mut p, mut q) = ([0.0f64; STRIP], [0.0f64; STRIP]);
        let width = last - first;
        let (mean, invstd) = (saved.mean.part(first, width), saved.invstd.part(first, width));
        for i in 0..n {
            let at = (i * channels + first) * spatial;
            let (g, x) = (saved.g.part(at, width * spatial), saved.x.part(at, width * spatial));
            for s in 0..spatial {
                for c in 0..width {
                    let g = g.at(c * spatial + s);
                    let hat = (x.at(c * spatial + s) - mean.at(c)) * invstd.at(c);
                    p[c] += (g * hat).to_f64();
                    q[c] += g.to_f64();
                }
            }
        }
        for c in 0..width {
            slope.set(first + c, T::of(p[c]));
            shift.set(first + c, T::of(q[c]));
        }
    }
}

simd! {
    /// `gx = (g - shift - hat * slope) * invstd * weight` for samples `range`.
    unsafe fn input_gradient[T: Float](
        saved: Saved<'_, T>, range: [usize; 2], means: [In<'_, T>; 2], w: Option<In<'_, T>>,
        gx: Out<'_, T>
    ) {
        let [_, channels, spatial] = saved.shape;
        let [slope, shift] = means;
        for i in range[0]..range[1] {
            for c in 0..channels {
                let at = (i * channels + c) * spatial;
                let (g, x) = (saved.g.part(at, spatial), saved.x.part(at, spatial));
                let gx = gx.part(at, spatial);
                let (mean, invstd) = (saved.mean.at(c), saved.invstd.at(c));
                let scale = w.map_or(invstd, |w| w.at(c) * invstd);
                let (slope, shift) = (slope.at(c), shift.at(c));
                for s in 0..spatial {
                    let hat = (x.at(s) - mean) * invstd;
                    gx.set(s, (g.at(s) - shift - hat * slope) * scale);
                }
            }
        }
    }
}
