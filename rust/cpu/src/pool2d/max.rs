//! Maximum pooling: NaN wins, then the first of equal values; positions are saved for the gradient.

use super::{Plan, PoolGeometry};
use crate::dispatch::dispatch;
use crate::float::rows_per_task;
use crate::stage::{In, Input, Out, Output, output_or_none};
use crate::{View, ViewMut, parallel_chunks};
use base::{DType, Element, Result, ensure};

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
                plane(plan, x.part(p * from, from), y.part(p * to, to), at);
            }
        });
    });
    crate::stage::finish_or_none(indices)?;
    y.finish()
}

#[allow(clippy::eq_op)]
fn plane<T: Element + PartialOrd>(
    plan: &Plan,
    x: In<'_, T>,
    y: Out<'_, T>,
    at: Option<Out<'_, i64>>,
) {
    plan.each_output(|o, windows| {
        let [d, h, w] = windows;
        let mut best = (d.start * plan.input[1] + h.start) * plan.input[2] + w.start;
        let mut max = x.at(best);
        plan.each_row(windows, |row, w| {
            for i in (w.start..w.end).step_by(plan.step[2]) {
                let value = x.at(row + i);
                if value > max || value != value {
                    (max, best) = (value, row + i);
                }
            }
        });
        y.set(o, max);
        if let Some(at) = at {
            at.set(o, best as i64);
        }
    });
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
    for i in 0..places.len() {
        let inside = usize::try_from(places.at(i)).is_ok_and(|at| at < from);
        ensure!(
            inside,
            Index,
            "max_pool_backward: index {} is out of range [0, {from})",
            places.at(i)
        );
    }
    let gx = Output::cast(grad_input, g.dtype())?;
    dispatch!("max_pool_backward", g.dtype(), [real], T => {
        let (g, gx) = (g.values::<T>(), gx.values::<T>());
        parallel_chunks(planes, rows_per_task(from + to), &|first, last| {
            for p in first..last {
                let gx = gx.part(p * from, from);
                gx.fill(T::default());
                for i in p * to..(p + 1) * to {
                    let at = places.at(i) as usize;
                    gx.set(at, gx.at(at) + g.at(i));
                }
            }
        });
    });
    gx.finish()
}
