//! Variance and standard deviation, alone or with the mean.

use crate::node::{Formula, Keep};
use crate::reduce::{self, keep_dims, span};
use crate::{Var, fused};
use array::Array;
use array::dispatch::{Statistic, statistic};
use base::{Result, Scalar, ensure};
use tape::Tensor;

/// The slope of the variance: `2 (x - mean) / (n - correction)`.
fn variance_vjp(g: Var, x: &Var, dims: &[i64], free: f64) -> Var {
    let mean = x.clone().then(|x| reduce::mean(x, Some(dims), true, None));
    if free <= 0.0 {
        let nan = Var::from(f64::NAN);
        let slope = nan.where_(x.clone().eq(mean), f64::INFINITY);
        return g * slope;
    }
    (2.0 / free) * (g * (x.clone() - mean))
}

fn moment(
    kind: Statistic,
    op: &str,
    x: &Tensor,
    dim: Option<&[i64]>,
    correction: Option<Scalar>,
    keepdim: bool,
) -> Result<Tensor> {
    ensure!(
        x.dtype().is_differentiable(),
        Runtime,
        "{op} only support floating point and complex dtypes"
    );
    let span = span(x, dim, keepdim)?;
    let correction = correction.map_or(1.0, Scalar::to_f64);
    let out = Array::empty_contiguous(&span.dims, x.dtype().to_real(), x.device())?;
    statistic(kind, &out, &x.array(), &span.mask, correction)?;
    let free = span.count(&x.dims()) as f64 - correction;
    let dims = span.reduced(x.rank());
    let kept = span.kept;
    let is_std = kind == Statistic::Std;
    let name = if is_std { "StdBackward0" } else { "VarBackward0" };
    tape::record(out, &[x], |y| {
        let keeps: &[Keep<'_>] =
            if is_std { &[Keep::Input(x), Keep::Output(y, 0)] } else { &[Keep::Input(x)] };
        Formula::new(name, 1, keeps, move |grads, saved| {
            let mut g = keep_dims(Var::grad(grads), &kept);
            if let Some(std) = saved.vars.get(1) {
                let std = keep_dims(std.clone(), &kept);
                let slope = g / (2.0 * &std);
                g = Var::from(0.0).where_(std.eq(0.0), slope);
            }
            Ok(vec![Some(variance_vjp(g, &saved.vars[0], &dims, free))])
        })
    })
}

/// The variance over dimensions, with `correction` (1) taken off the count.
pub fn var(
    x: &Tensor,
    dim: Option<&[i64]>,
    correction: Option<Scalar>,
    keepdim: bool,
) -> Result<Tensor> {
    moment(Statistic::Var, "std and var", x, dim, correction, keepdim)
}

/// The standard deviation over dimensions.
pub fn std(
    x: &Tensor,
    dim: Option<&[i64]>,
    correction: Option<Scalar>,
    keepdim: bool,
) -> Result<Tensor> {
    moment(Statistic::Std, "std and var", x, dim, correction, keepdim)
}

/// The statistic and the mean as one node.
fn with_mean(
    statistic: Statistic,
    x: &Tensor,
    dim: Option<&[i64]>,
    correction: Option<Scalar>,
    keepdim: bool,
) -> Result<(Tensor, Tensor)> {
    let is_std = statistic == Statistic::Std;
    let node = if is_std { "StdMeanBackward0" } else { "VarMeanBackward0" };
    let dims = dim.filter(|d| !d.is_empty()).map(<[i64]>::to_vec);
    let all: Vec<i64> = (0..x.rank() as i64).collect();
    let [second, first] = fused::composite_many(node, &[x], move |inputs| {
        let (x, dims) = (&inputs[0], dims.as_deref());
        let second = moment(statistic, "std and var", x, dims, correction, keepdim)?;
        Ok([second, reduce::mean(x, Some(dims.unwrap_or(&all)), keepdim, None)?])
    })?;
    Ok((second, first))
}

fn bessel(unbiased: bool) -> Option<Scalar> {
    Some(Scalar::Int(unbiased.into()))
}

crate::ops! {
    /// Second moments.
    MOMENTS:
    /// The variance of all elements.
    fm "var(Tensor self, bool unbiased=True) -> Tensor" => |x, unbiased| var(x, None, bessel(unbiased), false);
    /// The variance over dimensions.
    fmo "var.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor" => |x, dim, unbiased, keep| var(x, dim, bessel(unbiased), keep);
    /// The variance over dimensions.
    fmo "var.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor" => |x, dim, correction, keep| var(x, dim, correction, keep);
    /// The standard deviation of all elements.
    fm "std(Tensor self, bool unbiased=True) -> Tensor" => |x, unbiased| std(x, None, bessel(unbiased), false);
    /// The standard deviation over dimensions.
    fmo "std.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor" => |x, dim, unbiased, keep| std(x, dim, bessel(unbiased), keep);
    /// The standard deviation over dimensions.
    fmo "std.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor" => |x, dim, correction, keep| std(x, dim, correction, keep);
    /// Variance and mean of all elements.
    f "var_mean(Tensor self, bool unbiased=True) -> (Tensor, Tensor)" => |x, unbiased| with_mean(Statistic::Var, x, None, bessel(unbiased), false);
    /// Variance and mean over dimensions.
    f "var_mean.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> (Tensor, Tensor)" => |x, dim, unbiased, keep| with_mean(Statistic::Var, x, dim, bessel(unbiased), keep);
    /// Variance and mean over dimensions.
    f "var_mean.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> (Tensor, Tensor)" => |x, dim, correction, keep| with_mean(Statistic::Var, x, dim, correction, keep);
    /// Standard deviation and mean of all elements.
    f "std_mean(Tensor self, bool unbiased=True) -> (Tensor, Tensor)" => |x, unbiased| with_mean(Statistic::Std, x, None, bessel(unbiased), false);
    /// Standard deviation and mean over dimensions.
    f "std_mean.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> (Tensor, Tensor)" => |x, dim, unbiased, keep| with_mean(Statistic::Std, x, dim, bessel(unbiased), keep);
    /// Standard deviation and mean over dimensions.
    f "std_mean.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> (Tensor, Tensor)" => |x, dim, correction, keep| with_mean(Statistic::Std, x, dim, correction, keep);
}
