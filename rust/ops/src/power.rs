//! Powers: common exponents, and gradients that are right also at a base of 0.

use crate::call::Dest;
use crate::map::{MapRow, NONE, map};
use crate::{Var, binary, fused, unary};
use base::{DType, Result, Scalar, ensure};
use cpu::math::{Field, Number};
use tape::Tensor;

crate::unary! { SHORT:
    /// The third power.
    cube { out: Same, unary: [Number => |x| Number::mul(Number::mul(x, x), x)], wgsl: "x * x * x", vjp: [none], sample: -4.0..4.0 }
    /// The power -2.
    inverse_square { out: Same, unary: [Field => |x| Field::recip(Number::mul(x, x))], wgsl: "1.0 / (x * x)", vjp: [none], sample: 0.5..4.0 }
}

/// The row of one operand that computes the power by a common exponent, as PyTorch does; what is
/// recorded stays the power.
pub(crate) fn simpler(row: &MapRow, ins: &[Var]) -> Option<&'static MapRow> {
    let [Var::T(_), Var::S(exponent)] = ins else { return None };
    if !std::ptr::eq(row, &raw const binary::pow::OP) {
        return None;
    }
    let number = match exponent {
        Scalar::Int(number) => *number as f64,
        Scalar::Float(number) => *number,
        Scalar::Bool(_) | Scalar::Complex(_) => return None,
    };
    // Powers of integers with negative or broken exponents are floats, or have been refused.
    match number {
        2.0 => Some(&unary::square::OP),
        3.0 => Some(&cube::OP),
        0.5 => Some(&unary::sqrt::OP),
        -0.5 => Some(&unary::rsqrt::OP),
        -1.0 => Some(&unary::reciprocal::OP),
        -2.0 => Some(&inverse_square::OP),
        _ => None,
    }
}

/// The operator `**`. An integer tensor takes no negative integer exponent.
pub fn pow(dest: Dest<'_>, a: Var, b: Var) -> Result<Tensor> {
    if let (Var::T(x), Var::S(Scalar::Int(exponent))) = (&a, &b) {
        ensure!(
            *exponent >= 0 || !x.dtype().is_integral(),
            Runtime,
            "Integers to negative integer powers are not allowed."
        );
    }
    let bools = |v: &Var| match v {
        Var::T(t) => t.dtype() == DType::Bool,
        Var::S(s) => matches!(s, Scalar::Bool(_)),
        Var::Bad(_) => false,
    };
    let unknown = matches!(b, Var::T(_)) && bools(&a) && bools(&b);
    ensure!(!unknown, NotImplemented, "\"pow\" not implemented for 'Bool'");
    map(&binary::pow::OP, &[a, b], NONE, dest)
}

/// The square; that of a truth value is an integer.
fn square(dest: Dest<'_>, x: &Tensor) -> Result<Tensor> {
    let x =
        if x.dtype() == DType::Bool { crate::cast::to_dtype(x, DType::I64)? } else { x.clone() };
    map(&unary::square::OP, &[x.into()], NONE, dest)
}

crate::filling_ops! {
    /// Powers.
    POWERS:
    /// The first argument to the power of the second.
    fmio "pow(Operand self, Operand exponent) -> Tensor" => |dest, a, b| pow(dest, a, b);
    /// The square of each element.
    fmio "square(Tensor self) -> Tensor" => |dest, x| square(dest, x);
    /// The first argument to the power of the second, in double precision.
    fmio "float_power(Tensor self, Operand exponent) -> Tensor" => |dest, a, b| tensor_power(dest, a, b);
    /// The first argument to the power of the second, in double precision.
    fo "float_power.Scalar(Scalar self, Tensor exponent) -> Tensor" => |dest, a, b| number_power(dest, a, b);
    /// The first argument times 2 to the power of the second.
    fmio "ldexp(Tensor self, Tensor other) -> Tensor" => |dest, x, exponent| ldexp(dest, x, exponent);
}

/// A power in double precision whatever the operands are.
fn float_power(dest: Dest<'_>, a: Var, b: Var) -> Result<Tensor> {
    let complex = |v: &Var| match v {
        Var::T(t) => t.dtype().is_complex(),
        Var::S(s) => matches!(s, Scalar::Complex(_)),
        Var::Bad(_) => false,
    };
    let dtype = if complex(&a) || complex(&b) { DType::C128 } else { DType::F64 };
    let wide = |v: Var| match v {
        Var::T(t) => Var::from(crate::cast::to_dtype(&t, dtype)),
        Var::S(s) if dtype == DType::C128 => Var::S(Scalar::Complex(s.to_complex())),
        Var::S(s) => Var::S(Scalar::Float(s.to_f64())),
        bad @ Var::Bad(_) => bad,
    };
    if let Dest::InPlace(target) = dest {
        ensure!(
            target.dtype() == dtype,
            Runtime,
            "the base given to float_power_ has dtype {} but the operation's result requires dtype {}",
            target.dtype().type_name(),
            dtype.type_name()
        );
    }
    map(&binary::pow::OP, &[wide(a), wide(b)], NONE, dest)
}

fn tensor_power(dest: Dest<'_>, a: &Tensor, b: Var) -> Result<Tensor> {
    float_power(dest, a.into(), b)
}

fn number_power(dest: Dest<'_>, a: Scalar, b: &Tensor) -> Result<Tensor> {
    float_power(dest, Var::S(a), b.into())
}

fn ldexp(dest: Dest<'_>, x: &Tensor, exponent: Var) -> Result<Tensor> {
    let scaled = |dest: Dest<'_>, x: &Tensor, exponent: Var| {
        map(&binary::mul::OP, &[x.into(), Var::from(2.0).pow(exponent)], NONE, dest)
    };
    match (dest, exponent) {
        (Dest::New, Var::T(exponent)) => {
            fused::composite("LdexpBackward0", &[x, &exponent], move |inputs| {
                scaled(Dest::New, &inputs[0], Var::from(&inputs[1]))
            })
        }
        (dest, exponent) => scaled(dest, x, exponent),
    }
}

/// d/da a^b = b a^(b-1), and 0 where b is 0.
pub(crate) fn base_vjp(g: Var, a: Var, b: Var) -> Var {
    if let Var::S(exponent) = b {
        if exponent.is_zero() {
            return g.zeros_like();
        }
        let less = minus_one(exponent);
        return g * (Var::S(exponent) * a.pow(less)).conj();
    }
    let less = &b - &Var::from(1i64);
    let slope = g * (&b * &a.pow(less)).conj();
    Var::from(0.0).where_(b.eq(0i64), slope)
}

fn minus_one(s: Scalar) -> Scalar {
    match s {
        Scalar::Int(v) => Scalar::Int(v - 1),
        Scalar::Complex(c) => Scalar::Complex(c - 1.0),
        other => Scalar::Float(other.to_f64() - 1.0),
    }
}

/// d/db a^b = a^b ln a, and 0 where a is 0 and b is not negative.
pub(crate) fn exponent_vjp(g: Var, a: Var, b: Var, y: Var) -> Var {
    let slope = g * (y * a.clone().log()).conj();
    let real_exponent = !matches!(&b, Var::T(t) if t.dtype().is_complex());
    let masked = if real_exponent { a.eq(0i64).logical_and(b.ge(0i64)) } else { a.eq(0i64) };
    Var::from(0.0).where_(masked, slope)
}
