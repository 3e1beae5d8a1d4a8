//! Gradients of a convolution; the input gradient is also the transposed convolution.

use super::columns::{gather, scatter};
use super::{ConvGeometry, Plan};
use crate::dispatch::dispatch;
use crate::float::{Float, sum};
use crate::matmul::{Matrix, Product, Start};
use crate::scratch::Scratch;
use crate::stage::{In, Input, Out, Output, Shared, input_or_none};
use crate::{View, ViewMut, parallel, parallel_chunks};
use base::{Result, ensure};

/// Elements of the window matrix a task holds.
const WINDOWS: usize = 48 * 1024;
/// Elements of partial sums of a filter gradient.
const SUMS: usize = 1 << 20;
/// Tasks aimed at, from sizes alone.
const TASKS: usize = 16;

/// Gradient of `conv_forward` in its input; with a bias (one number per channel of the result), the
/// transposed convolution of `grad`.
pub fn conv_input_gradient(
    grad_input: ViewMut<'_>,
    grad: View<'_>,
    weight: View<'_>,
    bias: Option<View<'_>>,
    geometry: &ConvGeometry,
) -> Result<()> {
    let plan = Plan::new(grad_input.dims(), weight.dims(), grad.dims(), geometry)?;
    let g = Input::new(grad)?;
    let dtype = g.dtype();
    let (w, gx) = (Input::cast(weight, dtype)?, Output::cast(grad_input, dtype)?);
    let bias = input_or_none(bias, dtype)?;
    dispatch!("conv_transpose", dtype, [float], T => {
        let (g, w, gx) = (g.values::<T>(), w.values::<T>(), gx.values::<T>());
        let bias = bias.as_ref().map(Input::values::<T>);
        let turned = Shared::<T>::new(if plan.samples < REUSE { 0 } else { w.len() })?;
        let w = Filters::new(&plan, w, turned.values());
        let planes = plan.samples * plan.groups;
        let channels = channel_block(&plan, planes);
        let blocks = plan.in_channels.div_ceil(channels);
        parallel(planes * blocks, &|task| {
            let (plane, first) = (task / blocks, task % blocks * channels);
            let last = plan.in_channels.min(first + channels);
            input_block(&plan, g, w, (bias, gx), [plane, first, last]);
        });
    });
    gx.finish()
}

/// Samples from which it pays to transpose the filters once.
const REUSE: usize = 8;

/// The filters, transposed, of each group: `[in_channels * taps, out_channels]`.
#[derive(Clone, Copy)]
struct Filters<'a, T> {
    values: In<'a, T>,
    /// Steps between rows and between columns.
    steps: [usize; 2],
}

impl<'a, T: Float> Filters<'a, T> {
    /// `w`, or a copy of it in `room` if there is any: products pack what lies the other way.
    fn new(plan: &Plan, w: In<'a, T>, room: Out<'a, T>) -> Self {
        let (depth, channels) = (plan.depth(), plan.out_channels);
        if room.len() == 0 {
            return Filters { values: w, steps: [1, depth] };
        }
        let chunk = (1 << 14) / channels.clamp(1, 1 << 14);
        parallel_chunks(plan.groups * depth, chunk, &|first, last| {
            for row in first..last {
                let from = row / depth * channels * depth + row % depth;
                for o in 0..channels {
                    room.set(row * channels + o, w.at(from + o * depth));
                }
            }
        });
        Filters { values: room.read(), steps: [channels, 1] }
    }

    /// Those of a group, from a row on.
    fn from(self, plan: &Plan, group: usize, row: usize) -> Matrix<T> {
        let filters = plan.out_channels * plan.depth();
        let [down, across] = self.steps.map(|step| step as isize);
        let ptr = self.values.part(group * filters, filters).ptr();
        Matrix { ptr, row: down, col: across }.from(row, 0)
    }
}

/// Input channels a task takes, so that `planes` times their blocks make enough tasks.
fn channel_block(plan: &Plan, planes: usize) -> usize {
    let blocks = TASKS.div_ceil(planes.max(1)).min(plan.in_channels).max(1);
    plan.in_channels.div_ceil(blocks).max(1)
}

/// Channels `first..last` of sample and group `plane` of the input's gradient.
fn input_block<T: Float>(
    plan: &Plan,
    g: In<'_, T>,
    w: Filters<'_, T>,
    (bias, gx): (Option<In<'_, T>>, Out<'_, T>),
    [plane, first, last]: [usize; 3],
) {
    let (positions, taps, columns) = (plan.input_len(), plan.taps(), plan.output_len());
    let (rows, group) = ((last - first) * taps, plane % plan.groups);
    let gx = gx.part((plane * plan.in_channels + first) * positions, (last - first) * positions);
    for c in 0..last - first {
        let channel = group * plan.in_channels + first + c;
        let start = bias.map_or(T::ZERO, |bias| bias.at(channel));
        gx.part(c * positions, positions).fill(start);
    }
    let g = g.part(plane * plan.out_channels * columns, plan.out_channels * columns);
    let block = plan.block(rows, WINDOWS);
    let mut scratch = Scratch::new::<T>(rows * block);
    for from in (0..columns).step_by(block) {
        let to = columns.min(from + block);
        let width = to - from;
        // SAFETY: the scratch holds rows * block elements; the product's operands are the parts
        // above, and it writes the scratch only.
        unsafe {
            let windows = Out::from_raw(scratch.ptr::<T>(), rows * width);
            let product = Product {
                m: rows,
                n: width,
                k: plan.out_channels,
                a: w.from(plan, group, first * taps),
                b: Matrix { ptr: g.ptr(), row: columns as isize, col: 1 }.from(0, from),
                c: windows.ptr(),
                c_row: width as isize,
                alpha: T::ONE,
                start: Start::Zero,
            };
            product.serial_in_place();
            scatter(plan, windows.read(), from, to, gx);
        }
    }
}

/// Gradient of `conv_forward` in its filters.
pub fn conv_weight_gradient(
    grad_weight: ViewMut<'_>,
    grad: View<'_>,
    x: View<'_>,
    geometry: &ConvGeometry,
) -> Result<()> {
    let plan = Plan::new(x.dims(), grad_weight.dims(), grad.dims(), geometry)?;
    let x = Input::new(x)?;
    let dtype = x.dtype();
    let (g, gw) = (Input::cast(grad, dtype)?, Output::cast(grad_weight, dtype)?);
    dispatch!("convolution_backward", dtype, [float], T => {
        weight_gradient(&plan, [g.values::<T>(), x.values()], gw.values())?;
    });
    gw.finish()
}

/// Samples are shared out in parts, each with its own sum, added in order; input channels only where
/// that gives too few tasks, since each block of them reads all of `g` and makes a narrow product.
fn weight_gradient<T: Float>(plan: &Plan, operands: [In<'_, T>; 2], gw: Out<'_, T>) -> Result<()> {
    let most = (SUMS / gw.len().max(1)).min(plan.samples).max(1);
    let parts = TASKS.div_ceil(plan.groups).min(most);
    let channels = channel_block(plan, parts * plan.groups);
    let blocks = plan.in_channels.div_ceil(channels);
    let samples = plan.samples.div_ceil(parts);
    let sums = Shared::<T>::new(if parts > 1 { parts * gw.len() } else { 0 })?;
    let sums = if parts > 1 { sums.values() } else { gw };
    parallel(parts * plan.groups * blocks, &|task| {
        let (part, rest) = (task / (plan.groups * blocks), task % (plan.groups * blocks));
        let (group, first) = (rest / blocks, rest % blocks * channels);
        let filters = plan.out_channels * plan.depth();
        let target = sums.part(part * gw.len() + group * filters, filters);
        let range = [part * samples, plan.samples.min((part + 1) * samples)];
        let last = plan.in_channels.min(first + channels);
        weight_block(plan, operands, target, [group, first, last], range);
    });
    if parts > 1 {
        parallel_chunks(gw.len(), 1 << 14, &|first, last| {
            for i in first..last {
                let mut total = sums.at(i);
                for part in 1..parts {
                    total += sums.at(part * gw.len() + i);
                }
                gw.set(i, total);
            }
        });
    }
    Ok(())
}

/// Sum over samples `range` of the gradient of group `group` in input channels `first..last`.
fn weight_block<T: Float>(
    plan: &Plan,
    [g, x]: [In<'_, T>; 2],
    gw: Out<'_, T>,
    [group, first, last]: [usize; 3],
    range: [usize; 2],
) {
    let (positions, taps, columns) = (plan.input_len(), plan.taps(), plan.output_len());
    let (rows, depth) = ((last - first) * taps, plan.depth());
    let block = plan.block(rows, WINDOWS);
    let mut scratch = Scratch::new::<T>(rows * block);
    let c =
        Matrix { ptr: gw.ptr().cast_const(), row: depth as isize, col: 1 }.from(0, first * taps);
    let mut start = Start::Zero;
    for sample in range[0]..range[1] {
        let plane = sample * plan.groups + group;
        let x = x.part((plane * plan.in_channels + first) * positions, (last - first) * positions);
        let g = g.part(plane * plan.out_channels * columns, plan.out_channels * columns);
        for from in (0..columns).step_by(block) {
            let to = columns.min(from + block);
            let width = to - from;
            // SAFETY: the scratch holds rows * block elements; the product's operands are the parts
            // above, and it writes this task's own columns of `gw`.
            unsafe {
                let windows = Out::from_raw(scratch.ptr::<T>(), rows * width);
                gather(plan, x, from, to, windows);
                let product = Product {
                    m: plan.out_channels,
                    n: rows,
                    k: width,
                    a: Matrix { ptr: g.ptr(), row: columns as isize, col: 1 }.from(0, from),
                    b: Matrix { ptr: windows.read().ptr(), row: 1, col: width as isize },
                    c: c.ptr.cast_mut(),
                    c_row: c.row,
                    alpha: T::ONE,
                    start,
                };
                product.serial();
            }
            start = Start::Scaled(T::ONE, c);
        }
    }
    if matches!(start, Start::Zero) {
        for o in 0..plan.out_channels {
            gw.part(o * depth + first * taps, rows).fill(T::ZERO);
        }
    }
}

/// Gradient of a bias: the sum of `grad [n, channels, ...]` over samples and positions.
pub fn conv_bias_gradient(grad_bias: ViewMut<'_>, grad: View<'_>) -> Result<()> {
    let dims = grad.dims();
    let fits = dims.len() >= 2 && grad_bias.numel() == dims[1];
    ensure!(fits, Runtime, "internal error: bias gradient of {dims:?}");
    let (samples, channels) = (dims[0], dims[1]);
    let positions: usize = dims[2..].iter().product();
    let g = Input::new(grad)?;
    let gb = Output::cast(grad_bias, g.dtype())?;
    dispatch!("convolution_backward", g.dtype(), [float], T => {
        let (g, gb) = (g.values::<T>(), gb.values::<T>());
        let chunk = (1 << 14) / (samples * positions).clamp(1, 1 << 14);
        parallel_chunks(channels, chunk, &|first, last| {
            for c in first..last {
                let plane = |n: usize| g.part((n * channels + c) * positions, positions);
                let total: f64 = (0..samples).map(|n| sum([plane(n)], |[v]| v)).sum();
                gb.set(c, T::of(total));
            }
        });
    });
    gb.finish()
}
