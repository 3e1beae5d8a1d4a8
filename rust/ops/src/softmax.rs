//! Softmax and log-softmax along one dimension.

use crate::index::vector;
use crate::node::{Formula, Keep};
use crate::{Var, cast};
use array::Array;
use array::dispatch::{Softmax, softmax as forward, softmax_backward};
use base::{DType, Result, ensure, shape};
use tape::Tensor;

/// `exp(x_i) / sum_j exp(x_j)` along `dim`.
pub fn softmax(x: &Tensor, dim: i64, dtype: Option<DType>) -> Result<Tensor> {
    apply(Softmax::Plain, x, dim, dtype)
}

/// The logarithm of [`softmax`].
pub fn log_softmax(x: &Tensor, dim: i64, dtype: Option<DType>) -> Result<Tensor> {
    apply(Softmax::Log, x, dim, dtype)
}

/// [`softmax`] with zeros instead of NaN where every element along `dim` is minus infinity.
fn safe_softmax(x: &Tensor, dim: i64, dtype: Option<DType>) -> Result<Tensor> {
    let value = |x: &Tensor| {
        let out = softmax(x, dim, dtype)?;
        let top = crate::extremum::amax(x, &[dim], true)?;
        Var::from(0.0).where_(Var::from(top).eq(f64::NEG_INFINITY), Var::from(out)).tensor()
    };
    let out = {
        let _off = tape::set_grad_enabled(false);
        value(x)?
    };
    let d = shape::wrap_dim(dim, x.rank())?;
    tape::record(out.array(), &[x], |y| {
        Formula::new("SafeSoftmaxBackward0", 1, &[Keep::Output(y, 0)], move |grads, saved| {
            let g = grads[0].clone().map_or_else(crate::node::absent, Ok)?;
            Ok(vec![Some(gradient(Softmax::Plain, g, saved.vars[0].clone(), d))])
        })
    })
}

fn apply(form: Softmax, x: &Tensor, dim: i64, dtype: Option<DType>) -> Result<Tensor> {
    let x = match dtype {
        Some(dtype) => cast::to_dtype(x, dtype)?,
        None => x.clone(),
    };
    let d = shape::wrap_dim(dim, x.rank())?;
    let (kernel, node) = match form {
        Softmax::Plain => ("softmax_lastdim_kernel_impl", "SoftmaxBackward0"),
        Softmax::Log => ("log_softmax_lastdim_kernel_impl", "LogSoftmaxBackward0"),
    };
    ensure!(
        x.dtype().is_float(),
        NotImplemented,
        "\"{kernel}\" not implemented for '{}'",
        x.dtype().type_name()
    );
    let out = Array::empty_contiguous(&x.dims(), x.dtype(), x.device())?;
    forward(form, &vector(&out), &vector(&x.array()), d)?;
    tape::record(out, &[&x], |y| {
        Formula::new(node, 1, &[Keep::Output(y, 0)], move |grads, saved| {
            let g = grads[0].clone().map_or_else(crate::node::absent, Ok)?;
            let y = saved.vars[0].clone();
            Ok(vec![Some(gradient(form, g, y, d))])
        })
    })
}

/// The formula while the backward pass is recorded, else the kernel.
fn gradient(form: Softmax, g: Tensor, y: Var, d: usize) -> Var {
    if !tape::grad_enabled() {
        return y.then(|y| {
            let out = Array::empty_contiguous(&g.dims(), g.dtype(), g.device())?;
            softmax_backward(form, &vector(&out), &vector(&g.array()), &vector(&y.array()), d)?;
            Ok(Tensor::new(out))
        });
    }
    let (g, along) = (Var::T(g), [d as i64]);
    match form {
        Softmax::Plain => &y * &(&g - &(&g * &y).sum_keep(&along)),
        Softmax::Log => {
            let total = g.clone().sum_keep(&along);
            g - y.exp() * total
        }
    }
}

crate::ops! {
    /// Softmax and its logarithm.
    SOFTMAX:
    /// Exponentials along a dimension, divided by their sum.
    fmo "softmax(Tensor self, int dim, ScalarType? dtype=None) -> Tensor" => |x, dim, dtype| softmax(x, dim, dtype);
    /// Softmax that is 0 where every element along the dimension is minus infinity.
    f "_safe_softmax(Tensor self, int dim, ScalarType? dtype=None) -> Tensor" => |x, dim, dtype| safe_softmax(x, dim, dtype);
    /// The logarithm of softmax.
    fmo "log_softmax(Tensor self, int dim, ScalarType? dtype=None) -> Tensor" => |x, dim, dtype| log_softmax(x, dim, dtype);
}
