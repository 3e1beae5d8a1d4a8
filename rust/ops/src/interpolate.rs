//! Resampling of images: nearest, linear, cubic. Linear in the image; the adjoint map is its gradient.

use crate::index::index_select;
use crate::node::Linear;
use crate::{Var, bytes, cast, create, fused};
use array::Array;
use array::dispatch::{self, Interpolation};
use base::{DType, Dims, Layout, MemoryFormat, Result, Scalar, ensure, shape};
use std::sync::Arc;
use tape::Tensor;

/// A resampling with its sizes.
struct Resampling {
    mode: Interpolation,
    factors: Vec<Option<f64>>,
    from: Dims,
    to: Dims,
    node: &'static str,
}

fn image(dims: &[usize], like: &Tensor) -> Result<Array> {
    let layout = Layout::in_format(dims, like.layout().suggested_format())?;
    Array::empty(layout, like.dtype(), like.device())
}

fn resample(x: &Tensor, by: &Arc<Resampling>) -> Result<Tensor> {
    let out = image(&by.to, x)?;
    let done = dispatch::interpolate(&out, &x.array(), by.mode, &by.factors);
    if fused::lacks_kernel(&done) && dispatch::is_sum_of_taps(by.mode, x.dtype()) {
        let by = by.clone();
        return fused::composite(by.node, &[x], move |inputs| by_taps(&inputs[0], &by));
    }
    done?;
    let by = by.clone();
    tape::record(out, &[x], |_| Ok(Linear::new(by.node, move |g: Var| g.then(|g| adjoint(g, &by)))))
}

impl Resampling {
    fn is_nearest(&self) -> bool {
        matches!(self.mode, Interpolation::Nearest | Interpolation::NearestExact)
    }
}

/// The meaning: along one dimension after the other, a weighted sum of selected slices.
fn by_taps(x: &Tensor, by: &Resampling) -> Result<Tensor> {
    let mut y = if by.is_nearest() { x.clone() } else { cast::to_dtype(x, x.dtype().compute())? };
    for (i, &factor) in by.factors.iter().enumerate() {
        let d = 2 + i;
        let mut shape = Dims::filled(1, by.to.len());
        shape[d] = by.to[d];
        let mut sum = None;
        for (positions, weights) in
            dispatch::taps(by.mode, (by.from[d], by.to[d]), factor, DType::F32)
        {
            let positions = positions.into_iter().map(|p| Scalar::Int(p as i64)).collect();
            let slices =
                index_select(&y, d as i64, &vector(positions, DType::I64, x, &[by.to[d]])?)?;
            let weights = weights.into_iter().map(Scalar::Float).collect();
            let term = Var::from(slices);
            let term = if by.is_nearest() {
                term
            } else {
                term * Var::from(vector(weights, DType::F32, x, &shape)?)
            };
            sum = Some(sum.map_or(term.clone(), |sum: Var| sum + term));
        }
        if let Some(sum) = sum {
            y = sum.tensor()?;
        }
    }
    match x.layout().suggested_format() {
        MemoryFormat::Contiguous => cast::to_dtype(&y, x.dtype()),
        format => cast::to_copy(&y, x.dtype(), x.device(), Some(format)),
    }
}

fn vector(values: Vec<Scalar>, dtype: DType, like: &Tensor, dims: &[usize]) -> Result<Tensor> {
    let out = Array::empty_contiguous(dims, dtype, like.device())?;
    dispatch::store(&out, &values)?;
    Ok(Tensor::new(out))
}

/// The adjoint of [`resample`].
fn adjoint(g: &Tensor, by: &Arc<Resampling>) -> Result<Tensor> {
    let out = image(&by.from, g)?;
    dispatch::interpolate_backward(&out, &g.array(), by.mode, &by.factors)?;
    let by = by.clone();
    tape::record(out, &[g], |_| {
        Ok(Linear::new("UpsampleBackwardBackward0", move |g: Var| g.then(|g| resample(g, &by))))
    })
}

/// Sizes given, or input sizes times factors, rounded down.
pub(crate) fn output_dims(
    x: &Tensor,
    rank: usize,
    size: Option<&[i64]>,
    factors: Option<&[Scalar]>,
) -> Result<(Dims, Vec<Option<f64>>)> {
    let dims = x.dims();
    ensure!(
        dims.len() == rank + 2,
        Runtime,
        "It is expected input_size equals to {}, but got size {}",
        rank + 2,
        dims.len()
    );
    let mut to = Dims::from_slice(&dims[..2]);
    match (size, factors) {
        (Some(size), None) => {
            let sizes = shape::sizes(size)?;
            ensure!(
                sizes.len() == rank,
                Runtime,
                "It is expected output_size equals to {rank}, but got size {}",
                sizes.len()
            );
            sizes.iter().for_each(|&n| to.push(n));
        }
        (None, Some(factors)) => {
            ensure!(
                factors.len() == rank,
                Runtime,
                "It is expected scale_factors to have {rank} entries, but got {}",
                factors.len()
            );
            for (&n, factor) in dims[2..].iter().zip(factors) {
                to.push((n as f64 * factor.to_f64()).floor() as usize);
            }
        }
        _ => base::bail!(Runtime, "Must specify exactly one of output_size and scale_factors"),
    }
    ensure!(
        dims[2..].iter().chain(&to[2..]).all(|&n| n > 0),
        Runtime,
        "Input and output sizes should be greater than 0, but got input (H: {}, W: {}) output (H: {}, W: {})",
        dims[2],
        dims[dims.len() - 1],
        to[2],
        to[to.len() - 1]
    );
    let factors = match factors {
        Some(factors) => factors.iter().map(|f| Some(f.to_f64())).collect(),
        None => vec![None; rank],
    };
    Ok((to, factors))
}

/// Images of bytes, in whole numbers.
fn between_bytes(
    x: &Tensor,
    mode: Interpolation,
    to: &Dims,
    factors: &[Option<f64>],
) -> Result<Tensor> {
    let from = x.dims();
    let weights = |d: usize| {
        let mut matrix = vec![0.0; from[d] * to[d]];
        for (positions, weights) in
            dispatch::taps(mode, (from[d], to[d]), factors[d - 2], DType::F64)
        {
            for (row, (at, weight)) in positions.into_iter().zip(weights).enumerate() {
                matrix[row * from[d] + at] += weight;
            }
        }
        matrix
    };
    bytes::resample(x, weights(3), weights(2))
}

fn upsample(
    x: &Tensor,
    (mode, node): (Interpolation, &'static str),
    rank: usize,
    size: Option<&[i64]>,
    factors: Option<&[Scalar]>,
) -> Result<Tensor> {
    let is_nearest = matches!(mode, Nearest | NearestExact);
    ensure!(
        x.dtype().is_float() || (x.dtype() == DType::U8 && (rank == 2 || is_nearest)),
        NotImplemented,
        "\"compute_indices_weights_{}\" not implemented for '{}'",
        if matches!(mode, Interpolation::Cubic { .. }) { "cubic" } else { "linear" },
        x.dtype().type_name()
    );
    let (to, factors) = output_dims(x, rank, size, factors)?;
    if x.dtype() == DType::U8 && !is_nearest {
        return between_bytes(x, mode, &to, &factors);
    }
    let by = Arc::new(Resampling { mode, factors, from: x.dims(), to, node });
    if x.dtype() == DType::U8 {
        return create::clone(&by_taps(x, &by)?, Some(x.layout().suggested_format()));
    }
    resample(x, &by)
}

use Interpolation::{Cubic, Linear as Lines, Nearest, NearestExact};

crate::ops! {
    /// Resampling.
    RESAMPLING:
    /// The nearest value, by rounding down.
    f "upsample_nearest1d(Tensor input, int[]? output_size, float[]? scale_factors) -> Tensor" => |x, size, factors| upsample(x, (Nearest, "UpsampleNearest1DBackward0"), 1, size, factors);
    /// The nearest value, by rounding down.
    f "upsample_nearest2d(Tensor input, int[]? output_size, float[]? scale_factors) -> Tensor" => |x, size, factors| upsample(x, (Nearest, "UpsampleNearest2DBackward0"), 2, size, factors);
    /// The nearest value, by rounding down.
    f "upsample_nearest3d(Tensor input, int[]? output_size, float[]? scale_factors) -> Tensor" => |x, size, factors| upsample(x, (Nearest, "UpsampleNearest3DBackward0"), 3, size, factors);
    /// The value nearest to the centre.
    f "_upsample_nearest_exact1d(Tensor input, int[]? output_size, float[]? scale_factors) -> Tensor" => |x, size, factors| upsample(x, (NearestExact, "UpsampleNearestExact1DBackward0"), 1, size, factors);
    /// The value nearest to the centre.
    f "_upsample_nearest_exact2d(Tensor input, int[]? output_size, float[]? scale_factors) -> Tensor" => |x, size, factors| upsample(x, (NearestExact, "UpsampleNearestExact2DBackward0"), 2, size, factors);
    /// The value nearest to the centre.
    f "_upsample_nearest_exact3d(Tensor input, int[]? output_size, float[]? scale_factors) -> Tensor" => |x, size, factors| upsample(x, (NearestExact, "UpsampleNearestExact3DBackward0"), 3, size, factors);
    /// Linear interpolation of `(N, C, L)`.
    f "upsample_linear1d(Tensor input, int[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor" => |x, size, align_corners, factors| upsample(x, (Lines { align_corners }, "UpsampleLinear1DBackward0"), 1, size, factors);
    /// Bilinear interpolation of `(N, C, H, W)`.
    f "upsample_bilinear2d(Tensor input, int[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor" => |x, size, align_corners, factors| upsample(x, (Lines { align_corners }, "UpsampleBilinear2DBackward0"), 2, size, factors);
    /// Trilinear interpolation of `(N, C, D, H, W)`.
    f "upsample_trilinear3d(Tensor input, int[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor" => |x, size, align_corners, factors| upsample(x, (Lines { align_corners }, "UpsampleTrilinear3DBackward0"), 3, size, factors);
    /// Bicubic interpolation of `(N, C, H, W)`.
    f "upsample_bicubic2d(Tensor input, int[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor" => |x, size, align_corners, factors| upsample(x, (Cubic { align_corners }, "UpsampleBicubic2DBackward0"), 2, size, factors);
}
