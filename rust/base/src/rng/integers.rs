//! Uniform integers and permutations: an unsigned draw modulo the width of the range.
//!
//! A range below 2^28 takes 32 bits an element and a wider one 64, in every dtype.

use super::bounds::float_digits;
use super::draw::{from_f32, from_f64, map_u32, map_u64};
use super::stream::Stream;
use crate::{DType, Element, Result, Scalar, ensure};

/// `random_()`: up to the maximum of an integer, up to 2^digits of a float.
pub(super) fn fill_random<T: Element>(stream: &mut Stream, out: &mut [T]) {
    match T::DTYPE {
        DType::I64 => map_u64(stream, out, |bits| from_i64((bits % (1 << 63)) as i64)),
        DType::F64 => map_u64(stream, out, |bits| from_i64((bits % ((1 << 53) + 1)) as i64)),
        dtype => {
            let max = match float_digits(dtype) {
                Some(digits) => 1_i64 << digits,
                None => dtype.int_range().map_or(0, |(_, max)| max),
            };
            let modulus = max as u32 + 1;
            map_u32(stream, out, |bits| from_i64((bits % modulus).into()));
        }
    }
}

/// `random_(from, to)` and `randint`.
pub(super) fn fill_range<T: Element>(
    stream: &mut Stream,
    out: &mut [T],
    from: i64,
    to: Option<i64>,
) {
    if from == i64::MIN && to.is_none() {
        return map_u64(stream, out, |bits| from_i64(bits as i64));
    }
    let (low, high) = match (T::DTYPE.int_range(), to) {
        (None, _) => float_range(T::DTYPE, from, to),
        (Some(_), Some(to)) => (i128::from(from), i128::from(to)),
        (Some((_, max)), None) => (i128::from(from), i128::from(max) + 1),
    };
    let (low, range) = (low as i64, (high - low) as u64);
    if range < 1 << 28 {
        let range = range as u32;
        map_u32(stream, out, |bits| from_i64(low.wrapping_add((bits % range).into())));
    } else {
        map_u64(stream, out, |bits| from_i64(low.wrapping_add((bits % range) as i64)));
    }
}

/// The bounds moved inwards to values a float dtype represents; `high` is exclusive.
pub(super) fn float_range(dtype: DType, from: i64, to: Option<i64>) -> (i128, i128) {
    let digits = float_digits(dtype).unwrap_or(f64::MANTISSA_DIGITS);
    let step = |value: i128| {
        let log = value.unsigned_abs().checked_ilog2().unwrap_or(0);
        1_i128 << (log + 1).saturating_sub(digits)
    };
    let (from, to) = (i128::from(from), to.map(i128::from));
    let high = to.map_or((1 << digits) + 1, |to| {
        let last = rounded(dtype, to - 1);
        if last >= to { last - step(to - 1) } else { to }
    });
    let first = rounded(dtype, from + 1);
    let low = if first < from { first + step(from + 1) } else { from };
    (low, high)
}

fn rounded(dtype: DType, value: i128) -> i128 {
    match dtype {
        DType::F16 => half::f16::from_f32(value as f32).to_f32() as i128,
        DType::BF16 => half::bf16::from_f32(value as f32).to_f32() as i128,
        DType::F32 => value as f32 as i128,
        _ => value as f64 as i128,
    }
}

/// An integer as an element; floats up to 32 bits round once, from the integer to `f32`.
#[inline]
fn from_i64<T: Element>(value: i64) -> T {
    match T::DTYPE {
        DType::F16 | DType::BF16 | DType::F32 => from_f32(value as f32),
        DType::F64 => from_f64(value as f64),
        _ => T::from_scalar(Scalar::Int(value)),
    }
}

/// From this length on, `randperm` shuffles inside out with 64-bit draws.
const INSIDE_OUT: u64 = u32::MAX as u64 / 20;

/// Fails where `dtype` cannot hold the numbers below `n`.
pub fn check_randperm(n: i64, dtype: DType) -> Result<()> {
    ensure!(n >= 0, Runtime, "Trying to create tensor with negative dimension {n}: [{n}]");
    ensure!(
        dtype != DType::Bool && !dtype.is_complex(),
        NotImplemented,
        "\"randperm\" not implemented for '{}'",
        dtype.type_name()
    );
    match (float_digits(dtype), dtype.int_range()) {
        (Some(digits), _) => {
            let most = (1_i64 << digits) + 1;
            ensure!(
                n <= most,
                Runtime,
                "n cannot be greater than {most} for {} type.",
                dtype.type_name()
            );
        }
        (None, Some((_, max))) => {
            let c_type = format!("{}_t", dtype.name());
            ensure!(
                n <= max,
                Runtime,
                "value cannot be converted to type {c_type} without overflow"
            );
        }
        (None, None) => {}
    }
    Ok(())
}

/// Writes a random permutation of 0..n; the draws do not depend on the dtype of the result.
pub fn randperm(stream: &mut Stream, out: &mut [i64]) {
    let n = out.len();
    if n as u64 >= INSIDE_OUT {
        for i in 0..n {
            let j = (stream.next_u64() % (i as u64 + 1)) as usize;
            out[i] = out[j];
            out[j] = i as i64;
        }
        return;
    }
    for (value, i) in out.iter_mut().zip(0..) {
        *value = i;
    }
    for i in 0..n.saturating_sub(1) {
        let skip = stream.next_u32() as usize % (n - i);
        out.swap(i, i + skip);
    }
}
