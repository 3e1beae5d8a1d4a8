//! Activation functions with parameters.

use crate::{Var, map};
use base::Result;
use cpu::Params;
use cpu::math::{Field, Ordered, Real};
use tape::Tensor;

/// log(1 + exp(x)), linear where exp would overflow.
#[inline(always)]
pub(crate) fn softplus_scalar<T: Real>(x: T) -> T {
    let curved = Field::log1p(Field::exp(-<T as Ordered>::abs(x)));
    Ordered::maximum(x, T::ZERO) + curved
}

#[inline(always)]
fn softplus_with<T: Real>(x: T, p: &Params) -> T {
    let beta = T::from_f64(p[0]);
    let scaled = x * beta;
    if scaled > T::from_f64(p[1]) { x } else { Field::log1p(Field::exp(scaled)) / beta }
}

#[inline(always)]
fn leaky<T: Real>(x: T, p: &Params) -> T {
    if x > T::ZERO { x } else { x * T::from_f64(p[0]) }
}

#[inline(always)]
fn elu_scalar<T: Real>(x: T, p: &Params) -> T {
    let (alpha, scale, inner) = (T::from_f64(p[0]), T::from_f64(p[1]), T::from_f64(p[2]));
    if x > T::ZERO { x * scale } else { Field::expm1(x * inner) * alpha * scale }
}

fn elu_vjp(g: Var, x: Var, p: Params) -> Var {
    let high = p[1] * &g;
    let low = (p[0] * p[1] * p[2]) * (g * (p[2] * &x).exp());
    high.where_(x.gt(0i64), low)
}

#[inline(always)]
fn hard_shrunk<T: Real>(x: T, p: &Params) -> T {
    let limit = T::from_f64(p[0]);
    if x >= -limit && x <= limit { T::ZERO } else { x }
}

#[inline(always)]
fn soft_shrunk<T: Real>(x: T, p: &Params) -> T {
    let limit = T::from_f64(p[0]);
    if x > limit {
        x - limit
    } else if x < -limit {
        x + limit
    } else {
        x * T::ZERO
    }
}

/// [`softplus_scalar`] in formulas.
pub(crate) fn softplus_of(x: &Var) -> Var {
    match x {
        Var::Bad(error) => Var::Bad(error.clone()),
        x => map::apply(&softplus::OP, std::slice::from_ref(x), [1.0, 20.0, 0.0, 0.0]).into(),
    }
}

crate::unary! { ACTIVATION:
    /// log(1 + exp(beta x)) / beta, linear above a threshold.
    softplus { out: Same, unary_with: [Float => |x, p| softplus_with(x, p)], wgsl: "softplus(x, p0, p1)", vjp: [|g, x, p| { let scaled = x * p[0]; let slope = &g * &scaled.clone().sigmoid(); g.where_(scaled.gt(p[1]), slope) }], sample: -4.0..4.0 }
    /// x where positive, else slope times x.
    leaky_relu { out: Same, unary_with: [Float => |x, p| leaky(x, p)], wgsl: "select(p0 * x, x, x > 0.0)",
        vjp: [|g, x, p| { let low = p[0] * &g; g.where_(x.gt(0i64), low) }], sample: -4.0..4.0 }
    /// x where positive, else alpha (exp(x) - 1): parameters alpha, scale, input scale.
    elu { out: Same, unary_with: [Float => |x, p| elu_scalar(x, p)], wgsl: "elu(x, p0, p1, p2)", vjp: [|g, x, p| elu_vjp(g, x, p)], sample: -4.0..4.0 }
    /// [`elu`] of one scale, whose node says so.
    celu_of as "CeluBackward0" { out: Same, unary_with: [Float => |x, p| elu_scalar(x, p)], wgsl: "elu(x, p0, p1, p2)", vjp: [|g, x, p| elu_vjp(g, x, p)], sample: -4.0..4.0 }
    /// x limited to two bounds.
    hardtanh { out: Same, unary_with: [Float => |x, p| Ordered::clamp_to(x, Real::from_f64(p[0]), Real::from_f64(p[1])), Int => |x, p| Ordered::clamp_to(x, p[0] as _, p[1] as _)], wgsl: "clamp_to(x, p0, p1)",
        vjp: [|g, x, p| Var::from(0.0).where_(x.clone().le(p[0]).logical_or(x.ge(p[1])), g)], sample: -4.0..4.0 }
    /// relu6(x + 3) / 6.
    hardsigmoid { out: Same, unary: [Float => |x| Ordered::clamp_to(x + 3.0, 0.0, 6.0) / 6.0], wgsl: "hardsigmoid(x)",
        vjp: [|g, x| (g * (1.0 / 6.0)).where_(x.clone().gt(-3i64).logical_and(x.lt(3i64)), 0.0)], sample: -4.0..4.0 }
    /// x relu6(x + 3) / 6.
    hardswish { out: Same, unary: [Float => |x| x * Ordered::clamp_to(x + 3.0, 0.0, 6.0) / 6.0], wgsl: "x * hardsigmoid(x)",
        vjp: [|g, x| { let middle = &g * &(&x / Var::from(3.0) + 0.5); Var::from(0.0).where_(x.clone().le(-3i64), middle.where_(x.lt(3i64), g)) }], sample: -4.0..4.0 }
    /// x outside [-p, p], else 0.
    hardshrink { out: Same, unary_with: [Float => |x, p| hard_shrunk(x, p)], wgsl: "hardshrink(x, p0)",
        vjp: [|g, x, p| Var::from(0.0).where_(x.clone().ge(-p[0]).logical_and(x.le(p[0])), g)], sample: -4.0..4.0 }
    /// x moved towards 0 by p, 0 between.
    softshrink { out: Same, unary_with: [Float => |x, p| soft_shrunk(x, p)], wgsl: "softshrink(x, p0)",
        vjp: [|g, x, p| Var::from(0.0).where_(x.clone().ge(-p[0]).logical_and(x.le(p[0])), g)], sample: -4.0..4.0 }
    /// x where above p[0], else p[1].
    threshold { out: Same, unary_with: [Float => |x, p| if x <= Real::from_f64(p[0]) { Real::from_f64(p[1]) } else { x }, Int => |x, p| if (x as f64) <= p[0] { p[1] as _ } else { x }], wgsl: "threshold_of(x, p0, p1)",
        vjp: [|g, x, p| Var::from(0.0).where_(x.le(p[0]), g)], sample: -4.0..4.0 }
    /// x Phi(x), Phi the normal distribution function.
    gelu { out: Same, unary: [Float => |x| Real::gelu(x)], wgsl: "gelu(x)", vjp: [|g, x| gelu_vjp(g, x)], sample: -4.0..4.0 }
    /// GELU by its tanh approximation.
    gelu_tanh as "GeluBackward0" { out: Same, unary: [Float => |x| gelu_tanh_scalar(x)], wgsl: "gelu_tanh(x)", vjp: [|g, x| gelu_tanh_vjp(g, x)], sample: -4.0..4.0 }
}

/// `0.5 x (1 + tanh(inner))`, which is `x / (1 + exp(-2 inner))`.
#[inline(always)]
fn gelu_tanh_scalar<T: Real>(x: T) -> T {
    let inner = T::from_f64(SQRT_2_OVER_PI) * (x + T::from_f64(0.044_715) * x * x * x);
    x / (T::ONE + Field::exp(-(inner + inner)))
}

const SQRT_2_OVER_PI: f64 = 0.797_884_560_802_865_4;

fn gelu_vjp(g: Var, x: Var) -> Var {
    let cdf = 0.5 * (1.0 + (std::f64::consts::FRAC_1_SQRT_2 * &x).erf());
    let pdf = (0.5 * SQRT_2_OVER_PI) * (-0.5 * x.clone().square()).exp();
    g * (cdf + x * pdf)
}

fn gelu_tanh_vjp(g: Var, x: Var) -> Var {
    let cube = x.clone().square() * &x;
    let t = (SQRT_2_OVER_PI * (&x + &(0.044_715 * cube))).tanh();
    let inner = SQRT_2_OVER_PI * (1.0 + (3.0 * 0.044_715) * x.clone().square());
    let slope = 0.5 * (1.0 + &t) + 0.5 * (x * (1.0 - t.square()) * inner);
    g * slope
}

/// Applies a row with parameters.
pub(crate) fn with(row: &'static map::MapRow, x: &Tensor, params: Params) -> Result<Tensor> {
    map::apply(row, &[x.into()], params)
}
