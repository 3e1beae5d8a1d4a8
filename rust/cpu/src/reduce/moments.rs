//! Variance: each run in two passes while it is in cache, runs merged by Chan's formula.

use super::fold::Fold;
use super::{mean, reduce};
use crate::arch::simd;
use crate::math::{Field, Real};
use crate::{View, ViewMut};
use base::{Complex32, Complex64, DType, Result, bail};
use std::marker::PhantomData;

/// Count, mean and sum of squared distances from the mean.
#[derive(Clone, Copy)]
pub(crate) struct Moments {
    count: f64,
    mean: f64,
    square: f64,
}

impl Moments {
    const NONE: Moments = Moments { count: 0.0, mean: 0.0, square: 0.0 };

    #[inline(always)]
    fn merge(self, other: Moments) -> Moments {
        let count = self.count + other.count;
        if self.count == 0.0 || other.count == 0.0 {
            return if self.count == 0.0 { other } else { self };
        }
        let apart = other.mean - self.mean;
        let share = other.count / count;
        Moments {
            count,
            mean: apart.mul_add(share, self.mean),
            square: self.square + other.square + apart * apart * self.count * share,
        }
    }

    fn variance(self, correction: f64) -> f64 {
        self.square / (self.count - correction).max(0.0)
    }
}

/// Which moment a fold results in.
#[derive(Clone, Copy)]
enum Want {
    Variance { correction: f64 },
    Deviation { correction: f64 },
}

#[derive(Clone, Copy)]
struct Welford<T> {
    want: Want,
    element: PhantomData<T>,
}

impl<T: Real> Fold for Welford<T> {
    type In = T;
    type State = Moments;
    type Out = T;

    fn start(&self) -> Moments {
        Moments::NONE
    }

    fn merge(&self, a: Moments, b: Moments) -> Moments {
        a.merge(b)
    }

    fn finish(&self, state: Moments, _: usize) -> T {
        T::from_f64(match self.want {
            Want::Variance { correction } => state.variance(correction),
            Want::Deviation { correction } => state.variance(correction).sqrt(),
        })
    }

    #[inline(always)]
    unsafe fn run(&self, x: *const T, n: usize) -> Moments {
        // SAFETY: the caller's promise.
        unsafe { moments::<T>(x, n) }
    }

    #[inline(always)]
    unsafe fn columns(&self, states: *mut Moments, x: *const T, n: usize) {
        // SAFETY: the caller's promise.
        unsafe { add_row::<T>(states, x, n) }
    }
}

simd! {
    unsafe fn moments[T: Real](x: *const T, n: usize) -> Moments {
        const LANES: usize = 32;
        // SAFETY: the caller gives `n` elements.
        let x = unsafe { std::slice::from_raw_parts(x, n) };
        let (whole, rest) = x.as_chunks::<LANES>();
        let mut sums = [0.0f64; LANES];
        for chunk in whole {
            for i in 0..LANES {
                sums[i] += chunk[i].to_f64();
            }
        }
        for (sum, x) in sums.iter_mut().zip(rest) {
            *sum += x.to_f64();
        }
        let count = n as f64;
        let mean = sums.iter().sum::<f64>() / count;
        let mut squares = [0.0f64; LANES];
        for chunk in whole {
            for i in 0..LANES {
                let d = chunk[i].to_f64() - mean;
                squares[i] += d * d;
            }
        }
        for (square, x) in squares.iter_mut().zip(rest) {
            let d = x.to_f64() - mean;
            *square += d * d;
        }
        Moments { count, mean, square: squares.iter().sum() }
    }
}

simd! {
    unsafe fn add_row[T: Real](states: *mut Moments, x: *const T, n: usize) {
        // SAFETY: the caller gives `n` states and elements, apart from each other.
        let (states, x) = unsafe {
            (std::slice::from_raw_parts_mut(states, n), std::slice::from_raw_parts(x, n))
        };
        let weight = states.first().map_or(1.0, |s| 1.0 / (s.count + 1.0));
        for (state, x) in states.iter_mut().zip(x) {
            let before = x.to_f64() - state.mean;
            state.count += 1.0;
            state.mean += before * weight;
            state.square += before * (x.to_f64() - state.mean);
        }
    }
}

fn moment(want: Want, out: ViewMut<'_>, x: View<'_>, mask: &[bool]) -> Result<()> {
    match x.dtype().compute() {
        DType::F32 => reduce(Welford::<f32> { want, element: PhantomData }, out, x, mask),
        DType::F64 => reduce(Welford::<f64> { want, element: PhantomData }, out, x, mask),
        DType::C64 => complex::<Complex32>(want, out, x, mask),
        DType::C128 => complex::<Complex64>(want, out, x, mask),
        _ => bail!(Runtime, "std and var only support floating point and complex dtypes"),
    }
}

/// A complex variance is the sum of its parts' variances.
fn complex<Z>(want: Want, out: ViewMut<'_>, x: View<'_>, mask: &[bool]) -> Result<()>
where
    Z: Field,
{
    reduce(ComplexWelford::<Z> { want, element: PhantomData }, out, x, mask)
}

#[derive(Clone, Copy)]
struct ComplexWelford<Z> {
    want: Want,
    element: PhantomData<Z>,
}

impl<Z: Field> Fold for ComplexWelford<Z> {
    type In = Z;
    type State = [Moments; 2];
    type Out = Z::Part;

    fn start(&self) -> [Moments; 2] {
        [Moments::NONE; 2]
    }

    fn merge(&self, a: [Moments; 2], b: [Moments; 2]) -> [Moments; 2] {
        [a[0].merge(b[0]), a[1].merge(b[1])]
    }

    fn finish(&self, [re, im]: [Moments; 2], _: usize) -> Z::Part {
        Real::from_f64(match self.want {
            Want::Variance { correction } => re.variance(correction) + im.variance(correction),
            Want::Deviation { correction } => {
                (re.variance(correction) + im.variance(correction)).sqrt()
            }
        })
    }

    unsafe fn run(&self, x: *const Z, n: usize) -> [Moments; 2] {
        let mut state = self.start();
        for i in 0..n {
            // SAFETY: the caller gives `n` elements.
            unsafe { self.columns(&raw mut state, x.add(i), 1) };
        }
        state
    }

    unsafe fn columns(&self, states: *mut [Moments; 2], x: *const Z, n: usize) {
        for i in 0..n {
            // SAFETY: the caller gives `n` states and elements.
            let (state, x) = unsafe { (&mut *states.add(i), *x.add(i)) };
            for (state, part) in state.iter_mut().zip([x.re(), x.im()]) {
                *state = state.merge(Moments { count: 1.0, mean: part.to_f64(), square: 0.0 });
            }
        }
    }
}

/// Variance with `correction` taken off the count in its denominator.
pub fn var(out: ViewMut<'_>, x: View<'_>, mask: &[bool], correction: f64) -> Result<()> {
    moment(Want::Variance { correction }, out, x, mask)
}

/// Square root of [`var`].
pub fn std(out: ViewMut<'_>, x: View<'_>, mask: &[bool], correction: f64) -> Result<()> {
    moment(Want::Deviation { correction }, out, x, mask)
}

/// Variance and mean.
pub fn var_mean(
    out_var: ViewMut<'_>,
    out_mean: ViewMut<'_>,
    x: View<'_>,
    mask: &[bool],
    correction: f64,
) -> Result<()> {
    var(out_var, x, mask, correction)?;
    mean(out_mean, x, mask)
}
