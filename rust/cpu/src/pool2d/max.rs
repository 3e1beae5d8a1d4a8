//! Maximum pooling: NaN wins, then the first of equal values; positions are saved for the gradient.

use super::{Plan, PoolGeometry, Window};
use crate::arch::simd;
use crate::dispatch::dispatch;
use crate::float::rows_per_task;
use crate::math::Ordered;
use crate::stage::{In, Input, Out, Output, output_or_none};
use crate::{View, ViewMut, parallel_chunks};
use base::{DType, Result, ensure};
use std::sync::atomic::{self, AtomicUsize};

/// `out` = the largest element of each window, `indices` (int64, where wanted) its position in its
/// plane. Windows are as many as `out`'s dims say, and each reaches the input.
pub fn max_pool(
    out: ViewMut<'_>,
    indices: Option<ViewMut<'_>>,
    x: View<'_>,
    geometry: &PoolGeometry,
) -> Result<()> {
    let plan = Plan::fixed(x.dims(), out.dims(), geometry)?;
    run(out, indices, x, &plan)
}

/// The largest element of each of `out`'s windows, which cover the last `rank` dims evenly.
pub fn adaptive_max_pool(
    out: ViewMut<'_>,
    indices: Option<ViewMut<'_>>,
    x: View<'_>,
    rank: usize,
) -> Result<()> {
    let plan = Plan::adaptive(x.dims(), out.dims(), rank)?;
    run(out, indices, x, &plan)
}

fn run(out: ViewMut<'_>, indices: Option<ViewMut<'_>>, x: View<'_>, plan: &Plan) -> Result<()> {
    let fits = indices.is_none_or(|i| i.dims() == out.dims());
    ensure!(fits, Runtime, "internal error: indices of max_pool do not fit");
    let [from, to] = plan.sizes();
    let x = Input::new(x)?;
    let (y, indices) = (Output::cast(out, x.dtype())?, output_or_none(indices, DType::I64)?);
    dispatch!("max_pool", x.dtype(), [real], T => {
        let (x, y) = (x.values::<T>(), y.values::<T>());
        let at = indices.as_ref().map(Output::values::<i64>);
        parallel_chunks(plan.planes, rows_per_task(from + to), &|first, last| {
            for p in first..last {
                let at = at.map(|at| at.part(p * to, to));
                plane(plan, x.part(p * from, x.len() - p * from), y.part(p * to, to), at);
            }
        });
    });
    crate::stage::finish_or_none(indices)?;
    y.finish()
}

/// A plane, the first of `x`: rows of whole windows side by side, the clipped ones at the borders
/// one by one.
fn plane<T: Ordered>(plan: &Plan, x: In<'_, T>, y: Out<'_, T>, at: Option<Out<'_, i64>>) {
    let [depths, heights, widths] = &plan.windows;
    let (inner, stride) = whole_windows(widths);
    let mut offsets = Vec::new();
    for (i, d) in depths.iter().enumerate() {
        for (j, h) in heights.iter().enumerate() {
            let row = (i * heights.len() + j) * widths.len();
            for o in (0..inner.start).chain(inner.end..widths.len()) {
                window(plan, x, [*d, *h, widths[o]], (y, at, row + o));
            }
            let Some(first) = widths.get(inner.start).filter(|_| !inner.is_empty()) else {
                continue;
            };
            offsets.clear();
            plan.each_row([*d, *h, *first], |row, w| {
                offsets.extend((w.start..w.end).step_by(plan.step[2]).map(|i| row + i));
            });
            let (start, len) = (row + inner.start, inner.len());
            let at = at.map(|at| at.part(start, len));
            // SAFETY: the arrays are bounds-checked.
            unsafe { windows_of_row(x, &offsets, stride, y.part(start, len), at) }
        }
    }
}

/// The longest run of windows of one size that start at equal steps, from the first whole one on,
/// and those steps.
fn whole_windows(windows: &[Window]) -> (std::ops::Range<usize>, usize) {
    let size = |w: &Window| w.end - w.start;
    let whole = windows.iter().map(size).max().unwrap_or(0);
    let first = windows.iter().position(|w| size(w) == whole).unwrap_or(0);
    let rest = &windows[first.min(windows.len())..];
    let stride = rest.get(1).map_or(1, |w| w.start - rest[0].start);
    let even =
        |(i, w): &(usize, &Window)| size(w) == whole && w.start == rest[0].start + i * stride;
    let count = rest.iter().enumerate().take_while(even).count();
    (first..first + count, stride)
}

fn window<T: Ordered>(
    plan: &Plan,
    x: In<'_, T>,
    [d, h, w]: [Window; 3],
    (y, at, o): (Out<'_, T>, Option<Out<'_, i64>>, usize),
) {
    let mut best = (d.start * plan.input[1] + h.start) * plan.input[2] + w.start;
    let mut max = x.at(best);
    plan.each_row([d, h, w], |row, w| {
        for i in (w.start..w.end).step_by(plan.step[2]) {
            let value = x.at(row + i);
            if value > max || value.is_nan() {
                (max, best) = (value, row + i);
            }
        }
    });
    y.set(o, max);
    if let Some(at) = at {
        at.set(o, best as i64);
    }
}

/// Windows of a row computed at a time.
const BLOCK: usize = 16;

/// The first [`BLOCK`] elements `stride` apart, zeros where `x` has no more.
#[inline(always)]
fn strided<T: Ordered>(x: In<'_, T>, stride: usize) -> [T; BLOCK] {
    let mut block = [T::ZERO; BLOCK];
    if (BLOCK - 1) * stride < x.len() {
        for (l, value) in block.iter_mut().enumerate() {
            // SAFETY: the last of them is inside, as just seen.
            *value = unsafe { x.ptr().add(l * stride).read() };
        }
    } else {
        for (l, value) in block.iter_mut().enumerate().take(x.len().div_ceil(stride)) {
            *value = x.at(l * stride);
        }
    }
    block
}

simd! {
    /// Windows of `x`, which may go on beyond the plane: blocks are read whole, and of the last one
    /// only the part that `y` has room for is kept.
    unsafe fn windows_of_row[T: Ordered](
        x: In<'_, T>, offsets: &[usize], stride: usize, y: Out<'_, T>, at: Option<Out<'_, i64>>
    ) {
        // The usual strides as constants: their loads become vectors and shuffles.
        match stride {
            1 => blocks_of_row(x, offsets, 1, y, at),
            2 => blocks_of_row(x, offsets, 2, y, at),
            _ => blocks_of_row(x, offsets, stride, y, at),
        }
    }
}

#[inline(always)]
fn blocks_of_row<T: Ordered>(
    x: In<'_, T>,
    offsets: &[usize],
    stride: usize,
    y: Out<'_, T>,
    at: Option<Out<'_, i64>>,
) {
    let n = y.len();
    for start in (0..n).step_by(BLOCK) {
        let count = BLOCK.min(n - start);
        let mut max = [T::ZERO; BLOCK];
        let mut best = [0u32; BLOCK];
        for (k, &offset) in offsets.iter().enumerate() {
            let from = offset + start * stride;
            let values = strided(x.part(from, x.len() - from), stride);
            let (first, moved) = (k == 0, (offset - offsets[0]) as u32);
            for l in 0..BLOCK {
                // No `||`: a branch would keep the loop from vectorising.
                let (above, nan) = (values[l] > max[l], values[l].is_nan());
                let taken = first | above | nan;
                max[l] = if taken { values[l] } else { max[l] };
                best[l] = if taken { moved } else { best[l] };
            }
        }
        store(max, y.part(start, count));
        if let Some(at) = at {
            let first = offsets[0] + start * stride;
            let mut places = [0i64; BLOCK];
            for l in 0..BLOCK {
                places[l] = (first + l * stride) as i64 + i64::from(best[l]);
            }
            store(places, at.part(start, count));
        }
    }
}

/// Stores as many of the block's elements as there are in `to`.
#[inline(always)]
fn store<T: Copy>(block: [T; BLOCK], to: Out<'_, T>) {
    if to.len() == BLOCK {
        for (l, value) in block.iter().enumerate() {
            to.set(l, *value);
        }
    } else {
        for (l, value) in block.iter().enumerate().take(to.len()) {
            to.set(l, *value);
        }
    }
}

/// Gradient of a maximum pool: each element of `grad` is added where its maximum lay. `grad_input`
/// is `[lead..., spatial...]` with `rank` spatial dims; `indices` are positions in its planes.
pub fn max_pool_backward(
    grad_input: ViewMut<'_>,
    grad: View<'_>,
    indices: View<'_>,
    rank: usize,
) -> Result<()> {
    let lead = grad_input.rank().saturating_sub(rank);
    let planes: usize = grad_input.dims()[..lead].iter().product();
    let from: usize = grad_input.dims()[lead..].iter().product();
    let to = grad.numel() / planes.max(1);
    let fits = indices.dims() == grad.dims() && grad.numel() == planes * to;
    ensure!(fits, Runtime, "internal error: max_pool_backward of {:?}", grad.dims());
    let (g, at) = (Input::new(grad)?, Input::cast(indices, DType::I64)?);
    let places = at.values::<i64>();
    check_places(places, from)?;
    let gx = Output::cast(grad_input, g.dtype())?;
    dispatch!("max_pool_backward", g.dtype(), [real], T => {
        let (g, gx) = (g.values::<T>(), gx.values::<T>());
        parallel_chunks(planes, rows_per_task(from + to), &|first, last| {
            for p in first..last {
                let gx = gx.part(p * from, from);
                gx.fill(T::default());
                let (places, g) = (places.part(p * to, to), g.part(p * to, to));
                for i in 0..to {
                    let at = places.at(i) as usize;
                    gx.set(at, gx.at(at) + g.at(i));
                }
            }
        });
    });
    gx.finish()
}

/// Fails where a position is not one of `count`.
fn check_places(places: In<'_, i64>, count: usize) -> Result<()> {
    let astray = AtomicUsize::new(usize::MAX);
    parallel_chunks(places.len(), PLACES, &|first, last| {
        let part = places.part(first, last - first);
        // SAFETY: the array is bounds-checked.
        if unsafe { any_outside(part, count as u64) } {
            let outside = |i: &usize| places.at(*i) as u64 >= count as u64;
            let at = (first..last).find(outside).unwrap_or(first);
            astray.fetch_min(at, atomic::Ordering::Relaxed);
        }
    });
    let astray = astray.into_inner();
    ensure!(
        astray == usize::MAX,
        Index,
        "max_pool_backward: index {} is out of range [0, {count})",
        places.at(astray)
    );
    Ok(())
}

/// Positions a task checks.
const PLACES: usize = 32 * 1024;

simd! {
    unsafe fn any_outside(places: In<'_, i64>, count: u64) -> bool {
        let mut outside = false;
        for i in 0..places.len() {
            outside |= places.at(i) as u64 >= count;
        }
        outside
    }
}
