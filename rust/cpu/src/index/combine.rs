//! How a value written to an indexed position combines with the one that is there.

use crate::cast::CastFrom;
use crate::math::{Number, Ordered};
use base::{B8, Complex32, Complex64, ComplexHalf, Element, bf16, f16};

/// Sum and product of elements of any dtype: bool as or and and, 16-bit parts through f32.
pub(super) trait Combine: Element {
    fn plus(self, other: Self) -> Self;
    fn times(self, other: Self) -> Self;
}

macro_rules! combine {
    ($($ty:ty)*) => {$(
        impl Combine for $ty {
            #[inline(always)]
            fn plus(self, other: Self) -> Self { Number::add(self, other) }
            #[inline(always)]
            fn times(self, other: Self) -> Self { Number::mul(self, other) }
        }
    )*};
}
combine! { u8 i8 i16 i32 i64 f32 f64 Complex32 Complex64 }

macro_rules! combine_half {
    ($($ty:ty => $wide:ty)*) => {$(
        impl Combine for $ty {
            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                CastFrom::cast_from(Number::add(<$wide>::cast_from(self), <$wide>::cast_from(other)))
            }
            #[inline(always)]
            fn times(self, other: Self) -> Self {
                CastFrom::cast_from(Number::mul(<$wide>::cast_from(self), <$wide>::cast_from(other)))
            }
        }
    )*};
}
combine_half! { f16 => f32 bf16 => f32 ComplexHalf => Complex32 }

impl Combine for B8 {
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        (self.get() || other.get()).into()
    }
    #[inline(always)]
    fn times(self, other: Self) -> Self {
        (self.get() && other.get()).into()
    }
}

/// A binary operation as a type, so that loops are compiled for it.
pub(super) trait Op<T> {
    fn apply(old: T, new: T) -> T;
}

macro_rules! ops {
    ($($name:ident[$bound:ident] |$old:ident, $new:ident| $body:expr;)*) => {$(
        pub(super) struct $name;
        impl<T: $bound> Op<T> for $name {
            #[inline(always)]
            fn apply($old: T, $new: T) -> T { $body }
        }
    )*};
}
ops! {
    Assign[Copy] |_old, new| new;
    Plus[Combine] |old, new| old.plus(new);
    Times[Combine] |old, new| old.times(new);
    Larger[Ordered] |old, new| old.maximum(new);
    Smaller[Ordered] |old, new| old.minimum(new);
}
