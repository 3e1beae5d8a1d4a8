//! Sine, cosine and tangent in single precision, of arguments of any size, without branches.
//!
//! The argument is divided by 2 pi in f64: `1 / (2 pi)` stands in pieces of 29 bits, so that each
//! product with an f32 is exact and loses its whole turns exactly. Added from the largest piece
//! down, the fraction of a turn comes out with a small relative error even near its zeros.

use std::f64::consts::TAU;

/// `1 / (2 pi)` in pieces, the j-th a multiple of `2^(-29 (j + 1))`; together they reach so far
/// that what is left out matters for no f32.
const PIECES: [f64; 7] = [
    0.159_154_942_259_192_47,
    8.327_028_684_640_414e-10,
    5.690_025_119_525_34e-19,
    6.317_065_083_361_892e-27,
    5.595_982_707_708_916e-36,
    6.551_007_945_072_098e-45,
    9.301_187_157_400_502e-54,
];

/// The argument plus `offset` turns, as a fraction of a turn in [-1/2, 1/2].
#[inline(always)]
fn turns(x: f32, offset: f64) -> f64 {
    let x = f64::from(x);
    let mut sum = offset;
    for piece in PIECES {
        let product = x * piece;
        sum += product - product.round_ties_even();
        sum -= sum.round_ties_even();
    }
    sum
}

/// Sine of `r` in [-pi/2, pi/2].
#[inline(always)]
fn sin_poly(r: f64) -> f64 {
    let z = r * r;
    let p = (1.0f64 / 6_227_020_800.0)
        .mul_add(z, -1.0 / 39_916_800.0)
        .mul_add(z, 1.0 / 362_880.0)
        .mul_add(z, -1.0 / 5040.0)
        .mul_add(z, 1.0 / 120.0)
        .mul_add(z, -1.0 / 6.0);
    (p * z).mul_add(r, r)
}

/// Sine of a fraction of a turn: `sin(pi - a) = sin(a)` brings it to a quarter.
#[inline(always)]
fn sin_turns(turns: f64) -> f64 {
    let beyond = turns.abs() > 0.25;
    let quarter = if beyond { 0.5f64.copysign(turns) - turns } else { turns };
    sin_poly(quarter * TAU)
}

/// Sine.
#[inline(always)]
pub(crate) fn sin(x: f32) -> f32 {
    let y = sin_turns(turns(x, 0.0)) as f32;
    // The sum above loses the sign of zero.
    if x == 0.0 { x } else { y }
}

/// Cosine.
#[inline(always)]
pub(crate) fn cos(x: f32) -> f32 {
    sin_turns(turns(x, 0.25)) as f32
}

/// Tangent.
#[inline(always)]
pub(crate) fn tan(x: f32) -> f32 {
    let t = turns(x, 0.0);
    let half = if t.abs() > 0.25 { t - 0.5f64.copysign(t) } else { t };
    let y = (sin_poly(half * TAU) / sin_poly((0.25 - half.abs()) * TAU)) as f32;
    if x == 0.0 { x } else { y }
}
