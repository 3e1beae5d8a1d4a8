//! Distances, similarities and products between vectors.

use crate::node::{Formula, Keep};
use crate::{Var, fused, index, join, matmul, range, reduce, vector_norm, view};
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

/// Rows from which on Euclidean distances are taken from products: the differences of all pairs
/// would be as many matrices.
const FEW_ROWS: usize = 25;

/// Distances of all pairs of rows.
fn cdist(a: &Tensor, b: &Tensor, p: f64, mode: Option<&str>) -> Result<Tensor> {
    ensure!(
        a.dtype().is_differentiable() && b.dtype().is_differentiable(),
        Runtime,
        "cdist only supports floating-point dtypes, X1 got: {}",
        a.dtype().type_name()
    );
    ensure!(
        a.rank() >= 2,
        Runtime,
        "cdist only supports at least 2D tensors, X1 got: {}D",
        a.rank()
    );
    ensure!(
        b.rank() >= 2,
        Runtime,
        "cdist only supports at least 2D tensors, X2 got: {}D",
        b.rank()
    );
    ensure!(
        a.dims().last() == b.dims().last(),
        Runtime,
        "X1 and X2 must have the same number of columns. X1: {} X2: {}",
        a.dims().last().copied().unwrap_or(0),
        b.dims().last().copied().unwrap_or(0)
    );
    ensure!(p >= 0.0, Runtime, "cdist only supports non-negative p values");
    let by_products = match mode {
        None | Some("use_mm_for_euclid_dist_if_necessary") => {
            [a, b].iter().any(|x| x.dims()[x.rank() - 2] > FEW_ROWS)
        }
        Some(mode) => mode == "use_mm_for_euclid_dist",
    };
    if p == 2.0 && by_products {
        return euclidean(a, b);
    }
    fused::composite("CdistBackward0", &[a, b], move |pair| {
        let rows = Var::from(view::unsqueeze(&pair[0], -2));
        let difference = (rows - Var::from(view::unsqueeze(&pair[1], -3))).tensor()?;
        if difference.dims().last() == Some(&0) {
            return reduce::sum(&difference, Some(&[-1]), false, None);
        }
        vector_norm::vector_norm(&difference, Scalar::Float(p), Some(&[-1]), false, None)
    })
}

/// `|a - b|^2 = |a|^2 - 2 a b + |b|^2` by one product; it cancels where rows are close.
fn euclidean(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let value = {
        let _off = tape::set_grad_enabled(false);
        let row = |parts: [Var; 3]| {
            join::cat(&parts.map(Var::tensor).into_iter().collect::<Result<Vec<_>>>()?, -1)
        };
        let square =
            |x: &Tensor| Var::from(x).square().then(|x| reduce::sum(x, Some(&[-1]), true, None));
        let one = |square: &Var| square.clone().zeros_like() + 1.0;
        let (a2, b2) = (square(a), square(b));
        let left = row([-2.0 * Var::from(a), a2.clone(), one(&a2)])?;
        let right = row([Var::from(b), one(&b2), b2])?;
        let squares = Var::from(matmul::matmul(&left, &view::transpose(&right, -2, -1)?));
        Var::from(0.0).where_(squares.clone().lt(0.0), squares).sqrt().tensor()?
    };
    tape::record(value.array(), &[a, b], |y| {
        let keeps = [Keep::Input(a), Keep::Input(b), Keep::Output(y, 0)];
        Formula::new("EuclideanDistBackward0", 2, &keeps, |grads, saved| {
            let [a, b, y] = [0, 1, 2].map(|i| saved.vars[i].clone());
            let ratio = Var::from(0.0).where_(y.clone().eq(0.0), Var::grad(grads) / y).tensor()?;
            let slope = |x: Var, other: Var, ratio: &Tensor| {
                let total = Var::from(reduce::sum(ratio, Some(&[-1]), true, None));
                x * total - other.then(|other| matmul::matmul(ratio, other))
            };
            let turned = view::transpose(&ratio, -2, -1)?;
            Ok(vec![
                saved.needs[0].then(|| slope(a.clone(), b.clone(), &ratio)),
                saved.needs[1].then(|| slope(b, a, &turned)),
            ])
        })
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
    /// Distances of all pairs of rows.
    f f32 "cdist(Tensor x1, Tensor x2, float p=2, str? compute_mode=None) -> Tensor" => |a, b, p, mode| cdist(a, b, p, mode);
    /// A bilinear form for each output.
    f "bilinear(Tensor input1, Tensor input2, Tensor weight, Tensor? bias=None) -> Tensor" => |a, b, w, bias| bilinear(a, b, w, bias);
}
