//! Vector norms and the logarithm of a sum of exponentials.

use super::fold::Fold;
use super::reduce;
use crate::arch::simd;
use crate::math::{Field, Real};
use crate::{View, ViewMut};
use base::{Complex32, Complex64, DType, Result, bail};
use std::marker::PhantomData;

/// `(sum of |x|^p)^(1/p)`, with its limits: how many are non-zero for 0, the largest |x| for
/// infinity, the smallest for minus infinity. Complex input gives its real part's type.
pub fn norm(out: ViewMut<'_>, x: View<'_>, mask: &[bool], p: f64) -> Result<()> {
    let order = match p {
        0.0 => Order::Count,
        1.0 => Order::Sum,
        2.0 => Order::Square,
        f64::INFINITY => Order::Largest,
        f64::NEG_INFINITY => Order::Smallest,
        p => Order::Power(p),
    };
    match x.dtype().compute() {
        DType::F32 => reduce(Norm::<f32> { order, element: PhantomData }, out, x, mask),
        DType::F64 => reduce(Norm::<f64> { order, element: PhantomData }, out, x, mask),
        DType::C64 => reduce(Norm::<Complex32> { order, element: PhantomData }, out, x, mask),
        DType::C128 => reduce(Norm::<Complex64> { order, element: PhantomData }, out, x, mask),
        other => bail!(
            Runtime,
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got {}",
            other.type_name()
        ),
    }
}

#[derive(Clone, Copy)]
enum Order {
    Count,
    Sum,
    Square,
    Largest,
    Smallest,
    Power(f64),
}

/// A lane's work for one element, in f64.
type Step = fn(f64, f64, f64) -> f64;

#[derive(Clone, Copy)]
struct Norm<T> {
    order: Order,
    element: PhantomData<T>,
}

impl<T: Field> Fold for Norm<T> {
    type In = T;
    type State = f64;
    type Out = T::Part;

    fn start(&self) -> f64 {
        if matches!(self.order, Order::Smallest) { f64::INFINITY } else { 0.0 }
    }

    fn merge(&self, a: f64, b: f64) -> f64 {
        match self.order {
            Order::Largest => largest(a, b, 0.0),
            Order::Smallest => smallest(a, b, 0.0),
            _ => a + b,
        }
    }

    fn finish(&self, state: f64, _: usize) -> T::Part {
        Real::from_f64(match self.order {
            Order::Square => state.sqrt(),
            Order::Power(p) => state.powf(1.0 / p),
            _ => state,
        })
    }

    unsafe fn run(&self, x: *const T, n: usize) -> f64 {
        let start = self.start();
        // SAFETY: the caller's promise.
        unsafe {
            match self.order {
                Order::Count => norm_run::<T, Count>(x, n, start, 0.0),
                Order::Sum => norm_run::<T, Sum>(x, n, start, 0.0),
                Order::Square => norm_run::<T, Square>(x, n, start, 0.0),
                Order::Largest => norm_run::<T, Largest>(x, n, start, 0.0),
                Order::Smallest => norm_run::<T, Smallest>(x, n, start, 0.0),
                Order::Power(p) => norm_run::<T, Power>(x, n, start, p),
            }
        }
    }

    unsafe fn columns(&self, states: *mut f64, x: *const T, n: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            match self.order {
                Order::Count => norm_columns::<T, Count>(states, x, n, 0.0),
                Order::Sum => norm_columns::<T, Sum>(states, x, n, 0.0),
                Order::Square => norm_columns::<T, Square>(states, x, n, 0.0),
                Order::Largest => norm_columns::<T, Largest>(states, x, n, 0.0),
                Order::Smallest => norm_columns::<T, Smallest>(states, x, n, 0.0),
                Order::Power(p) => norm_columns::<T, Power>(states, x, n, p),
            }
        }
    }
}

#[inline(always)]
fn largest(a: f64, b: f64, _: f64) -> f64 {
    if a > b || a.is_nan() { a } else { b }
}

#[inline(always)]
fn smallest(a: f64, b: f64, _: f64) -> f64 {
    if a < b || a.is_nan() { a } else { b }
}

/// What a norm does with a magnitude.
trait Measure {
    fn add(state: f64, magnitude: f64, p: f64) -> f64;
    fn join(a: f64, b: f64) -> f64 {
        a + b
    }
}

macro_rules! measure {
    ($($name:ident: |$s:ident, $a:ident, $p:ident| $body:expr $(, join: $join:expr)?;)*) => {$(
        struct $name;
        impl Measure for $name {
            #[inline(always)]
            fn add($s: f64, $a: f64, $p: f64) -> f64 { $body }
            $(#[inline(always)]
            fn join(a: f64, b: f64) -> f64 { let join: Step = $join; join(a, b, 0.0) })?
        }
    )*};
}
measure! {
    Count: |s, a, _p| s + if a == 0.0 { 0.0 } else { 1.0 };
    Sum: |s, a, _p| s + a;
    Square: |s, a, _p| a.mul_add(a, s);
    Largest: |s, a, _p| largest(s, a, 0.0), join: largest;
    Smallest: |s, a, _p| smallest(s, a, 0.0), join: smallest;
    Power: |s, a, p| s + a.powf(p);
}

simd! {
    unsafe fn norm_run[T: Field, M: Measure](x: *const T, n: usize, start: f64, p: f64) -> f64 {
        const LANES: usize = 32;
        // SAFETY: the caller gives `n` elements.
        let x = unsafe { std::slice::from_raw_parts(x, n) };
        let mut lanes = [start; LANES];
        let (whole, rest) = x.as_chunks::<LANES>();
        for chunk in whole {
            for i in 0..LANES {
                lanes[i] = M::add(lanes[i], chunk[i].magnitude().to_f64(), p);
            }
        }
        for (lane, x) in lanes.iter_mut().zip(rest) {
            *lane = M::add(*lane, x.magnitude().to_f64(), p);
        }
        lanes.into_iter().fold(start, M::join)
    }
}

simd! {
    unsafe fn norm_columns[T: Field, M: Measure](states: *mut f64, x: *const T, n: usize, p: f64) {
        // SAFETY: the caller gives `n` states and elements, apart from each other.
        let (states, x) = unsafe {
            (std::slice::from_raw_parts_mut(states, n), std::slice::from_raw_parts(x, n))
        };
        for (state, x) in states.iter_mut().zip(x) {
            *state = M::add(*state, x.magnitude().to_f64(), p);
        }
    }
}

/// `ln(sum of exp(x))`, without overflow; minus infinity of nothing.
pub fn logsumexp(out: ViewMut<'_>, x: View<'_>, mask: &[bool]) -> Result<()> {
    match out.dtype().compute() {
        DType::F32 => reduce(LogSumExp::<f32>(PhantomData), out, x, mask),
        DType::F64 => reduce(LogSumExp::<f64>(PhantomData), out, x, mask),
        other => {
            bail!(NotImplemented, "\"logsumexp\" not implemented for '{}'", other.type_name())
        }
    }
}

/// The largest element so far and the sum of exponentials relative to it.
#[derive(Clone, Copy)]
struct Scaled {
    top: f64,
    sum: f64,
}

impl Scaled {
    const NONE: Scaled = Scaled { top: f64::NEG_INFINITY, sum: 0.0 };

    fn merge(self, other: Scaled) -> Scaled {
        let top = largest(self.top, other.top, 0.0);
        let part = |s: Scaled| if s.top == top { s.sum } else { s.sum * (s.top - top).exp() };
        Scaled { top, sum: part(self) + part(other) }
    }
}

#[derive(Clone, Copy)]
struct LogSumExp<T>(PhantomData<T>);

impl<T: Real> Fold for LogSumExp<T> {
    type In = T;
    type State = Scaled;
    type Out = T;

    fn start(&self) -> Scaled {
        Scaled::NONE
    }

    fn merge(&self, a: Scaled, b: Scaled) -> Scaled {
        a.merge(b)
    }

    fn finish(&self, state: Scaled, _: usize) -> T {
        T::from_f64(state.top + state.sum.ln())
    }

    unsafe fn run(&self, x: *const T, n: usize) -> Scaled {
        // SAFETY: the caller's promise.
        unsafe { scaled_run::<T>(x, n) }
    }

    unsafe fn columns(&self, states: *mut Scaled, x: *const T, n: usize) {
        for i in 0..n {
            // SAFETY: the caller gives `n` states and elements.
            let (state, x) = unsafe { (&mut *states.add(i), (*x.add(i)).to_f64()) };
            *state =
                state.merge(Scaled { top: x, sum: if x == f64::NEG_INFINITY { 0.0 } else { 1.0 } });
        }
    }
}

simd! {
    unsafe fn scaled_run[T: Real](x: *const T, n: usize) -> Scaled {
        const LANES: usize = 32;
        // SAFETY: the caller gives `n` elements.
        let x = unsafe { std::slice::from_raw_parts(x, n) };
        let (whole, rest) = x.as_chunks::<LANES>();
        let mut tops = [T::LOWEST; LANES];
        for chunk in whole {
            for i in 0..LANES {
                tops[i] = tops[i].maximum(chunk[i]);
            }
        }
        for (top, x) in tops.iter_mut().zip(rest) {
            *top = top.maximum(*x);
        }
        let top = tops.into_iter().fold(T::LOWEST, T::maximum);
        // Infinite elements are their own sum; differences from them would be NaN.
        if Field::is_inf(top) {
            let infinite = x.iter().filter(|&&x| x == top).count();
            let sum = if top > T::ZERO { infinite as f64 } else { 0.0 };
            return Scaled { top: top.to_f64(), sum };
        }
        let mut sums = [0.0f64; LANES];
        for chunk in whole {
            for i in 0..LANES {
                sums[i] += Field::exp(chunk[i] - top).to_f64();
            }
        }
        for (sum, x) in sums.iter_mut().zip(rest) {
            *sum += Field::exp(*x - top).to_f64();
        }
        Scaled { top: top.to_f64(), sum: sums.iter().sum() }
    }
}
