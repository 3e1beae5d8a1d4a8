//! Element-wise draws: one value per element in memory order, whatever the shape.
//!
//! [`Draw::fill`] may be called on consecutive pieces of an output: the stream is the same as for
//! one call. The only fill that is not element-wise is the contiguous normal ([`super::normal`]).

use super::integers;
use super::stream::{Stream, unit_f32, unit_f64};
use crate::{DType, Element, Scalar};

/// A distribution with plain numbers as parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Draw {
    /// `uniform_`, `rand`: in [from, to).
    Uniform { from: f64, to: f64 },
    /// `random_()`: over the dtype's non-negative range.
    Random,
    /// `random_(from, to)`, `randint`: in [from, to), `None` meaning up to the dtype's maximum.
    RandomRange { from: i64, to: Option<i64> },
    /// `normal_` of fewer than 16 elements or of a non-contiguous output.
    Normal { mean: f64, std: f64 },
    /// `bernoulli_(p)`, the mask of dropout: 1 with probability p.
    Bernoulli { p: f64 },
    /// `exponential_`.
    Exponential { rate: f64 },
    /// `geometric_`: trials until the first success.
    Geometric { p: f64 },
    /// `cauchy_`.
    Cauchy { median: f64, sigma: f64 },
    /// `log_normal_`.
    LogNormal { mean: f64, std: f64 },
}

impl Draw {
    /// Fills `out` with the next values. The parameters have passed [`Draw::check`].
    pub fn fill<T: Element>(&self, stream: &mut Stream, out: &mut [T]) {
        match *self {
            Draw::Uniform { from, to } => fill_uniform(stream, out, from, to),
            Draw::Random => integers::fill_random(stream, out),
            Draw::RandomRange { from, to } => integers::fill_range(stream, out, from, to),
            Draw::Normal { mean, std } => {
                for value in out {
                    *value = from_f64(stream.normal().mul_add(std, mean));
                }
            }
            Draw::Bernoulli { p } => {
                let (zero, one) = (from_f64::<T>(0.0), from_f64::<T>(1.0));
                map_u64(stream, out, |bits| if unit_f64(bits) < p { one } else { zero });
            }
            Draw::Exponential { rate } => {
                let scale = -1.0 / rate;
                map_u64(stream, out, |bits| from_f64(scale * (-unit_f64(bits)).ln_1p()));
            }
            Draw::Geometric { p } => {
                let log_failure = (-p).ln_1p();
                map_u64(stream, out, |bits| from_f64((unit_f64(bits).ln() / log_failure).ceil()));
            }
            Draw::Cauchy { median, sigma } => map_u64(stream, out, |bits| {
                let angle = std::f64::consts::PI * (unit_f64(bits) - 0.5);
                from_f64(sigma.mul_add(angle.tan(), median))
            }),
            Draw::LogNormal { mean, std } => {
                for value in out {
                    *value = from_f64(stream.normal().mul_add(std, mean).exp());
                }
            }
        }
    }
}

/// One draw of `bernoulli(p)` with a tensor of probabilities: 53 bits for a double `p`, otherwise 24.
pub fn bernoulli<P: Element>(stream: &mut Stream, p: P) -> bool {
    let p = p.to_scalar().to_f64();
    if P::DTYPE == DType::F64 {
        stream.uniform_f64() < p
    } else {
        f64::from(stream.uniform_f32()) < p
    }
}

/// The random slope of one negative element under `rrelu` in training, for bounds already rounded
/// to the tensor's dtype. Elements above zero draw nothing.
pub fn rrelu_slope(stream: &mut Stream, lower: f64, upper: f64) -> f64 {
    stream.uniform_f64() * (upper - lower) + lower
}

fn fill_uniform<T: Element>(stream: &mut Stream, out: &mut [T], from: f64, to: f64) {
    if T::DTYPE == DType::F64 {
        let span = to - from;
        map_u64(stream, out, |bits| {
            let value = unit_f64(bits).mul_add(span, from);
            from_f64(if value == to { from } else { value })
        });
        return;
    }
    let (low, high) = (from as f32, to as f32);
    let span = high - low;
    let (bottom, top) = (from_f32::<T>(low), from_f32::<T>(high));
    let settle = |value: f32| {
        let value = from_f32(value);
        if value == top { bottom } else { value }
    };
    if low == 0.0 && span == 1.0 {
        map_u32(stream, out, |bits| settle(unit_f32(bits)));
    } else {
        map_u32(stream, out, |bits| settle(unit_f32(bits).mul_add(span, low)));
    }
}

const CHUNK: usize = 256;

/// `out[i] = value(bits)` with one 32-bit output an element.
pub(super) fn map_u32<T>(stream: &mut Stream, out: &mut [T], value: impl Fn(u32) -> T) {
    let mut bits = [0; CHUNK];
    for chunk in out.chunks_mut(CHUNK) {
        let bits = &mut bits[..chunk.len()];
        stream.fill(bits);
        for (slot, &bits) in chunk.iter_mut().zip(bits.iter()) {
            *slot = value(bits);
        }
    }
}

/// `out[i] = value(bits)` with two 32-bit outputs an element, high half first.
pub(super) fn map_u64<T>(stream: &mut Stream, out: &mut [T], value: impl Fn(u64) -> T) {
    let mut bits = [0; 2 * CHUNK];
    for chunk in out.chunks_mut(CHUNK) {
        let bits = &mut bits[..2 * chunk.len()];
        stream.fill(bits);
        for (slot, pair) in chunk.iter_mut().zip(bits.chunks_exact(2)) {
            *slot = value(u64::from(pair[0]) << 32 | u64::from(pair[1]));
        }
    }
}

/// A double as an element: 16-bit floats by way of `f32`, integers truncated.
#[inline]
pub(super) fn from_f64<T: Element>(value: f64) -> T {
    T::from_scalar(Scalar::Float(value))
}

#[inline]
pub(super) fn from_f32<T: Element>(value: f32) -> T {
    T::from_scalar(Scalar::Float(value.into()))
}
