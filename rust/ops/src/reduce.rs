//! Folds over some or all dimensions: sums, means, products, counts and logic.

use crate::node::{Formula, Keep, Linear};
use crate::{Var, binary, cast, map, rearrange, scan, unary, view};
use array::Array;
use array::dispatch::{self, Reduction, reduce};
use base::promote::default_dtype;
use base::{DType, List, Result, bail, ensure, shape};
use tape::{Tensor, record};

/// The input and output shapes of a reduction.
pub(crate) struct Span {
    /// The reduced dimensions.
    pub mask: List<bool>,
    /// The result's sizes.
    pub dims: base::Dims,
    /// The result's sizes with reduced dimensions as 1.
    pub kept: base::Dims,
}

impl Span {
    /// How many elements fold into one.
    pub fn count(&self, whole: &[usize]) -> usize {
        whole.iter().zip(&self.mask).filter(|(_, m)| **m).map(|(&n, _)| n).product()
    }

    /// The reduced dimensions as a list.
    pub fn reduced(&self, rank: usize) -> Vec<i64> {
        (0..rank).filter(|&d| self.mask[d]).map(|d| d as i64).collect()
    }
}

pub(crate) fn span(x: &Tensor, dim: Option<&[i64]>, keepdim: bool) -> Result<Span> {
    let all = x.dims();
    let mask = shape::dim_mask(dim.unwrap_or(&[]), all.len())?;
    let dims = shape::reduced(&all, &mask, keepdim);
    let kept = shape::reduced(&all, &mask, true);
    Ok(Span { mask, dims, kept })
}

/// A reduced value with its reduced dimensions as size 1, ready to broadcast.
pub(crate) fn keep_dims(reduced: Var, kept: &[usize]) -> Var {
    reduced.then(|t| view::reshape_to(t, kept))
}

/// A gradient of the reduced shape, repeated to the input's shape.
fn spread(g: Var, kept: &[usize], whole: &[usize]) -> Var {
    keep_dims(g, kept).then(|g| Ok(view::expand_to(g, whole)))
}

/// Sums of integers and bools are int64.
fn sum_dtype(x: &Tensor, dtype: Option<DType>) -> DType {
    dtype.unwrap_or_else(|| if x.dtype().is_integral() { DType::I64 } else { x.dtype() })
}

/// Integers as the default float, for folds of real numbers.
pub(crate) fn float_of(x: &Tensor) -> Result<Tensor> {
    if x.dtype().is_integral() { cast::to_dtype(x, default_dtype()) } else { Ok(x.clone()) }
}

/// The sum over dimensions (all when none are named).
pub fn sum(x: &Tensor, dim: Option<&[i64]>, keepdim: bool, dtype: Option<DType>) -> Result<Tensor> {
    let Span { mask, dims, kept } = span(x, dim, keepdim)?;
    let out = Array::empty_contiguous(&dims, sum_dtype(x, dtype), x.device())?;
    reduce(Reduction::Sum, &out, &x.array(), &mask)?;
    let whole = x.dims();
    let name = if dim.is_some() { "SumBackward1" } else { "SumBackward0" };
    record(out, &[x], |_| Ok(Linear::new(name, move |g: Var| spread(g, &kept, &whole))))
}

/// The mean over dimensions (all when none are named).
pub fn mean(
    x: &Tensor,
    dim: Option<&[i64]>,
    keepdim: bool,
    dtype: Option<DType>,
) -> Result<Tensor> {
    let target = dtype.unwrap_or_else(|| x.dtype());
    ensure!(
        target.is_differentiable(),
        Runtime,
        "mean(): could not infer output dtype. {} dtype must be either a floating point or complex dtype. Got: {}",
        if dtype.is_some() { "Optional" } else { "Input" },
        target.type_name()
    );
    let span = span(x, dim, keepdim)?;
    let whole = x.dims();
    let count = span.count(&whole) as f64;
    let mean = Array::empty_contiguous(&span.dims, target, x.device())?;
    reduce(Reduction::Mean, &mean, &x.array(), &span.mask)?;
    let name = if dim.is_some() { "MeanBackward1" } else { "MeanBackward0" };
    let kept = span.kept;
    record(mean, &[x], |_| {
        Ok(Linear::new(name, move |g: Var| spread(g, &kept, &whole) / Var::from(count)))
    })
}

/// The sum of the elements that are not NaN.
pub fn nansum(
    x: &Tensor,
    dim: Option<&[i64]>,
    keepdim: bool,
    dtype: Option<DType>,
) -> Result<Tensor> {
    ensure!(!x.dtype().is_complex(), Runtime, "nansum does not support complex inputs");
    let Span { mask, dims, kept } = span(x, dim, keepdim)?;
    let out = Array::empty_contiguous(&dims, sum_dtype(x, dtype), x.device())?;
    reduce(Reduction::NanSum, &out, &x.array(), &mask)?;
    record(out, &[x], |_| {
        Formula::new("NansumBackward0", 1, &[Keep::Input(x)], move |grads, saved| {
            let x = &saved.vars[0];
            let g = keep_dims(Var::grad(grads), &kept);
            Ok(vec![Some(Var::from(0.0).where_(x.clone().isnan(), g))])
        })
    })
}

/// The mean of the elements that are not NaN.
pub fn nanmean(
    x: &Tensor,
    dim: Option<&[i64]>,
    keepdim: bool,
    dtype: Option<DType>,
) -> Result<Tensor> {
    ensure!(
        x.dtype().is_differentiable(),
        Runtime,
        "nanmean(): expected input to have floating point or complex dtype but got {}",
        x.dtype().type_name()
    );
    let present =
        Var::from(x).isnan().then(|m| map::apply(&unary::logical_not::OP, &[m.into()], map::NONE));
    let count = present.then(|m| sum(m, dim, keepdim, None));
    (Var::from(nansum(x, dim, keepdim, dtype)) / count).tensor()
}

/// Whether any, or all, elements are non-zero.
fn logic(fold: Reduction, x: &Tensor, dim: Option<&[i64]>, keepdim: bool) -> Result<Tensor> {
    let dtype = if x.dtype() == DType::U8 { DType::U8 } else { DType::Bool };
    let span = match dim {
        Some([]) => {
            let found =
                map::apply(&crate::compare::ne::OP, &[x.into(), Var::from(0i64)], map::NONE)?;
            return cast::to_dtype(&found, dtype);
        }
        dim => span(x, dim, keepdim)?,
    };
    let out = Array::empty_contiguous(&span.dims, dtype, x.device())?;
    reduce(fold, &out, &x.array(), &span.mask)?;
    Ok(Tensor::new(out))
}

/// Whether any element is non-zero.
pub fn any(x: &Tensor, dim: Option<&[i64]>, keepdim: bool) -> Result<Tensor> {
    logic(Reduction::Any, x, dim, keepdim)
}

/// Whether all elements are non-zero.
pub fn all(x: &Tensor, dim: Option<&[i64]>, keepdim: bool) -> Result<Tensor> {
    logic(Reduction::All, x, dim, keepdim)
}

/// How many elements are non-zero, as int64.
pub fn count_nonzero(x: &Tensor, dim: Option<&[i64]>) -> Result<Tensor> {
    let Span { mask, dims, .. } = span(x, dim, false)?;
    let out = Array::empty_contiguous(&dims, DType::I64, x.device())?;
    reduce(Reduction::CountNonzero, &out, &x.array(), &mask)?;
    Ok(Tensor::new(out))
}

/// The product over one dimension, or over all.
pub fn prod(x: &Tensor, dim: Option<i64>, keepdim: bool, dtype: Option<DType>) -> Result<Tensor> {
    let x = &match dtype {
        Some(dtype) => cast::to_dtype(x, dtype)?,
        None => x.clone(),
    };
    let list = dim.map(|d| [d]);
    let Span { mask, dims, kept } = span(x, list.as_ref().map(|d| &d[..]), keepdim)?;
    let out = Array::empty_contiguous(&dims, sum_dtype(x, dtype), x.device())?;
    reduce(Reduction::Prod, &out, &x.array(), &mask)?;
    let name = if dim.is_some() { "ProdBackward1" } else { "ProdBackward0" };
    record(out, &[x], |y| {
        Formula::new(name, 1, &[Keep::Input(x), Keep::Output(y, 0)], move |grads, saved| {
            let g = keep_dims(Var::grad(grads), &kept);
            let y = keep_dims(saved.vars[1].clone(), &kept);
            Ok(vec![Some(prod_vjp(g, saved.vars[0].clone(), y, dim))])
        })
    })
}

/// Each element's gradient is the product of the others: the whole divided by it, or, where a zero
/// forbids that, the product of those before times the product of those after.
fn prod_vjp(g: Var, x: Var, y: Var, dim: Option<i64>) -> Var {
    match has_zero(&x) {
        Ok(false) => g * (y / x).conj(),
        Ok(true) => g * x.then(|x| products_of_others(x, dim)).conj(),
        Err(error) => Var::Bad(error),
    }
}

/// Whether an element is zero; on a device without data the general formula is taken.
pub(crate) fn has_zero(x: &Var) -> Result<bool> {
    let Var::T(x) = x else {
        bail!(Runtime, "internal error: a product's input is a tensor");
    };
    if x.device().kind == base::DeviceKind::Meta {
        return Ok(true);
    }
    let _off = tape::set_grad_enabled(false);
    let found = any(&Var::from(x).eq(0i64).tensor()?, None, false)?;
    Ok(dispatch::item(&found.array())?.to_bool())
}

fn products_of_others(x: &Tensor, dim: Option<i64>) -> Result<Tensor> {
    let Some(dim) = dim else {
        let flat = view::reshape_to(x, &[x.numel()])?;
        return view::reshape_to(&products_of_others(&flat, Some(0))?, &x.dims());
    };
    if x.rank() == 0 || x.numel() == 0 {
        return crate::create::full_like(x, base::Scalar::Int(1), None, None, None);
    }
    let d = shape::wrap_dim(dim, x.rank())?;
    let n = x.dims()[d] as i64;
    let mut edge = x.dims();
    edge[d] = 1;
    let d = d as i64;
    let one = crate::create::full(&edge, base::Scalar::Int(1), x.dtype(), x.device())?;
    let before = crate::join::cat(&[one.clone(), view::narrow(x, d, 0, n - 1)?], d)?;
    let after = crate::join::cat(&[view::narrow(x, d, 1, n - 1)?, one], d)?;
    let before = scan::cumprod(&before, d, None)?;
    let reversed = scan::cumprod(&rearrange::flip(&after, &[d])?, d, None)?;
    let after = rearrange::flip(&reversed, &[d])?;
    map::apply(&binary::mul::OP, &[before.into(), after.into()], map::NONE)
}

/// The definition, relative to the largest real part.
fn complex_logsumexp(x: &Tensor, dim: &[i64], keepdim: bool) -> Result<Tensor> {
    let _off = tape::set_grad_enabled(false);
    let top = |keep: bool| {
        let real = crate::complex::real(x)?;
        let top = Var::from(crate::extremum::amax(&real, dim, keep)?);
        Ok::<_, base::Error>(Var::from(0.0).where_(top.clone().abs().eq(f64::INFINITY), top))
    };
    let sum = (Var::from(x) - top(true)?).exp().then(|t| sum(t, Some(dim), keepdim, None));
    (sum.log() + top(keepdim)?).tensor()
}

/// log(sum(exp(x))), without overflow.
pub fn logsumexp(x: &Tensor, dim: &[i64], keepdim: bool) -> Result<Tensor> {
    let x = &float_of(x)?;
    let Span { mask, dims, kept } = span(x, Some(dim), keepdim)?;
    let out = if x.dtype().is_complex() {
        complex_logsumexp(x, dim, keepdim)?.array()
    } else {
        let out = Array::empty_contiguous(&dims, x.dtype(), x.device())?;
        reduce(Reduction::LogSumExp, &out, &x.array(), &mask)?;
        out
    };
    record(out, &[x], |y| {
        Formula::new(
            "LogsumexpBackward0",
            1,
            &[Keep::Input(x), Keep::Output(y, 0)],
            move |grads, saved| {
                let g = keep_dims(Var::grad(grads), &kept);
                let y = keep_dims(saved.vars[1].clone(), &kept);
                let floor = if matches!(&y, Var::T(t) if t.dtype().is_complex()) {
                    y
                } else {
                    Var::from(0.0).where_(y.clone().eq(f64::NEG_INFINITY), y)
                };
                Ok(vec![Some(g * (saved.vars[0].clone() - floor).exp().conj())])
            },
        )
    })
}

crate::ops! {
    /// Folds.
    FOLDS:
    /// The sum of the elements that are not NaN.
    fmo "nansum(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor" => |x, dim, keep, dtype| nansum(x, dim, keep, dtype);
    /// The mean of the elements that are not NaN.
    fmo "nanmean(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor" => |x, dim, keep, dtype| nanmean(x, dim, keep, dtype);
    /// The product of all elements.
    fmo f32 "prod(Tensor self, *, ScalarType? dtype=None) -> Tensor" => |x, dtype| prod(x, None, false, dtype);
    /// The product over a dimension.
    fmo f32 "prod.dim_int(Tensor self, int dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor" => |x, dim, keep, dtype| prod(x, Some(dim), keep, dtype);
    /// Whether any element is non-zero.
    fmo "any(Tensor self) -> Tensor" => |x| any(x, None, false);
    /// Whether any element of the dimensions is non-zero.
    fmo "any.dims(Tensor self, int[1]? dim=None, bool keepdim=False) -> Tensor" => |x, dim, keep| any(x, dim, keep);
    /// Whether all elements are non-zero.
    fmo "all(Tensor self) -> Tensor" => |x| all(x, None, false);
    /// Whether all elements of the dimensions are non-zero.
    fmo "all.dims(Tensor self, int[1]? dim=None, bool keepdim=False) -> Tensor" => |x, dim, keep| all(x, dim, keep);
    /// How many elements are non-zero.
    fm "count_nonzero(Tensor self, int[1]? dim=None) -> Tensor" => |x, dim| count_nonzero(x, dim);
    /// log(sum(exp(x))) over dimensions.
    fmo "logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor" => |x, dim, keep| logsumexp(x, dim, keep);
}
