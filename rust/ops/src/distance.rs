//! Distances, similarities and products between vectors.

use crate::{Var, fused, index, matmul, range, reduce, vector_norm, view};
use base::{Dims, Result, Scalar, ensure, shape};
use tape::Tensor;

fn norm(x: Var, order: f64, dim: i64, keepdim: bool) -> Var {
    x.then(|x| vector_norm::vector_norm(x, Scalar::Float(order), Some(&[dim]), keepdim, None))
}

/// `x` over its norm along `dim`; norms below `eps` count as `eps` but keep their gradient.
fn unit(x: &Var, dim: i64, eps: f64) -> Var {
    let norm = norm(x.clone(), 2.0, dim, true);
    let now = norm.clone().then(|n| Ok(n.detach()));
    let raised = Var::from(eps).where_(now.clone().lt(eps), now.clone());
    x / &(norm + (raised - now))
}

/// The cosine of the angle between vectors along `dim`.
fn cosine_similarity(a: &Tensor, b: &Tensor, dim: i64, eps: f64) -> Result<Tensor> {
    for x in [a, b] {
        ensure!(
            x.dtype().is_differentiable(),
            Runtime,
            "expected common dtype to be floating point, yet common dtype is {}",
            x.dtype().type_name()
        );
    }
    let dims = shape::broadcast(&a.dims(), &b.dims())?;
    let (a, b) = (Var::from(view::expand_to(a, &dims)), Var::from(view::expand_to(b, &dims)));
    let product = unit(&a, dim, eps) * unit(&b, dim, eps);
    product.then(|p| reduce::sum(p, Some(&[dim]), false, None)).tensor()
}

/// The p-norm of `a - b + eps` along the last dimension.
pub(crate) fn pairwise_distance(
    a: &Tensor,
    b: &Tensor,
    p: f64,
    eps: f64,
    keepdim: bool,
) -> Result<Tensor> {
    let difference = Var::from(a) - Var::from(b) + eps;
    norm(difference, p, -1, keepdim).tensor()
}

/// Distances between all pairs of rows `i < j`.
fn pdist(x: &Tensor, p: f64) -> Result<Tensor> {
    ensure!(x.rank() == 2, Runtime, "pdist only supports 2D tensors, got: {}D", x.rank());
    ensure!(x.dtype().is_float(), Runtime, "pdist only supports floating-point dtypes");
    ensure!(p >= 0.0, Runtime, "pdist only supports non-negative p values");
    let pairs = range::pairs(x.dims()[0], x.device())?;
    let (first, second) = (view::select(&pairs, 0, 0)?, view::select(&pairs, 0, 1)?);
    fused::composite("PdistBackward0", &[x], move |inputs| {
        let row = |places: &Tensor| Var::from(index::index_select(&inputs[0], 0, places));
        norm(row(&first) - row(&second), p, -1, false).tensor()
    })
}

/// `y_o = a^T W_o b + bias_o` over the last dimensions.
fn bilinear(a: &Tensor, b: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let (ad, bd, wd) = (a.dims(), b.dims(), weight.dims());
    ensure!(
        ad.len() == bd.len(),
        Runtime,
        "bilinear(): input dimensions do not match: got {} and {}",
        ad.len(),
        bd.len()
    );
    ensure!(!ad.is_empty(), Index, "Dimension specified as -1 but tensor has no dimensions");
    for d in [1, 2] {
        shape::wrap_dim(d, wd.len())?;
    }
    let last = ad.len() - 1;
    for d in 0..last {
        ensure!(
            ad[d] == bd[d],
            Runtime,
            "bilinear(): input batch dimensions do not match at dim {d}: got {} and {}",
            ad[d],
            bd[d]
        );
    }
    for (name, have, want) in [("input1", ad[last], wd[1]), ("input2", bd[last], wd[2])] {
        ensure!(
            have == want,
            Runtime,
            "bilinear(): {name} size does not match weight size: got {have} but expected {want}"
        );
    }
    let rows: usize = ad[..last].iter().product();
    let left = view::reshape_to(a, &[rows, wd[1]])?;
    let columns = view::reshape_to(&view::permute(weight, &[1, 0, 2])?, &[wd[1], wd[0] * wd[2]])?;
    let mixed = view::reshape_to(&matmul::mm(&left, &columns)?, &[rows, wd[0], wd[2]])?;
    let right = view::reshape_to(b, &[rows, wd[2], 1])?;
    let mut out: Dims = Dims::from_slice(&ad[..last]);
    out.push(wd[0]);
    let y = Var::from(view::reshape_to(&matmul::bmm(&mixed, &right)?, &out)?);
    match bias {
        Some(bias) => (y + Var::from(bias)).tensor(),
        None => y.tensor(),
    }
}

crate::ops! {
    /// Distances.
    DISTANCES:
    /// The cosine of the angle between vectors.
    f "cosine_similarity(Tensor x1, Tensor x2, int dim=1, float eps=1e-08) -> Tensor" => |a, b, dim, eps| cosine_similarity(a, b, dim, eps);
    /// The p-norm of differences of rows.
    f "pairwise_distance(Tensor x1, Tensor x2, float p=2, float eps=1e-06, bool keepdim=False) -> Tensor" => |a, b, p, eps, keep| pairwise_distance(a, b, p, eps, keep);
    /// Distances between all pairs of rows.
    f "pdist(Tensor self, float p=2) -> Tensor" => |x, p| pdist(x, p);
    /// A bilinear form for each output.
    f "bilinear(Tensor input1, Tensor input2, Tensor weight, Tensor? bias=None) -> Tensor" => |a, b, w, bias| bilinear(a, b, w, bias);
}
