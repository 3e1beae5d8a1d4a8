//! The arithmetic of kernels that compute in f32 or f64, written once for both.

use crate::stage::In;
use base::Element;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

/// A real number kernels compute in.
pub(crate) trait Float:
    Element
    + crate::matmul::Multiply
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + PartialOrd
{
    const NEG_INFINITY: Self;
    /// The nearest number to `value`.
    fn of(value: f64) -> Self;
    fn to_f64(self) -> f64;
    fn exp(self) -> Self;
    fn ln(self) -> Self;
    fn tanh(self) -> Self;
    fn sqrt(self) -> Self;
    fn is_nan(self) -> bool;
    fn abs(self) -> Self;
    fn floor(self) -> Self;

    /// The larger number; `self` unless `other` is larger, so NaN in `other` is passed over.
    #[inline(always)]
    fn larger(self, other: Self) -> Self {
        if other > self { other } else { self }
    }

    /// The larger number; NaN if one is NaN.
    #[inline(always)]
    fn max_or_nan(self, other: Self) -> Self {
        if other > self || other.is_nan() { other } else { self }
    }

    /// The logistic function.
    #[inline(always)]
    fn sigmoid(self) -> Self {
        Self::ONE / (Self::ONE + (-self).exp())
    }
}

macro_rules! float {
    ($($t:ty)*) => {$(
        impl Float for $t {
            const NEG_INFINITY: Self = <$t>::NEG_INFINITY;
            #[inline(always)]
            fn of(value: f64) -> Self { value as $t }
            #[inline(always)]
            fn to_f64(self) -> f64 { self.into() }
            #[inline(always)]
            fn exp(self) -> Self { crate::math::Field::exp(self) }
            #[inline(always)]
            fn ln(self) -> Self { crate::math::Field::ln(self) }
            #[inline(always)]
            fn tanh(self) -> Self { crate::math::Field::tanh(self) }
            #[inline(always)]
            fn sqrt(self) -> Self { <$t>::sqrt(self) }
            #[inline(always)]
            fn is_nan(self) -> bool { self != self }
            #[inline(always)]
            fn abs(self) -> Self { <$t>::abs(self) }
            #[inline(always)]
            fn floor(self) -> Self { <$t>::floor(self) }
        }
    )*};
}
float!(f32 f64);

/// Partial results kept side by side, so that folds vectorise.
const LANES: usize = 32;
/// Elements summed in the compute type before they join an f64 sum.
const BLOCK: usize = 4096;

/// Folds `N` arrays of one length in lanes, then joins the lanes in a fixed order.
#[inline(always)]
pub(crate) fn fold<T: Float, const N: usize>(
    arrays: [In<'_, T>; N],
    start: T,
    step: impl Fn(T, [T; N]) -> T,
    join: impl Fn(T, T) -> T,
) -> T {
    let len = arrays[0].len();
    let whole = len / LANES * LANES;
    let mut lanes = [start; LANES];
    let mut i = 0;
    while i < whole {
        let blocks = arrays.map(|x| x.part(i, LANES));
        for (l, lane) in lanes.iter_mut().enumerate() {
            *lane = step(*lane, blocks.map(|x| x.at(l)));
        }
        i += LANES;
    }
    for i in whole..len {
        lanes[i - whole] = step(lanes[i - whole], arrays.map(|x| x.at(i)));
    }
    let mut width = LANES / 2;
    while width > 0 {
        for l in 0..width {
            lanes[l] = join(lanes[l], lanes[l + width]);
        }
        width /= 2;
    }
    lanes[0]
}

/// Sum of `term` over `N` arrays of one length: lanes within blocks, blocks in f64.
#[inline(always)]
pub(crate) fn sum<T: Float, const N: usize>(
    arrays: [In<'_, T>; N],
    term: impl Fn([T; N]) -> T + Copy,
) -> f64 {
    let len = arrays[0].len();
    let mut total = 0.0;
    let mut i = 0;
    while i < len {
        let count = BLOCK.min(len - i);
        let blocks = arrays.map(|x| x.part(i, count));
        total += fold(blocks, T::ZERO, |s, x| s + term(x), |a, b| a + b).to_f64();
        i += count;
    }
    total
}

/// Rows of `width` elements a task takes: some ten thousand elements.
pub(crate) fn rows_per_task(width: usize) -> usize {
    (16 * 1024 / width.max(1)).max(1)
}
