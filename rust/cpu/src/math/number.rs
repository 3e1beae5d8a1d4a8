//! Arithmetic that integers, floats and complex numbers share, and the order of real numbers.

use base::{Complex32, Complex64, Element};

/// A number: any element type but bool. Integers wrap around.
pub trait Number: Element {
    /// Additive identity.
    const ZERO: Self;
    /// Multiplicative identity.
    const ONE: Self;
    /// Sum.
    fn add(self, other: Self) -> Self;
    /// Difference.
    fn sub(self, other: Self) -> Self;
    /// Product.
    fn mul(self, other: Self) -> Self;
    /// Additive inverse.
    fn neg(self) -> Self;
    /// Product with itself.
    #[inline(always)]
    fn square(self) -> Self {
        self.mul(self)
    }
}

/// A real number: integer or float.
pub trait Ordered: Number + PartialOrd {
    /// The least value: minus infinity for floats.
    const LOWEST: Self;
    /// The greatest value: infinity for floats.
    const HIGHEST: Self;
    /// Absolute value (an integer's minimum stays itself).
    fn abs(self) -> Self;
    /// -1, 0 or 1; 0 of NaN, which is on neither side.
    fn sign(self) -> Self;
    /// Not a number; never for integers.
    fn is_nan(self) -> bool;
    /// Quotient rounded towards minus infinity. Integers: 0 for a divisor of 0.
    fn div_floor(self, other: Self) -> Self;
    /// Quotient rounded towards zero. Integers: 0 for a divisor of 0.
    fn div_trunc(self, other: Self) -> Self;
    /// Remainder with the divisor's sign. Integers: 0 for a divisor of 0.
    fn rem_floor(self, other: Self) -> Self;
    /// Remainder with the dividend's sign. Integers: 0 for a divisor of 0.
    fn rem_trunc(self, other: Self) -> Self;
    /// self to the power; integers give 0 for a negative exponent unless self is 1 or -1.
    fn power(self, exponent: Self) -> Self;

    /// The larger; NaN if either is.
    #[inline(always)]
    fn maximum(self, other: Self) -> Self {
        if self > other || self.is_nan() { self } else { other }
    }

    /// The smaller; NaN if either is.
    #[inline(always)]
    fn minimum(self, other: Self) -> Self {
        if self < other || self.is_nan() { self } else { other }
    }

    /// The larger, ignoring a NaN.
    #[inline(always)]
    fn fmax(self, other: Self) -> Self {
        if self > other || other.is_nan() { self } else { other }
    }

    /// The smaller, ignoring a NaN.
    #[inline(always)]
    fn fmin(self, other: Self) -> Self {
        if self < other || other.is_nan() { self } else { other }
    }

    /// Limited to `[low, high]`, `high` winning; NaN bounds propagate.
    #[inline(always)]
    fn clamp_to(self, low: Self, high: Self) -> Self {
        self.maximum(low).minimum(high)
    }
}

/// An integer of fixed width.
pub trait Integer: Ordered + Eq + Ord {
    /// Bits set in both.
    fn bit_and(self, other: Self) -> Self;
    /// Bits set in either.
    fn bit_or(self, other: Self) -> Self;
    /// Bits set in one.
    fn bit_xor(self, other: Self) -> Self;
    /// Bits not set.
    fn bit_not(self) -> Self;
    /// Shifted left; 0 for a shift that is negative or not less than the width.
    fn shift_left(self, bits: Self) -> Self;
    /// Shifted right; the sign everywhere for such a shift.
    fn shift_right(self, bits: Self) -> Self;
    /// Greatest common divisor, not negative (but for the minimum).
    fn gcd(self, other: Self) -> Self;
    /// Least common multiple, not negative; 0 if either is 0.
    fn lcm(self, other: Self) -> Self;
}

/// `a % b` exactly, by the quotient in double precision: below this bound its integer part is that
/// of the true quotient, and no product or difference has more than 53 bits.
#[inline(always)]
fn remainder_f32(a: f32, b: f32) -> f32 {
    const BOUND: f64 = (1u32 << 28) as f64;
    let quotient = (f64::from(a) / f64::from(b)).trunc();
    if quotient.abs() < BOUND && b.abs() < f32::INFINITY {
        ((f64::from(a) - quotient * f64::from(b)) as f32).copysign(a)
    } else {
        far_remainder(a, b)
    }
}

/// Out of line: the compiler would take it for cheap, and compute it for every element.
#[cold]
#[inline(never)]
fn far_remainder(a: f32, b: f32) -> f32 {
    a % b
}

#[inline(always)]
fn remainder_f64(a: f64, b: f64) -> f64 {
    a % b
}

macro_rules! float_number {
    ($($ty:ty, $remainder:ident;)*) => {$(
        impl Number for $ty {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            #[inline(always)]
            fn add(self, other: Self) -> Self { self + other }
            #[inline(always)]
            fn sub(self, other: Self) -> Self { self - other }
            #[inline(always)]
            fn mul(self, other: Self) -> Self { self * other }
            #[inline(always)]
            fn neg(self) -> Self { -self }
        }

        impl Ordered for $ty {
            const LOWEST: Self = <$ty>::NEG_INFINITY;
            const HIGHEST: Self = <$ty>::INFINITY;
            #[inline(always)]
            fn abs(self) -> Self { <$ty>::abs(self) }
            #[inline(always)]
            fn sign(self) -> Self {
                let up = if self > 0.0 { 1.0 } else { 0.0 };
                if self < 0.0 { -1.0 } else { up }
            }
            #[inline(always)]
            fn is_nan(self) -> bool { <$ty>::is_nan(self) }
            #[inline(always)]
            fn div_floor(self, other: Self) -> Self {
                if other == 0.0 {
                    return self / other;
                }
                let rest = $remainder(self, other);
                let across = rest * (1.0 as $ty).copysign(other) < 0.0;
                let quotient = (self - rest) / other - if across { 1.0 } else { 0.0 };
                let floor = <$ty>::floor(quotient);
                let floor = floor + if quotient - floor > 0.5 { 1.0 } else { 0.0 };
                if quotient == 0.0 { (0.0 as $ty).copysign(self / other) } else { floor }
            }
            #[inline(always)]
            fn div_trunc(self, other: Self) -> Self { <$ty>::trunc(self / other) }
            #[inline(always)]
            fn rem_floor(self, other: Self) -> Self {
                // Turned so that the divisor is positive: one comparison, without a branch that
                // would be taken as often as not.
                let turn = (1.0 as $ty).copysign(other);
                let rest = turn * $remainder(self, other);
                turn * if rest < 0.0 { rest + turn * other } else { rest }
            }
            #[inline(always)]
            fn rem_trunc(self, other: Self) -> Self { $remainder(self, other) }
            #[inline(always)]
            fn power(self, exponent: Self) -> Self { super::Field::pow(self, exponent) }
        }
    )*};
}
float_number! {
    f32, remainder_f32;
    f64, remainder_f64;
}

macro_rules! complex_number {
    ($($ty:ty)*) => {$(
        impl Number for $ty {
            const ZERO: Self = Self::new(0.0, 0.0);
            const ONE: Self = Self::new(1.0, 0.0);
            #[inline(always)]
            fn add(self, other: Self) -> Self { self + other }
            #[inline(always)]
            fn sub(self, other: Self) -> Self { self - other }
            #[inline(always)]
            fn mul(self, other: Self) -> Self { self * other }
            #[inline(always)]
            fn neg(self) -> Self { -self }
        }
    )*};
}
complex_number! { Complex32 Complex64 }
