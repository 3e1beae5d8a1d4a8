//! Layer norm and RMS norm: rows of the last dims, flattened to `[rows, width]`.

use super::{Affine, Gradients};
use crate::arch::simd;
use crate::dispatch::dispatch;
use crate::float::{Float, rows_per_task, sum};
use crate::stage::{In, Input, Out, Output, Shared, finish_or_none, input_or_none, output_or_none};
use crate::{View, ViewMut, parallel, parallel_chunks};
use base::{Result, ensure};

/// Pieces the rows are cut into for sums over rows.
const PARTS: usize = 32;

/// `out = (x - mean) * rstd * weight + bias` over rows of `width` elements; saves the mean and the
/// reciprocal standard deviation of each row. Weight and bias have `width` elements.
pub fn layer_norm(
    out: ViewMut<'_>,
    mean: ViewMut<'_>,
    rstd: ViewMut<'_>,
    x: View<'_>,
    affine: Affine<'_>,
    (width, eps): (usize, f64),
) -> Result<()> {
    forward(out, Some(mean), rstd, x, affine, (width, eps))
}

/// `out = x * rstd * weight` with `rstd = 1 / sqrt(mean(x^2) + eps)` over rows of `width` elements.
pub fn rms_norm(
    out: ViewMut<'_>,
    rstd: ViewMut<'_>,
    x: View<'_>,
    weight: Option<View<'_>>,
    (width, eps): (usize, f64),
) -> Result<()> {
    forward(out, None, rstd, x, Affine { weight, bias: None }, (width, eps))
}

/// Gradients of [`layer_norm`] from the output's gradient, the input and the saved statistics.
pub fn layer_norm_backward(
    to: Gradients<'_>,
    grad: View<'_>,
    x: View<'_>,
    (mean, rstd): (View<'_>, View<'_>),
    weight: Option<View<'_>>,
    width: usize,
) -> Result<()> {
    backward(to, grad, x, (Some(mean), rstd), weight, width)
}

/// Gradients of [`rms_norm`] from the output's gradient, the input and the saved statistic.
pub fn rms_norm_backward(
    to: Gradients<'_>,
    grad: View<'_>,
    x: View<'_>,
    rstd: View<'_>,
    weight: Option<View<'_>>,
    width: usize,
) -> Result<()> {
    backward(to, grad, x, (None, rstd), weight, width)
}

fn forward(
    out: ViewMut<'_>,
    mean: Option<ViewMut<'_>>,
    rstd: ViewMut<'_>,
    x: View<'_>,
    affine: Affine<'_>,
    (width, eps): (usize, f64),
) -> Result<()> {
    let rows = rstd.numel();
    check_rows(rows, width, &[x, out.as_view()], &[affine.weight, affine.bias])?;
    let x = Input::new(x)?;
    let dtype = x.dtype();
    let (y, rstd) = (Output::cast(out, dtype)?, Output::cast(rstd, dtype)?);
    let mean = output_or_none(mean, dtype)?;
    let (w, b) = (input_or_none(affine.weight, dtype)?, input_or_none(affine.bias, dtype)?);
    dispatch!("LayerNormKernelImpl", dtype, [float], T => {
        let (from, to, scales) = (x.values::<T>(), y.values::<T>(), rstd.values::<T>());
        let means = mean.as_ref().map(Output::values::<T>);
        let (w, b) = (w.as_ref().map(Input::values::<T>), b.as_ref().map(Input::values::<T>));
        parallel_chunks(rows, rows_per_task(width), &|first, last| {
            for r in first..last {
                let (x, y) = (from.part(r * width, width), to.part(r * width, width));
                // SAFETY: the arrays are bounds-checked.
                let [center, scale] = unsafe { normalize(x, y, w, b, means.is_some(), eps) };
                scales.set(r, scale);
                if let Some(means) = means {
                    means.set(r, center);
                }
            }
        });
    });
    finish_or_none(mean)?;
    rstd.finish()?;
    y.finish()
}

fn check_rows(
    rows: usize,
    width: usize,
    whole: &[View<'_>],
    row: &[Option<View<'_>>],
) -> Result<()> {
    let fits = whole.iter().all(|v| v.numel() == rows * width)
        && row.iter().flatten().all(|v| v.numel() == width);
    ensure!(fits, Runtime, "internal error: norm over {rows} rows of {width} elements");
    Ok(())
}

simd! {
    unsafe fn normalize[T: Float](
        x: In<'_, T>, y: Out<'_, T>, w: Option<In<'_, T>>, b: Option<In<'_, T>>,
        center: bool, eps: f64
    ) -> [T; 2] {
        let n = x.len();
        assert!(y.len() == n);
        let mean = T::of(if center { sum([x], |[v]| v) / n as f64 } else { 0.0 });
        let var = sum([x], |[v]| (v - mean) * (v - mean)) / n as f64;
        let rstd = T::of(1.0 / (var + eps).sqrt());
        match (w, b) {
            (None, None) => {
                for i in 0..n {
                    y.set(i, (x.at(i) - mean) * rstd);
                }
            }
            (Some(w), None) => {
                assert!(w.len() == n);
                for i in 0..n {
                    y.set(i, (x.at(i) - mean) * rstd * w.at(i));
                }
            }
            (None, Some(b)) => {
                assert!(b.len() == n);
                for i in 0..n {
                    y.set(i, (x.at(i) - mean) * rstd + b.at(i));
                }
            }
            (Some(w), Some(b)) => {
                assert!(w.len() == n && b.len() == n);
                for i in 0..n {
                    y.set(i, (x.at(i) - mean) * rstd * w.at(i) + b.at(i));
                }
            }
        }
        [mean, rstd]
    }
}

fn backward(
    to: Gradients<'_>,
    grad: View<'_>,
    x: View<'_>,
    (mean, rstd): (Option<View<'_>>, View<'_>),
    weight: Option<View<'_>>,
    width: usize,
) -> Result<()> {
    let rows = rstd.numel();
    check_rows(rows, width, &[x, grad], &[weight, to.weight.map(ViewMut::as_view)])?;
    let x = Input::new(x)?;
    let dtype = x.dtype();
    let (g, rstd) = (Input::cast(grad, dtype)?, Input::cast(rstd, dtype)?);
    let (mean, w) = (input_or_none(mean, dtype)?, input_or_none(weight, dtype)?);
    let gx = output_or_none(to.input, dtype)?;
    let gw = output_or_none(to.weight, dtype)?;
    let gb = output_or_none(to.bias, dtype)?;
    dispatch!("LayerNormBackwardKernelImpl", dtype, [float], T => {
        let saved = Saved::<T> {
            g: g.values(),
            x: x.values(),
            mean: mean.as_ref().map(Input::values),
            rstd: rstd.values(),
            w: w.as_ref().map(Input::values),
            width,
        };
        if let Some(gx) = &gx {
            let gx = gx.values::<T>();
            parallel_chunks(rows, rows_per_task(width), &|first, last| {
                for r in first..last {
                    // SAFETY: the arrays are bounds-checked.
                    unsafe { input_gradient(saved, r, gx.part(r * width, width)) }
                }
            });
        }
        let (gw, gb) = (gw.as_ref().map(Output::values::<T>), gb.as_ref().map(Output::values::<T>));
        if gw.is_some() || gb.is_some() {
            parameter_gradients(saved, rows, gw, gb)?;
        }
    });
    finish_or_none(gx)?;
    finish_or_none(gw)?;
    finish_or_none(gb)
}

/// What the backward pass reads.
#[derive(Clone, Copy)]
struct Saved<'a, T> {
    g: In<'a, T>,
    x: In<'a, T>,
    mean: Option<In<'a, T>>,
    rstd: In<'a, T>,
    w: Option<In<'a, T>>,
    width: usize,
}

impl<'a, T: Float> Saved<'a, T> {
    /// Gradient, input, mean and rstd of a row.
    #[inline(always)]
    fn row(&self, r: usize) -> (In<'a, T>, In<'a, T>, T, T) {
        let part = |x: In<'a, T>| x.part(r * self.width, self.width);
        let mean = self.mean.map_or(T::ZERO, |mean| mean.at(r));
        (part(self.g), part(self.x), mean, self.rstd.at(r))
    }
}

simd! {
    unsafe fn input_gradient[T: Float](saved: Saved<'_, T>, r: usize, gx: Out<'_, T>) {
        let (g, x, mean, rstd) = saved.row(r);
        let n = gx.len();
        assert!(g.len() == n && x.len() == n);
        let count = n as f64;
        let centered = saved.mean.is_some();
        match saved.w {
            None => {
                let shift = if centered { sum([g], |[g]| g) / count } else { 0.0 };
                let slope = sum([g, x], |[g, x]| g * ((x - mean) * rstd)) / count;
                let (shift, slope) = (T::of(shift), T::of(slope));
                for i in 0..n {
                    let hat = (x.at(i) - mean) * rstd;
                    gx.set(i, (g.at(i) - shift - hat * slope) * rstd);
                }
            }
            Some(w) => {
                assert!(w.len() == n);
                let shift = if centered { sum([g, w], |[g, w]| g * w) / count } else { 0.0 };
                let slope = sum([g, w, x], |[g, w, x]| g * w * ((x - mean) * rstd)) / count;
                let (shift, slope) = (T::of(shift), T::of(slope));
                for i in 0..n {
                    let hat = (x.at(i) - mean) * rstd;
                    gx.set(i, (g.at(i) * w.at(i) - shift - hat * slope) * rstd);
                }
            }
        }
    }
}

/// Sums over rows: each part of the rows into its own array, then the parts in order.
fn parameter_gradients<T: Float>(
    saved: Saved<'_, T>,
    rows: usize,
    gw: Option<Out<'_, T>>,
    gb: Option<Out<'_, T>>,
) -> Result<()> {
    let width = saved.width;
    let chunk = rows.div_ceil(PARTS).max(1);
    let parts = rows.div_ceil(chunk);
    let sums = Shared::<T>::new(parts * 2 * width)?;
    let sums = sums.values();
    parallel(parts, &|part| {
        let weight = sums.part(part * 2 * width, width);
        let bias = sums.part((part * 2 + 1) * width, width);
        // SAFETY: the arrays are bounds-checked.
        unsafe { sum_rows(saved, part * chunk, rows.min((part + 1) * chunk), weight, bias) }
    });
    for (which, target) in [gw, gb].into_iter().enumerate() {
        let Some(target) = target else { continue };
        target.fill(T::ZERO);
        for part in 0..parts {
            let from = sums.part((part * 2 + which) * width, width);
            for j in 0..width {
                target.set(j, target.at(j) + from.at(j));
            }
        }
    }
    Ok(())
}

simd! {
    unsafe fn sum_rows[T: Float](
        saved: Saved<'_, T>, first: usize, last: usize, weight: Out<'_, T>, bias: Out<'_, T>
    ) {
        let n = weight.len();
        assert!(bias.len() == n);
        weight.fill(T::ZERO);
        bias.fill(T::ZERO);
        for r in first..last {
            let (g, x, mean, rstd) = saved.row(r);
            assert!(g.len() == n && x.len() == n);
            for j in 0..n {
                weight.set(j, weight.at(j) + g.at(j) * ((x.at(j) - mean) * rstd));
                bias.set(j, bias.at(j) + g.at(j));
            }
        }
    }
}
