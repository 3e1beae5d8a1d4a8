//! Integer arithmetic by PyTorch's rules: wrapping, and without traps (the layer above reports
//! division by zero before a kernel runs).

use super::number::{Integer, Number, Ordered};

/// Absolute value as the unsigned type of the same width.
macro_rules! magnitude {
    ($v:ident u8) => {
        $v
    };
    ($v:ident $ty:ident) => {
        $v.unsigned_abs()
    };
}

macro_rules! integer {
    ($($ty:ident)*) => {$(
        impl Number for $ty {
            const ZERO: Self = 0;
            const ONE: Self = 1;
            #[inline(always)]
            fn add(self, other: Self) -> Self { self.wrapping_add(other) }
            #[inline(always)]
            fn sub(self, other: Self) -> Self { self.wrapping_sub(other) }
            #[inline(always)]
            fn mul(self, other: Self) -> Self { self.wrapping_mul(other) }
            #[inline(always)]
            fn neg(self) -> Self { self.wrapping_neg() }
        }

        #[allow(unused_comparisons)]
        impl Ordered for $ty {
            const LOWEST: Self = <$ty>::MIN;
            const HIGHEST: Self = <$ty>::MAX;
            #[inline(always)]
            fn abs(self) -> Self { if self < 0 { self.wrapping_neg() } else { self } }
            #[inline(always)]
            fn sign(self) -> Self {
                if self < 0 { Number::neg(Self::ONE) } else { Self::from(self > 0) }
            }
            #[inline(always)]
            fn is_nan(self) -> bool { false }
            #[inline(always)]
            fn div_floor(self, other: Self) -> Self {
                if other == 0 {
                    return 0;
                }
                let (quotient, rest) = (self.wrapping_div(other), self.wrapping_rem(other));
                let lower = rest != 0 && (rest < 0) != (other < 0);
                quotient.wrapping_sub(Self::from(lower))
            }
            #[inline(always)]
            fn div_trunc(self, other: Self) -> Self {
                if other == 0 { 0 } else { self.wrapping_div(other) }
            }
            #[inline(always)]
            fn rem_floor(self, other: Self) -> Self {
                let rest = self.rem_trunc(other);
                if rest != 0 && (rest < 0) != (other < 0) { rest.wrapping_add(other) } else { rest }
            }
            #[inline(always)]
            fn rem_trunc(self, other: Self) -> Self {
                if other == 0 { 0 } else { self.wrapping_rem(other) }
            }
            #[inline(always)]
            fn power(self, exponent: Self) -> Self {
                if exponent >= 0 {
                    return power(self, exponent);
                }
                let minus_one = Number::neg(Self::ONE);
                if self == 1 || self == minus_one && exponent & 1 == 0 {
                    1
                } else if self == minus_one {
                    minus_one
                } else {
                    0
                }
            }
        }

        #[allow(unused_comparisons)]
        impl Integer for $ty {
            #[inline(always)]
            fn bit_and(self, other: Self) -> Self { self & other }
            #[inline(always)]
            fn bit_or(self, other: Self) -> Self { self | other }
            #[inline(always)]
            fn bit_xor(self, other: Self) -> Self { self ^ other }
            #[inline(always)]
            fn bit_not(self) -> Self { !self }
            #[inline(always)]
            fn shift_left(self, bits: Self) -> Self {
                let valid = bits >= 0 && (bits as u64) < u64::from(<$ty>::BITS);
                if valid { self.wrapping_shl(bits as u32) } else { 0 }
            }
            #[inline(always)]
            fn shift_right(self, bits: Self) -> Self {
                let valid = bits >= 0 && (bits as u64) < u64::from(<$ty>::BITS);
                let bits = if valid { bits as u32 } else { <$ty>::BITS - 1 };
                let shifted = self.wrapping_shr(bits);
                if !valid && <$ty>::MIN == 0 { 0 } else { shifted }
            }
            #[inline]
            fn gcd(self, other: Self) -> Self {
                let (mut a, mut b) = (magnitude!(self $ty), magnitude!(other $ty));
                while b != 0 {
                    (a, b) = (b, a % b);
                }
                a as $ty
            }
            #[inline]
            fn lcm(self, other: Self) -> Self {
                let divisor = self.gcd(other);
                if divisor == 0 {
                    return 0;
                }
                let multiple = self.wrapping_div(divisor).wrapping_mul(other);
                magnitude!(multiple $ty) as $ty
            }
        }
    )*};
}

/// By repeated squaring, wrapping.
#[inline(always)]
fn power<T: Ordered + std::ops::Shr<u32, Output = T> + std::ops::BitAnd<Output = T>>(
    base: T,
    exponent: T,
) -> T {
    let (mut base, mut left, mut result) = (base, exponent, T::ONE);
    while left != T::ZERO {
        if left & T::ONE == T::ONE {
            result = Number::mul(result, base);
        }
        base = Number::mul(base, base);
        left = left >> 1;
    }
    result
}

integer! { u8 i8 i16 i32 i64 }
