//! Linear algebra: decompositions with a kernel each, and what follows from them in tensor algebra.
//!
//! Matrices are the last two dimensions, the others a batch. Gradients are the textbook formulas
//! (Giles 2008; Walter and Lehmann 2012 for QR; Boeddeker et al. 2017 for complex numbers) on
//! differentiable ops, so that second derivatives need no code.

pub mod cholesky;
pub mod determinant;
pub mod eigen;
pub mod exponential;
pub mod inverse;
pub mod ldl;
pub mod least_squares;
pub mod lu;
pub mod norms;
pub mod products;
pub mod qr;
pub mod solve;
pub mod svd;

pub(crate) use solve::{Triangle, solve_triangular};

use crate::triangle::{Side, triangle};
use crate::{Var, matmul, view};
use array::Array;
use array::dispatch::{self, linalg::Decomposition};
use base::{DType, Dims, Result, bail, ensure, shape};
use tape::Tensor;

/// The sizes of a batch of matrices.
pub(crate) struct Sizes {
    pub batch: Dims,
    pub rows: usize,
    pub columns: usize,
}

impl Sizes {
    /// Of the last two dimensions, which exist.
    pub fn of(x: &Tensor) -> Sizes {
        let dims = x.dims();
        let at = dims.len().saturating_sub(2);
        let size = |d: usize| dims.get(d).copied().unwrap_or(1);
        Sizes { batch: Dims::from_slice(&dims[..at]), rows: size(at), columns: size(at + 1) }
    }

    /// The smaller side.
    pub fn least(&self) -> usize {
        self.rows.min(self.columns)
    }

    /// The batch and then `tail`.
    pub fn with(&self, tail: &[usize]) -> Dims {
        self.batch.iter().chain(tail).copied().collect()
    }
}

/// Refuses anything but batches of matrices.
pub(crate) fn check_matrix(x: &Tensor, op: &str, name: &str) -> Result<()> {
    ensure!(
        x.rank() >= 2,
        Runtime,
        "{op}: The input tensor {name} must have at least 2 dimensions."
    );
    Ok(())
}

/// Refuses anything but batches of square matrices.
pub(crate) fn check_square(x: &Tensor, op: &str, name: &str) -> Result<()> {
    check_matrix(x, op, name)?;
    let Sizes { rows, columns, .. } = Sizes::of(x);
    ensure!(
        rows == columns,
        Runtime,
        "{op}: {name} must be batches of square matrices, but they are {rows} by {columns} matrices"
    );
    Ok(())
}

/// Refuses numbers that are not floating point.
pub(crate) fn check_float(x: &Tensor, op: &str) -> Result<()> {
    ensure!(
        x.dtype().is_differentiable(),
        Runtime,
        "{op}: Expected a floating point or complex tensor as input. Got {}",
        x.dtype().type_name()
    );
    Ok(())
}

/// Refuses dtypes no kernel exists for.
pub(crate) fn check_kernel(x: &Tensor, kernel: &str) -> Result<()> {
    let has = matches!(x.dtype(), DType::F32 | DType::F64 | DType::C64 | DType::C128);
    ensure!(has, NotImplemented, "\"{kernel}\" not implemented for '{}'", x.dtype().type_name());
    Ok(())
}

/// New arrays of these sizes and dtypes, filled by a decomposition of `ins`. Matrices lie column by
/// column, as LAPACK leaves them: what draws random numbers into their like depends on it.
pub(crate) fn decompose(
    kind: Decomposition,
    ins: &[&Tensor],
    outs: &[(Dims, DType)],
) -> Result<Vec<Array>> {
    let arrays: Vec<Array> = ins.iter().map(|t| t.array()).collect();
    let outs = outs
        .iter()
        .map(|(dims, dtype)| Array::empty_contiguous(dims, *dtype, ins[0].device()))
        .collect::<Result<Vec<_>>>()?;
    dispatch::linalg::decompose(kind, &outs, &arrays.iter().collect::<Vec<_>>())?;
    let rank = ins[0].rank();
    outs.into_iter()
        .map(|out| if out.dims().len() == rank { by_columns(&out) } else { Ok(out) })
        .collect()
}

/// The same matrices, column by column in memory.
fn by_columns(x: &Array) -> Result<Array> {
    let rank = x.dims().len();
    let turned = x.view(x.layout().transpose(rank - 2, rank - 1)).copied()?;
    Ok(turned.view(turned.layout().transpose(rank - 2, rank - 1)))
}

/// The results of an op that has exactly `N`.
pub(crate) fn exactly<T, const N: usize>(results: Vec<T>) -> Result<[T; N]> {
    let count = results.len();
    results.try_into().or_else(|_| bail!(Runtime, "internal error: {count} results for {N}"))
}

/// Fails with `text` of the first matrix whose `info` is not 0.
pub(crate) fn check_info(
    info: &Tensor,
    op: &str,
    text: impl Fn(i64) -> (base::Kind, String),
) -> Result<()> {
    if info.device().kind == base::DeviceKind::Meta {
        return Ok(());
    }
    let codes = dispatch::scalars(&info.array())?;
    let Some((i, code)) = codes.iter().map(|c| c.to_i64()).enumerate().find(|(_, c)| *c != 0)
    else {
        return Ok(());
    };
    let which = if info.rank() == 0 { String::new() } else { format!("(Batch element {i}): ") };
    let (kind, text) = text(code);
    Err(base::Error::new(kind, format!("{op}: {which}{text}")))
}

/// The two tensors with equal batch dimensions.
pub(crate) fn same_batch(a: &Tensor, b: &Tensor) -> Result<(Tensor, Tensor)> {
    let (x, y) = (Sizes::of(a), Sizes::of(b));
    let batch = shape::broadcast(&x.batch, &y.batch)?;
    let wide = |t: &Tensor, s: &Sizes| {
        let whole: Dims = batch.iter().copied().chain([s.rows, s.columns]).collect();
        if *t.dims() == *whole { t.clone() } else { view::expand_to(t, &whole) }
    };
    Ok((wide(a, &x), wide(b, &y)))
}

/// Ones on the diagonal, in the dtype of `like`.
pub(crate) fn identity(rows: usize, columns: usize, like: &Tensor) -> Result<Tensor> {
    let eye = Array::zeros(&[rows, columns], like.dtype(), like.device())?;
    dispatch::fill(&eye.view(eye.layout().diagonal(0, 0, 1)), base::Scalar::Int(1))?;
    Ok(Tensor::new(eye))
}

/// Formulas on matrices.
impl Var {
    /// The matrix product.
    pub(crate) fn mm(&self, other: &Var) -> Var {
        self.clone().then(|a| matmul::matmul(a, &other.clone().tensor()?))
    }

    /// The conjugate transpose.
    pub(crate) fn mh(&self) -> Var {
        self.clone().mt().conj()
    }

    /// The lower triangle, from diagonal `k` on.
    pub(crate) fn tril(&self, k: i64) -> Var {
        self.clone().then(|t| triangle(t, k, Side::Lower))
    }

    /// The upper triangle, from diagonal `k` on.
    pub(crate) fn triu(&self, k: i64) -> Var {
        self.clone().then(|t| triangle(t, k, Side::Upper))
    }

    /// The diagonals.
    pub(crate) fn diagonal(&self) -> Var {
        self.clone().then(|t| view::diagonal(t, 0, -2, -1))
    }

    /// Matrices with these diagonals.
    pub(crate) fn diagonal_matrix(&self) -> Var {
        self.clone().then(|t| crate::triangle::diag_embed(t, 0, -2, -1))
    }

    /// A new dimension of size 1.
    pub(crate) fn unsqueeze(&self, dim: i64) -> Var {
        self.clone().then(|t| view::unsqueeze(t, dim))
    }

    /// Part of a dimension.
    pub(crate) fn narrow(&self, dim: i64, start: usize, length: usize) -> Var {
        self.clone().then(|t| view::narrow(t, dim, start as i64, length as i64))
    }

    /// The solution x of `self x = b`, of which one triangle counts.
    pub(crate) fn solve_triangle(&self, b: &Var, upper: bool) -> Var {
        let of = solve::Triangle { upper, left: true, unit: false };
        self.clone().then(|a| solve::solve_triangular(a, &b.clone().tensor()?, of))
    }

    /// The solution x of `x self = b`, of which one triangle counts.
    pub(crate) fn solve_triangle_right(&self, b: &Var, upper: bool) -> Var {
        let of = solve::Triangle { upper, left: false, unit: false };
        self.clone().then(|a| solve::solve_triangular(a, &b.clone().tensor()?, of))
    }

    /// The solution x of `self x = b`, all matrices.
    pub(crate) fn solve(&self, b: &Var) -> Var {
        self.clone().then(|a| Ok(solve::solved(a, &b.clone().tensor()?)?.0))
    }
}

/// The gradient `g`, or zeros in the shape of the result `like`.
pub(crate) fn or_zero(g: Option<&Tensor>, like: &Var) -> Var {
    g.map_or_else(|| 0.0 * like, Var::from)
}
