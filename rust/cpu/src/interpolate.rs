//! Resampling of one to three spatial dims: nearest, linear and cubic, and the gradients.
//!
//! Along each dim an output coordinate reads one, two or four input coordinates with weights; these
//! taps are worked out once per call, in the compute type as PyTorch does, and combined by nested
//! sums.

use crate::arch::simd;
use crate::dispatch::dispatch;
use crate::float::{Float, rows_per_task};
use crate::stage::{In, Input, Out, Output};
use crate::{View, ViewMut, parallel_chunks};
use base::{DType, Result, ensure};

/// How values between input positions are made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Interpolation {
    /// The value at the floor of the source coordinate.
    Nearest,
    /// The value nearest to the centre of the output position.
    NearestExact,
    /// Between two neighbours along each dim.
    Linear {
        /// Corner positions coincide (else corner edges do).
        align_corners: bool,
    },
    /// Through four neighbours along each dim (Keys, a = -0.75).
    Cubic {
        /// Corner positions coincide (else corner edges do).
        align_corners: bool,
    },
}

/// Input coordinates and weights of each output coordinate along one dim, `count` per coordinate.
struct Axis<T> {
    count: usize,
    taps: Vec<(usize, T)>,
}

impl<T: Float> Axis<T> {
    /// The axis of a dim that is not resampled.
    fn single() -> Axis<T> {
        Axis { count: 1, taps: vec![(0, T::ONE)] }
    }

    fn new(mode: Interpolation, input: usize, output: usize, factor: Option<f64>) -> Axis<T> {
        let aligned = matches!(
            mode,
            Interpolation::Linear { align_corners: true }
                | Interpolation::Cubic { align_corners: true }
        );
        let of = |n: usize| T::of(n as f64);
        let scale = match factor {
            _ if aligned && output > 1 => of(input - 1) / of(output - 1),
            _ if aligned => T::ZERO,
            Some(factor) if factor > 0.0 => T::of(1.0 / factor),
            _ => of(input) / of(output),
        };
        let half = T::of(0.5);
        let source = |o: usize| {
            if aligned { scale * of(o) } else { scale * (of(o) + half) - half }
        };
        let last = input.saturating_sub(1);
        let clamp = |at: f64| (at.max(0.0) as usize).min(last);
        let taps = |o: usize| -> Vec<(usize, T)> {
            match mode {
                Interpolation::Nearest => vec![(nearest(o, input, output, factor, 0.0), T::ONE)],
                Interpolation::NearestExact => {
                    vec![(nearest(o, input, output, factor, 0.5), T::ONE)]
                }
                Interpolation::Linear { .. } => {
                    let at = source(o);
                    let at = if at < T::ZERO { T::ZERO } else { at };
                    let low = clamp(at.floor().to_f64());
                    let part = at - of(low);
                    vec![(low, T::ONE - part), ((low + 1).min(last), part)]
                }
                Interpolation::Cubic { .. } => {
                    let (at, weights) = (source(o).floor().to_f64(), source(o) - source(o).floor());
                    let weights = cubic(weights);
                    (0..4).map(|i| (clamp(at - 1.0 + i as f64), weights[i])).collect()
                }
            }
        };
        let count = match mode {
            Interpolation::Nearest | Interpolation::NearestExact => 1,
            Interpolation::Linear { .. } => 2,
            Interpolation::Cubic { .. } => 4,
        };
        Axis { count, taps: (0..output).flat_map(taps).collect() }
    }

    fn len(&self) -> usize {
        self.taps.len() / self.count
    }

    /// A row of the input at the output's coordinates.
    fn stretch(&self, x: In<'_, T>, line: Out<'_, T>) {
        match self.count {
            1 => self.taps.iter().enumerate().for_each(|(o, tap)| line.set(o, x.at(tap.0))),
            2 => self.stretch_by::<2>(x, line),
            _ => self.stretch_by::<4>(x, line),
        }
    }

    fn stretch_by<const N: usize>(&self, x: In<'_, T>, line: Out<'_, T>) {
        for (o, taps) in self.taps.as_chunks::<N>().0.iter().enumerate() {
            line.set(o, taps.iter().fold(T::ZERO, |sum, &(w, weight)| sum + weight * x.at(w)));
        }
    }

    /// Adds the gradient of a stretched row, times a factor, to that of the row.
    fn shrink(&self, g: In<'_, T>, gx: Out<'_, T>, factor: T) {
        match self.count {
            1 => self.shrink_by::<1>(g, gx, factor),
            2 => self.shrink_by::<2>(g, gx, factor),
            _ => self.shrink_by::<4>(g, gx, factor),
        }
    }

    fn shrink_by<const N: usize>(&self, g: In<'_, T>, gx: Out<'_, T>, factor: T) {
        for (o, taps) in self.taps.as_chunks::<N>().0.iter().enumerate() {
            for &(w, weight) in taps {
                gx.set(w, gx.at(w) + factor * weight * g.at(o));
            }
        }
    }

    /// Taps of output coordinate `o`.
    fn at(&self, o: usize) -> &[(usize, T)] {
        &self.taps[o * self.count..(o + 1) * self.count]
    }

    /// The positions and the weights of each tap.
    fn lists(&self) -> Vec<(Vec<usize>, Vec<f64>)> {
        let of = |i: usize| self.taps.iter().skip(i).step_by(self.count);
        (0..self.count)
            .map(|i| (of(i).map(|tap| tap.0).collect(), of(i).map(|tap| tap.1.to_f64()).collect()))
            .collect()
    }
}

/// Where each output coordinate of a dim reads, and with which weights, worked out in float32 or
/// float64: one list of positions and one of weights for each of its taps.
pub fn taps(
    mode: Interpolation,
    sizes: (usize, usize),
    factor: Option<f64>,
    compute: DType,
) -> Vec<(Vec<usize>, Vec<f64>)> {
    match compute {
        DType::F64 => Axis::<f64>::new(mode, sizes.0, sizes.1, factor).lists(),
        _ => Axis::<f32>::new(mode, sizes.0, sizes.1, factor).lists(),
    }
}

/// Source of output position `o`, in f32 for every dtype.
fn nearest(o: usize, input: usize, output: usize, factor: Option<f64>, centre: f32) -> usize {
    let scale = match factor {
        Some(factor) if factor > 0.0 => (1.0 / factor) as f32,
        _ => input as f32 / output as f32,
    };
    (((o as f32 + centre) * scale).floor() as usize).min(input.saturating_sub(1))
}

/// Keys' cubic weights of the four neighbours at distance `t` from the second.
fn cubic<T: Float>(t: T) -> [T; 4] {
    let n = |v: f64| T::of(v);
    let a = n(-0.75);
    let near = |x: T| ((a + n(2.0)) * x - (a + n(3.0))) * x * x + T::ONE;
    let far = |x: T| ((a * x - n(5.0) * a) * x + n(8.0) * a) * x - n(4.0) * a;
    let rest = T::ONE - t;
    [far(t + T::ONE), near(t), near(rest), far(rest + T::ONE)]
}

/// All axes of a call.
struct Plan<T> {
    planes: usize,
    input: [usize; 3],
    axes: [Axis<T>; 3],
}

impl<T: Float> Plan<T> {
    fn new(
        x: &[usize],
        y: &[usize],
        mode: Interpolation,
        factors: &[Option<f64>],
    ) -> Result<Plan<T>> {
        let rank = factors.len();
        let lead = x.len().saturating_sub(rank);
        let fits = (1..=3).contains(&rank)
            && x.len() == y.len()
            && x.len() >= rank
            && x[..lead] == y[..lead]
            && (!x[lead..].contains(&0) || y.contains(&0));
        ensure!(fits, Runtime, "internal error: interpolation of {x:?} to {y:?}");
        let mut plan = Plan {
            planes: x[..lead].iter().product(),
            input: [1; 3],
            axes: [Axis::single(), Axis::single(), Axis::single()],
        };
        for d in 0..rank {
            let at = 3 - rank + d;
            plan.input[at] = x[lead + d];
            plan.axes[at] = Axis::new(mode, x[lead + d], y[lead + d], factors[d]);
        }
        Ok(plan)
    }

    /// Elements of a plane of the input and of the output.
    fn sizes(&self) -> [usize; 2] {
        [self.input.iter().product(), self.axes.iter().map(Axis::len).product()]
    }

    /// Calls `visit(output row, depth taps, height taps)` for each row of a plane of the output.
    fn each_row(&self, mut visit: impl FnMut(usize, &[(usize, T)], &[(usize, T)])) {
        let [depth, height, _] = &self.axes;
        for d in 0..depth.len() {
            for h in 0..height.len() {
                visit(d * height.len() + h, depth.at(d), height.at(h));
            }
        }
    }

    /// Each row of the input that is read is stretched once; rows of the output combine them.
    fn forward(&self, x: In<'_, T>, y: Out<'_, T>, lines: &mut Lines<T>) {
        let [depth, height, width] = self.input;
        let (axis, count) = (&self.axes[2], self.axes[2].len());
        lines.start(depth * height, count);
        self.each_row(|row, depth_taps, height_taps| {
            let y = y.part(row * count, count);
            for (i, &(d, depth_weight)) in depth_taps.iter().enumerate() {
                let plane = if depth_taps.len() == 1 { y } else { lines.plane() };
                for (k, &(h, weight)) in height_taps.iter().enumerate() {
                    let from = d * height + h;
                    let line =
                        lines.get(from, |line| axis.stretch(x.part(from * width, width), line));
                    add_row(plane, line, weight, k == 0);
                }
                if depth_taps.len() > 1 {
                    add_row(y, plane.read(), depth_weight, i == 0);
                }
            }
        });
    }

    fn backward(&self, g: In<'_, T>, gx: Out<'_, T>) {
        let [_, height, width] = self.input;
        let (axis, count) = (&self.axes[2], self.axes[2].len());
        gx.fill(T::ZERO);
        self.each_row(|row, depth_taps, height_taps| {
            for &(d, depth_weight) in depth_taps {
                for &(h, height_weight) in height_taps {
                    let gx = gx.part((d * height + h) * width, width);
                    axis.shrink(g.part(row * count, count), gx, depth_weight * height_weight);
                }
            }
        });
    }
}

/// Rows of the input stretched to the width of the output, as far as they have been asked for.
struct Lines<T> {
    width: usize,
    values: Vec<T>,
    made: Vec<bool>,
}

impl<T: Float> Lines<T> {
    const NEW: Lines<T> = Lines { width: 0, values: vec![], made: vec![] };

    /// None of `rows` lines is made; one more is for the sum over a plane.
    fn start(&mut self, rows: usize, width: usize) {
        self.width = width;
        self.values.resize((rows + 1) * width, T::ZERO);
        self.made.clear();
        self.made.resize(rows, false);
    }

    fn row(&mut self, row: usize) -> Out<'static, T> {
        assert!((row + 1) * self.width <= self.values.len());
        // SAFETY: inside the values, which stay where they are while a plane is worked on.
        unsafe { Out::from_raw(self.values.as_mut_ptr().add(row * self.width), self.width) }
    }

    fn plane(&mut self) -> Out<'static, T> {
        self.row(self.made.len())
    }

    fn get(&mut self, row: usize, make: impl FnOnce(Out<'static, T>)) -> In<'static, T> {
        let line = self.row(row);
        if !std::mem::replace(&mut self.made[row], true) {
            make(line);
        }
        line.read()
    }
}

/// `to += weight * from`, or `to = weight * from`.
fn add_row<T: Float>(to: Out<'_, T>, from: In<'_, T>, weight: T, first: bool) {
    // SAFETY: both are as long, and apart.
    unsafe { weighted::<T>(to, from, weight, first) }
}

simd! {
    unsafe fn weighted[T: Float](to: Out<'_, T>, from: In<'_, T>, weight: T, first: bool) {
        let n = to.len();
        assert!(from.len() == n);
        for i in 0..n {
            let value = weight * from.at(i);
            to.set(i, if first { value } else { to.at(i) + value });
        }
    }
}

/// Resamples the last dims of `x` to those of `out`; one entry of `factors` per spatial dim: the
/// scale factor the user gave, or none where sizes alone decide.
pub fn interpolate(
    out: ViewMut<'_>,
    x: View<'_>,
    mode: Interpolation,
    factors: &[Option<f64>],
) -> Result<()> {
    let (x_dims, y_dims) = (x.dims(), out.dims());
    let input = Input::new(x)?;
    let y = Output::cast(out, input.dtype())?;
    dispatch!("upsample", input.dtype(), [float], T => {
        let plan = Plan::<T>::new(x_dims, y_dims, mode, factors)?;
        let ([from, to], x, y) = (plan.sizes(), input.values::<T>(), y.values::<T>());
        parallel_chunks(plan.planes, rows_per_task(from + to), &|first, last| {
            let mut lines = Lines::NEW;
            for p in first..last {
                plan.forward(x.part(p * from, from), y.part(p * to, to), &mut lines);
            }
        });
    });
    y.finish()
}

/// Gradient of [`interpolate`].
pub fn interpolate_backward(
    grad_input: ViewMut<'_>,
    grad: View<'_>,
    mode: Interpolation,
    factors: &[Option<f64>],
) -> Result<()> {
    let (x_dims, y_dims) = (grad_input.dims(), grad.dims());
    let g = Input::new(grad)?;
    let gx = Output::cast(grad_input, g.dtype())?;
    dispatch!("upsample_backward", g.dtype(), [float], T => {
        let plan = Plan::<T>::new(x_dims, y_dims, mode, factors)?;
        let ([from, to], g, gx) = (plan.sizes(), g.values::<T>(), gx.values::<T>());
        parallel_chunks(plan.planes, rows_per_task(from + to), &|first, last| {
            for p in first..last {
                plan.backward(g.part(p * to, to), gx.part(p * from, from));
            }
        });
    });
    gx.finish()
}
