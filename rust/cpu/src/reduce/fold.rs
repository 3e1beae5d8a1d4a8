//! How elements combine: sums, products, extremes, truth and counts.
//!
//! Sums of f32 are collected in f64, in 32 lanes: conversion costs nothing beside memory, and the
//! result is within one rounding of the exact sum. Other sums are collected in their own type.

use super::reduce;
use crate::arch::simd;
use crate::dispatch::dispatch;
use crate::math::{Number, Ordered};
use crate::{View, ViewMut};
use base::{B8, Category, Complex32, Complex64, DType, Element, Result, bail};
use std::marker::PhantomData;

/// Lanes of a vectorised run.
const LANES: usize = 32;

/// A way to combine elements.
pub(crate) trait Fold: Copy + Send + Sync {
    /// What it reads.
    type In: Element;
    /// What it keeps between runs.
    type State: Copy + Send;
    /// What it results in.
    type Out: Element;

    /// The state of no elements.
    fn start(&self) -> Self::State;
    /// Whether no elements have a result.
    fn allows_empty(&self) -> bool {
        true
    }
    /// The state of two parts.
    fn merge(&self, a: Self::State, b: Self::State) -> Self::State;
    /// The result of `count` elements.
    fn finish(&self, state: Self::State, count: usize) -> Self::Out;

    /// The state of a run.
    ///
    /// # Safety
    /// `x` is valid for `n` elements.
    unsafe fn run(&self, x: *const Self::In, n: usize) -> Self::State;

    /// Adds one element to each of `n` states.
    ///
    /// # Safety
    /// `states` and `x` are valid for `n` elements each and do not overlap.
    unsafe fn columns(&self, states: *mut Self::State, x: *const Self::In, n: usize);

    /// Adds `rows` rows of `n` elements, `down` elements apart, to `n` states: the same as
    /// [`Fold::columns`] row by row.
    ///
    /// # Safety
    /// As there, for each row.
    unsafe fn rows(
        &self,
        states: *mut Self::State,
        x: *const Self::In,
        n: usize,
        (rows, down): (usize, isize),
    ) {
        for row in 0..rows {
            // SAFETY: the caller's promise.
            unsafe { self.columns(states, x.wrapping_offset(row as isize * down), n) }
        }
    }
}

/// A fold that is a binary operation on single elements: the common case, vectorised here.
pub(crate) trait Step: Copy + Send + Sync {
    type In: Element;
    type State: Copy + Send;
    type Out: Element;
    const EMPTY: bool = true;
    fn start() -> Self::State;
    fn step(state: Self::State, x: Self::In) -> Self::State;
    fn merge(a: Self::State, b: Self::State) -> Self::State;
    fn finish(state: Self::State, count: usize) -> Self::Out;
}

impl<S: Step> Fold for S {
    type In = S::In;
    type State = S::State;
    type Out = S::Out;
    #[inline(always)]
    fn start(&self) -> S::State {
        S::start()
    }
    fn allows_empty(&self) -> bool {
        S::EMPTY
    }
    #[inline(always)]
    fn merge(&self, a: S::State, b: S::State) -> S::State {
        S::merge(a, b)
    }
    fn finish(&self, state: S::State, count: usize) -> S::Out {
        S::finish(state, count)
    }
    #[inline(always)]
    unsafe fn run(&self, x: *const S::In, n: usize) -> S::State {
        // SAFETY: the caller's promise.
        unsafe { fold_run::<S>(x, n) }
    }
    #[inline(always)]
    unsafe fn columns(&self, states: *mut S::State, x: *const S::In, n: usize) {
        // SAFETY: the caller's promise.
        unsafe { fold_rows::<S>(states, x, n, 1, 0) }
    }
    unsafe fn rows(
        &self,
        states: *mut S::State,
        x: *const S::In,
        n: usize,
        (rows, down): (usize, isize),
    ) {
        // SAFETY: the caller's promise.
        unsafe { fold_rows::<S>(states, x, n, rows, down) }
    }
}

simd! {
    unsafe fn fold_run[S: Step](x: *const S::In, n: usize) -> S::State {
        // SAFETY: the caller gives `n` elements.
        let x = unsafe { std::slice::from_raw_parts(x, n) };
        if n < LANES {
            return x.iter().fold(S::start(), |state, &x| S::step(state, x));
        }
        let mut lanes = [S::start(); LANES];
        let (whole, rest) = x.as_chunks::<LANES>();
        for chunk in whole {
            for i in 0..LANES {
                lanes[i] = S::step(lanes[i], chunk[i]);
            }
        }
        for (lane, &x) in lanes.iter_mut().zip(rest) {
            *lane = S::step(*lane, x);
        }
        // Without a look into the sums below, the compiler keeps the lanes in whole registers.
        let mut sums = std::hint::black_box(lanes);
        let mut half = LANES / 2;
        while half > 0 {
            for i in 0..half {
                sums[i] = S::merge(sums[i], sums[i + half]);
            }
            half /= 2;
        }
        sums[0]
    }
}

/// Rows added to a state while it is in a register.
const ROWS: usize = 4;

simd! {
    unsafe fn fold_rows[S: Step](
        states: *mut S::State, x: *const S::In, n: usize, rows: usize, down: isize
    ) {
        // SAFETY: the caller gives `n` states and rows of `n` elements, apart from each other.
        let (states, row) = unsafe {
            let states = std::slice::from_raw_parts_mut(states, n);
            (states, |r: usize| std::slice::from_raw_parts(x.offset(r as isize * down), n))
        };
        let whole = rows / ROWS * ROWS;
        for first in (0..whole).step_by(ROWS) {
            let block: [&[S::In]; ROWS] = std::array::from_fn(|r| row(first + r));
            for (i, state) in states.iter_mut().enumerate() {
                let mut sum = *state;
                for row in block {
                    sum = S::step(sum, row[i]);
                }
                *state = sum;
            }
        }
        for r in whole..rows {
            for (state, &x) in states.iter_mut().zip(row(r)) {
                *state = S::step(*state, x);
            }
        }
    }
}

/// Sum of `T`, collected in `W`.
#[derive(Clone, Copy)]
pub(crate) struct Sum<T, W>(PhantomData<(T, W)>);
/// Sum divided by the count.
#[derive(Clone, Copy)]
pub(crate) struct Mean<T, W>(PhantomData<(T, W)>);
/// Sum, leaving out NaN.
#[derive(Clone, Copy)]
pub(crate) struct NanSum<T, W>(PhantomData<(T, W)>);
/// Product.
#[derive(Clone, Copy)]
pub(crate) struct Prod<T>(PhantomData<T>);
/// Largest.
#[derive(Clone, Copy)]
pub(crate) struct Max<T>(PhantomData<T>);
/// Smallest.
#[derive(Clone, Copy)]
pub(crate) struct Min<T>(PhantomData<T>);

/// Collects sums of `T` with fewer rounding errors.
pub(crate) trait Widen<T>: Number {
    fn widen(x: T) -> Self;
    fn narrow(self) -> T;
    /// Divided by a count.
    fn over(self, count: usize) -> Self;
}

macro_rules! widen {
    ($($from:ty => $to:ty, $part:ty: |$x:ident| $up:expr, |$y:ident| $down:expr;)*) => {$(
        impl Widen<$from> for $to {
            #[inline(always)]
            fn widen($x: $from) -> $to { $up }
            #[inline(always)]
            fn narrow(self) -> $from { let $y = self; $down }
            #[inline(always)]
            fn over(self, count: usize) -> $to { self / (count as $part) }
        }
    )*};
}
widen! {
    f32 => f64, f64: |x| f64::from(x), |y| y as f32;
    f64 => f64, f64: |x| x, |y| y;
    i64 => i64, i64: |x| x, |y| y;
    Complex32 => Complex64, f64: |x| Complex64::new(x.re.into(), x.im.into()),
        |y| Complex32::new(y.re as f32, y.im as f32);
    Complex64 => Complex64, f64: |x| x, |y| y;
}

macro_rules! sum_step {
    ($name:ident, |$x:ident| $keep:expr, |$s:ident, $count:pat_param| $finish:expr) => {
        impl<T: Number, W: Widen<T>> Step for $name<T, W> {
            type In = T;
            type State = W;
            type Out = T;
            #[inline(always)]
            fn start() -> W {
                W::ZERO
            }
            #[inline(always)]
            fn step(state: W, $x: T) -> W {
                W::add(state, W::widen(if $keep { $x } else { T::ZERO }))
            }
            #[inline(always)]
            fn merge(a: W, b: W) -> W {
                W::add(a, b)
            }
            fn finish($s: W, $count: usize) -> T {
                $finish
            }
        }
    };
}
sum_step!(Sum, |x| true, |s, _| s.narrow());
sum_step!(Mean, |x| true, |s, count| s.over(count).narrow());
#[allow(clippy::eq_op)]
const _: () = {
    sum_step!(NanSum, |x| x == x, |s, _| s.narrow());
};

macro_rules! plain_step {
    ($name:ident[$bound:ident], empty: $empty:expr, start: $start:expr, |$a:ident, $b:ident| $body:expr) => {
        impl<T: $bound> Step for $name<T> {
            type In = T;
            type State = T;
            type Out = T;
            const EMPTY: bool = $empty;
            #[inline(always)]
            fn start() -> T {
                $start
            }
            #[inline(always)]
            fn step($a: T, $b: T) -> T {
                $body
            }
            #[inline(always)]
            fn merge($a: T, $b: T) -> T {
                $body
            }
            fn finish(state: T, _: usize) -> T {
                state
            }
        }
    };
}
plain_step!(Prod[Number], empty: true, start: T::ONE, |a, b| T::mul(a, b));
plain_step!(Max[Ordered], empty: false, start: T::LOWEST, |a, b| a.maximum(b));
plain_step!(Min[Ordered], empty: false, start: T::HIGHEST, |a, b| a.minimum(b));

macro_rules! truth_step {
    ($(#[$meta:meta])* $name:ident: $state:ty => $out:ty, $start:expr,
        |$a:ident, $x:ident| $step:expr, |$p:ident, $q:ident| $merge:expr, |$s:ident| $finish:expr) => {
        $(#[$meta])*
        #[derive(Clone, Copy)]
        pub(crate) struct $name;
        impl Step for $name {
            type In = B8;
            type State = $state;
            type Out = $out;
            #[inline(always)]
            fn start() -> $state { $start }
            #[inline(always)]
            fn step($a: $state, $x: B8) -> $state { $step }
            #[inline(always)]
            fn merge($p: $state, $q: $state) -> $state { $merge }
            fn finish($s: $state, _: usize) -> $out { $finish }
        }
    };
}
truth_step!(
    /// Whether any is true.
    Any: u8 => B8, 0, |a, x| a | x.0, |p, q| p | q, |s| (s != 0).into()
);
truth_step!(
    /// Whether all are true.
    All: u8 => B8, 1, |a, x| a & u8::from(x.get()), |p, q| p & q, |s| (s != 0).into()
);
truth_step!(
    /// How many are true.
    Count: i64 => i64, 0, |a, x| a + i64::from(x.get()), |p, q| p + q, |s| s
);

pub(super) fn sum(out: ViewMut<'_>, x: View<'_>, mask: &[bool]) -> Result<()> {
    match out.dtype().compute() {
        DType::F32 => reduce(Sum::<f32, f64>(PhantomData), out, x, mask),
        DType::F64 => reduce(Sum::<f64, f64>(PhantomData), out, x, mask),
        DType::C64 => reduce(Sum::<Complex32, Complex64>(PhantomData), out, x, mask),
        DType::C128 => reduce(Sum::<Complex64, Complex64>(PhantomData), out, x, mask),
        _ => reduce(Sum::<i64, i64>(PhantomData), out, x, mask),
    }
}

pub(super) fn mean(out: ViewMut<'_>, x: View<'_>, mask: &[bool]) -> Result<()> {
    match out.dtype().compute() {
        DType::F32 => reduce(Mean::<f32, f64>(PhantomData), out, x, mask),
        DType::F64 => reduce(Mean::<f64, f64>(PhantomData), out, x, mask),
        DType::C64 => reduce(Mean::<Complex32, Complex64>(PhantomData), out, x, mask),
        DType::C128 => reduce(Mean::<Complex64, Complex64>(PhantomData), out, x, mask),
        other => bail!(Runtime, "internal error: mean into {other}"),
    }
}

pub(super) fn nansum(out: ViewMut<'_>, x: View<'_>, mask: &[bool]) -> Result<()> {
    match out.dtype().compute() {
        DType::F32 => reduce(NanSum::<f32, f64>(PhantomData), out, x, mask),
        DType::F64 => reduce(NanSum::<f64, f64>(PhantomData), out, x, mask),
        d if d.is_integral() => sum(out, x, mask),
        _ => bail!(NotImplemented, "nansum does not support complex inputs"),
    }
}

pub(super) fn prod(out: ViewMut<'_>, x: View<'_>, mask: &[bool]) -> Result<()> {
    match out.dtype().compute() {
        DType::F32 => reduce(Prod::<f32>(PhantomData), out, x, mask),
        DType::F64 => reduce(Prod::<f64>(PhantomData), out, x, mask),
        DType::C64 => reduce(Prod::<Complex32>(PhantomData), out, x, mask),
        DType::C128 => reduce(Prod::<Complex64>(PhantomData), out, x, mask),
        _ => reduce(Prod::<i64>(PhantomData), out, x, mask),
    }
}

/// The dtype extremes are sought in: bool as bytes, 16-bit floats as f32.
fn ordered(dtype: DType) -> DType {
    if dtype.category() == Category::Bool { DType::U8 } else { dtype.compute() }
}

pub(super) fn amax(out: ViewMut<'_>, x: View<'_>, mask: &[bool]) -> Result<()> {
    dispatch!("amax", ordered(x.dtype()), [real], T => {
        reduce(Max::<T>(PhantomData), out, x, mask)
    })
}

pub(super) fn amin(out: ViewMut<'_>, x: View<'_>, mask: &[bool]) -> Result<()> {
    dispatch!("amin", ordered(x.dtype()), [real], T => {
        reduce(Min::<T>(PhantomData), out, x, mask)
    })
}
