//! Elementwise ops of one input.

use crate::Var;
use base::B8;
use cpu::math::{Field, Integer, Number, Ordered, Real};

#[inline(always)]
fn round_decimals_of<T: Real>(x: T, digits: f64) -> T {
    let scale = T::from_f64(10f64.powf(digits.abs()));
    if digits < 0.0 { Real::round(x / scale) * scale } else { Real::round(x * scale) / scale }
}

/// x tanh(log(1 + e^x)) = x w / (w + 2) with w = e^x (e^x + 2); from 20 on the factor is 1.
#[inline(always)]
fn mish_of<T: Real>(x: T) -> T {
    let two = T::from_f64(2.0);
    let power = Field::exp(if x > T::from_f64(20.0) { T::from_f64(20.0) } else { x });
    let w = power * (power + two);
    x * (w / (w + two))
}

crate::unary! { UNARY:
    /// The negative of each element.
    neg { out: Same, unary: [Number => |x| Number::neg(x)], wgsl: "-x", vjp: [|g| -g], sample: -4.0..4.0 }
    /// The absolute value of each element.
    abs { out: Real, unary: [Real => |x| Ordered::abs(x), Complex => |x| Field::magnitude(x)], wgsl: "magnitude(x)", vjp: [|g, x| g * x.sgn()], sample: -4.0..4.0 }
    /// The sign of each element: -1, 0 or 1.
    sign { out: Same, unary: [Real => |x| Ordered::sign(x), Bool => |x| x], wgsl: "sign_of(x)", vjp: [|g| g.zeros_like()], sample: -4.0..4.0 }
    /// The sign; for complex numbers the direction x / |x|.
    sgn { out: Same, unary: [Real => |x| Ordered::sign(x), Complex => |x| Field::sgn(x), Bool => |x| x], wgsl: "sign_of(x)", vjp: [|g, x, y| crate::complex::sgn_vjp(g, x, y)], sample: -4.0..4.0 }
    /// The square of each element.
    square as "PowBackward0" { out: Same, unary: [Number => |x| Number::square(x)], wgsl: "x * x", vjp: [|g, x| 2.0 * (g * x.conj())], sample: -4.0..4.0 }
    /// The square root of each element.
    sqrt { out: Same, unary: [Field => |x| Field::sqrt(x)], wgsl: "sqrt(x)", vjp: [|g, y| g / (2.0 * y).conj()], sample: 0.1..4.0 }
    /// The reciprocal of the square root.
    rsqrt { out: Same, unary: [Field => |x| Field::rsqrt(x)], wgsl: "inverseSqrt(x)", vjp: [|g, y| -0.5 * (g * y.pow(3i64).conj())], sample: 0.1..4.0 }
    /// The reciprocal of each element.
    reciprocal { out: Same, unary: [Field => |x| Field::recip(x)], wgsl: "1.0 / x", vjp: [|g, y| -g * (&y * &y).conj()], sample: 0.5..4.0 }
    /// e to the power of each element.
    exp { out: Same, unary: [Field => |x| Field::exp(x)], wgsl: "exp(x)", vjp: [|g, y| g * y.conj()], sample: -4.0..4.0 }
    /// 2 to the power of each element.
    exp2 { out: Same, unary: [Field => |x| Field::exp2(x)], wgsl: "exp2(x)", vjp: [|g, y| g * y.conj() * std::f64::consts::LN_2], sample: -4.0..4.0 }
    /// e to the power of each element, minus 1, accurate near 0.
    expm1 { out: Same, unary: [Field => |x| Field::expm1(x)], wgsl: "expm1(x)", vjp: [|g, y| g * (y.conj() + 1.0)], sample: -2.0..2.0 }
    /// The natural logarithm of each element.
    log { out: Same, unary: [Field => |x| Field::ln(x)], wgsl: "log(x)", vjp: [|g, x| g / x.conj()], sample: 0.1..4.0 }
    /// The logarithm to base 2.
    log2 { out: Same, unary: [Field => |x| Field::log2(x)], wgsl: "log2(x)", vjp: [|g, x| g / (x.conj() * std::f64::consts::LN_2)], sample: 0.1..4.0 }
    /// The logarithm to base 10.
    log10 { out: Same, unary: [Field => |x| Field::log10(x)], wgsl: "log(x) * 0.4342945", vjp: [|g, x| g / (x.conj() * std::f64::consts::LN_10)], sample: 0.1..4.0 }
    /// The natural logarithm of 1 + x, accurate near 0.
    log1p { out: Same, unary: [Field => |x| Field::log1p(x)], wgsl: "log1p(x)", vjp: [|g, x| g / (x + 1.0).conj()], sample: -0.5..4.0 }
    /// The sine of each element, in radians.
    sin { out: Same, unary: [Field => |x| Field::sin(x)], wgsl: "sin_of(x)", vjp: [|g, x| g * x.cos().conj()], sample: -4.0..4.0 }
    /// The cosine of each element, in radians.
    cos { out: Same, unary: [Field => |x| Field::cos(x)], wgsl: "cos_of(x)", vjp: [|g, x| g * -x.sin().conj()], sample: -4.0..4.0 }
    /// The tangent of each element, in radians.
    tan { out: Same, unary: [Field => |x| Field::tan(x)], wgsl: "tan_of(x)", vjp: [|g, y| g * (y.square() + 1.0).conj()], sample: -1.2..1.2 }
    /// The inverse sine, in radians.
    asin { out: Same, unary: [Field => |x| Field::asin(x)], wgsl: "asin_of(x)", vjp: [|g, x| g * (1.0 - x.square()).rsqrt().conj()], sample: -0.9..0.9 }
    /// The inverse cosine, in radians.
    acos { out: Same, unary: [Field => |x| Field::acos(x)], wgsl: "acos_of(x)", vjp: [|g, x| g * -(1.0 - x.square()).rsqrt().conj()], sample: -0.9..0.9 }
    /// The inverse tangent, in radians.
    atan { out: Same, unary: [Field => |x| Field::atan(x)], wgsl: "atan_of(x)", vjp: [|g, x| g / (x.square() + 1.0).conj()], sample: -4.0..4.0 }
    /// The hyperbolic sine.
    sinh { out: Same, unary: [Field => |x| Field::sinh(x)], wgsl: "sinh_of(x)", vjp: [|g, x| g * x.cosh().conj()], sample: -4.0..4.0 }
    /// The hyperbolic cosine.
    cosh { out: Same, unary: [Field => |x| Field::cosh(x)], wgsl: "cosh_of(x)", vjp: [|g, x| g * x.sinh().conj()], sample: -4.0..4.0 }
    /// The hyperbolic tangent.
    tanh { out: Same, unary: [Field => |x| Field::tanh(x)], wgsl: "tanh_safe(x)", vjp: [|g, y| g * (1.0 - y.square()).conj()], sample: -4.0..4.0 }
    /// The inverse hyperbolic sine.
    asinh { out: Same, unary: [Field => |x| Field::asinh(x)], wgsl: "asinh_of(x)", vjp: [|g, x| g * (x.square() + 1.0).rsqrt().conj()], sample: -4.0..4.0 }
    /// The inverse hyperbolic cosine.
    acosh { out: Same, unary: [Field => |x| Field::acosh(x)], wgsl: "acosh_of(x)", vjp: [|g, x| g * ((x.clone() - 1.0).rsqrt() * (x + 1.0).rsqrt()).conj()], sample: 1.1..4.0 }
    /// The inverse hyperbolic tangent.
    atanh { out: Same, unary: [Field => |x| Field::atanh(x)], wgsl: "atanh_of(x)", vjp: [|g, x| g / (1.0 - x.square()).conj()], sample: -0.9..0.9 }
    /// The logistic function 1 / (1 + exp(-x)).
    sigmoid { out: Same, unary: [Field => |x| Field::sigmoid(x)], wgsl: "sigmoid(x)", vjp: [|g, y| g * (&y * (1.0 - &y)).conj()], sample: -4.0..4.0 }
    /// The error function.
    erf { out: Same, unary: [Float => |x| Real::erf(x)], wgsl: "erf(x)", vjp: [|g, x| std::f64::consts::FRAC_2_SQRT_PI * (g * (-x.square()).exp())], sample: -2.0..2.0 }
    /// 1 - erf(x), accurate for large x.
    erfc { out: Same, unary: [Float => |x| Real::erfc(x)], wgsl: "erfc(x)", vjp: [|g, x| -std::f64::consts::FRAC_2_SQRT_PI * (g * (-x.square()).exp())], sample: -2.0..2.0 }
    /// The logarithm of the gamma function.
    lgamma { out: Same, unary: [Float => |x| Real::lgamma(x)], wgsl: "lgamma(x)", vjp: [|g, x| g * x.digamma()], sample: 0.5..4.0 }
    /// The logarithmic derivative of the gamma function.
    digamma { out: Same, unary: [Float => |x| Real::digamma(x)], wgsl: "digamma(x)", vjp: [|g, x| g * crate::special::trigamma(x)], sample: 0.5..4.0 }
    /// The largest integer not above each element.
    floor { out: Same, unary: [Float => |x| Real::floor(x), Int => |x| x], wgsl: "floor_of(x)", vjp: [|g| g.zeros_like()], sample: -4.0..4.0 }
    /// The smallest integer not below each element.
    ceil { out: Same, unary: [Float => |x| Real::ceil(x), Int => |x| x], wgsl: "ceil_of(x)", vjp: [|g| g.zeros_like()], sample: -4.0..4.0 }
    /// Each element without its fraction.
    trunc { out: Same, unary: [Float => |x| Real::trunc(x), Int => |x| x], wgsl: "trunc_of(x)", vjp: [|g| g.zeros_like()], sample: -4.0..4.0 }
    /// The fraction of each element, with its sign.
    frac { out: Same, unary: [Float => |x| Real::frac(x)], wgsl: "x - trunc(x)", vjp: [|g| g], sample: -4.0..4.0 }
    /// The nearest integer, halves to even.
    round { out: Same, unary: [Float => |x| Real::round(x), Int => |x| x], wgsl: "round_of(x)", vjp: [|g| g.zeros_like()], sample: -4.0..4.0 }
    /// Rounded to p[0] digits, halves to even.
    round_decimals as "RoundBackward1" { out: Same, unary_with: [Float => |x, p| round_decimals_of(x, p[0])], wgsl: "round_decimals(x, p0)", vjp: [|g| g.zeros_like()], sample: -4.0..4.0 }
    /// max(x, 0).
    relu { out: Same, unary: [Real => |x| Ordered::maximum(x, Number::ZERO)], wgsl: "relu(x)", vjp: [|g, y| Var::from(0.0).where_(y.le(0i64), g)], sample: -4.0..4.0 }
    /// x * sigmoid(x).
    silu { out: Same, unary: [Field => |x| x * Field::sigmoid(x)], wgsl: "x * sigmoid(x)", vjp: [|g, x| { let s = x.clone().sigmoid(); g * (&s * (1.0 + x * (1.0 - &s))).conj() }], sample: -4.0..4.0 }
    /// log(sigmoid(x)).
    log_sigmoid { out: Same, unary: [Float => |x| { let low = if x < 0.0 { x } else { 0.0 }; low - Field::log1p(Field::exp(-Ordered::abs(x))) }], wgsl: "log_sigmoid(x)", vjp: [|g, x| g * (-x).sigmoid()], sample: -4.0..4.0 }
    /// x * tanh(softplus(x)).
    mish { out: Same, unary: [Float => |x| mish_of(x)], wgsl: "mish(x)", vjp: [|g, x| { let s = x.clone().sigmoid(); let t = crate::activation::softplus_of(&x).tanh(); g * (&t + &(x * s * (1.0 - t.clone().square()))) }], sample: -4.0..4.0 }
    /// The bitwise complement; logical for bool.
    bitwise_not { out: Same, unary: [Int => |x| Integer::bit_not(x), Bool => |x| B8::from(!x.get())], wgsl: "bit_not(x)", vjp: [none], sample: -4.0..4.0 }
    /// Whether each element is zero.
    logical_not { out: Bool, unary: [All => |x| (x == Default::default()).into()], wgsl: "is_zero(x)", vjp: [none], sample: -4.0..4.0 }
    /// Whether each element is not a number.
    isnan { out: Bool, unary: [Field => |x| Field::is_nan(x).into(), Int => |_| false.into(), Bool => |_| false.into()], wgsl: "is_nan(x)", vjp: [none], sample: -4.0..4.0 }
    /// The complex conjugate; real numbers stay as they are.
    conj_physical { out: Same, unary: [Field => |x| Field::conj(x), Int => |x| x, Bool => |x| x], wgsl: "x", vjp: [|g| g.conj()], sample: -4.0..4.0 }
    /// Whether each element is finite.
    isfinite { out: Bool, unary: [Field => |x| Field::is_finite(x).into(), Int => |_| true.into(), Bool => |_| true.into()], wgsl: "is_finite(x)", vjp: [none], sample: -4.0..4.0 }
    /// Whether each element is plus or minus infinity.
    isinf { out: Bool, unary: [Field => |x| Field::is_inf(x).into(), Int => |_| false.into(), Bool => |_| false.into()], wgsl: "is_inf(x)", vjp: [none], sample: -4.0..4.0 }
    /// Whether each element is plus infinity.
    isposinf { out: Bool, unary: [Float => |x| (x == f64::INFINITY as _).into(), Int => |_| false.into(), Bool => |_| false.into()], wgsl: "is_inf(x) && !signbit(x)", vjp: [none], sample: -4.0..4.0 }
    /// Whether each element is minus infinity.
    isneginf { out: Bool, unary: [Float => |x| (x == f64::NEG_INFINITY as _).into(), Int => |_| false.into(), Bool => |_| false.into()], wgsl: "is_inf(x) && signbit(x)", vjp: [none], sample: -4.0..4.0 }
    /// Whether the sign bit of each element is set.
    signbit { out: Bool, unary: [Float => |x| x.is_sign_negative().into(), Int => |x| (x < Number::ZERO).into(), Bool => |_| false.into()], wgsl: "signbit(x)", vjp: [none], sample: -4.0..4.0 }
}
