//! Average pooling, with the divisors PyTorch offers, and its gradient.

use super::{Plan, PoolGeometry, Window};
use crate::dispatch::dispatch;
use crate::float::{Float, rows_per_task};
use crate::stage::{In, Input, Out, Output};
use crate::{View, ViewMut, parallel_chunks};
use base::Result;

/// What the sum of a window is divided by.
#[derive(Clone, Copy, Debug)]
pub enum Divisor {
    /// The window's positions inside the input.
    Inside,
    /// The window's positions, padding included.
    Padded,
    /// This number.
    Fixed(f64),
}

impl Divisor {
    fn of(self, plan: &Plan, windows: [Window; 3]) -> f64 {
        let product = |f: &dyn Fn(usize) -> usize| (0..3).map(f).product::<usize>() as f64;
        match self {
            Divisor::Inside => {
                product(&|d| (windows[d].end - windows[d].start).div_ceil(plan.step[d]))
            }
            Divisor::Padded => product(&|d| windows[d].padded),
            Divisor::Fixed(value) => value,
        }
    }
}

/// `out` = the average of each window; windows are as many as `out`'s dims say.
pub fn avg_pool(
    out: ViewMut<'_>,
    x: View<'_>,
    geometry: &PoolGeometry,
    divisor: Divisor,
) -> Result<()> {
    let plan = Plan::fixed(x.dims(), out.dims(), geometry)?;
    forward(out, x, &plan, divisor)
}

/// Gradient of [`avg_pool`].
pub fn avg_pool_backward(
    grad_input: ViewMut<'_>,
    grad: View<'_>,
    geometry: &PoolGeometry,
    divisor: Divisor,
) -> Result<()> {
    let plan = Plan::fixed(grad_input.dims(), grad.dims(), geometry)?;
    backward(grad_input, grad, &plan, divisor)
}

/// The average of each of `out`'s windows, which cover the last `rank` dims evenly.
pub fn adaptive_avg_pool(out: ViewMut<'_>, x: View<'_>, rank: usize) -> Result<()> {
    let plan = Plan::adaptive(x.dims(), out.dims(), rank)?;
    forward(out, x, &plan, Divisor::Inside)
}

/// Gradient of [`adaptive_avg_pool`].
pub fn adaptive_avg_pool_backward(
    grad_input: ViewMut<'_>,
    grad: View<'_>,
    rank: usize,
) -> Result<()> {
    let plan = Plan::adaptive(grad_input.dims(), grad.dims(), rank)?;
    backward(grad_input, grad, &plan, Divisor::Inside)
}

fn forward(out: ViewMut<'_>, x: View<'_>, plan: &Plan, divisor: Divisor) -> Result<()> {
    let [from, to] = plan.sizes();
    let x = Input::new(x)?;
    let y = Output::cast(out, x.dtype())?;
    dispatch!("avg_pool", x.dtype(), [float], T => {
        let (x, y) = (x.values::<T>(), y.values::<T>());
        parallel_chunks(plan.planes, rows_per_task(from + to), &|first, last| {
            for p in first..last {
                average(plan, x.part(p * from, from), y.part(p * to, to), divisor);
            }
        });
    });
    y.finish()
}

fn average<T: Float>(plan: &Plan, x: In<'_, T>, y: Out<'_, T>, divisor: Divisor) {
    plan.each_output(|o, windows| {
        let mut sum = T::ZERO;
        plan.each_row(windows, |row, w| {
            for i in (w.start..w.end).step_by(plan.step[2]) {
                sum += x.at(row + i);
            }
        });
        y.set(o, sum / T::of(divisor.of(plan, windows)));
    });
}

fn backward(grad_input: ViewMut<'_>, grad: View<'_>, plan: &Plan, divisor: Divisor) -> Result<()> {
    let [from, to] = plan.sizes();
    let g = Input::new(grad)?;
    let gx = Output::cast(grad_input, g.dtype())?;
    dispatch!("avg_pool_backward", g.dtype(), [float], T => {
        let (g, gx) = (g.values::<T>(), gx.values::<T>());
        parallel_chunks(plan.planes, rows_per_task(from + to), &|first, last| {
            for p in first..last {
                spread(plan, g.part(p * to, to), gx.part(p * from, from), divisor);
            }
        });
    });
    gx.finish()
}

fn spread<T: Float>(plan: &Plan, g: In<'_, T>, gx: Out<'_, T>, divisor: Divisor) {
    gx.fill(T::ZERO);
    plan.each_output(|o, windows| {
        let share = g.at(o) / T::of(divisor.of(plan, windows));
        plan.each_row(windows, |row, w| {
            for i in (w.start..w.end).step_by(plan.step[2]) {
                gx.set(row + i, gx.at(row + i) + share);
            }
        });
    });
}
