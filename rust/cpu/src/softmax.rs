//! Softmax and log-softmax along one dimension, with their gradients.
//!
//! Operands are seen as `[outer, n, inner]`. With `inner` 1 a row is contiguous; otherwise a strip
//! of columns is worked on together, so both cases run along memory.

use crate::arch::simd;
use crate::dispatch::dispatch;
use crate::float::{Float, fold, rows_per_task, sum};
use crate::stage::{In, Input, Out, Output};
use crate::{View, ViewMut, parallel_chunks};
use base::{Result, ensure};

/// Columns of a strip.
const STRIP: usize = 64;

/// Softmax, or its logarithm.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    Log,
}

/// `out = exp(x) / sum(exp(x))` along `dim`; f16 and bf16 compute in f32.
pub fn softmax(out: ViewMut<'_>, x: View<'_>, dim: usize) -> Result<()> {
    forward(out, x, dim, Form::Plain)
}

/// `out = x - log(sum(exp(x)))` along `dim`.
pub fn log_softmax(out: ViewMut<'_>, x: View<'_>, dim: usize) -> Result<()> {
    forward(out, x, dim, Form::Log)
}

/// Gradient of [`softmax`] from the output's gradient and the output.
pub fn softmax_backward(
    grad_input: ViewMut<'_>,
    grad: View<'_>,
    output: View<'_>,
    dim: usize,
) -> Result<()> {
    backward(grad_input, grad, output, dim, Form::Plain)
}

/// Gradient of [`log_softmax`] from the output's gradient and the output.
pub fn log_softmax_backward(
    grad_input: ViewMut<'_>,
    grad: View<'_>,
    output: View<'_>,
    dim: usize,
) -> Result<()> {
    backward(grad_input, grad, output, dim, Form::Log)
}

/// Sizes before, at and after `dim`; a 0-d tensor is one row of one element.
fn split(dims: &[usize], dim: usize) -> [usize; 3] {
    match dims.get(dim) {
        None => [1, 1, 1],
        Some(&n) => [dims[..dim].iter().product(), n, dims[dim + 1..].iter().product()],
    }
}

fn forward(out: ViewMut<'_>, x: View<'_>, dim: usize, form: Form) -> Result<()> {
    ensure!(out.dims() == x.dims(), Runtime, "internal error: softmax changes the shape");
    let [outer, n, inner] = split(x.dims(), dim);
    let (x, y) = (Input::new(x)?, Output::new(out)?);
    if outer * n * inner > 0 {
        dispatch!("softmax", x.dtype(), [float], T => {
            let (from, to) = (x.values::<T>(), y.values::<T>());
            each_strip(outer, n, inner, &|start, width| {
                let len = (n - 1) * inner + width;
                let (from, to) = (from.part(start, len), to.part(start, len));
                // SAFETY: the arrays are bounds-checked.
                unsafe {
                    if inner == 1 {
                        row(from, to, form);
                    } else {
                        strip(from, to, n, inner, width, form);
                    }
                }
            });
        });
    }
    y.finish()
}

fn backward(
    grad_input: ViewMut<'_>,
    grad: View<'_>,
    output: View<'_>,
    dim: usize,
    form: Form,
) -> Result<()> {
    let same = grad.dims() == output.dims() && grad_input.dims() == output.dims();
    ensure!(same, Runtime, "internal error: softmax_backward changes the shape");
    let [outer, n, inner] = split(output.dims(), dim);
    let (g, y, gx) = (Input::new(grad)?, Input::new(output)?, Output::new(grad_input)?);
    if outer * n * inner > 0 {
        dispatch!("softmax_backward", y.dtype(), [float], T => {
            let (g, y, gx) = (g.values::<T>(), y.values::<T>(), gx.values::<T>());
            each_strip(outer, n, inner, &|start, width| {
                let len = (n - 1) * inner + width;
                let (g, y) = (g.part(start, len), y.part(start, len));
                // SAFETY: the arrays are bounds-checked.
                unsafe {
                    if inner == 1 {
                        row_backward(g, y, gx.part(start, len), form);
                    } else {
                        strip_backward(g, y, gx.part(start, len), n, inner, width, form);
                    }
                }
            });
        });
    }
    gx.finish()
}

/// Calls `f(start, width)` for every row (`inner` 1) or strip of columns, in parallel.
fn each_strip(outer: usize, n: usize, inner: usize, f: &(dyn Fn(usize, usize) + Sync)) {
    let strips = inner.div_ceil(STRIP);
    let width = if inner == 1 { 1 } else { STRIP.min(inner) };
    parallel_chunks(outer * strips, rows_per_task(n * width), &|first, last| {
        for at in first..last {
            let (o, column) = (at / strips, at % strips * STRIP);
            f(o * n * inner + column, STRIP.min(inner - column));
        }
    });
}

simd! {
    unsafe fn row[T: Float](x: In<'_, T>, y: Out<'_, T>, form: Form) {
        let n = x.len();
        assert!(y.len() == n);
        let max = fold([x], T::NEG_INFINITY, |m, [v]| m.larger(v), T::larger);
        if form == Form::Plain {
            for i in 0..n {
                y.set(i, (x.at(i) - max).exp());
            }
            let scale = T::of(1.0 / sum([y.read()], |[v]| v));
            for i in 0..n {
                y.set(i, y.at(i) * scale);
            }
        } else {
            let log = T::of(sum([x], |[v]| (v - max).exp())).ln();
            for i in 0..n {
                y.set(i, x.at(i) - max - log);
            }
        }
    }
}

simd! {
    unsafe fn strip[T: Float](
        x: In<'_, T>, y: Out<'_, T>, n: usize, inner: usize, width: usize, form: Form
    ) {
        let mut max = [T::NEG_INFINITY; STRIP];
        let mut sums = [T::ZERO; STRIP];
        let (max, sums) = (&mut max[..width], &mut sums[..width]);
        for d in 0..n {
            let x = x.part(d * inner, width);
            for (j, max) in max.iter_mut().enumerate() {
                *max = max.larger(x.at(j));
            }
        }
        for d in 0..n {
            let (x, y) = (x.part(d * inner, width), y.part(d * inner, width));
            for j in 0..width {
                let e = (x.at(j) - max[j]).exp();
                sums[j] += e;
                if form == Form::Plain {
                    y.set(j, e);
                }
            }
        }
        for sum in &mut *sums {
            *sum = if form == Form::Plain { T::ONE / *sum } else { sum.ln() };
        }
        for d in 0..n {
            let (x, y) = (x.part(d * inner, width), y.part(d * inner, width));
            for j in 0..width {
                let value = match form {
                    Form::Plain => y.at(j) * sums[j],
                    Form::Log => x.at(j) - max[j] - sums[j],
                };
                y.set(j, value);
            }
        }
    }
}

/// Gradient of one element, given the sum along its row.
#[inline(always)]
fn gradient<T: Float>(g: T, y: T, total: T, form: Form) -> T {
    match form {
        Form::Plain => y * (g - total),
        Form::Log => g - y.exp() * total,
    }
}

simd! {
    unsafe fn row_backward[T: Float](g: In<'_, T>, y: In<'_, T>, gx: Out<'_, T>, form: Form) {
        let n = g.len();
        assert!(y.len() == n && gx.len() == n);
        let total = T::of(match form {
            Form::Plain => sum([g, y], |[g, y]| g * y),
            Form::Log => sum([g], |[g]| g),
        });
        for i in 0..n {
            gx.set(i, gradient(g.at(i), y.at(i), total, form));
        }
    }
}

simd! {
    unsafe fn strip_backward[T: Float](
        g: In<'_, T>, y: In<'_, T>, gx: Out<'_, T>, n: usize, inner: usize, width: usize, form: Form
    ) {
        let mut totals = [T::ZERO; STRIP];
        let totals = &mut totals[..width];
        for d in 0..n {
            let (g, y) = (g.part(d * inner, width), y.part(d * inner, width));
            for (j, total) in totals.iter_mut().enumerate() {
                *total += if form == Form::Plain { g.at(j) * y.at(j) } else { g.at(j) };
            }
        }
        for d in 0..n {
            let (g, y) = (g.part(d * inner, width), y.part(d * inner, width));
            let gx = gx.part(d * inner, width);
            for (j, total) in totals.iter().enumerate() {
                gx.set(j, gradient(g.at(j), y.at(j), *total, form));
            }
        }
    }
}
