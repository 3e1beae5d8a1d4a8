//! Resampling of images with filters that widen when an image shrinks. Each dimension is a product
//! with a matrix of weights, so that the gradient is the product with its transpose.

use crate::bytes::{self, matrix};
use crate::interpolate::output_dims;
use crate::node::Linear;
use crate::{Var, create, matmul};
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
) -> Vec<f64> {
    let scale = match factor {
        _ if align_corners && to > 1 => (from as f64 - 1.0) / (to as f64 - 1.0),
        _ if align_corners => 0.0,
        Some(factor) if factor > 0.0 => 1.0 / factor,
        _ => from as f64 / to as f64,
    };
    let stretch = scale.max(1.0);
    let support = filter.half * stretch;
    let mut values = vec![0.0; from * to];
    for (i, row) in values.chunks_exact_mut(from).enumerate() {
        let centre = scale * (i as f64 + 0.5);
        let first = ((centre - support + 0.5) as i64).max(0) as usize;
        let last = ((centre + support + 0.5) as i64).min(from as i64).max(0) as usize;
        let at = |j: usize| (filter.at)(((j as f64 - centre + 0.5) / stretch).abs());
        let total: f64 = (first..last).map(at).sum();
        for (j, w) in row.iter_mut().enumerate().take(last).skip(first) {
            *w = if total == 0.0 { 0.0 } else { at(j) / total };
        }
    }
    values
}

fn upsample(
    x: &Tensor,
    (filter, node): (Filter, &'static str),
    align_corners: bool,
    size: Option<&[i64]>,
    factors: Option<&[Scalar]>,
) -> Result<Tensor> {
    ensure!(
        x.dtype().is_float() || x.dtype() == DType::U8,
        NotImplemented,
        "\"compute_index_ranges_weights\" not implemented for '{}'",
        x.dtype().type_name()
    );
    let (to, factors) = output_dims(x, 2, size, factors)?;
    let from = x.dims();
    let of = |d: usize| weights(filter, (from[d], to[d]), align_corners, factors[d - 2]);
    if x.dtype() == DType::U8 {
        return bytes::resample(x, of(3), of(2));
    }
    let half = matches!(x.dtype(), DType::F16 | DType::BF16);
    let wide = if half { crate::cast::to_dtype(x, DType::F32)? } else { x.clone() };
    let right = matrix(&of(3), from[3], &wide)?;
    let left = matrix(&of(2), from[2], &wide)?.mt();
    let out = between(&wide, left, right, node)?;
    if half { crate::cast::to_dtype(&out, x.dtype()) } else { Ok(out) }
}

/// `left @ x @ right`, as one node.
fn between(x: &Tensor, left: Var, right: Var, node: &'static str) -> Result<Tensor> {
    let silent = tape::set_grad_enabled(false);
    let lines = right.clone().then(|right| matmul::matmul(x, right)).tensor()?;
    let out = left.clone().then(|left| matmul::matmul(left, &lines)).tensor()?;
    let out = create::clone(&out, Some(x.layout().suggested_format()))?;
    drop(silent);
    tape::record(out.array(), &[x], |_| {
        let adjoint = move |g: &Tensor| between(g, left.clone().mt(), right.clone().mt(), node);
        Ok(Linear::new(node, move |g: Var| g.then(&adjoint)))
    })
}

crate::ops! {
    /// Antialiased resampling.
    ANTIALIASED:
    /// Bilinear resampling of `(N, C, H, W)`.
    f "_upsample_bilinear2d_aa(Tensor input, int[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor" => |x, size, align, factors| upsample(x, (TRIANGLE, "UpsampleBilinear2DAaBackward0"), align, size, factors);
    /// Bicubic resampling of `(N, C, H, W)`.
    f "_upsample_bicubic2d_aa(Tensor input, int[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor" => |x, size, align, factors| upsample(x, (CUBIC, "UpsampleBicubic2DAaBackward0"), align, size, factors);
    /// Lanczos resampling of `(N, C, H, W)`.
    f "_upsample_lanczos2d_aa(Tensor input, int[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor" => |x, size, align, factors| upsample(x, (LANCZOS, "UpsampleLanczos2DAaBackward0"), align, size, factors);
}
