//! Combining the ranks' values: the arithmetic of reductions on bytes of a dtype.
//!
//! Contributions are combined in the order of ranks wherever an algorithm allows it, and every
//! element's result is computed once or by the same expression everywhere: all ranks get the same
//! bits. 16-bit floats are added and multiplied in f32 and rounded once.

use crate::view::View;
use crate::{Error, Result};
use base::DType;
use half::{bf16, f16};

/// How values are combined.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Reduce {
    Sum,
    Avg,
    Product,
    Min,
    Max,
    Band,
    Bor,
    Bxor,
}

impl Reduce {
    pub(crate) const ALL: [(Reduce, &'static str); 8] = [
        (Reduce::Sum, "sum"),
        (Reduce::Avg, "avg"),
        (Reduce::Product, "product"),
        (Reduce::Min, "min"),
        (Reduce::Max, "max"),
        (Reduce::Band, "band"),
        (Reduce::Bor, "bor"),
        (Reduce::Bxor, "bxor"),
    ];

    /// Its name, in lower case.
    pub fn name(self) -> &'static str {
        Reduce::ALL[self as usize].1
    }

    /// The reduction of that number in PyTorch's enumeration.
    pub fn from_number(number: usize) -> Option<Reduce> {
        Reduce::ALL.get(number).map(|row| row.0)
    }

    /// Refuses what has no meaning.
    pub fn check(self, dtype: DType) -> Result<()> {
        let bitwise = matches!(self, Reduce::Band | Reduce::Bor | Reduce::Bxor);
        let linear = matches!(self, Reduce::Sum | Reduce::Avg);
        if (bitwise && !dtype.is_integral()) || (dtype.is_complex() && !linear) {
            return Err(Error::Invalid(format!(
                "Cannot use ReduceOp.{} with {} dtype\n  got {dtype}",
                self.name().to_uppercase(),
                if bitwise { "non-integral" } else { "complex" },
            )));
        }
        Ok(())
    }
}

/// Whether values of this dtype lose bits at every rounding, and are combined in f32 therefore.
pub fn is_narrow(dtype: DType) -> bool {
    matches!(dtype, DType::F16 | DType::BF16 | DType::C32)
}

/// An element and its arithmetic; `Wide` is what it is combined in.
trait Number: Copy {
    type Wide: Copy;
    fn widen(self) -> Self::Wide;
    fn narrow(wide: Self::Wide) -> Self;
    fn add(a: Self::Wide, b: Self::Wide) -> Self::Wide;
    fn step(reduce: Reduce) -> fn(Self::Wide, Self::Wide) -> Self::Wide;
    fn divided(sum: Self::Wide, by: usize) -> Self::Wide;
}

macro_rules! integers {
    ($($ty:ty)*) => {$(
        impl Number for $ty {
            type Wide = $ty;
            #[inline(always)]
            fn widen(self) -> $ty { self }
            #[inline(always)]
            fn narrow(wide: $ty) -> $ty { wide }
            #[inline(always)]
            fn add(a: $ty, b: $ty) -> $ty { a.wrapping_add(b) }
            fn step(reduce: Reduce) -> fn($ty, $ty) -> $ty {
                match reduce {
                    Reduce::Sum | Reduce::Avg => <$ty>::wrapping_add,
                    Reduce::Product => <$ty>::wrapping_mul,
                    Reduce::Min => |a, b| a.min(b),
                    Reduce::Max => |a, b| a.max(b),
                    Reduce::Band => |a, b| a & b,
                    Reduce::Bor => |a, b| a | b,
                    Reduce::Bxor => |a, b| a ^ b,
                }
            }
            fn divided(sum: $ty, by: usize) -> $ty {
                (i128::from(sum) / by as i128) as $ty
            }
        }
    )*};
}

macro_rules! floats {
    ($($ty:ty, $wide:ty, $widen:expr, $narrow:expr;)*) => {$(
        impl Number for $ty {
            type Wide = $wide;
            #[inline(always)]
            fn widen(self) -> $wide { let f: fn($ty) -> $wide = $widen; f(self) }
            #[inline(always)]
            fn narrow(wide: $wide) -> $ty { let f: fn($wide) -> $ty = $narrow; f(wide) }
            #[inline(always)]
            fn add(a: $wide, b: $wide) -> $wide { a + b }
            fn step(reduce: Reduce) -> fn($wide, $wide) -> $wide {
                match reduce {
                    Reduce::Product => |a, b| a * b,
                    // A NaN on either side wins, whichever comes first.
                    Reduce::Min => |a, b| if a < b || a.is_nan() { a } else { b },
                    Reduce::Max => |a, b| if a > b || a.is_nan() { a } else { b },
                    _ => |a, b| a + b,
                }
            }
            fn divided(sum: $wide, by: usize) -> $wide { sum / by as $wide }
        }
    )*};
}

integers! { u8 i8 i16 i32 i64 }
floats! {
    f32, f32, |x| x, |x| x;
    f64, f64, |x| x, |x| x;
    f16, f32, f16::to_f32, f16::from_f32;
    bf16, f32, bf16::to_f32, bf16::from_f32;
}

/// A truth value in a byte.
#[derive(Clone, Copy)]
#[repr(transparent)]
struct Truth(u8);

impl Number for Truth {
    type Wide = bool;
    #[inline(always)]
    fn widen(self) -> bool {
        self.0 != 0
    }
    #[inline(always)]
    fn narrow(wide: bool) -> Truth {
        Truth(wide.into())
    }
    #[inline(always)]
    fn add(a: bool, b: bool) -> bool {
        a | b
    }
    fn step(reduce: Reduce) -> fn(bool, bool) -> bool {
        match reduce {
            Reduce::Sum | Reduce::Avg | Reduce::Max | Reduce::Bor => |a, b| a | b,
            Reduce::Product | Reduce::Min | Reduce::Band => |a, b| a & b,
            Reduce::Bxor => |a, b| a ^ b,
        }
    }
    fn divided(sum: bool, _by: usize) -> bool {
        sum
    }
}

/// Runs `$body` with `$ty` bound to the element type; complex numbers are pairs of floats.
macro_rules! with_element {
    ($dtype:expr, $ty:ident, $body:expr) => {
        match $dtype {
            DType::Bool => {
                type $ty = Truth;
                $body
            }
            DType::U8 => {
                type $ty = u8;
                $body
            }
            DType::I8 => {
                type $ty = i8;
                $body
            }
            DType::I16 => {
                type $ty = i16;
                $body
            }
            DType::I32 => {
                type $ty = i32;
                $body
            }
            DType::I64 => {
                type $ty = i64;
                $body
            }
            DType::F16 | DType::C32 => {
                type $ty = f16;
                $body
            }
            DType::BF16 => {
                type $ty = bf16;
                $body
            }
            DType::F32 | DType::C64 => {
                type $ty = f32;
                $body
            }
            DType::F64 | DType::C128 => {
                type $ty = f64;
                $body
            }
        }
    };
}

/// `into[i] = lower[i] . upper[i]`, where `lower` comes from the smaller ranks. Any may coincide.
pub fn combine(reduce: Reduce, dtype: DType, into: View, lower: View, upper: View) {
    debug_assert!(into.len() == lower.len() && lower.len() == upper.len());
    with_element!(dtype, T, pairs::<T>(reduce, into, lower, upper));
}

fn pairs<T: Number>(reduce: Reduce, into: View, lower: View, upper: View) {
    let count = into.len().min(lower.len()).min(upper.len()) / size_of::<T>();
    let (out, a, b) = (into.ptr().cast::<T>(), lower.ptr().cast::<T>(), upper.ptr().cast::<T>());
    // The commonest reduction has a loop of its own, so that it becomes vector code.
    if matches!(reduce, Reduce::Sum | Reduce::Avg) {
        // SAFETY: all three views hold `count` elements.
        unsafe { zip(out, a, b, count, |a, b| T::add(a, b)) };
    } else {
        // SAFETY: as above.
        unsafe { zip(out, a, b, count, T::step(reduce)) };
    }
}

/// # Safety
/// The three pointers are valid for `count` elements. They may coincide: elements are read before
/// those at the same places are written.
#[inline(always)]
unsafe fn zip<T: Number>(
    out: *mut T,
    a: *const T,
    b: *const T,
    count: usize,
    step: impl Fn(T::Wide, T::Wide) -> T::Wide,
) {
    // Blocks are read whole before they are written: vector code also where the pointers coincide.
    const BLOCK: usize = 16;
    let whole = count / BLOCK * BLOCK;
    for i in (0..whole).step_by(BLOCK) {
        // SAFETY: the block ends at or below `count`; `unaligned` asks nothing of the addresses.
        unsafe {
            let a = a.add(i).cast::<[T; BLOCK]>().read_unaligned();
            let b = b.add(i).cast::<[T; BLOCK]>().read_unaligned();
            let block: [T; BLOCK] =
                std::array::from_fn(|k| T::narrow(step(a[k].widen(), b[k].widen())));
            out.add(i).cast::<[T; BLOCK]>().write_unaligned(block);
        }
    }
    for i in whole..count {
        // SAFETY: `i` is below `count`; `unaligned` asks nothing of the addresses.
        unsafe {
            let value = step(a.add(i).read_unaligned().widen(), b.add(i).read_unaligned().widen());
            out.add(i).write_unaligned(T::narrow(value));
        }
    }
}

/// `into[i] = parts[0][i] . parts[1][i] . ...`, divided by `average` where that is given; the order
/// of the parts is the order of the ranks. `into` may coincide with a part.
pub fn fold(reduce: Reduce, dtype: DType, into: View, parts: &[View], average: Option<usize>) {
    if let (&[lower, upper], None, false) = (parts, average, is_narrow(dtype)) {
        return combine(reduce, dtype, into, lower, upper);
    }
    with_element!(dtype, T, blocks::<T>(reduce, into, parts, average));
}

fn blocks<T: Number>(reduce: Reduce, into: View, parts: &[View], average: Option<usize>) {
    const BLOCK: usize = 512;
    let Some((first, others)) = parts.split_first() else {
        return;
    };
    let step = T::step(reduce);
    let count = into.len() / size_of::<T>();
    let element = |view: &View, i: usize| {
        // SAFETY: all parts are as long as `into`, and `i` is below its count.
        unsafe { view.ptr().cast::<T>().add(i).read_unaligned() }
    };
    let mut wide: Vec<T::Wide> = Vec::with_capacity(BLOCK);
    for start in (0..count).step_by(BLOCK) {
        let end = count.min(start + BLOCK);
        wide.clear();
        wide.extend((start..end).map(|i| element(first, i).widen()));
        for part in others {
            if matches!(reduce, Reduce::Sum | Reduce::Avg) {
                for (value, i) in wide.iter_mut().zip(start..end) {
                    *value = T::add(*value, element(part, i).widen());
                }
                continue;
            }
            for (value, i) in wide.iter_mut().zip(start..end) {
                *value = step(*value, element(part, i).widen());
            }
        }
        for (value, i) in wide.iter().zip(start..end) {
            let value = average.map_or(*value, |by| T::divided(*value, by));
            // SAFETY: `i` is below the count of `into`.
            unsafe { into.ptr().cast::<T>().add(i).write_unaligned(T::narrow(value)) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view<T>(values: &mut [T]) -> View {
        // SAFETY: the slice outlives the view in these tests.
        unsafe { View::new(values.as_mut_ptr().cast(), size_of_val(values)) }
    }

    #[test]
    fn sums_of_narrow_floats_round_once() {
        // 2048 + 1 rounds to 2048 in f16; 2048 + (1 + 1) does not.
        let mut parts = [[f16::from_f32(2048.0)], [f16::ONE], [f16::ONE]];
        let views: Vec<View> = parts.iter_mut().map(|part| view(part)).collect();
        let mut out = [f16::ZERO];
        fold(Reduce::Sum, DType::F16, view(&mut out), &views, None);
        assert_eq!(out[0].to_f32(), 2050.0);
    }

    #[test]
    fn integers_wrap_and_averages_truncate() {
        let mut a = [100i8, -7];
        let mut b = [100i8, 4];
        let (va, vb) = (view(&mut a), view(&mut b));
        let mut out = [0i8; 2];
        combine(Reduce::Sum, DType::I8, view(&mut out), va, vb);
        assert_eq!(out, [-56, -3]);
        fold(Reduce::Avg, DType::I8, view(&mut out), &[va, vb], Some(2));
        assert_eq!(out, [-28, -1]);
    }

    #[test]
    fn the_result_may_take_the_place_of_a_part() {
        for count in [1usize, 15, 16, 17, 50] {
            let mut lower: Vec<i32> = (0..count as i32).collect();
            let mut upper = vec![10; count];
            let (va, vb) = (view(&mut lower), view(&mut upper));
            combine(Reduce::Sum, DType::I32, vb, va, vb);
            combine(Reduce::Max, DType::I32, va, va, vb);
            let wanted: Vec<i32> = (10..10 + count as i32).collect();
            assert_eq!((&lower, &upper), (&wanted, &wanted));
        }
    }

    #[test]
    fn nan_wins_from_either_side() {
        for (a, b) in [(f32::NAN, 1.0f32), (1.0, f32::NAN)] {
            for reduce in [Reduce::Min, Reduce::Max] {
                let (mut a, mut b, mut out) = ([a], [b], [0.0f32]);
                combine(reduce, DType::F32, view(&mut out), view(&mut a), view(&mut b));
                assert!(out[0].is_nan());
            }
        }
    }

    #[test]
    fn complex_numbers_add_by_parts_and_have_no_order() {
        let (mut a, mut b, mut out) = ([1.0f32, 2.0], [3.0f32, 4.0], [0.0f32; 2]);
        combine(Reduce::Sum, DType::C64, view(&mut out), view(&mut a), view(&mut b));
        assert_eq!(out, [4.0, 6.0]);
        assert!(Reduce::Max.check(DType::C64).is_err() && Reduce::Avg.check(DType::C64).is_ok());
        assert!(Reduce::Band.check(DType::F32).is_err() && Reduce::Bxor.check(DType::Bool).is_ok());
    }

    #[test]
    fn truth_values_stay_truth_values() {
        let (mut a, mut b, mut out) = ([2u8, 0, 1], [1u8, 0, 0], [9u8; 3]);
        combine(Reduce::Sum, DType::Bool, view(&mut out), view(&mut a), view(&mut b));
        assert_eq!(out, [1, 0, 1]);
        combine(Reduce::Bxor, DType::Bool, view(&mut out), view(&mut a), view(&mut b));
        assert_eq!(out, [0, 0, 1]);
    }
}
