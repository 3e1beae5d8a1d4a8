//! Conversions between dtypes, a contiguous run at a time.
//!
//! Rules of PyTorch on x86: floats truncate towards zero, then wrap into narrower integers; what no
//! integer can hold becomes the minimum; complex numbers lose their imaginary part; anything
//! non-zero (NaN too) is true. Whatever meets a 16-bit float passes through f32, complex32 through
//! complex64.

use crate::arch::simd;
use base::{B8, Complex32, Complex64, ComplexHalf, DType, Element, bf16, f16};
use std::mem::MaybeUninit;

/// Converts a run: source, destination (not overlapping), number of elements.
pub(crate) type CastFn = unsafe fn(*const u8, *mut u8, usize);

/// A value of `Self` from one of `T`.
pub(crate) trait CastFrom<T>: Sized {
    fn cast_from(value: T) -> Self;
}

macro_rules! cast {
    ($($from:ty => $to:ty: |$v:ident| $body:expr;)*) => {$(
        impl CastFrom<$from> for $to {
            #[inline(always)]
            fn cast_from($v: $from) -> $to { $body }
        }
    )*};
}

macro_rules! casts_by_as {
    ($($from:ty => $($to:ty)*;)*) => {$($(cast! { $from => $to: |v| v as $to; })*)*};
}

casts_by_as! {
    u8 => u8 i8 i16 i32 i64 f32 f64;
    i8 => u8 i8 i16 i32 i64 f32 f64;
    i16 => u8 i8 i16 i32 i64 f32 f64;
    i32 => u8 i8 i16 i32 i64 f32 f64;
    i64 => u8 i8 i16 i32 i64 f32 f64;
    f32 => f32 f64;
    f64 => f32 f64;
}

/// Truncation to an integer type; the type's minimum where the value does not fit (what x86 does).
macro_rules! truncate {
    ($name:ident, $from:ty, $to:ty) => {
        #[inline(always)]
        fn $name(v: $from) -> $to {
            const LOW: $from = <$to>::MIN as $from;
            let fits = (LOW..-LOW).contains(&v);
            let v = if fits { v } else { LOW };
            // SAFETY: LOW <= v < -LOW and v is not NaN, so the truncated value fits.
            unsafe { v.to_int_unchecked() }
        }
    };
}
truncate!(f32_to_i32, f32, i32);
truncate!(f32_to_i64, f32, i64);
truncate!(f64_to_i32, f64, i32);
truncate!(f64_to_i64, f64, i64);

cast! {
    f32 => u8: |v| f32_to_i64(v) as u8;
    f32 => i8: |v| f32_to_i32(v) as i8;
    f32 => i16: |v| f32_to_i32(v) as i16;
    f32 => i32: |v| f32_to_i32(v);
    f32 => i64: |v| f32_to_i64(v);
    f64 => u8: |v| f64_to_i64(v) as u8;
    f64 => i8: |v| f64_to_i32(v) as i8;
    f64 => i16: |v| f64_to_i32(v) as i16;
    f64 => i32: |v| f64_to_i32(v);
    f64 => i64: |v| f64_to_i64(v);
    B8 => B8: |v| v.get().into();
    Complex32 => B8: |v| (v.re != 0.0 || v.im != 0.0).into();
    Complex64 => B8: |v| (v.re != 0.0 || v.im != 0.0).into();
    Complex32 => Complex32: |v| v;
    Complex64 => Complex64: |v| v;
    Complex32 => Complex64: |v| Complex64::new(v.re.into(), v.im.into());
    Complex64 => Complex32: |v| Complex32::new(v.re as f32, v.im as f32);
    f16 => f32: |v| f16_to_f32(v.to_bits());
    f32 => f16: |v| f16::from_bits(f32_to_f16(v));
    ComplexHalf => Complex32: |v| Complex32::new(CastFrom::cast_from(v.re), CastFrom::cast_from(v.im));
    Complex32 => ComplexHalf: |v| ComplexHalf::new(CastFrom::cast_from(v.re), CastFrom::cast_from(v.im));
    ComplexHalf => f32: |v| CastFrom::cast_from(v.re);
    f32 => ComplexHalf: |v| ComplexHalf::new(CastFrom::cast_from(v), f16::ZERO);
    bf16 => f32: |v| f32::from_bits(u32::from(v.to_bits()) << 16);
    f32 => bf16: |v| bf16::from_bits(f32_to_bf16(v));
}

macro_rules! casts_of_real {
    ($($real:ty)*) => {$(
        cast! {
            $real => B8: |v| (v != (0 as $real)).into();
            B8 => $real: |v| u8::from(v.get()) as $real;
            $real => Complex32: |v| Complex32::new(v as f32, 0.0);
            $real => Complex64: |v| Complex64::new(v as f64, 0.0);
            Complex32 => $real: |v| CastFrom::cast_from(v.re);
            Complex64 => $real: |v| CastFrom::cast_from(v.re);
        }
    )*};
}
casts_of_real! { u8 i8 i16 i32 i64 f32 f64 }
cast! {
    B8 => Complex32: |v| Complex32::new(f32::from(u8::from(v.get())), 0.0);
    B8 => Complex64: |v| Complex64::new(f64::from(u8::from(v.get())), 0.0);
}

/// Exact widening of IEEE half bits, without branches: the exponent is rebased by a multiplication,
/// which also normalises subnormals.
#[inline(always)]
fn f16_to_f32(half: u16) -> f32 {
    const REBASE: f32 = f32::from_bits((254 - 15) << 23); // 2^112
    let magnitude = f32::from_bits(u32::from(half & 0x7fff) << 13) * REBASE;
    let special = if half & 0x7c00 == 0x7c00 { 0x7f80_0000 } else { 0 };
    let sign = u32::from(half & 0x8000) << 16;
    f32::from_bits(magnitude.to_bits() | special | sign)
}

/// Rounds to the nearest half, ties to even; overflow gives infinity, NaN a quiet NaN.
#[inline(always)]
fn f32_to_f16(value: f32) -> u16 {
    let bits = value.to_bits();
    let sign = bits & 0x8000_0000;
    let magnitude = bits ^ sign;
    // Subnormal halves: adding 0.5 makes the hardware round at the right bit.
    let small = (f32::from_bits(magnitude) + 0.5).to_bits().wrapping_sub(0.5f32.to_bits());
    // Normal halves: rebase the exponent, add just under half a unit, and the odd bit for ties.
    let odd = (magnitude >> 13) & 1;
    let normal = magnitude.wrapping_sub(112 << 23).wrapping_add(0xfff + odd) >> 13;
    let large = if magnitude > 0x7f80_0000 { 0x7e00 } else { 0x7c00 };
    let half = if magnitude < 113 << 23 { small } else { normal };
    let half = if magnitude >= 0x4780_0000 { large } else { half };
    (half | sign >> 16) as u16
}

/// Rounds to the nearest bfloat16, ties to even; NaN becomes the quiet NaN.
#[inline(always)]
fn f32_to_bf16(value: f32) -> u16 {
    let bits = value.to_bits();
    let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16;
    (if value.is_nan() { 0x7fc0 } else { rounded }) as u16
}

simd! {
    unsafe fn cast_run[T: Element, U: CastElement<T>](src: *const u8, dst: *mut u8, n: usize) {
        // SAFETY: the caller gives `n` aligned elements of each, not overlapping.
        let (src, dst) = unsafe {
            (
                std::slice::from_raw_parts(src.cast::<T>(), n),
                std::slice::from_raw_parts_mut(dst.cast::<MaybeUninit<U>>(), n),
            )
        };
        for (to, from) in dst.iter_mut().zip(src) {
            to.write(U::cast_from(*from));
        }
    }
}

/// An element type that `T` converts to.
pub(crate) trait CastElement<T>: Element + CastFrom<T> {}
impl<T, U: Element + CastFrom<T>> CastElement<T> for U {}

macro_rules! row {
    ($from:ty) => {
        [
            Some(cast_run::<$from, B8> as CastFn),
            Some(cast_run::<$from, u8>),
            Some(cast_run::<$from, i8>),
            Some(cast_run::<$from, i16>),
            Some(cast_run::<$from, i32>),
            Some(cast_run::<$from, i64>),
            None,
            None,
            Some(cast_run::<$from, f32>),
            Some(cast_run::<$from, f64>),
            None,
            Some(cast_run::<$from, Complex32>),
            Some(cast_run::<$from, Complex64>),
        ]
    };
}

const NO_ROW: [Option<CastFn>; DType::COUNT] = [None; DType::COUNT];

/// Single-step conversions among compute dtypes, by source then destination.
static TABLE: [[Option<CastFn>; DType::COUNT]; DType::COUNT] = [
    row!(B8),
    row!(u8),
    row!(i8),
    row!(i16),
    row!(i32),
    row!(i64),
    NO_ROW,
    NO_ROW,
    row!(f32),
    row!(f64),
    NO_ROW,
    row!(Complex32),
    row!(Complex64),
];

/// The conversion of a run in one step, where there is one; others pass through [`middle`].
pub(crate) fn single_step(from: DType, to: DType) -> Option<CastFn> {
    match (from, to) {
        (DType::F16, DType::F32) => Some(cast_run::<f16, f32>),
        (DType::BF16, DType::F32) => Some(cast_run::<bf16, f32>),
        (DType::F32, DType::F16) => Some(cast_run::<f32, f16>),
        (DType::F32, DType::BF16) => Some(cast_run::<f32, bf16>),
        (DType::C32, DType::C64) => Some(cast_run::<ComplexHalf, Complex32>),
        (DType::C64, DType::C32) => Some(cast_run::<Complex32, ComplexHalf>),
        (DType::C32, DType::F32) => Some(cast_run::<ComplexHalf, f32>),
        (DType::F32, DType::C32) => Some(cast_run::<f32, ComplexHalf>),
        _ => TABLE[from as usize][to as usize],
    }
}

/// Elements converted at a time on the way through [`middle`].
const BLOCK: usize = 512;

/// What a conversion of two steps passes through: complex64 keeps the imaginary part of complex32.
fn middle(from: DType, to: DType) -> DType {
    let has = |dtype| from == dtype || to == dtype;
    if has(DType::C32) && !has(DType::F16) && !has(DType::BF16) { DType::C64 } else { DType::F32 }
}

/// Converts `n` elements.
///
/// # Safety
/// `src` and `dst` are aligned, valid for `n` elements of their dtypes, and do not overlap.
pub(crate) unsafe fn cast(from: DType, to: DType, src: *const u8, dst: *mut u8, n: usize) {
    if from == to {
        // SAFETY: the caller's promise.
        unsafe { std::ptr::copy_nonoverlapping(src, dst, n * from.size()) };
        return;
    }
    if let Some(run) = single_step(from, to) {
        // SAFETY: the caller's promise.
        unsafe { run(src, dst, n) };
        return;
    }
    let mut room = [MaybeUninit::<Complex32>::uninit(); BLOCK];
    let middle = middle(from, to);
    let (first, second) = (single_step(from, middle), single_step(middle, to));
    for start in (0..n).step_by(BLOCK) {
        let len = BLOCK.min(n - start);
        let middle = room.as_mut_ptr().cast::<u8>();
        // SAFETY: `start + len <= n`, and `room` holds `BLOCK` of the larger of the two.
        unsafe {
            let (src, dst) = (src.add(start * from.size()), dst.add(start * to.size()));
            match (first, second) {
                (Some(first), Some(second)) => {
                    first(src, middle, len);
                    second(middle, dst, len);
                }
                (Some(first), None) => first(src, dst, len),
                (None, Some(second)) => second(src, dst, len),
                (None, None) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_convert_as_the_half_crate_does() {
        for bits in 0..=u16::MAX {
            let (ours, theirs) = (f16_to_f32(bits), f16::from_bits(bits).to_f32());
            assert!(ours.to_bits() == theirs.to_bits() || ours.is_nan() && theirs.is_nan());
        }
        for high in 0..=u16::MAX {
            for low in [0u32, 1, 0xfff, 0x1000, 0x1001, 0x2000, 0x7fff, 0x8000, 0x8001, 0xffff] {
                let value = f32::from_bits(u32::from(high) << 16 | low);
                let (ours, theirs) = (f32_to_f16(value), f16::from_f32(value).to_bits());
                assert!(ours == theirs || value.is_nan() && f16::from_bits(ours).is_nan());
                let (ours, theirs) = (f32_to_bf16(value), bf16::from_f32(value).to_bits());
                assert!(ours == theirs || value.is_nan() && bf16::from_bits(ours).is_nan());
            }
        }
    }

    #[test]
    fn floats_wrap_into_integers_as_on_x86() {
        assert_eq!(u8::cast_from(-1.0f32), 255);
        assert_eq!(u8::cast_from(300.7f64), 44);
        assert_eq!(i8::cast_from(f32::NAN), 0);
        assert_eq!(i32::cast_from(3e9f32), i32::MIN);
        assert_eq!(i64::cast_from(f64::INFINITY), i64::MIN);
        assert_eq!(i64::cast_from(-1.9f32), -1);
    }
}
