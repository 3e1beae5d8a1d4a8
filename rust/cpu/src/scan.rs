//! Running sums, products, logarithms of sums of exponentials, and extremes along a dimension.
//!
//! f32 is accumulated in f64, 16-bit floats in f32 via the cast of their lines, integers in int64.

use crate::dispatch::dispatch;
use crate::math::{Field, Number, Ordered, Real};
use crate::room::Room;
use crate::rows::Rows;
use crate::{View, ViewMut};
use base::{Complex32, Complex64, DType, Element, Result, bail, ensure};

/// What a scan keeps from element to element.
trait Running {
    type In: Element;
    type Out: Element;
    fn start() -> Self;
    fn next(&mut self, x: Self::In) -> Self::Out;
}

/// `out[i] = x[0] + ... + x[i]` along `dim`, in `out`'s dtype.
pub fn cumsum(out: ViewMut<'_>, x: View<'_>, dim: usize) -> Result<()> {
    match out.dtype().compute() {
        DType::F32 => scan::<SumF32>(out, x, dim),
        DType::F64 => scan::<Sum<f64>>(out, x, dim),
        DType::C64 => scan::<Sum<Complex32>>(out, x, dim),
        DType::C128 => scan::<Sum<Complex64>>(out, x, dim),
        _ => scan::<Sum<i64>>(out, x, dim),
    }
}

/// `out[i] = x[0] * ... * x[i]` along `dim`, in `out`'s dtype.
pub fn cumprod(out: ViewMut<'_>, x: View<'_>, dim: usize) -> Result<()> {
    match out.dtype().compute() {
        DType::F32 => scan::<ProdF32>(out, x, dim),
        DType::F64 => scan::<Prod<f64>>(out, x, dim),
        DType::C64 => scan::<Prod<Complex32>>(out, x, dim),
        DType::C128 => scan::<Prod<Complex64>>(out, x, dim),
        _ => scan::<Prod<i64>>(out, x, dim),
    }
}

/// `out[i] = ln(exp(x[0]) + ... + exp(x[i]))` along `dim`.
pub fn logcumsumexp(out: ViewMut<'_>, x: View<'_>, dim: usize) -> Result<()> {
    match out.dtype().compute() {
        DType::F32 => scan::<LogSum<f32>>(out, x, dim),
        DType::F64 => scan::<LogSum<f64>>(out, x, dim),
        DType::C64 => scan::<LogSumComplex<Complex32>>(out, x, dim),
        DType::C128 => scan::<LogSumComplex<Complex64>>(out, x, dim),
        other => bail!(
            NotImplemented,
            "\"logcumsumexp_out_cpu\" not implemented for '{}'",
            other.type_name()
        ),
    }
}

/// The largest element so far and its index (int64; the last of equal ones), NaN winning.
pub fn cummax(values: ViewMut<'_>, indices: ViewMut<'_>, x: View<'_>, dim: usize) -> Result<()> {
    extremes("cummax_cpu", values, indices, x, dim, true)
}

/// The smallest element so far and its index (int64; the last of equal ones), NaN winning.
pub fn cummin(values: ViewMut<'_>, indices: ViewMut<'_>, x: View<'_>, dim: usize) -> Result<()> {
    extremes("cummin_cpu", values, indices, x, dim, false)
}

fn scan<R: Running>(out: ViewMut<'_>, x: View<'_>, dim: usize) -> Result<()> {
    ensure!(
        out.dims() == x.dims(),
        Runtime,
        "internal error: scan of {:?} into {:?}",
        x.dims(),
        out.dims()
    );
    if out.numel() == 0 {
        return Ok(());
    }
    let rows = Rows::new([x, out.as_view()], dim)?;
    if rows.lies_across() {
        rows.for_each_band(|band, [x, out]| {
            let mut running: Vec<R> = (0..band).map(|_| R::start()).collect();
            let (mut raw, mut input, mut output) = (Room::new(), Room::<R::In>::new(), Room::new());
            for k in 0..x.len {
                x.across(k, band).read(&mut raw, &mut input);
                let next = running.iter_mut().zip(input.iter()).map(|(r, &x)| r.next(x));
                output.fill(band, next);
                // SAFETY: `out` is a view for writing; each band is visited once.
                unsafe { out.across(k, band).write(&output, &mut raw) };
            }
        });
        return Ok(());
    }
    rows.for_each(
        || (Room::new(), Room::<R::In>::new(), Room::<R::Out>::new()),
        |(raw, input, output), [x, out]| {
            x.read(raw, input);
            let mut running = R::start();
            output.fill(x.len, input.iter().map(|&x| running.next(x)));
            // SAFETY: `out` is a view for writing; each line is visited once.
            unsafe { out.write(output, raw) };
        },
    );
    Ok(())
}

fn extremes(
    name: &str,
    values: ViewMut<'_>,
    indices: ViewMut<'_>,
    x: View<'_>,
    dim: usize,
    largest: bool,
) -> Result<()> {
    ensure!(
        values.dims() == x.dims() && indices.dims() == x.dims() && indices.dtype() == DType::I64,
        Runtime,
        "internal error: running extremes of {:?} into {:?}",
        x.dims(),
        values.dims()
    );
    if values.numel() == 0 {
        return Ok(());
    }
    let rows = Rows::new([x, values.as_view(), indices.as_view()], dim)?;
    let dtype = if x.dtype() == DType::Bool { DType::U8 } else { x.dtype().compute() };
    dispatch!(name, dtype, [real], T => {
        rows.for_each(
            || (Room::new(), Room::<T>::new(), Room::<i64>::new()),
            |(raw, line, at), [x, values, indices]| {
                x.read(raw, line);
                running_extreme(line, at, largest);
                // SAFETY: both are views for writing; each line is visited once.
                unsafe {
                    values.write(line, raw);
                    indices.write(at, raw);
                }
            },
        );
        Ok(())
    })
}

/// Replaces each element by the extreme so far and notes where that stands.
fn running_extreme<T: Ordered>(line: &mut [T], at: &mut Room<i64>, largest: bool) {
    let Some(&first) = line.first() else { return at.reset(0) };
    let (mut best, mut index) = (first, 0);
    let count = line.len();
    at.fill(
        count,
        line.iter_mut().enumerate().map(|(i, x)| {
            let further = if largest { *x >= best } else { *x <= best };
            if x.is_nan() || (!best.is_nan() && further) {
                (best, index) = (*x, i as i64);
            }
            *x = best;
            index
        }),
    );
}

struct Sum<T>(T);
impl<T: Number> Running for Sum<T> {
    type In = T;
    type Out = T;
    fn start() -> Self {
        Sum(T::ZERO)
    }
    #[inline(always)]
    fn next(&mut self, x: T) -> T {
        self.0 = T::add(self.0, x);
        self.0
    }
}

struct SumF32(f64);
impl Running for SumF32 {
    type In = f32;
    type Out = f32;
    fn start() -> Self {
        SumF32(0.0)
    }
    #[inline(always)]
    fn next(&mut self, x: f32) -> f32 {
        self.0 += f64::from(x);
        self.0 as f32
    }
}

struct Prod<T>(T);
impl<T: Number> Running for Prod<T> {
    type In = T;
    type Out = T;
    fn start() -> Self {
        Prod(T::ONE)
    }
    #[inline(always)]
    fn next(&mut self, x: T) -> T {
        self.0 = T::mul(self.0, x);
        self.0
    }
}

struct ProdF32(f64);
impl Running for ProdF32 {
    type In = f32;
    type Out = f32;
    fn start() -> Self {
        ProdF32(1.0)
    }
    #[inline(always)]
    fn next(&mut self, x: f32) -> f32 {
        self.0 *= f64::from(x);
        self.0 as f32
    }
}

struct LogSum<T> {
    log: f64,
    element: std::marker::PhantomData<T>,
}
impl<T: Real> Running for LogSum<T> {
    type In = T;
    type Out = T;
    fn start() -> Self {
        LogSum { log: f64::NEG_INFINITY, element: std::marker::PhantomData }
    }
    #[inline(always)]
    fn next(&mut self, x: T) -> T {
        let x = x.to_f64();
        let (low, high) = (Ordered::minimum(self.log, x), Ordered::maximum(self.log, x));
        // Equal infinities are their own sum: their difference would be NaN.
        self.log = if low == high && high.is_infinite() {
            high
        } else {
            high + (low - high).exp().ln_1p()
        };
        T::from_f64(self.log)
    }
}

struct LogSumComplex<T>(T);
impl<T: Field> Running for LogSumComplex<T> {
    type In = T;
    type Out = T;
    fn start() -> Self {
        LogSumComplex(T::from_parts(<T::Part as Ordered>::LOWEST, T::Part::ZERO))
    }
    #[inline(always)]
    fn next(&mut self, x: T) -> T {
        self.0 = self.0.log_add_exp(x);
        self.0
    }
}
