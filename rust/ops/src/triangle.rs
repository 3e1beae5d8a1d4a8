//! Triangles and diagonals of matrices.

use crate::node::{Formula, Keep, Linear};
use crate::{Var, create, reduce, view, view_copy};
use array::{Array, dispatch};
use base::{DType, Device, Dims, Layout, Result, Scalar, ensure, shape};
use tape::Tensor;

/// Which side of a diagonal is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Upper,
    Lower,
}

/// A bool matrix that is true on the kept side of diagonal `k`.
fn mask(rows: usize, columns: usize, k: i64, side: Side, device: Device) -> Result<Array> {
    let _off = tape::set_grad_enabled(false);
    let row = view::unsqueeze(&create::arange(0, rows as i64, device)?, 1)?;
    let distance = Var::from(create::arange(0, columns as i64, device)) - Var::from(row);
    let kept = match side {
        Side::Upper => distance.ge(k),
        Side::Lower => distance.le(k),
    };
    Ok(kept.tensor()?.array())
}

/// The part of each matrix on one side of diagonal `k`.
pub(crate) fn triangle(x: &Tensor, k: i64, side: Side) -> Result<Tensor> {
    let op = if side == Side::Upper { "triu" } else { "tril" };
    ensure!(x.rank() >= 2, Runtime, "{op}: input tensor must have at least 2 dimensions");
    let dims = x.dims();
    let kept = mask(dims[dims.len() - 2], dims[dims.len() - 1], k, side, x.device())?;
    let out = Array::empty_contiguous(&dims, x.dtype(), x.device())?;
    let zero = array::Operand::Scalar(Scalar::Int(0));
    dispatch::where_(&out, &kept, array::Operand::Array(&x.array()), zero)?;
    let name = if side == Side::Upper { "TriuBackward0" } else { "TrilBackward0" };
    tape::record(out, &[x], |_| {
        Ok(Linear::new(name, move |g: Var| g.then(|g| triangle(g, k, side))))
    })
}

/// Writes one number on the main diagonal; with `wrap`, again below each square of a tall matrix.
fn fill_diagonal_(x: &Tensor, value: Scalar, wrap: bool) -> Result<Tensor> {
    let dims = x.dims();
    ensure!(dims.len() >= 2, Runtime, "dimensions must larger than 1");
    ensure!(
        dims.len() == 2 || dims.iter().all(|&n| n == dims[0]),
        Runtime,
        "all dimensions of input must be of equal length"
    );
    let (layout, least) = (x.layout(), dims.iter().copied().min().unwrap_or(0));
    let step: isize = layout.strides.iter().sum();
    let line = |at: usize, count: usize| {
        let place = Layout::as_strided(&[count], &[step], layout.offset + at)?;
        crate::inplace::fill_(&view::as_strided_to(x, &place), value)
    };
    line(0, least)?;
    let (rows, columns) = (dims[0], dims[1]);
    if wrap && dims.len() == 2 && rows > columns + 1 {
        let mut row = columns + 1;
        while row < rows {
            line(row * layout.strides[0] as usize, columns.min(rows - row))?;
            row += columns + 1;
        }
    }
    Ok(x.clone())
}

/// A matrix with `x` on a diagonal, or the diagonal of a matrix.
fn diag(x: &Tensor, k: i64) -> Result<Tensor> {
    match x.rank() {
        1 => diag_embed(x, k, 0, 1),
        2 => view_copy::copied("DiagonalBackward0_copy", x, move |x| view::diagonal(x, k, 0, 1)),
        rank => base::bail!(Runtime, "diag(): Supports 1D or 2D tensors. Got {rank}D"),
    }
}

/// The last dimension laid out as diagonals of new matrices.
pub fn diag_embed(x: &Tensor, offset: i64, dim1: i64, dim2: i64) -> Result<Tensor> {
    let rank = x.rank() + 1;
    ensure!(x.rank() > 0, Runtime, "diag_embed: input must have at least 1 dimension");
    let (a, b) = (shape::wrap_dim(dim1, rank)?, shape::wrap_dim(dim2, rank)?);
    ensure!(a != b, Runtime, "diagonal dimensions cannot be identical {dim1}, {dim2}");
    let own = x.dims();
    let side = own[own.len() - 1] + offset.unsigned_abs() as usize;
    let mut dims = Dims::new();
    let mut others = own[..own.len() - 1].iter();
    for d in 0..rank {
        dims.push(if d == a || d == b { side } else { others.next().copied().unwrap_or(1) });
    }
    let out = Array::zeros(&dims, x.dtype(), x.device())?;
    dispatch::copy(&out.view(out.layout().diagonal(offset as isize, a, b)), &x.array())?;
    tape::record(out, &[x], |_| {
        Ok(Linear::new("DiagEmbedBackward0", move |g: Var| {
            g.then(|g| view::diagonal(g, offset, a as i64, b as i64))
        }))
    })
}

/// A flattened tensor on the diagonal, or the diagonal of a matrix as a view.
fn diagflat(x: &Tensor, offset: i64) -> Result<Tensor> {
    diag_embed(&view::reshape_to(x, &[x.numel()])?, offset, 0, 1)
}

/// The sum of the diagonal.
fn trace(x: &Tensor) -> Result<Tensor> {
    ensure!(
        x.rank() == 2,
        Runtime,
        "trace: expected a matrix, but got tensor with dim {}",
        x.rank()
    );
    ensure!(x.dtype() != DType::Bool, NotImplemented, "\"trace\" not implemented for 'Bool'");
    let dims = x.dims();
    let value = {
        let _off = tape::set_grad_enabled(false);
        reduce::sum(&view::diagonal(x, 0, 0, 1)?, None, false, None)?
    };
    tape::record(value.array(), &[x], |_| {
        Ok(Linear::new("TraceBackward0", move |g: Var| {
            g.then(|g| {
                let eye = Array::zeros(&dims, g.dtype(), g.device())?;
                dispatch::fill(&eye.view(eye.layout().diagonal(0, 0, 1)), Scalar::Int(1))?;
                (Var::from(g) * Var::from(Tensor::new(eye))).tensor()
            })
        }))
    })
}

/// Counts (or sums of weights) of the integers from 0 on.
fn bincount(x: &Tensor, weights: Option<&Tensor>, minlength: i64) -> Result<Tensor> {
    ensure!(minlength >= 0, Runtime, "minlength should be >= 0");
    ensure!(
        x.dtype().is_integral() && x.dtype() != DType::Bool,
        NotImplemented,
        "\"bincount_cpu\" not implemented for '{}'",
        x.dtype().type_name()
    );
    ensure!(x.rank() == 1, Runtime, "bincount only supports 1-d non-negative integral inputs.");
    ensure!(
        weights.is_none_or(|w| w.dims() == x.dims()),
        Runtime,
        "weights should be 1-d and have the same length as input"
    );
    let index = Tensor::new(x.array().cast(DType::I64)?);
    let mut size = minlength as usize;
    if x.numel() > 0 {
        let (least, most) = bounds(&index)?;
        ensure!(least >= 0, Runtime, "bincount only supports 1-d non-negative integral inputs.");
        size = size.max(most as usize + 1);
    }
    let ones = match weights {
        Some(w) if w.dtype() == DType::F32 || w.dtype() == DType::F64 => w.detach(),
        Some(w) => crate::cast::to_dtype(&w.detach(), DType::F64)?,
        None => create::full(&index.dims(), Scalar::Int(1), DType::I64, x.device())?,
    };
    let zeros = create::zeros(&[size], ones.dtype(), x.device())?;
    crate::scatter::scatter_add(&zeros, 0, &index, &ones)
}

/// The smallest and largest element of a vector of integers.
fn bounds(x: &Tensor) -> Result<(i64, i64)> {
    let x = x.array();
    let fold = |kind| -> Result<i64> {
        let out = Array::empty_contiguous(&[], DType::I64, x.device())?;
        dispatch::reduce(kind, &out, &x, &vec![true; x.dims().len().max(1)])?;
        Ok(dispatch::item(&out)?.to_i64())
    };
    Ok((fold(dispatch::Reduction::Amin)?, fold(dispatch::Reduction::Amax)?))
}

/// The cross product along a dimension of size 3 (the first one where none is named).
fn cross(a: &Tensor, b: &Tensor, dim: Option<i64>) -> Result<Tensor> {
    let whole = shape::broadcast(&a.dims(), &b.dims())?;
    ensure!(
        a.rank() == b.rank(),
        Runtime,
        "linalg.cross: inputs must have the same number of dimensions."
    );
    let d = match dim {
        Some(dim) => shape::wrap_dim(dim, whole.len())?,
        None => match whole.iter().position(|&n| n == 3) {
            Some(d) => d,
            None => base::bail!(Runtime, "no dimension of size 3 in input"),
        },
    };
    ensure!(
        whole.get(d) == Some(&3),
        Runtime,
        "linalg.cross: inputs dimension {} must have length 3. Got {} and {}",
        dim.unwrap_or(-1),
        a.dims().get(d).copied().unwrap_or(1),
        b.dims().get(d).copied().unwrap_or(1)
    );
    let wide = |x: &Tensor| if x.dims() == whole { x.clone() } else { view::expand_to(x, &whole) };
    let (a, b) = (wide(a), wide(b));
    let value = {
        let _off = tape::set_grad_enabled(false);
        let turn =
            |x: &Tensor, by: i64| crate::rearrange::roll(x, &[by], &[d as i64]).map(Var::from);
        (turn(&a, -1)? * turn(&b, -2)? - turn(&a, -2)? * turn(&b, -1)?).tensor()?
    };
    tape::record(value.array(), &[&a, &b], |_| {
        Formula::new(
            "LinalgCrossBackward0",
            2,
            &[Keep::Input(&a), Keep::Input(&b)],
            move |grads, saved| {
                let g = Var::grad(grads);
                let product = |a: &Var, b: &Var| {
                    a.clone().then(|a| b.clone().then(|b| cross(a, b, Some(d as i64))).tensor())
                };
                let (x, y) = (saved.vars[0].clone().conj(), saved.vars[1].clone().conj());
                Ok(vec![
                    saved.needs[0].then(|| product(&y, &g)),
                    saved.needs[1].then(|| product(&g, &x)),
                ])
            },
        )
    })
}

crate::ops! {
    /// Triangles and diagonals.
    TRIANGLES:
    /// Writes one number on the main diagonal.
    m "fill_diagonal_(Tensor self, Scalar fill_value, bool wrap=False) -> Tensor" => |x, value, wrap| fill_diagonal_(x, value, wrap);
    /// The part on and above a diagonal.
    fmio "triu(Tensor self, int diagonal=0) -> Tensor" => |x, k| triangle(x, k, Side::Upper);
    /// The part on and below a diagonal.
    fmio "tril(Tensor self, int diagonal=0) -> Tensor" => |x, k| triangle(x, k, Side::Lower);
    /// A matrix of a diagonal, or a matrix's diagonal.
    fmo "diag(Tensor self, int diagonal=0) -> Tensor" => |x, k| diag(x, k);
    /// Matrices of diagonals.
    fm "diag_embed(Tensor self, int offset=0, int dim1=-2, int dim2=-1) -> Tensor" => |x, k, a, b| diag_embed(x, k, a, b);
    /// A matrix with all elements on its diagonal.
    fm "diagflat(Tensor self, int offset=0) -> Tensor" => |x, k| diagflat(x, k);
    /// The sum of the diagonal.
    fm f32 "trace(Tensor self) -> Tensor" => |x| trace(x);
    /// How often each integer occurs.
    fm "bincount(Tensor self, Tensor? weights=None, int minlength=0) -> Tensor" => |x, weights, least| bincount(x, weights, least);
    /// The cross product of vectors of three.
    fmo "cross(Tensor self, Tensor other, int? dim=None) -> Tensor" => |a, b, dim| cross(a, b, dim);
    /// The cross product of vectors of three.
    fo "linalg_cross(Tensor self, Tensor other, *, int dim=-1) -> Tensor" => |a, b, dim| cross(a, b, Some(dim));
}
