//! The block fill of contiguous normals (16 elements or more): Box-Muller on blocks of 16 uniforms,
//! the first eight giving radii and the last eight angles.
//!
//! The single-precision logarithm, sine and cosine are the Cephes polynomials (Moshier, 1989) with
//! the multiply-adds of an eight-lane vector unit, so every machine gets the same bits. Plain lane
//! loops: compiled with FMA they become vector code, see [`box_muller`].

#![allow(clippy::excessive_precision)] // the coefficients stand as published

use super::draw::{from_f32, from_f64, map_u32, map_u64};
use super::stream::{Stream, unit_f32, unit_f64};
use crate::{DType, Element};

/// Outputs shorter than this take the element-wise path.
pub const BLOCK_MIN: usize = 16;

const LANES: usize = 8;
const BLOCK: usize = 2 * LANES;
const CHUNK: usize = 32 * BLOCK;

/// Turns whole blocks of uniforms into normals of a mean and a standard deviation, in place.
pub type Transform = fn(&mut [f32], f32, f32);

/// The next `n` normals (`n >= 16`) of a contiguous output, as pieces `emit(offset, values)`.
///
/// Pieces come in order, except that a ragged end is overwritten by a last piece of 16 from 16
/// fresh uniforms. The cache of the scalar path is neither read nor written.
/// `transform` is [`box_muller`] or a copy of it compiled for the machine at hand.
pub fn normal_blocks<T: Element>(
    stream: &mut Stream,
    n: usize,
    (mean, std): (f64, f64),
    transform: Transform,
    mut emit: impl FnMut(usize, &[T]),
) {
    let whole = n / BLOCK * BLOCK;
    let ragged = n - whole;
    let mut out = [T::default(); CHUNK];
    let fill = |stream: &mut Stream, out: &mut [T]| {
        if T::DTYPE == DType::F64 {
            fill_f64(stream, out, mean, std);
        } else {
            fill_f32(stream, out, (mean as f32, std as f32), transform);
        }
    };
    for start in (0..whole).step_by(CHUNK) {
        let out = &mut out[..CHUNK.min(whole - start)];
        fill(stream, out);
        emit(start, out);
    }
    if ragged > 0 {
        skip_ragged::<T>(stream, ragged);
        let out = &mut out[..BLOCK];
        fill(stream, out);
        emit(n - BLOCK, out);
    }
}

/// The 32-bit types draw the uniforms of an incomplete block before replacing it; 16-bit types
/// leave them in the stream.
fn skip_ragged<T: Element>(stream: &mut Stream, ragged: usize) {
    let outputs = match T::DTYPE {
        DType::F64 => 2 * ragged,
        DType::F32 => ragged,
        _ => 0,
    };
    stream.fill(&mut [0; 2 * BLOCK][..outputs]);
}

fn fill_f32<T: Element>(
    stream: &mut Stream,
    out: &mut [T],
    (mean, std): (f32, f32),
    transform: Transform,
) {
    let mut uniforms = [0.0_f32; CHUNK];
    let uniforms = &mut uniforms[..out.len()];
    map_u32(stream, uniforms, unit_f32);
    transform(uniforms, mean, std);
    for (value, &normal) in out.iter_mut().zip(uniforms.iter()) {
        *value = from_f32(normal);
    }
}

fn fill_f64<T: Element>(stream: &mut Stream, out: &mut [T], mean: f64, std: f64) {
    let mut uniforms = [0.0_f64; CHUNK];
    let uniforms = &mut uniforms[..out.len()];
    map_u64(stream, uniforms, unit_f64);
    for (uniforms, out) in uniforms.chunks_exact(BLOCK).zip(out.chunks_exact_mut(BLOCK)) {
        for k in 0..LANES {
            let radius = (-2.0 * (1.0 - uniforms[k]).ln()).sqrt();
            let angle = 2.0 * std::f64::consts::PI * uniforms[k + LANES];
            out[k] = from_f64((radius * angle.cos()).mul_add(std, mean));
            out[k + LANES] = from_f64((radius * angle.sin()).mul_add(std, mean));
        }
    }
}

/// The portable [`Transform`]. It is always inlined, so that a caller compiled for a machine with
/// fused multiply-add (`#[target_feature(enable = "avx2,fma")]`) gets it as vector code; the bits
/// are the same everywhere.
#[allow(clippy::inline_always)]
#[inline(always)]
pub fn box_muller(blocks: &mut [f32], mean: f32, std: f32) {
    for block in blocks.chunks_exact_mut(BLOCK) {
        let (radii, angles) = block.split_at_mut(LANES);
        for (first, second) in radii.iter_mut().zip(angles) {
            let radius = (-2.0 * log(1.0 - *first)).sqrt();
            let (sin, cos) = sin_cos(std::f32::consts::TAU * *second);
            *first = (radius * cos).mul_add(std, mean);
            *second = (radius * sin).mul_add(std, mean);
        }
    }
}

const LOG: [f32; 9] = [
    7.037_683_629_2e-2,
    -1.151_461_031_0e-1,
    1.167_699_874_0e-1,
    -1.242_014_084_6e-1,
    1.424_932_278_7e-1,
    -1.666_805_766_5e-1,
    2.000_071_476_5e-1,
    -2.499_999_399_3e-1,
    3.333_333_117_4e-1,
];

/// Natural logarithm of `x >= 0` (subnormals count as the smallest normal).
#[allow(clippy::inline_always)]
#[inline(always)]
fn log(x: f32) -> f32 {
    let bits = x.max(f32::MIN_POSITIVE).to_bits();
    let half = f32::from_bits((bits & 0x807F_FFFF) | 0x3F00_0000);
    let below = half < std::f32::consts::FRAC_1_SQRT_2;
    let exponent = ((bits >> 23) as i32 - 126) as f32 - if below { 1.0 } else { 0.0 };
    let m = (half - 1.0) + if below { half } else { 0.0 };
    let square = m * m;
    let mut y = LOG[0];
    for &coefficient in &LOG[1..] {
        y = y.mul_add(m, coefficient);
    }
    y *= m;
    y = y.mul_add(square, exponent * -2.121_944_40e-4);
    y = square.mul_add(-0.5, y);
    exponent.mul_add(0.693_359_375, m + y)
}

/// Sine and cosine of `x` in [0, 2 pi].
#[allow(clippy::inline_always)]
#[inline(always)]
fn sin_cos(x: f32) -> (f32, f32) {
    let octant = ((x * 1.273_239_544_735_16) as i32 + 1) & !1;
    let y = octant as f32;
    let x = y.mul_add(-0.785_156_25, x);
    let x = y.mul_add(-2.418_756_484_985_351_562_5e-4, x);
    let x = y.mul_add(-3.774_894_977_445_941_08e-8, x);
    let square = x * x;
    let c = 2.443_315_711_809_948e-5_f32
        .mul_add(square, -1.388_731_625_493_765e-3)
        .mul_add(square, 4.166_664_568_298_827e-2);
    let c = (c * square).mul_add(square, -(square * 0.5)) + 1.0;
    let s = (-1.951_529_589_1e-4_f32)
        .mul_add(square, 8.332_160_873_6e-3)
        .mul_add(square, -1.666_665_461_1e-1);
    let s = (s * square).mul_add(x, x);
    let (sin, cos) = if octant & 2 == 0 { (s, c) } else { (c, s) };
    let sin = if octant & 4 == 0 { sin } else { -sin };
    let cos = if (octant - 2) & 4 == 0 { -cos } else { cos };
    (sin, cos)
}
