//! Arithmetic of elements: what a row's closure may call on its values.
//!
//! [`Number`] is every type but bool, [`Ordered`] its real part, [`Integer`] the integers, [`Real`]
//! f32 and f64, [`Field`] these and complex numbers. Integer arithmetic wraps and never traps.
//! Call by path (`Real::tanh(x)`): the inherent methods of f32 of the same names are the scalar
//! ones of the system's library, which do not vectorise.

pub mod bessel;
mod complex;
mod double;
mod integer;
mod number;
mod phase;
mod quantile;
mod single;
pub mod special;
mod wide;

pub use number::{Integer, Number, Ordered};

use base::Element;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// The part of [`Field`] that is the same for both real types.
macro_rules! real_field {
    ($ty:ident) => {
        #[inline(always)]
        fn conj(self) -> $ty {
            self
        }
        #[inline(always)]
        fn sgn(self) -> $ty {
            crate::math::Ordered::sign(self)
        }
        #[inline(always)]
        fn quotient(self, other: $ty) -> $ty {
            self / other
        }
        #[inline(always)]
        fn magnitude(self) -> $ty {
            $ty::abs(self)
        }
        #[inline(always)]
        fn angle(self) -> $ty {
            let angle = if self < 0.0 { std::f64::consts::PI as $ty } else { 0.0 };
            if self.is_nan() { self } else { angle }
        }
        #[inline(always)]
        fn re(self) -> $ty {
            self
        }
        #[inline(always)]
        fn im(self) -> $ty {
            $ty::ZERO
        }
        #[inline(always)]
        fn from_parts(re: $ty, _: $ty) -> $ty {
            re
        }
        #[inline(always)]
        fn is_nan(self) -> bool {
            $ty::is_nan(self)
        }
        #[inline(always)]
        fn is_inf(self) -> bool {
            $ty::is_infinite(self)
        }
        #[inline(always)]
        fn is_finite(self) -> bool {
            $ty::is_finite(self)
        }
    };
}
use real_field;

/// The part of [`Real`] that is the same for both types.
macro_rules! real_real {
    ($ty:ident) => {
        #[inline(always)]
        fn floor(self) -> $ty {
            $ty::floor(self)
        }
        #[inline(always)]
        fn ceil(self) -> $ty {
            $ty::ceil(self)
        }
        #[inline(always)]
        fn round(self) -> $ty {
            $ty::round_ties_even(self)
        }
        #[inline(always)]
        fn trunc(self) -> $ty {
            $ty::trunc(self)
        }
        #[inline(always)]
        fn frac(self) -> $ty {
            self - $ty::trunc(self)
        }
        #[inline]
        fn hypot(self, other: $ty) -> $ty {
            $ty::hypot(self, other)
        }
        #[inline(always)]
        fn mul_add(self, a: $ty, b: $ty) -> $ty {
            $ty::mul_add(self, a, b)
        }
        #[inline(always)]
        fn copysign(self, sign: $ty) -> $ty {
            $ty::copysign(self, sign)
        }
    };
}
use real_real;

macro_rules! unary_methods {
    ($($(#[$meta:meta])* $name:ident)*) => {$(
        $(#[$meta])*
        fn $name(self) -> Self;
    )*};
}

/// Real floating-point numbers. f32 functions vectorise and are within 2.5 units in the last place
/// (those of `special` apart); f64 functions are the system library's.
pub trait Real: Ordered + Field<Part = Self> {
    unary_methods! {
        /// Gauss error function.
        erf
        /// Its complement, accurate in the tail.
        erfc
        /// Self times the distribution function of the standard normal distribution, accurate in the
        /// tail (to 4 units in f32).
        gelu
        /// The inverse of `erf`.
        erfinv
        /// Logarithm of the absolute value of the gamma function.
        lgamma
        /// Logarithmic derivative of the gamma function.
        digamma
        /// Towards minus infinity.
        floor
        /// Towards plus infinity.
        ceil
        /// To the nearest integer, ties to even.
        round
        /// Towards zero.
        trunc
        /// The part `trunc` drops.
        frac
        /// Modified Bessel function of the first kind, order 0.
        i0
        /// `exp(-|x|) i0(x)`.
        i0e
        /// Modified Bessel function of the first kind, order 1.
        i1
        /// `exp(-|x|) i1(x)`.
        i1e
        /// Quantile function of the standard normal distribution.
        ndtri
    }
    /// The angle of the point (`x`, self).
    fn atan2(self, x: Self) -> Self;
    /// `sqrt(self^2 + other^2)` without overflow.
    fn hypot(self, other: Self) -> Self;
    /// `self * a + b`, rounded once.
    fn mul_add(self, a: Self, b: Self) -> Self;
    /// The magnitude of self with the sign of `sign`.
    fn copysign(self, sign: Self) -> Self;
    /// The next number towards `other`.
    fn nextafter(self, other: Self) -> Self;
    /// Derivative of order `n >= 0` of digamma.
    fn polygamma(self, n: f64) -> Self;
    /// Hurwitz zeta function of self and `q`.
    fn zeta(self, q: Self) -> Self;
    /// Regularised lower incomplete gamma function of self and `x`.
    fn igamma(self, x: Self) -> Self;
    /// Regularised upper incomplete gamma function of self and `x`.
    fn igammac(self, x: Self) -> Self;
    /// From f64, rounded.
    fn from_f64(v: f64) -> Self;
    /// To f64, exactly.
    fn to_f64(self) -> f64;
}

/// Real and complex floating-point numbers.
pub trait Field:
    Number
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// The type of the real and imaginary parts.
    type Part: Element + Real;
    unary_methods! {
        /// e to the power.
        exp
        /// 2 to the power.
        exp2
        /// `exp(x) - 1`, accurate near 0.
        expm1
        /// Natural logarithm.
        ln
        /// Logarithm to base 2.
        log2
        /// Logarithm to base 10.
        log10
        /// `ln(1 + x)`, accurate near 0.
        log1p
        /// Square root.
        sqrt
        /// `1 / sqrt(x)`.
        rsqrt
        /// `1 / x`.
        recip
        /// Sine.
        sin
        /// Cosine.
        cos
        /// Tangent.
        tan
        /// Inverse sine.
        asin
        /// Inverse cosine.
        acos
        /// Inverse tangent.
        atan
        /// Hyperbolic sine.
        sinh
        /// Hyperbolic cosine.
        cosh
        /// Hyperbolic tangent.
        tanh
        /// Inverse hyperbolic sine.
        asinh
        /// Inverse hyperbolic cosine.
        acosh
        /// Inverse hyperbolic tangent.
        atanh
        /// Logistic function `1 / (1 + exp(-x))`.
        sigmoid
        /// `sin(pi x) / (pi x)`, 1 at 0.
        sinc
        /// Complex conjugate.
        conj
        /// The sign; `z / |z|` of a complex number, 0 of 0.
        sgn
    }
    /// self / other, without overflow on the way where the type is complex.
    fn quotient(self, other: Self) -> Self;
    /// self to the power `exponent`.
    fn pow(self, exponent: Self) -> Self;
    /// Distance from 0.
    fn magnitude(self) -> Self::Part;
    /// `ln(exp(self) + exp(other))`, without overflow.
    #[inline]
    fn log_add_exp(self, other: Self) -> Self {
        if Field::is_nan(self) || Field::is_nan(other) {
            return self + other;
        }
        let (low, high) = if self.re() < other.re() { (self, other) } else { (other, self) };
        if !Field::is_finite(high.re()) && high.re() == low.re() {
            // Differences of equal infinities would be NaN; the sum of nothing is nothing.
            let none = high.re() < Self::Part::ZERO;
            return if none { low } else { Self::ln(low.exp() + high.exp()) };
        }
        high + (low - high).exp().log1p()
    }
    /// Argument: 0 or pi of a real number.
    fn angle(self) -> Self::Part;
    /// Real part.
    fn re(self) -> Self::Part;
    /// Imaginary part.
    fn im(self) -> Self::Part;
    /// From parts; a real type drops `im`.
    fn from_parts(re: Self::Part, im: Self::Part) -> Self;
    /// Either part is NaN.
    fn is_nan(self) -> bool;
    /// Either part is infinite.
    fn is_inf(self) -> bool;
    /// Both parts are finite.
    fn is_finite(self) -> bool;
}
