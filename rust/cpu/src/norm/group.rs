//! Group norm: `[n, channels, spatial]`, statistics over the channels of a group and all positions.

use super::{Affine, Gradients};
use crate::arch::simd;
use crate::dispatch::dispatch;
use crate::float::{Float, rows_per_task, sum};
use crate::stage::{In, Input, Out, Output, Shared, finish_or_none, input_or_none, output_or_none};
use crate::{View, ViewMut, parallel_chunks};
use base::{Result, ensure};

/// Sizes of a group norm.
#[derive(Clone, Copy)]
struct Sizes {
    channels: usize,
    spatial: usize,
    /// Channels of a group.
    group: usize,
    /// Groups of all samples.
    rows: usize,
}

impl Sizes {
    fn of(x: View<'_>, groups: usize) -> Result<Sizes> {
        let dims = x.dims();
        let fits = dims.len() >= 2 && groups > 0 && dims[1].is_multiple_of(groups);
        ensure!(fits, Runtime, "internal error: group_norm of {dims:?} in {groups} groups");
        let spatial = dims[2..].iter().product();
        Ok(Sizes { channels: dims[1], spatial, group: dims[1] / groups, rows: dims[0] * groups })
    }

    /// Elements of a group.
    fn width(self) -> usize {
        self.group * self.spatial
    }

    fn check(
        self,
        whole: &[View<'_>],
        channel: &[Option<View<'_>>],
        row: &[View<'_>],
    ) -> Result<()> {
        let fits = whole.iter().all(|v| v.numel() == self.rows * self.width())
            && channel.iter().flatten().all(|v| v.numel() == self.channels)
            && row.iter().all(|v| v.numel() == self.rows);
        ensure!(fits, Runtime, "internal error: operands of group_norm do not fit");
        Ok(())
    }
}

/// `out = (x - mean) * rstd * weight + bias` with statistics of each of `groups` groups of channels
/// of each sample; x is `[n, channels, ...]`, weight and bias are `[channels]`, the saved mean and
/// rstd have `n * groups` elements.
pub fn group_norm(
    out: ViewMut<'_>,
    (mean, rstd): (ViewMut<'_>, ViewMut<'_>),
    x: View<'_>,
    affine: Affine<'_>,
    groups: usize,
    eps: f64,
) -> Result<()> {
    let sizes = Sizes::of(x, groups)?;
    let saved = [mean.as_view(), rstd.as_view()];
    sizes.check(&[x, out.as_view()], &[affine.weight, affine.bias], &saved)?;
    let x = Input::new(x)?;
    let dtype = x.dtype();
    let (y, mean) = (Output::cast(out, dtype)?, Output::cast(mean, dtype)?);
    let rstd = Output::cast(rstd, dtype)?;
    let (w, b) = (input_or_none(affine.weight, dtype)?, input_or_none(affine.bias, dtype)?);
    dispatch!("GroupNormKernelImpl", dtype, [float], T => {
        let (from, to) = (x.values::<T>(), y.values::<T>());
        let (means, scales) = (mean.values::<T>(), rstd.values::<T>());
        let (w, b) = (w.as_ref().map(Input::values::<T>), b.as_ref().map(Input::values::<T>));
        let width = sizes.width();
        parallel_chunks(sizes.rows, rows_per_task(width), &|first, last| {
            for r in first..last {
                let (x, y) = (from.part(r * width, width), to.part(r * width, width));
                let channel = r * sizes.group % sizes.channels.max(1);
                // SAFETY: the arrays are bounds-checked.
                let [mean, rstd] = unsafe { normalize(x, y, w, b, [channel, sizes.spatial], eps) };
                means.set(r, mean);
                scales.set(r, rstd);
            }
        });
    });
    mean.finish()?;
    rstd.finish()?;
    y.finish()
}

simd! {
    unsafe fn normalize[T: Float](
        x: In<'_, T>, y: Out<'_, T>, w: Option<In<'_, T>>, b: Option<In<'_, T>>,
        at: [usize; 2], eps: f64
    ) -> [T; 2] {
        let [channel, spatial] = at;
        let n = x.len();
        let mean = T::of(sum([x], |[v]| v) / n as f64);
        let var = sum([x], |[v]| (v - mean) * (v - mean)) / n as f64;
        let rstd = T::of(1.0 / (var + eps).sqrt());
        for c in 0..n / spatial.max(1) {
            let (x, y) = (x.part(c * spatial, spatial), y.part(c * spatial, spatial));
            let scale = w.map_or(rstd, |w| rstd * w.at(channel + c));
            let shift = b.map_or(T::ZERO, |b| b.at(channel + c));
            for i in 0..spatial {
                y.set(i, (x.at(i) - mean) * scale + shift);
            }
        }
        [mean, rstd]
    }
}

/// Gradients of [`group_norm`] from the output's gradient, the input and the saved statistics.
pub fn group_norm_backward(
    to: Gradients<'_>,
    grad: View<'_>,
    x: View<'_>,
    (mean, rstd): (View<'_>, View<'_>),
    weight: Option<View<'_>>,
    groups: usize,
) -> Result<()> {
    let sizes = Sizes::of(x, groups)?;
    let parameters = [weight, to.weight.map(ViewMut::as_view), to.bias.map(ViewMut::as_view)];
    sizes.check(&[x, grad], &parameters, &[mean, rstd])?;
    let x = Input::new(x)?;
    let dtype = x.dtype();
    let (g, w) = (Input::cast(grad, dtype)?, input_or_none(weight, dtype)?);
    let (mean, rstd) = (Input::cast(mean, dtype)?, Input::cast(rstd, dtype)?);
    let gx = output_or_none(to.input, dtype)?;
    let gw = output_or_none(to.weight, dtype)?;
    let gb = output_or_none(to.bias, dtype)?;
    dispatch!("GroupNormBackwardKernelImpl", dtype, [float], T => {
        let planes = sizes.rows * sizes.group;
        let sums = Shared::<T>::new(2 * planes)?;
        let sums = sums.values();
        let (slopes, shifts) = (sums.part(0, planes), sums.part(planes, planes));
        let saved = Saved::<T> {
            g: g.values(),
            x: x.values(),
            mean: mean.values(),
            rstd: rstd.values(),
            w: w.as_ref().map(Input::values),
            sizes,
        };
        let gx = gx.as_ref().map(Output::values::<T>);
        parallel_chunks(sizes.rows, rows_per_task(sizes.width()), &|first, last| {
            for r in first..last {
                let slopes = slopes.part(r * sizes.group, sizes.group);
                let shifts = shifts.part(r * sizes.group, sizes.group);
                // SAFETY: the arrays are bounds-checked.
                unsafe { group_gradient(saved, r, gx, slopes, shifts) }
            }
        });
        sum_samples(slopes, gw.as_ref().map(Output::values::<T>));
        sum_samples(shifts, gb.as_ref().map(Output::values::<T>));
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
    mean: In<'a, T>,
    rstd: In<'a, T>,
    w: Option<In<'a, T>>,
    sizes: Sizes,
}

simd! {
    /// Per channel the sums of `g` and of `g` times the normalised input, then the input's
    /// gradient.
    unsafe fn group_gradient[T: Float](
        saved: Saved<'_, T>, r: usize, gx: Option<Out<'_, T>>,
        slopes: Out<'_, T>, shifts: Out<'_, T>
    ) {
        let Sizes { channels, spatial, group, .. } = saved.sizes;
        let width = group * spatial;
        let (mean, rstd) = (saved.mean.at(r), saved.rstd.at(r));
        let first = r * group % channels.max(1);
        let factor = |c: usize| saved.w.map_or(T::ONE, |w| w.at(first + c));
        let (mut slope, mut shift) = (0.0, 0.0);
        for c in 0..group {
            let at = r * width + c * spatial;
            let (g, x) = (saved.g.part(at, spatial), saved.x.part(at, spatial));
            let (p, q) = (sum([g, x], |[g, x]| g * ((x - mean) * rstd)), sum([g], |[g]| g));
            slopes.set(c, T::of(p));
            shifts.set(c, T::of(q));
            slope += p * factor(c).to_f64();
            shift += q * factor(c).to_f64();
        }
        let Some(gx) = gx else { return };
        let (slope, shift) = (T::of(slope / width as f64), T::of(shift / width as f64));
        for c in 0..group {
            let at = r * width + c * spatial;
            let (g, x) = (saved.g.part(at, spatial), saved.x.part(at, spatial));
            let (gx, w) = (gx.part(at, spatial), factor(c));
            for i in 0..spatial {
                let hat = (x.at(i) - mean) * rstd;
                gx.set(i, (g.at(i) * w - shift - hat * slope) * rstd);
            }
        }
    }
}

/// Sums `[n, channels]` over n.
fn sum_samples<T: Float>(values: Out<'_, T>, target: Option<Out<'_, T>>) {
    let Some(target) = target else { return };
    target.fill(T::ZERO);
    let channels = target.len();
    for i in 0..values.len() {
        let c = i % channels;
        target.set(c, target.at(c) + values.at(i));
    }
}
