//! Special functions beyond the rows of `unary.rs`.

use crate::call::Dest;
use crate::node::{Formula, Keep};
use crate::{Var, cast, create, fused, map, reduce, view};
use base::{DType, Result, Scalar, ensure};
use cpu::math::{Field, Ordered, Real};
use std::f64::consts::{FRAC_1_SQRT_2, LOG2_E, PI};
use tape::Tensor;

crate::unary! { SPECIAL:
    /// The derivative of digamma.
    trigamma as "PolygammaBackward0" { out: Same, unary: [Float => |x| Real::polygamma(x, 1.0)], wgsl: "trigamma(x)", vjp: [|g, x| g * polygamma_var(2.0, x)], sample: 0.5..4.0 }
    /// The inverse of the error function.
    erfinv { out: Same, unary: [Float => |x| Real::erfinv(x)], wgsl: "erfinv(x)", vjp: [|g, y| 0.5 * std::f64::consts::PI.sqrt() * (g * y.square().exp())], sample: -0.9..0.9 }
    /// sin(pi x) / (pi x), 1 at 0.
    sinc { out: Same, unary: [Field => |x| Field::sinc(x)], wgsl: "sinc(x)", vjp: [|g, x| sinc_vjp(g, x)], sample: 0.2..4.0 }
    /// The modified Bessel function of the first kind, order 0.
    i0 { out: Same, unary: [Float => |x| Real::i0(x)], wgsl: "", vjp: [|g, x| g * of(&special_i1::OP, x)], sample: -4.0..4.0 }
    /// exp(-|x|) times `i0`.
    special_i0e { out: Same, unary: [Float => |x| Real::i0e(x)], wgsl: "", vjp: [|g, x, y| g * (of(&special_i1e::OP, x.clone()) - x.sgn() * y)], sample: -4.0..4.0 }
    /// The modified Bessel function of the first kind, order 1.
    special_i1 { out: Same, unary: [Float => |x| Real::i1(x)], wgsl: "", vjp: [|g, x, y| g * at_zero(0.5, &x, of(&i0::OP, x.clone()) - y / nonzero(&x))], sample: 0.5..4.0 }
    /// exp(-|x|) times `special_i1`.
    special_i1e { out: Same, unary: [Float => |x| Real::i1e(x)], wgsl: "", vjp: [|g, x, y| g * at_zero(0.5, &x, of(&special_i0e::OP, x.clone()) - y * (x.clone().sgn() + nonzero(&x).reciprocal()))], sample: 0.5..4.0 }
    /// -x log(x), 0 at 0 and minus infinity below.
    special_entr { out: Same, unary: [Float => |x| if x > 0.0 { -x * Field::ln(x) } else if x < 0.0 { Ordered::LOWEST } else { x }], wgsl: "select(select(x, -infinity(), x < 0.0), -x * log(x), x > 0.0)", vjp: [|g, x| -g * (x.log() + 1.0)], sample: 0.1..4.0 }
    /// exp(x^2) erfc(x).
    special_erfcx { out: Same, unary: [Float => |x| Real::from_f64(cpu::math::special::erfcx(Real::to_f64(x)))], wgsl: "", vjp: [|g, x, y| g * (2.0 * (x * y) - std::f64::consts::FRAC_2_SQRT_PI)], sample: -1.0..4.0 }
    /// The standard normal distribution function.
    special_ndtr { out: Same, unary: [Float => |x| ndtr_of(x)], wgsl: "0.5 * erfc(-0.70710678 * x)", vjp: [|g, x| g * (-0.5 * x.square()).exp() / SQRT_TWO_PI], sample: -2.0..2.0 }
    /// The quantile function of the standard normal distribution.
    special_ndtri { out: Same, unary: [Float => |x| Real::ndtri(x)], wgsl: "", vjp: [|g, y| g * (0.5 * y.square()).exp() * SQRT_TWO_PI], sample: 0.1..0.9 }
    /// The logarithm of the standard normal distribution function.
    special_log_ndtr { out: Same, unary: [Float => |x| Real::from_f64(cpu::math::special::log_ndtr(Real::to_f64(x)))], wgsl: "", vjp: [|g, x| g / of(&special_erfcx::OP, -FRAC_1_SQRT_2 * x) * (2.0 / PI).sqrt()], sample: -4.0..4.0 }
    /// The mantissa of each number, from 0.5 to 1.
    frexp_mantissa { out: Same, unary: [Float => |x| Real::from_f64(cpu::math::special::frexp(Real::to_f64(x)).0)], wgsl: "", vjp: [none], sample: 0.5..4.0 }
    /// The power of two of each number.
    frexp_exponent { out: Same, unary: [Float => |x| Real::from_f64(cpu::math::special::frexp(Real::to_f64(x)).1)], wgsl: "", vjp: [none], sample: 0.5..4.0 }
    /// log(x / (1 - x)), x limited to [p[0], 1 - p[0]] unless p[0] is negative.
    logit { out: Same, unary_with: [Float => |x, p| logit_of(x, p[0])], wgsl: "logit(x, p0)", vjp: [|g, x, p| logit_vjp(g, x, p[0])], sample: 0.1..0.9 }
    /// The derivative of digamma of order p[0].
    polygamma { out: Same, unary_with: [Float => |x, p| Real::polygamma(x, p[0])], wgsl: "polygamma(x, p0)", vjp: [|g, x, p| g * polygamma_var(p[0] + 1.0, x)], sample: 0.5..4.0 }
}

crate::binary! { SPECIAL_PAIRS:
    /// a log(1 + b), and 0 where a is 0.
    special_xlog1py as "SpecialXlog1PyBackward0|SpecialXlog1PyBackward1|SpecialXlog1PyBackward2" { out: Same, binary: [Float => |a, b| if b.is_nan() { b } else if a == 0.0 { 0.0 } else { a * Field::log1p(b) }], wgsl: "", a: [|g, a, b| Var::from(0.0).where_(a.eq(0.0).logical_and(b.clone().le(-1.0)), g * map::apply_var(&crate::unary::log1p::OP, b))], b: [|g, a, b| g * a / (b + 1.0)], sample: 0.5..4.0 }
    /// The Hurwitz zeta function.
    special_zeta as "SpecialZetaBackward0|SpecialZetaBackward1|SpecialZetaBackward2" { out: Same, binary: [Float => |a, b| Real::zeta(a, b)], wgsl: "zeta(a, b)", a: [|_g| underivable("zeta")], b: [|g, a, b| -g * &a * map::of2(&special_zeta::OP, a + 1.0, b)], sample: 2.0..4.0 }
    /// The regularised lower incomplete gamma function.
    igamma(Tensor, Tensor) { out: Same, binary: [Float => |a, b| Real::igamma(a, b)], wgsl: "", a: [|_g| underivable("igamma: input")], b: [|g, a, b| g * gamma_density(a, b)], sample: 0.5..4.0 }
    /// The regularised upper incomplete gamma function.
    igammac(Tensor, Tensor) { out: Same, binary: [Float => |a, b| Real::igammac(a, b)], wgsl: "", a: [|_g| underivable("igammac: input")], b: [|g, a, b| -g * gamma_density(a, b)], sample: 0.5..4.0 }
    /// log2(2^a + 2^b).
    logaddexp2(Tensor, Tensor) { out: Same, binary: [Float => |a, b| { let top = Ordered::maximum(a, b); if top.is_infinite() && a == b { a } else { top + logaddexp2_rest(a - b) } }], wgsl: "logaddexp2(a, b)", a: [|g, a, b| g / (map::apply_var(&crate::unary::exp2::OP, b - a) + 1.0)], b: [|g, a, b| g / (map::apply_var(&crate::unary::exp2::OP, a - b) + 1.0)], sample: -4.0..4.0 }
}

#[inline(always)]
fn ndtr_of<T: Real>(x: T) -> T {
    T::from_f64(0.5) * Real::erfc(x * T::from_f64(-FRAC_1_SQRT_2))
}

/// log2(1 + 2^-|difference|).
#[inline(always)]
fn logaddexp2_rest<T: Real>(difference: T) -> T {
    Field::log1p(Field::exp2(-<T as Ordered>::abs(difference))) * T::from_f64(LOG2_E)
}

/// A limit at 0, a formula elsewhere.
fn at_zero(limit: f64, x: &Var, formula: Var) -> Var {
    Var::from(limit).where_(x.clone().eq(0.0), formula)
}

/// `x` with 1 for 0: what a formula divides by whose value at 0 is replaced, so that its own
/// derivative there is finite too.
fn nonzero(x: &Var) -> Var {
    Var::from(1.0).where_(x.clone().eq(0.0), x.clone())
}

const SQRT_TWO_PI: f64 = 2.506_628_274_631_000_5;

fn of(row: &'static map::MapRow, x: Var) -> Var {
    map::apply_var(row, x)
}

#[inline(always)]
fn logit_of<T: Real>(x: T, eps: f64) -> T {
    let x =
        if eps < 0.0 { x } else { Ordered::clamp_to(x, T::from_f64(eps), T::from_f64(1.0 - eps)) };
    Field::ln(x / (T::ONE - x))
}

/// Nothing flows where the argument was limited; outside (0, 1) there is no slope.
fn logit_vjp(g: Var, x: Var, eps: f64) -> Var {
    let slope = g / (&x * (1.0 - &x));
    let (low, outside) = if eps < 0.0 { (0.0, f64::NAN) } else { (eps, 0.0) };
    Var::from(outside).where_(x.clone().lt(low).logical_or(x.gt(1.0 - low)), slope)
}

/// The density of the gamma distribution of shape `a` at `x`.
fn gamma_density(a: Var, x: Var) -> Var {
    let gamma = map::apply_var(&crate::unary::lgamma::OP, a.clone());
    ((a - 1.0) * x.clone().log() - x - gamma).exp()
}

/// A derivative that PyTorch does not have either.
fn underivable(name: &str) -> Var {
    let text = format!("the derivative for '{name}' is not implemented.");
    Var::Bad(base::Error::new(base::Kind::NotImplemented, text))
}

/// The logarithm of the multivariate gamma function of order `p`.
fn mvlgamma(x: &Tensor, p: i64) -> Result<Tensor> {
    ensure!(p >= 1, Runtime, "p has to be greater than or equal to 1");
    let x = reduce::float_of(x)?;
    let order = p as f64;
    fused::composite("MvlgammaBackward0", &[&x], move |xs| {
        let shifts = create::arange(1 - p, 1, xs[0].device())?;
        let shifts = Var::from(shifts).then(|t| cast::to_dtype(t, xs[0].dtype())) * 0.5;
        let spread = Var::from(view::unsqueeze(&xs[0], -1)?) + shifts;
        let sum = of(&crate::unary::lgamma::OP, spread)
            .then(|t| reduce::sum(t, Some(&[-1]), false, None));
        (sum + order * (order - 1.0) * 0.25 * PI.ln()).tensor()
    })
}

/// Each number as a mantissa from 0.5 to 1 and a power of two.
fn frexp(x: &Tensor) -> Result<(Tensor, Tensor)> {
    ensure!(x.dtype().is_float(), Runtime, "torch.frexp() only supports floating-point dtypes");
    let silent = tape::set_grad_enabled(false);
    let mantissa = of(&frexp_mantissa::OP, x.into()).tensor()?;
    let exponent = cast::to_dtype(&of(&frexp_exponent::OP, x.into()).tensor()?, DType::I32)?;
    drop(silent);
    let power = exponent.array();
    let mut both = tape::record_many(vec![mantissa.array(), exponent.array()], &[x], |_| {
        Formula::new("FrexpBackward0", 1, &[Keep::Bare(&power)], |grads, saved| {
            let exponent = saved.vars[0].clone();
            let g = Var::grad(grads);
            let scale = Var::from(2.0).pow(exponent);
            Ok(vec![Some(g / scale)])
        })
    })?;
    let exponent = both.remove(1);
    Ok((both.remove(0), exponent))
}

fn logit_with(dest: Dest<'_>, x: &Tensor, eps: Option<f64>) -> Result<Tensor> {
    map::map(&logit::OP, &[x.into()], [eps.unwrap_or(-1.0), 0.0, 0.0, 0.0], dest)
}

/// A row of a tensor and a tensor or number.
pub(crate) fn with_operand(
    row: &'static map::MapRow,
    dest: Dest<'_>,
    a: &Tensor,
    b: Var,
) -> Result<Tensor> {
    map::map(row, &[a.into(), b], map::NONE, dest)
}

/// A row of a number and a tensor.
pub(crate) fn of_number(
    row: &'static map::MapRow,
    dest: Dest<'_>,
    a: Scalar,
    b: &Tensor,
) -> Result<Tensor> {
    map::map(row, &[Var::S(a), b.into()], map::NONE, dest)
}

/// The gradient of `sinc`: 0 at 0, where the formula is undefined.
fn sinc_vjp(g: Var, x: Var) -> Var {
    let angle = PI * &x;
    let slope = (angle.clone().cos() * &angle - angle.sin()) / (PI * x.clone().square());
    let grad = g * slope.conj();
    Var::from(0.0).where_(x.eq(0i64), grad)
}

crate::filling_ops! {
    /// Special functions with parameters.
    SPECIAL_WITH:
    /// The lower regularized incomplete gamma function.
    fmio "igamma(Tensor self, Tensor other) -> Tensor" => |dest, a, b| incomplete_gamma(&igamma::OP, dest, a, b);
    /// The upper regularized incomplete gamma function.
    fmio "igammac(Tensor self, Tensor other) -> Tensor" => |dest, a, b| incomplete_gamma(&igammac::OP, dest, a, b);
    /// The derivative of digamma of order n.
    f "polygamma(int n, Tensor self) -> Tensor" => |dest, n, x| ordered(dest, n, x);
    /// log(x / (1 - x)), x limited to [eps, 1 - eps] where that is given.
    fmio "logit(Tensor self, float? eps=None) -> Tensor" => |dest, x, eps| logit_with(dest, x, eps);
    /// a log(1 + b), and 0 where a is 0.
    fo "special_xlog1py(Tensor self, Operand other) -> Tensor" => |dest, a, b| with_operand(&special_xlog1py::OP, dest, a, b);
    /// a log(1 + b), and 0 where a is 0.
    fo "special_xlog1py.Scalar(Scalar self, Tensor other) -> Tensor" => |dest, a, b| of_number(&special_xlog1py::OP, dest, a, b);
    /// The Hurwitz zeta function.
    fo "special_zeta(Tensor self, Operand other) -> Tensor" => |dest, a, b| with_operand(&special_zeta::OP, dest, a, b);
    /// The Hurwitz zeta function.
    fo "special_zeta.Scalar(Scalar self, Tensor other) -> Tensor" => |dest, a, b| of_number(&special_zeta::OP, dest, a, b);
}

crate::ops! {
    /// Special functions made of others.
    SPECIAL_PLAIN:
    /// The logarithm of the multivariate gamma function.
    fmio "mvlgamma(Tensor self, int p) -> Tensor" => |x, p| mvlgamma(x, p);
    /// Mantissas and powers of two.
    fmo "frexp(Tensor self) -> (Tensor mantissa, Tensor exponent)" => |x| frexp(x);
}

fn incomplete_gamma(
    row: &'static map::MapRow,
    dest: Dest<'_>,
    a: &Tensor,
    b: &Tensor,
) -> Result<Tensor> {
    let dtype = a.dtype();
    ensure!(
        !dtype.is_integral() || !b.dtype().is_integral(),
        NotImplemented,
        "\"{}_cpu\" not implemented for '{}'",
        row.op.name,
        base::promote::promote_types(dtype, b.dtype()).type_name()
    );
    map::map(row, &[a.into(), b.into()], map::NONE, dest)
}

fn ordered(dest: Dest<'_>, n: i64, x: &Tensor) -> Result<Tensor> {
    ensure!(n >= 0, Runtime, "polygamma(n, x) does not support negative n.");
    map::map(&polygamma::OP, &[x.into()], [n as f64, 0.0, 0.0, 0.0], dest)
}

fn polygamma_var(order: f64, x: Var) -> Var {
    match x {
        Var::Bad(error) => Var::Bad(error),
        x => map::apply(&polygamma::OP, &[x], [order, 0.0, 0.0, 0.0]).into(),
    }
}

/// The derivative of digamma.
pub(crate) fn trigamma(x: Var) -> Var {
    polygamma_var(1.0, x)
}
