//! The p-norm of vectors over some or all dimensions.

use crate::node::{Formula, Keep};
use crate::reduce::{keep_dims, span};
use crate::{Var, cast};
use array::Array;
use array::dispatch::{Statistic, statistic};
use base::{DType, Result, Scalar, ensure, shape};
use tape::Tensor;

/// `(sum |x|^p)^(1/p)` over dimensions; p of 0 counts, of +-inf takes the largest or smallest size.
pub fn vector_norm(
    x: &Tensor,
    ord: Scalar,
    dim: Option<&[i64]>,
    keepdim: bool,
    dtype: Option<DType>,
) -> Result<Tensor> {
    ensure!(
        x.dtype().is_differentiable(),
        Runtime,
        "linalg.vector_norm: Expected a floating point or complex tensor as input. Got {}",
        x.dtype().type_name()
    );
    let x = &match dtype {
        Some(dtype) => cast::to_dtype(x, dtype)?,
        None => x.clone(),
    };
    let p = ord.to_f64();
    let span = span(x, dim, keepdim)?;
    let whole = x.dims();
    let needs_some = p < 0.0 || p == f64::INFINITY;
    ensure!(
        !needs_some || span.count(&whole) > 0 || span.dims.contains(&0),
        Runtime,
        "linalg.vector_norm cannot compute the {} norm on an empty tensor because the operation does not have an identity",
        if p == f64::INFINITY { "inf".to_string() } else { p.to_string() }
    );
    let out = Array::empty_contiguous(&span.dims, x.dtype().to_real(), x.device())?;
    statistic(Statistic::Norm, &out, &x.array(), &span.mask, p)?;
    let dims = span.reduced(x.rank());
    tape::record(out, &[x], |y| {
        Formula::new(
            "LinalgVectorNormBackward0",
            1,
            &[Keep::Input(x), Keep::Output(y, 0)],
            move |grads, saved| {
                let g = keep_dims(Var::grad(grads), &span.kept);
                let y = keep_dims(saved.vars[1].clone(), &span.kept);
                // A count has no derivative, which PyTorch tells from one that is 0.
                Ok(vec![(p != 0.0).then(|| norm_vjp(g, saved.vars[0].clone(), y, p, &dims))])
            },
        )
    })
}

/// The slope at x is `sgn(x) |x|^(p-1) / norm^(p-1)`, and 0 where the norm is 0.
fn norm_vjp(g: Var, x: Var, y: Var, p: f64, dims: &[i64]) -> Var {
    if p == 1.0 {
        return g * x.sgn();
    }
    if p == 2.0 {
        return g * masked_zero(x / &y, y.eq(0.0));
    }
    if p.is_infinite() {
        let size = x.clone().abs();
        let both = size.clone().isnan().logical_and(y.clone().isnan());
        let wins = Var::mask_of(size.eq(y).logical_or(both), &g);
        let count = wins.clone().sum_keep(dims);
        return x.sgn() * (g / count * wins);
    }
    let size = x.clone().abs();
    let steep = if p < 2.0 {
        masked_zero(x.clone().sgn() * size.clone().pow(p - 1.0), size.eq(0.0))
    } else {
        x * size.pow(p - 2.0)
    };
    steep * masked_zero(g / y.clone().pow(p - 1.0), y.eq(0.0))
}

fn masked_zero(value: Var, place: Var) -> Var {
    Var::from(0.0).where_(place, value)
}

crate::ops! {
    /// Norms.
    NORMS:
    /// The p-norm over dimensions.
    fo "linalg_vector_norm(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor" => |x, ord, dim, keep, dtype| vector_norm(x, ord, dim, keep, dtype);
}

crate::ops! {
    /// Distances and limits by norms.
    BY_NORMS:
    /// The p-norm of the difference.
    fm "dist(Tensor self, Tensor other, Scalar p=2) -> Tensor" => |a, b, p| dist(a, b, p);
    /// Slices along a dimension shrunk to a largest norm.
    fmio "renorm(Tensor self, Scalar p, int dim, Scalar maxnorm) -> Tensor" => |x, p, dim, most| renorm(x, p, dim, most);
}

/// The p-norm of the difference of two tensors, broadcasting.
fn dist(a: &Tensor, b: &Tensor, p: Scalar) -> Result<Tensor> {
    crate::fused::composite("DistBackward0", &[a, b], move |pair| {
        let difference = Var::from(&pair[0]) - Var::from(&pair[1]);
        difference.then(|t| vector_norm(t, p, None, false, None)).tensor()
    })
}

/// Slices along `dim` whose norm is above `most` are shrunk to it.
fn renorm(x: &Tensor, p: Scalar, dim: i64, most: Scalar) -> Result<Tensor> {
    ensure!(!matches!(p, Scalar::Complex(_)), Runtime, "renorm: p must be real-valued");
    ensure!(p.to_f64() > 0.0, Runtime, "renorm: non-positive-norm not supported");
    ensure!(
        most.to_f64() >= 0.0,
        Runtime,
        "renorm: expected maxnorm to be >= 0 but got {}",
        most.to_f64()
    );
    ensure!(
        x.rank() > 1,
        Runtime,
        "renorm: input needs at least 2 dimensions, got {} dimensions",
        x.rank()
    );
    let d = shape::wrap_dim(dim, x.rank())?;
    let others: Vec<i64> = (0..x.rank()).filter(|&k| k != d).map(|k| k as i64).collect();
    crate::fused::composite("RenormBackward0", &[x], move |xs| {
        let norm = Var::from(vector_norm(&xs[0], p, Some(&others), true, None)?);
        let shrunk = Var::from(most.to_f64()) / (norm.clone() + 1e-7);
        let factor = shrunk.where_(norm.gt(most.to_f64()), Var::from(1.0));
        (Var::from(&xs[0]) * factor).tensor()
    })
}
