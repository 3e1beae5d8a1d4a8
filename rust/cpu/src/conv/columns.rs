//! The window matrix: row (channel, tap), column output position. Gathering fills a block of it
//! from the input, scattering adds a block to the input's gradient.

use super::Plan;
use crate::arch::simd;
use crate::float::Float;
use crate::stage::{In, Out};

/// Columns of a block that lie in one row of the output's last dim, for one tap.
#[derive(Clone, Copy)]
struct Run {
    /// The run in the block, and its part that meets the input.
    start: usize,
    len: usize,
    inside: usize,
    inside_len: usize,
    /// Input position of the first column inside.
    from: usize,
}

impl Plan {
    /// The runs of columns `first..last` for tap `tap`; every channel has the same.
    fn runs(&self, tap: usize, first: usize, last: usize, runs: &mut Vec<Run>) {
        let [_, kh, kw] = self.kernel;
        let taps = [tap / (kh * kw), tap / kw % kh, tap % kw];
        let inside = |d: usize, o: usize| {
            let at = o * self.stride[d] + taps[d] * self.dilation[d];
            (at >= self.padding[d] && at - self.padding[d] < self.input[d])
                .then(|| at - self.padding[d])
        };
        let (step, pad, offset) = (self.stride[2], self.padding[2], taps[2] * self.dilation[2]);
        // Columns low..high of an output row lie inside the input's row.
        let low = pad.saturating_sub(offset).div_ceil(step);
        let high = (self.input[2] + pad).saturating_sub(offset).div_ceil(step).min(self.output[2]);
        let (height, width) = (self.output[1], self.output[2]);
        runs.clear();
        let mut column = first;
        while column < last {
            let (row, w) = (column / width, column % width);
            let len = (width - w).min(last - column);
            let rows = inside(0, row / height).zip(inside(1, row % height));
            let (from_w, to_w) = (low.max(w), high.min(w + len));
            let start = column - first;
            let mut run = Run { start, len, inside: start, inside_len: 0, from: 0 };
            if let Some((d, h)) = rows.filter(|_| from_w < to_w) {
                run.inside = start + from_w - w;
                run.inside_len = to_w - from_w;
                run.from = (d * self.input[1] + h) * self.input[2] + from_w * step + offset - pad;
            }
            runs.push(run);
            column += len;
        }
    }
}

simd! {
    /// Fills `to [channels * taps, last - first]` with columns `first..last` of the windows of `x`,
    /// `[channels, positions]`.
    pub(super) unsafe fn gather[T: Float](
        plan: &Plan, x: In<'_, T>, first: usize, last: usize, to: Out<'_, T>
    ) {
        let (positions, taps, width) = (plan.input_len(), plan.taps(), last - first);
        let step = plan.stride[2];
        let mut runs = Vec::new();
        for tap in 0..taps {
            plan.runs(tap, first, last, &mut runs);
            for channel in 0..to.len() / (taps * width) {
                let x = x.part(channel * positions, positions);
                let to = to.part((channel * taps + tap) * width, width);
                for run in &runs {
                    let end = run.inside + run.inside_len;
                    to.part(run.start, run.inside - run.start).fill(T::ZERO);
                    to.part(end, run.start + run.len - end).fill(T::ZERO);
                    let to = to.part(run.inside, run.inside_len);
                    if step == 1 {
                        let x = x.part(run.from, run.inside_len);
                        for i in 0..x.len() {
                            to.set(i, x.at(i));
                        }
                    } else {
                        for i in 0..to.len() {
                            to.set(i, x.at(run.from + i * step));
                        }
                    }
                }
            }
        }
    }
}

simd! {
    /// Adds columns `first..last`, `from [channels * taps, last - first]`, to the windows' places
    /// in `x`, `[channels, positions]`.
    pub(super) unsafe fn scatter[T: Float](
        plan: &Plan, from: In<'_, T>, first: usize, last: usize, x: Out<'_, T>
    ) {
        let (positions, taps, width) = (plan.input_len(), plan.taps(), last - first);
        let step = plan.stride[2];
        let mut runs = Vec::new();
        for tap in 0..taps {
            plan.runs(tap, first, last, &mut runs);
            for channel in 0..from.len() / (taps * width) {
                let x = x.part(channel * positions, positions);
                let from = from.part((channel * taps + tap) * width, width);
                for run in &runs {
                    let from = from.part(run.inside, run.inside_len);
                    if step == 1 {
                        let x = x.part(run.from, run.inside_len);
                        for i in 0..x.len() {
                            x.set(i, x.at(i) + from.at(i));
                        }
                    } else {
                        for i in 0..from.len() {
                            let at = run.from + i * step;
                            x.set(at, x.at(at) + from.at(i));
                        }
                    }
                }
            }
        }
    }
}
