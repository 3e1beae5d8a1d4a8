//! Resampling of images with filters that widen when an image shrinks. Each dimension is a product
//! with a matrix of weights, so that the gradient is the product with its transpose.

use crate::interpolate::output_dims;
use crate::{Var, create, matmul};
use array::dispatch;
use base::{DType, Result, Scalar, ensure};
use tape::Tensor;

/// The filter: its half width and value at a distance.
#[derive(Clone, Copy)]
struct Filter {
    half: f64,
    at: fn(f64) -> f64,
}

const TRIANGLE: Filter = Filter { half: 1.0, at: |x| (1.0 - x).max(0.0) };
const CUBIC: Filter = Filter { half: 2.0, at: cubic };
const LANCZOS: Filter = Filter { half: 3.0, at: lanczos };

/// Keys' cubic with a = -1/2.
fn cubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

fn lanczos(x: f64) -> f64 {
    let sinc = |x: f64| {
        if x == 0.0 { 1.0 } else { (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x) }
    };
    if x < 3.0 { sinc(x) * sinc(x / 3.0) } else { 0.0 }
}

/// `(to, from)` weights of one dimension, each row with a sum of 1.
fn weights(
    filter: Filter,
    (from, to): (usize, usize),
    align_corners: bool,
    factor: Option<f64>,
    like: &Tensor,
) -> Result<Tensor> {
    let scale = match factor {
        _ if align_corners && to > 1 => (from as f64 - 1.0) / (to as f64 - 1.0),
        _ if align_corners => 0.0,
        Some(factor) if factor > 0.0 => 1.0 / factor,
        _ => from as f64 / to as f64,
    };
    let stretch = scale.max(1.0);
    let support = filter.half * stretch;
    let mut values = vec![Scalar::Float(0.0); from * to];
    for (i, row) in values.chunks_exact_mut(from).enumerate() {
        let centre = scale * (i as f64 + 0.5);
        let first = ((centre - support + 0.5) as i64).max(0) as usize;
        let last = ((centre + support + 0.5) as i64).min(from as i64).max(0) as usize;
        let at = |j: usize| (filter.at)(((j as f64 - centre + 0.5) / stretch).abs());
        let total: f64 = (first..last).map(at).sum();
        for (j, w) in row.iter_mut().enumerate().take(last).skip(first) {
            *w = Scalar::Float(if total == 0.0 { 0.0 } else { at(j) / total });
        }
    }
    let out = create::zeros(&[to, from], like.dtype(), like.device())?;
    dispatch::store(&out.array(), &values)?;
    Ok(out)
}

fn upsample(
    x: &Tensor,
    filter: Filter,
    align_corners: bool,
    size: Option<&[i64]>,
    factors: Option<&[Scalar]>,
) -> Result<Tensor> {
    ensure!(
        x.dtype().is_float(),
        NotImplemented,
        "\"upsample_generic_Nd_aa\" not implemented for '{}'",
        x.dtype().type_name()
    );
    let (to, factors) = output_dims(x, 2, size, factors)?;
    let from = x.dims();
    let half = matches!(x.dtype(), DType::F16 | DType::BF16);
    let wide = if half { crate::cast::to_dtype(x, DType::F32)? } else { x.clone() };
    let of = |d: usize| weights(filter, (from[d], to[d]), align_corners, factors[d - 2], &wide);
    let rows = Var::from(matmul::matmul(&wide, &Var::from(of(3)?).mt().tensor()?)?);
    let out = rows.then(|rows| matmul::matmul(&of(2)?, rows)).tensor()?;
    if half { crate::cast::to_dtype(&out, x.dtype()) } else { Ok(out) }
}

crate::ops! {
    /// Antialiased resampling.
    ANTIALIASED:
    /// Bilinear resampling of `(N, C, H, W)`.
    f "_upsample_bilinear2d_aa(Tensor input, int[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor" => |x, size, align, factors| upsample(x, TRIANGLE, align, size, factors);
    /// Bicubic resampling of `(N, C, H, W)`.
    f "_upsample_bicubic2d_aa(Tensor input, int[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor" => |x, size, align, factors| upsample(x, CUBIC, align, size, factors);
    /// Lanczos resampling of `(N, C, H, W)`.
    f "_upsample_lanczos2d_aa(Tensor input, int[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor" => |x, size, align, factors| upsample(x, LANCZOS, align, size, factors);
}
