//! Running folds along one dimension: sums, products, extremes.

use crate::extremum::picked_at;
use crate::node::{Formula, Keep, Linear};
use crate::reduce::has_zero;
use crate::{Var, cast, clamp, rearrange, view};
use array::Array;
use array::dispatch::{self, Extreme, Scan};
use base::{DType, Result, ensure, shape};
use tape::Tensor;

fn scanned(fold: Scan, x: &Tensor, d: usize, dtype: DType) -> Result<Array> {
    let out = Array::empty_contiguous(&x.dims(), dtype, x.device())?;
    dispatch::scan(fold, &out, &x.array(), d)?;
    Ok(out)
}

fn sum_dtype(op: &str, x: &Tensor, dtype: Option<DType>) -> Result<DType> {
    ensure!(
        dtype != Some(DType::Bool),
        NotImplemented,
        "\"{op}_out_cpu\" not implemented for 'Bool'"
    );
    let own = if x.dtype().is_integral() { DType::I64 } else { x.dtype() };
    Ok(dtype.unwrap_or(own))
}

/// The running sum.
pub fn cumsum(x: &Tensor, dim: i64, dtype: Option<DType>) -> Result<Tensor> {
    let d = shape::wrap_dim(dim, x.rank())?;
    let out = scanned(Scan::Sum, x, d, sum_dtype("cumsum", x, dtype)?)?;
    tape::record(out, &[x], |_| {
        Ok(Linear::new("CumsumBackward0", move |g: Var| sum_from_here(g, d as i64)))
    })
}

/// The sum of each element and all after it.
fn sum_from_here(v: Var, d: i64) -> Var {
    v.then(|t| {
        if t.rank() == 0 {
            return Ok(t.clone());
        }
        let reversed = rearrange::flip(t, &[d])?;
        rearrange::flip(&cumsum(&reversed, d, None)?, &[d])
    })
}

/// The running product.
pub fn cumprod(x: &Tensor, dim: i64, dtype: Option<DType>) -> Result<Tensor> {
    let d = shape::wrap_dim(dim, x.rank())?;
    let x = &cast::to_dtype(x, sum_dtype("cumprod", x, dtype)?)?;
    let out = scanned(Scan::Prod, x, d, x.dtype())?;
    tape::record(out, &[x], |y| {
        let keeps = [Keep::Input(x), Keep::Output(y, 0)];
        Formula::new("CumprodBackward0", 1, &keeps, move |grads, saved| {
            let (x, y) = (saved.vars[0].clone(), saved.vars[1].clone());
            Ok(vec![Some(cumprod_vjp(Var::grad(grads), x, y, d as i64))])
        })
    })
}

/// dL/dx_k is the sum over i >= k of g_i times the product of the others up to i: `(g y)` summed
/// from k on, divided by x_k, or, where a zero forbids that, position by position.
fn cumprod_vjp(g: Var, x: Var, y: Var, d: i64) -> Var {
    match has_zero(&x) {
        Ok(false) => sum_from_here(g * y.conj(), d) / x.conj(),
        Ok(true) => x.then(|x| cumprod_vjp_at_zeros(&g, x, d)),
        Err(error) => Var::Bad(error),
    }
}

fn cumprod_vjp_at_zeros(g: &Var, x: &Tensor, d: i64) -> Result<Tensor> {
    if x.rank() == 0 || x.numel() == 0 {
        return g.clone().tensor();
    }
    let n = x.dims()[d as usize] as i64;
    let mut edge = x.dims();
    edge[d as usize] = 1;
    let mut before =
        Var::from(crate::create::full(&edge, base::Scalar::Int(1), x.dtype(), x.device()));
    let mut parts = Vec::with_capacity(n as usize);
    for k in 0..n {
        let mut others = before.clone();
        if k + 1 < n {
            let later = cumprod(&view::narrow(x, d, k + 1, n - k - 1)?, d, None)?;
            let later = &before * &Var::from(later);
            others = Var::from(crate::join::cat(&[before.clone().tensor()?, later.tensor()?], d));
        }
        let part = g.clone().then(|g| view::narrow(g, d, k, n - k)) * others.conj();
        parts.push(part.sum_keep(&[d]).tensor()?);
        before = before * Var::from(view::narrow(x, d, k, 1));
    }
    crate::join::cat(&parts, d)
}

/// log of the running sum of exponentials.
pub fn logcumsumexp(x: &Tensor, dim: i64) -> Result<Tensor> {
    let d = shape::wrap_dim(dim, x.rank())?;
    ensure!(
        x.dtype().is_differentiable(),
        NotImplemented,
        "\"logcumsumexp_out_cpu\" not implemented for '{}'",
        x.dtype().type_name()
    );
    let dtype = x.dtype();
    let out = scanned(Scan::LogSumExp, x, d, dtype)?;
    tape::record(out, &[x], |y| {
        let keeps = [Keep::Input(x), Keep::Output(y, 0)];
        Formula::new("LogcumsumexpBackward0", 1, &keeps, move |grads, saved| {
            let (g, x, y) = (Var::grad(grads), saved.vars[0].clone(), saved.vars[1].clone());
            Ok(vec![Some(logcumsumexp_vjp(&g, &x, &y, d as i64))])
        })
    })
}

/// exp(x_k) times the sum over i >= k of g_i exp(-y_i), summed in logarithms: positive and negative
/// real g apart, so that these exist.
fn logcumsumexp_vjp(g: &Var, x: &Var, y: &Var, d: i64) -> Var {
    let from_here = |logs: Var| {
        let summed = (logs - y).then(|t| {
            if t.rank() == 0 {
                return Ok(t.clone());
            }
            rearrange::flip(&logcumsumexp(&rearrange::flip(t, &[d])?, d)?, &[d])
        });
        (x + &summed).exp()
    };
    let Var::T(grad) = g else {
        return g.clone();
    };
    if grad.dtype().is_complex() {
        return from_here(g.clone().conj().log()).conj();
    }
    // The logarithm of nothing is a finite number, for -inf has no second derivative.
    let lowest = Var::from(clamp::range_of(grad.dtype()).0);
    let side = |g: Var| {
        let none = g.clone().le(0.0);
        let log = Var::from(1.0).where_(none.clone(), g).log();
        from_here(lowest.clone().where_(none, log))
    };
    side(g.clone()) - side(-g.clone())
}

fn running(node: &'static str, side: Extreme, x: &Tensor, dim: i64) -> Result<(Tensor, Tensor)> {
    let d = shape::wrap_dim(dim, x.rank())?;
    let values = Array::empty_contiguous(&x.dims(), x.dtype(), x.device())?;
    let indices = Array::empty_contiguous(&x.dims(), DType::I64, x.device())?;
    dispatch::running_extreme(side, &values, &indices, &x.array(), d)?;
    picked_at(node, x, values, indices, d)
}

crate::ops! {
    /// Running folds.
    SCANS:
    /// The running sum.
    fmio "cumsum(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor" => |x, dim, dtype| cumsum(x, dim, dtype);
    /// The running product.
    fmio "cumprod(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor" => |x, dim, dtype| cumprod(x, dim, dtype);
    /// log of the running sum of exponentials.
    fmo "logcumsumexp(Tensor self, int dim) -> Tensor" => |x, dim| logcumsumexp(x, dim);
    /// The largest element so far.
    fmo "cummax(Tensor self, int dim) -> (Tensor values, Tensor indices)" => |x, dim| running("CummaxBackward0", Extreme::Largest, x, dim);
    /// The smallest element so far.
    fmo "cummin(Tensor self, int dim) -> (Tensor values, Tensor indices)" => |x, dim| running("CumminBackward0", Extreme::Smallest, x, dim);
}
