//! Ranges: evenly spaced numbers, computed from the index so that no error adds up.

use crate::stage::Output;
use crate::{Operand, View, ViewMut, copy, parallel_chunks};
use base::{Category, Complex64, DType, Layout, Result, Scalar, ensure};

/// Element `i` becomes `start + i * step`: in int64 for integers, in float64 for floats.
pub fn arange(out: ViewMut<'_>, start: Scalar, step: Scalar) -> Result<()> {
    let integral = [start, step].iter().all(|s| s.category() <= Category::Int);
    if integral && out.dtype().is_integral() {
        let (a, s) = (start.to_i64(), step.to_i64());
        return generate(out, DType::I64, |i| a.wrapping_add(s.wrapping_mul(i as i64)));
    }
    let (a, s) = (start.to_f64(), step.to_f64());
    generate(out, DType::F64, |i| a + i as f64 * s)
}

/// `steps` numbers from `start` to `end`, counted from the nearer end.
pub fn linspace(out: ViewMut<'_>, start: Scalar, end: Scalar) -> Result<()> {
    let steps = out.numel();
    let gaps = steps.saturating_sub(1).max(1) as f64;
    let from_start = |i: usize| i < steps / 2 || steps == 1;
    if out.dtype().is_complex() {
        let (a, b) = (start.to_complex(), end.to_complex());
        let step = (b - a) / gaps;
        return generate(out, DType::C128, |i| {
            let count = |n: usize| Complex64::new(n as f64, 0.0);
            if from_start(i) { a + step * count(i) } else { b - step * count(steps - i - 1) }
        });
    }
    if matches!(out.dtype(), DType::F64) || out.dtype().is_integral() {
        return generate(out, DType::F64, spaced_f64(start.to_f64(), end.to_f64(), steps));
    }
    generate(out, DType::F32, spaced_f32(start.to_f64() as f32, end.to_f64() as f32, steps))
}

/// `base` to the power of evenly spaced exponents.
pub fn logspace(out: ViewMut<'_>, start: Scalar, end: Scalar, base: f64) -> Result<()> {
    let steps = out.numel();
    if out.dtype().is_complex() {
        let (a, b) = (start.to_complex(), end.to_complex());
        let step = (b - a) / steps.saturating_sub(1).max(1) as f64;
        let log = Complex64::new(base, 0.0).ln();
        return generate(out, DType::C128, |i| ((a + step * i as f64) * log).exp());
    }
    let (a, b) = (start.to_f64(), end.to_f64());
    if matches!(out.dtype(), DType::F64) || out.dtype().is_integral() {
        let exponent = spaced_f64(a, b, steps);
        return generate(out, DType::F64, |i| base.powf(exponent(i)));
    }
    let exponent = spaced_f32(a as f32, b as f32, steps);
    generate(out, DType::F32, |i| base.powf(f64::from(exponent(i))) as f32)
}

fn spaced_f64(a: f64, b: f64, steps: usize) -> impl Fn(usize) -> f64 {
    let step = (b - a) / steps.saturating_sub(1).max(1) as f64;
    move |i| {
        if i < steps / 2 || steps == 1 {
            a + step * i as f64
        } else {
            b - step * (steps - i - 1) as f64
        }
    }
}

/// The step is rounded to f32; what is added up is rounded once, as by a fused multiplication and
/// addition, which is a call where the processor it is compiled for lacks one.
fn spaced_f32(a: f32, b: f32, steps: usize) -> impl Fn(usize) -> f32 {
    let step = f64::from((b - a) / steps.saturating_sub(1).max(1) as f32);
    move |i| {
        let sum = if i < steps / 2 || steps == 1 {
            f64::from(a) + step * i as f64
        } else {
            f64::from(b) - step * (steps - i - 1) as f64
        };
        sum as f32
    }
}

/// Row and column numbers of a triangle of a matrix, as the two rows of an int64 output: the lower
/// one (`column - row <= offset`) or the upper one (`column - row >= offset`), row by row.
pub fn triangle(
    out: ViewMut<'_>,
    (rows, columns): (usize, usize),
    offset: i64,
    lower: bool,
) -> Result<()> {
    let count = out.numel() / 2;
    let mut indices = vec![0i64; 2 * count];
    let (first, second) = indices.split_at_mut(count);
    let mut slots = first.iter_mut().zip(second);
    for row in 0..rows as i64 {
        let split = |d: i64| row.saturating_add(offset).saturating_add(d).clamp(0, columns as i64);
        let range = if lower { 0..split(1) } else { split(0)..columns as i64 };
        for column in range {
            if let Some((r, c)) = slots.next() {
                (*r, *c) = (row, column);
            }
        }
    }
    from_ints(out, &indices)
}

/// Writes integers, in row-major order, cast to the output's dtype.
pub fn from_ints(out: ViewMut<'_>, values: &[i64]) -> Result<()> {
    ensure!(values.len() == out.numel(), Runtime, "internal error: {} values", values.len());
    let layout = Layout::contiguous(out.dims());
    // SAFETY: the slice holds one int64 for each element of the contiguous layout, and outlives the
    // view.
    let view = unsafe {
        View::from_raw(values.as_ptr().cast(), DType::I64, &layout.dims, &layout.strides)
    };
    copy(out, Operand::View(view))
}

/// Fills a vector with `f(index)`, cast from `dtype`, the dtype of `T`.
fn generate<T: base::Element>(
    out: ViewMut<'_>,
    dtype: DType,
    f: impl Fn(usize) -> T + Sync,
) -> Result<()> {
    ensure!(T::DTYPE == dtype, Runtime, "internal error: generate() of {dtype}");
    let target = Output::cast(out, dtype)?;
    let values = target.values::<T>();
    parallel_chunks(values.len(), 1 << 14, &|first, last| {
        for i in first..last {
            values.set(i, f(i));
        }
    });
    target.finish()
}
