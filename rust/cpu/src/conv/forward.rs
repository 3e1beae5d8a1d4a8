//! The convolution itself: filters times windows, with the bias as the sum's start.

use super::columns::gather;
use super::{ConvGeometry, Plan};
use crate::dispatch::dispatch;
use crate::float::Float;
use crate::matmul::{Matrix, Product, Start};
use crate::scratch::Scratch;
use crate::stage::{In, Input, Out, Output, input_or_none};
use crate::{View, ViewMut, parallel_chunks};
use base::Result;

/// Elements of the window matrix a task holds.
const WINDOWS: usize = 48 * 1024;
/// Multiply-adds worth a task.
const TASK: usize = 100_000;

/// `out[n, o, ...] = bias[o] + sum over c, taps of x[n, c, ...] * weight[o, c, taps]`; x is
/// `[n, c, spatial...]`, weight `[o, c / groups, taps...]`, with one to three spatial dims.
pub fn conv_forward(
    out: ViewMut<'_>,
    x: View<'_>,
    weight: View<'_>,
    bias: Option<View<'_>>,
    geometry: &ConvGeometry,
) -> Result<()> {
    let plan = Plan::new(x.dims(), weight.dims(), out.dims(), geometry)?;
    let x = Input::new(x)?;
    let dtype = x.dtype();
    let (w, y) = (Input::cast(weight, dtype)?, Output::cast(out, dtype)?);
    let bias = input_or_none(bias, dtype)?;
    dispatch!("convolution", dtype, [float], T => {
        let call = Forward::<T> {
            plan,
            x: x.values(),
            w: w.values(),
            bias: bias.as_ref().map(Input::values),
            y: y.values(),
        };
        call.run();
    });
    y.finish()
}

struct Forward<'a, T> {
    plan: Plan,
    x: In<'a, T>,
    w: In<'a, T>,
    bias: Option<In<'a, T>>,
    y: Out<'a, T>,
}

impl<T: Float> Forward<'_, T> {
    fn run(&self) {
        let plan = &self.plan;
        let block = plan.block(plan.depth(), WINDOWS);
        let blocks = plan.output_len().div_ceil(block.max(1));
        let work = plan.out_channels * plan.depth() * block;
        let tasks = plan.samples * plan.groups * blocks;
        parallel_chunks(tasks, TASK.div_ceil(work.max(1)), &|from, to| {
            for task in from..to {
                let (plane, first) = (task / blocks, task % blocks * block);
                self.block(plane, first, plan.output_len().min(first + block));
            }
        });
    }

    /// Columns `first..last` of sample and group `plane`.
    fn block(&self, plane: usize, first: usize, last: usize) {
        let plan = &self.plan;
        let (channels, depth, width) = (plan.out_channels, plan.depth(), last - first);
        let group = plane % plan.groups;
        let from = plan.in_channels * plan.input_len();
        let x = self.x.part(plane * from, from);
        let pointwise = plan.is_pointwise();
        let mut scratch = Scratch::new::<T>(if pointwise { 0 } else { depth * width });
        let b = if pointwise {
            Matrix { ptr: x.ptr(), row: plan.input_len() as isize, col: 1 }.from(0, first)
        } else {
            // SAFETY: the scratch was made with this many elements; the arrays are bounds-checked.
            unsafe {
                let windows = Out::from_raw(scratch.ptr::<T>(), depth * width);
                gather(plan, x, first, last, windows);
                Matrix { ptr: windows.read().ptr(), row: width as isize, col: 1 }
            }
        };
        let w = self.w.part(group * channels * depth, channels * depth);
        let to = channels * plan.output_len();
        let y = self.y.part(plane * to, to);
        let start = match self.bias {
            None => Start::Zero,
            Some(bias) => {
                let bias = bias.part(group * channels, channels);
                Start::Scaled(T::ONE, Matrix { ptr: bias.ptr(), row: 1, col: 0 })
            }
        };
        let product = Product {
            m: channels,
            n: width,
            k: depth,
            a: Matrix { ptr: w.ptr(), row: depth as isize, col: 1 },
            b,
            c: y.ptr().wrapping_add(first),
            c_row: plan.output_len() as isize,
            alpha: T::ONE,
            start,
        };
        // SAFETY: the parts above are the operands' extents; tasks write disjoint columns of `y`.
        unsafe { product.serial_in_place() }
    }
}
