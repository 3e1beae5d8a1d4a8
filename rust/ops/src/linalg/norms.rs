//! Norms of matrices, and what is counted and compared with them.

use super::{Sizes, check_float, check_matrix, check_square, eigen, inverse, svd};
use crate::extremum::{amax, amin};
use crate::vector_norm::vector_norm;
use crate::{Var, cast, create, pieces, reduce, view};
use base::{DType, Result, Scalar, bail, ensure, shape};
use tape::Tensor;

/// A norm: a number, or a name.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Order<'a> {
    Number(Scalar),
    Name(&'a str),
}

impl Order<'_> {
    fn show(self) -> String {
        match self {
            Order::Name(name) => name.to_string(),
            Order::Number(Scalar::Int(n)) => n.to_string(),
            Order::Number(n) => n.to_f64().to_string(),
        }
    }
}

/// Over which dimensions, and how the result looks.
#[derive(Clone, Copy)]
pub(crate) struct Over<'a> {
    pub dim: &'a [i64],
    pub keepdim: bool,
    pub dtype: Option<DType>,
}

/// The norm of matrices in two dimensions.
pub(crate) fn matrix_norm(a: &Tensor, order: Order<'_>, over: Over<'_>) -> Result<Tensor> {
    let op = "linalg.matrix_norm";
    check_matrix(a, op, "A")?;
    check_float(a, op)?;
    let &[x, y] = over.dim else {
        let list: Vec<String> = over.dim.iter().map(i64::to_string).collect();
        bail!(Runtime, "{op}: dim must be a 2-tuple. Got {}", list.join(" "));
    };
    let (x, y) = (shape::wrap_dim(x, a.rank())? as i64, shape::wrap_dim(y, a.rank())? as i64);
    ensure!(x != y, Runtime, "{op}: dims must be different. Got ({x}, {y})");
    let a = &match over.dtype {
        Some(dtype) => cast::to_dtype(a, dtype)?,
        None => a.clone(),
    };
    match order {
        Order::Name("fro") => vector_norm(a, Scalar::Int(2), Some(&[x, y]), over.keepdim, None),
        Order::Name("nuc") => {
            let total = reduce::sum(&values(a, x, y)?, Some(&[-1]), over.keepdim, None)?;
            kept(total, (x, y), over.keepdim)
        }
        Order::Number(p) if [1.0, 2.0, f64::INFINITY].contains(&p.to_f64().abs()) => {
            let p = p.to_f64();
            let extreme = if p > 0.0 { amax } else { amin };
            if p.abs() == 2.0 {
                return kept(
                    extreme(&values(a, x, y)?, &[-1], over.keepdim)?,
                    (x, y),
                    over.keepdim,
                );
            }
            let (inner, outer) = if p.is_infinite() { (y, x) } else { (x, y) };
            let sums = vector_norm(a, Scalar::Int(1), Some(&[inner]), over.keepdim, None)?;
            let outer = if !over.keepdim && outer > inner { outer - 1 } else { outer };
            if p > 0.0 && sums.dims()[outer as usize] == 0 {
                return reduce::sum(&sums, Some(&[outer]), over.keepdim, None);
            }
            extreme(&sums, &[outer], over.keepdim)
        }
        other => bail!(Runtime, "{op}: Order {} not supported.", other.show()),
    }
}

/// Singular values of the matrices in two dimensions, in the last dimension.
fn values(a: &Tensor, x: i64, y: i64) -> Result<Tensor> {
    svd::svdvals(&pieces::movedim(a, &[x, y], &[-2, -1])?, None)
}

/// A result with a last dimension of 1 where two dimensions of 1 are wanted.
fn kept(result: Tensor, (x, y): (i64, i64), keepdim: bool) -> Result<Tensor> {
    if !keepdim {
        return Ok(result);
    }
    pieces::movedim(&view::unsqueeze(&result, -1)?, &[-2, -1], &[x, y])
}

/// The norm of vectors or matrices, whichever the dimensions say.
fn norm(
    a: &Tensor,
    order: Option<Order<'_>>,
    dim: Option<&[i64]>,
    keepdim: bool,
    dtype: Option<DType>,
) -> Result<Tensor> {
    let Some(order) = order else {
        return vector_norm(a, Scalar::Int(2), dim, keepdim, dtype);
    };
    match dim {
        Some(dim) => ensure!(
            dim.len() == 1 || dim.len() == 2,
            Runtime,
            "linalg.norm: If dim is specified, it must be of length 1 or 2. Got {}",
            format!("{dim:?}")
        ),
        None => ensure!(
            a.rank() == 1 || a.rank() == 2,
            Runtime,
            "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {}D.",
            a.rank()
        ),
    }
    let vector = dim.map_or(a.rank(), <[i64]>::len) == 1;
    match order {
        Order::Number(p) if vector => vector_norm(a, p, dim, keepdim, dtype),
        _ => matrix_norm(a, order, Over { dim: dim.unwrap_or(&[-2, -1]), keepdim, dtype }),
    }
}

/// How far a matrix is from singular: the norm times that of the inverse.
fn cond(a: &Tensor, order: Option<Order<'_>>) -> Result<Tensor> {
    ensure!(
        a.rank() >= 2,
        Runtime,
        "linalg.cond: The input tensor must have at least 2 dimensions."
    );
    let s = Sizes::of(a);
    let order = order.unwrap_or(Order::Number(Scalar::Int(2)));
    if let Order::Number(p) = order
        && p.to_f64().abs() == 2.0
    {
        let values = Var::from(svd::svdvals(a, None)?);
        if s.least() == 0 {
            return create::zeros(&s.batch, a.dtype().to_real(), a.device());
        }
        let at = |i: i64| values.clone().then(|t| view::select(t, -1, i));
        return if p.to_f64() > 0.0 {
            (at(0) / at(-1)).tensor()
        } else {
            (at(-1) / at(0)).tensor()
        };
    }
    check_square(a, &format!("linalg.cond(ord={})", order.show()), "A")?;
    if a.numel() == 0 {
        return create::zeros(&s.batch, a.dtype().to_real(), a.device());
    }
    let over = Over { dim: &[-2, -1], keepdim: false, dtype: None };
    let (inverse, info) = inverse::inv_ex(a, false)?;
    let size = Var::from(matrix_norm(a, order, over)?);
    let singular = Var::T(info).ne(0i64);
    let each = singular.unsqueeze(-1).unsqueeze(-1);
    let inverse = Var::from(0.0).where_(each, inverse).tensor()?;
    let product = size * Var::from(matrix_norm(&inverse, order, over)?);
    Var::S(Scalar::Float(f64::INFINITY)).where_(singular, product).tensor()
}

/// Up to which singular value counts as 0: the larger of `atol` and `rtol` times the largest.
pub(crate) struct Tolerance {
    pub atol: Option<Var>,
    pub rtol: Option<Var>,
}

/// The tolerance for each batch of `values`, the singular values of matrices of these sizes.
pub(crate) fn tolerance(values: &Tensor, by: Tolerance, s: &Sizes) -> Result<Var> {
    let eps =
        if matches!(values.dtype(), DType::F32) { f64::from(f32::EPSILON) } else { f64::EPSILON };
    let usual = eps * s.rows.max(s.columns) as f64;
    let rtol = match (by.rtol, &by.atol) {
        (Some(rtol), _) => rtol,
        (None, None) => Var::from(usual),
        (None, Some(Var::S(atol))) => Var::from(if atol.to_f64() > 0.0 { 0.0 } else { usual }),
        (None, Some(atol)) => {
            let own = 0.0 * atol;
            own.clone().where_(atol.clone().gt(0.0), own + usual)
        }
    };
    let column = |v: Var| match v {
        Var::T(t) => Var::from(view::unsqueeze(&t, -1)),
        other => other,
    };
    let most = Var::from(amax(values, &[-1], true)?);
    let relative = column(rtol) * most;
    let absolute = column(by.atol.unwrap_or(Var::from(0.0)));
    Ok(absolute.clone().where_(absolute.gt(relative.clone()), relative))
}

/// How many singular values are above the tolerance.
pub(crate) fn matrix_rank(a: &Tensor, by: Tolerance, hermitian: bool) -> Result<Tensor> {
    check_matrix(a, "torch.linalg.matrix_rank", "input")?;
    let s = Sizes::of(a);
    if a.numel() == 0 {
        return create::zeros(&s.batch, DType::I64, a.device());
    }
    let _off = tape::set_grad_enabled(false);
    let values = if hermitian {
        Var::T(eigen::eigh(a, "L")?.0).abs().tensor()?
    } else {
        svd::svdvals(a, None)?
    };
    let limit = tolerance(&values, by, &s)?;
    let above = Var::T(values).gt(limit).tensor()?;
    reduce::sum(&above, Some(&[-1]), false, None)
}

fn number(order: Option<Scalar>) -> Option<Order<'static>> {
    order.map(Order::Number)
}

crate::ops! {
    /// Norms of matrices.
    NORMS:
    /// The norm of matrices.
    fo "linalg_matrix_norm(Tensor self, Scalar ord, int[] dim=[-2, -1], bool keepdim=False, *, ScalarType? dtype=None) -> Tensor" => |a, ord, dim, keepdim, dtype| matrix_norm(a, Order::Number(ord), Over { dim, keepdim, dtype });
    /// The norm of matrices.
    fo "linalg_matrix_norm.str_ord(Tensor self, str ord='fro', int[] dim=[-2, -1], bool keepdim=False, *, ScalarType? dtype=None) -> Tensor" => |a, ord, dim, keepdim, dtype| matrix_norm(a, Order::Name(ord), Over { dim, keepdim, dtype });
    /// The norm of vectors or matrices.
    fo "linalg_norm(Tensor self, Scalar? ord=None, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor" => |a, ord, dim, keepdim, dtype| norm(a, number(ord), dim, keepdim, dtype);
    /// The norm of vectors or matrices.
    fo "linalg_norm.ord_str(Tensor self, str ord, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor" => |a, ord, dim, keepdim, dtype| norm(a, Some(Order::Name(ord)), dim, keepdim, dtype);
    /// How far a matrix is from singular.
    fo f32 "linalg_cond(Tensor self, Scalar? p=None) -> Tensor" => |a, p| cond(a, number(p));
    /// How far a matrix is from singular.
    fo f32 "linalg_cond.p_str(Tensor self, str p) -> Tensor" => |a, p| cond(a, Some(Order::Name(p)));
    /// How many rows are independent.
    fo f32 "linalg_matrix_rank(Tensor input, *, Operand? atol=None, Operand? rtol=None, bool hermitian=False) -> Tensor" => |a, atol, rtol, hermitian| matrix_rank(a, Tolerance { atol, rtol }, hermitian);
    /// How many rows are independent.
    fo f32 "linalg_matrix_rank.tol(Tensor input, Operand tol, bool hermitian=False) -> Tensor" => |a, tol, hermitian| matrix_rank(a, Tolerance { atol: Some(tol), rtol: Some(Var::from(0.0)) }, hermitian);
    /// The sum of the singular values.
    fo "nuclear_norm(Tensor self, bool keepdim=False) -> Tensor" => |a, keepdim| matrix_norm(a, Order::Name("nuc"), Over { dim: &[-2, -1], keepdim, dtype: None });
    /// The sum of the singular values.
    fo "nuclear_norm.dim(Tensor self, int[2] dim, bool keepdim=False) -> Tensor" => |a, dim, keepdim| matrix_norm(a, Order::Name("nuc"), Over { dim, keepdim, dtype: None });
}
