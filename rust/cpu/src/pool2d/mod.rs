//! Pooling over windows in one, two and three dimensions: maximum and average, with fixed or
//! adaptive windows, and their gradients.
//!
//! Views are `[lead..., spatial...]`; every combination of leading indices is a plane of its own.
//! The windows along each dim are worked out once, so one loop serves every kind of pool.

mod average;
mod max;

pub use average::{
    Divisor, adaptive_avg_pool, adaptive_avg_pool_backward, avg_pool, avg_pool_backward,
};
pub use max::{adaptive_max_pool, max_pool, max_pool_backward};

use base::{Dims, Result, ensure};

/// How windows move over the input; one entry per spatial dim.
#[derive(Clone, Debug)]
pub struct PoolGeometry {
    /// Sizes of a window.
    pub kernel: Dims,
    /// Steps between windows.
    pub stride: Dims,
    /// Positions before (and after) the input that windows may reach.
    pub padding: Dims,
    /// Steps between the positions of a window.
    pub dilation: Dims,
}

/// The window of one output coordinate along one dim: `start, start + step, ..` below `end`.
#[derive(Clone, Copy)]
struct Window {
    start: usize,
    end: usize,
    /// Positions counted with padding.
    padded: usize,
}

/// Planes and windows of a pool, with three spatial dims (leading ones of size 1).
struct Plan {
    planes: usize,
    input: [usize; 3],
    windows: [Vec<Window>; 3],
    step: [usize; 3],
}

impl Plan {
    /// Fixed windows; each must reach the input.
    fn fixed(x: &[usize], y: &[usize], geometry: &PoolGeometry) -> Result<Plan> {
        let rank = geometry.kernel.len();
        let lists = [&geometry.stride, &geometry.padding, &geometry.dilation];
        let fits = lists.iter().all(|l| l.len() == rank)
            && geometry.stride.iter().chain(&geometry.dilation).all(|&s| s > 0);
        ensure!(fits, Runtime, "internal error: pooling with {geometry:?}");
        Plan::new(x, y, rank, &geometry.dilation, |d, input, o| {
            let (pad, step) = (geometry.padding[d], geometry.dilation[d]);
            let from = o * geometry.stride[d];
            let to = (from + (geometry.kernel[d] - 1) * step + 1).min(input + 2 * pad);
            let skipped = pad.saturating_sub(from).div_ceil(step) * step;
            Window {
                start: (from + skipped).saturating_sub(pad),
                end: to.saturating_sub(pad).min(input),
                padded: to.saturating_sub(from).div_ceil(step),
            }
        })
    }

    /// Windows that cover the input evenly.
    fn adaptive(x: &[usize], y: &[usize], rank: usize) -> Result<Plan> {
        let (ones, fits) = (Dims::filled(1, rank), y.len() >= rank);
        ensure!(fits, Runtime, "internal error: adaptive pooling to {y:?}");
        let outputs = &y[y.len() - rank..];
        Plan::new(x, y, rank, &ones, |d, input, o| {
            let (start, end) = (o * input / outputs[d], ((o + 1) * input).div_ceil(outputs[d]));
            Window { start, end, padded: end - start }
        })
    }

    fn new(
        x: &[usize],
        y: &[usize],
        rank: usize,
        dilation: &Dims,
        window: impl Fn(usize, usize, usize) -> Window,
    ) -> Result<Plan> {
        let lead = x.len().saturating_sub(rank);
        let fits = (1..=3).contains(&rank)
            && x.len() >= rank
            && y.len() == x.len()
            && x[..lead] == y[..lead];
        ensure!(fits, Runtime, "internal error: pooling of {x:?} to {y:?}");
        let whole = Window { start: 0, end: 1, padded: 1 };
        let mut plan = Plan {
            planes: x[..lead].iter().product(),
            input: [1; 3],
            windows: [const { Vec::new() }; 3].map(|mut v: Vec<Window>| {
                v.push(whole);
                v
            }),
            step: [1; 3],
        };
        let nothing = plan.planes == 0 || y.contains(&0);
        for d in 0..rank {
            let (at, input) = (3 - rank + d, x[lead + d]);
            plan.input[at] = input;
            plan.step[at] = dilation[d];
            let outputs = if nothing { 0 } else { y[lead + d] };
            plan.windows[at] = (0..outputs).map(|o| window(d, input, o)).collect();
            let reach = plan.windows[at].iter().all(|w| w.start < w.end && w.end <= input);
            ensure!(
                reach,
                Runtime,
                "internal error: a pooling window of {x:?} to {y:?} misses the input"
            );
        }
        Ok(plan)
    }

    /// Elements of a plane of the input and of the output.
    fn sizes(&self) -> [usize; 2] {
        [self.input.iter().product(), self.windows.iter().map(Vec::len).product()]
    }

    /// Calls `visit(output position, windows)` for each output position of a plane.
    #[inline(always)]
    fn each_output(&self, mut visit: impl FnMut(usize, [Window; 3])) {
        let mut at = 0;
        for d in &self.windows[0] {
            for h in &self.windows[1] {
                for w in &self.windows[2] {
                    visit(at, [*d, *h, *w]);
                    at += 1;
                }
            }
        }
    }

    /// Calls `visit(input position of a row's first element, the row's window)` for each row of a
    /// window of a plane.
    #[inline(always)]
    fn each_row(&self, [d, h, w]: [Window; 3], mut visit: impl FnMut(usize, Window)) {
        let [_, height, width] = self.input;
        for i in (d.start..d.end).step_by(self.step[0]) {
            for j in (h.start..h.end).step_by(self.step[1]) {
                visit((i * height + j) * width, w);
            }
        }
    }
}
