//! Activations with a second operand: learnt slopes, gates, random slopes.

use crate::activation::{self, celu_of, elu, hardshrink, hardtanh, softshrink, threshold};
use crate::call::Dest;
use crate::inplace::reached_once;
use crate::map::{MapRow, map};
use crate::node::Linear;
use crate::{Var, fused, view};
use array::{Array, dispatch};
use base::rng::{Generator, default_generator, rrelu_slope};
use base::{Dims, Result, Scalar, ensure, shape};
use tape::Tensor;

fn row(row: &'static MapRow, dest: Dest<'_>, x: &Tensor, p: [f64; 4]) -> Result<Tensor> {
    map(row, &[x.into()], p, dest)
}

/// A value cut twice is as if cut once, so that expanded tensors may be written to.
fn above(dest: Dest<'_>, x: &Tensor, p: [f64; 4]) -> Result<Tensor> {
    Scalar::Float(p[1]).check_fits(x.dtype())?;
    if let Dest::InPlace(target) = dest
        && let Some(once) = reached_once(target)?
    {
        row(&threshold::OP, Dest::InPlace(&once), &once, p)?;
        return Ok(target.clone());
    }
    row(&threshold::OP, dest, x, p)
}

/// Parameters of SELU: Klambauer et al., 2017.
const SELU: [f64; 4] = [1.673_263_242_354_377_2, 1.050_700_987_355_480_5, 1.0, 0.0];

fn celu(dest: Dest<'_>, x: &Tensor, alpha: f64) -> Result<Tensor> {
    ensure!(alpha != 0.0, Runtime, "ZeroDivisionError: alpha cannot be 0 for CELU");
    row(&celu_of::OP, dest, x, [alpha, 1.0, 1.0 / alpha, 0.0])
}

fn soft_shrink(dest: Dest<'_>, x: &Tensor, limit: f64) -> Result<Tensor> {
    ensure!(
        limit >= 0.0,
        Runtime,
        "lambda must be greater or equal to 0, but found to be {limit}."
    );
    row(&softshrink::OP, dest, x, [limit, 0.0, 0.0, 0.0])
}

/// The first half of a dimension times the sigmoid of the second.
pub fn glu(x: &Tensor, dim: i64) -> Result<Tensor> {
    ensure!(x.rank() > 0, Runtime, "glu does not support 0-dimensional tensors");
    let d = shape::wrap_dim(dim, x.rank())?;
    let n = x.dims()[d];
    ensure!(
        n.is_multiple_of(2),
        Runtime,
        "Halving dimension must be even, but dimension {d} is size {n}"
    );
    let half = (n / 2) as i64;
    fused::composite("GluBackward0", &[x], move |inputs| {
        let part = |at: i64| Var::from(view::narrow(&inputs[0], d as i64, at, half));
        (part(0) * part(half).sigmoid()).tensor()
    })
}

/// x where positive, else a learnt slope (one, or one a channel) times x.
pub fn prelu(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let (dims, count) = (x.dims(), weight.numel());
    ensure!(
        x.dtype() == weight.dtype(),
        Runtime,
        "prelu: Type promoting not supported. Got {} and {}",
        x.dtype(),
        weight.dtype()
    );
    ensure!(
        weight.rank() <= 1,
        Runtime,
        "prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {}",
        weight.rank()
    );
    let mut lined = Dims::filled(1, dims.len());
    if count != 1 {
        ensure!(!dims.is_empty(), Runtime, "Not allow zero-dim input tensor.");
        let channels = dims.get(1).copied().unwrap_or(1);
        ensure!(
            channels == count,
            Runtime,
            "Mismatch of parameter numbers and input channel size. Found parameter numbers = {count} and channel size = {channels}."
        );
        lined[1] = count;
    }
    fused::composite("PreluKernelBackward0", &[x, weight], move |inputs| {
        let (x, w) = (Var::from(&inputs[0]), Var::from(view::reshape_to(&inputs[1], &lined)));
        let low = w * &x;
        x.clone().where_(x.gt(0i64), low).tensor()
    })
}

/// What a randomized slope is drawn from.
struct Slopes {
    lower: f64,
    upper: f64,
    training: bool,
}

/// x where positive, else a slope times x: random in training, the mean one otherwise.
fn rrelu(dest: Dest<'_>, x: &Tensor, by: &Slopes, generator: Option<&Generator>) -> Result<Tensor> {
    ensure!(
        by.lower <= by.upper,
        Runtime,
        "Lower bound should be less than or equal to the upper bound"
    );
    if !by.training {
        let mean = f64::midpoint(by.lower, by.upper);
        let leaky = move |dest: Dest<'_>, x: &Tensor| {
            row(&activation::leaky_relu::OP, dest, x, [mean, 0.0, 0.0, 0.0])
        };
        return match dest {
            Dest::New => fused::composite("RreluWithNoiseBackward0", &[x], move |xs| {
                leaky(Dest::New, &xs[0])
            }),
            _ => leaky(dest, x),
        };
    }
    let noise = Var::from(slopes(x, by, generator.unwrap_or_else(|| default_generator()))?);
    if let Dest::InPlace(target) = dest {
        let product = (Var::from(target) * noise).tensor()?;
        return crate::inplace::assign(target, &product);
    }
    let silent = tape::set_grad_enabled(false);
    let out = (Var::from(x) * &noise).tensor()?;
    drop(silent);
    tape::record(out.array(), &[x], |_| {
        Ok(Linear::new("RreluWithNoiseBackward0", move |g: Var| g * &noise))
    })
}

/// 1 where x is positive, else a draw; bounds are rounded to the dtype first.
fn slopes(x: &Tensor, by: &Slopes, generator: &Generator) -> Result<Tensor> {
    let dtype = x.dtype();
    let rounded =
        |bound: f64| if dtype == base::DType::F64 { bound } else { f64::from(bound as f32) };
    let (lower, upper) = (rounded(by.lower), rounded(by.upper));
    let out = Array::empty_contiguous(&x.dims(), dtype, x.device())?;
    if x.device().kind == base::DeviceKind::Meta {
        return Ok(Tensor::new(out));
    }
    let values = dispatch::scalars(&x.array())?;
    let mut stream = generator.lock();
    let drawn: Vec<Scalar> = values
        .into_iter()
        .map(|v| {
            let drawn = v.to_f64() <= 0.0;
            Scalar::Float(if drawn { rrelu_slope(&mut stream, lower, upper) } else { 1.0 })
        })
        .collect();
    dispatch::store(&out, &drawn)?;
    Ok(Tensor::new(out))
}

crate::filling_ops! {
    /// Activations with limits or random slopes.
    SHRINKS:
    /// x limited to 0 and 6.
    fi "relu6(Tensor self) -> Tensor" => |dest, x| row(&hardtanh::OP, dest, x, [0.0, 6.0, 0.0, 0.0]);
    /// Scaled ELU.
    fi "selu(Tensor self) -> Tensor" => |dest, x| row(&elu::OP, dest, x, SELU);
    /// x where positive, else alpha (exp(x / alpha) - 1).
    fi "celu(Tensor self, Scalar alpha=1.0) -> Tensor" => |dest, x, alpha| celu(dest, x, Scalar::to_f64(alpha));
    /// x outside [-lambd, lambd], else 0.
    fmo "hardshrink(Tensor self, Scalar lambd=0.5) -> Tensor" => |dest, x, limit| row(&hardshrink::OP, dest, x, [Scalar::to_f64(limit), 0.0, 0.0, 0.0]);
    /// x moved towards 0 by lambd.
    fo "softshrink(Tensor self, Scalar lambd=0.5) -> Tensor" => |dest, x, limit| soft_shrink(dest, x, Scalar::to_f64(limit));
    /// x above a threshold, else a value.
    fio "threshold(Tensor self, Scalar threshold, Scalar value) -> Tensor" => |dest, x, limit, value| above(dest, x, [Scalar::to_f64(limit), Scalar::to_f64(value), 0.0, 0.0]);
    /// x where positive, else a random slope times x.
    fi "rrelu(Tensor self, Scalar lower=0.125, Scalar upper=0.3333333333333333, bool training=False, Generator? generator=None) -> Tensor" => |dest, x, lower, upper, training, generator| rrelu(dest, x, &Slopes { lower: Scalar::to_f64(lower), upper: Scalar::to_f64(upper), training }, generator);
}

crate::ops! {
    /// Gates.
    GATES:
    /// Half of a dimension times the sigmoid of the other half.
    fo "glu(Tensor self, int dim=-1) -> Tensor" => |x, dim| glu(x, dim);
    /// x where positive, else a learnt slope times x.
    fm lower "prelu(Tensor self, Tensor weight) -> Tensor" => |x, w| prelu(x, w);
}
