//! Elementwise ops of two inputs, broadcasting.

use crate::Var;
use base::B8;
use cpu::math::{Field, Integer, Number, Ordered, Real};

/// 1 / (a² + b²), and 0 at the origin.
fn inverse_square(a: Var, b: Var) -> Var {
    let square = a.square() + b.square();
    Var::from(0.0).where_(square.clone().eq(0i64), square.reciprocal())
}

crate::binary! { BINARY:
    /// The elementwise sum (logical or for bool).
    add { out: Same, binary: [Number => |a, b| Number::add(a, b), Bool => |a, b| B8::from(a.get() | b.get())], wgsl: "a + b", a: [|g| g], b: [|g| g], sample: -4.0..4.0 }
    /// The elementwise difference.
    sub as "SubBackward0|RsubBackward1|SubBackward0" { out: Same, binary: [Number => |a, b| Number::sub(a, b)], wgsl: "a - b", a: [|g| g], b: [|g| -g], sample: -4.0..4.0 }
    /// The elementwise product (logical and for bool).
    mul { out: Same, binary: [Number => |a, b| Number::mul(a, b), Bool => |a, b| B8::from(a.get() & b.get())], wgsl: "a * b", a: [|g, b| g * b.conj()], b: [|g, a| g * a.conj()], sample: -4.0..4.0 }
    /// The elementwise quotient.
    div { out: Same, binary: [Field => |a, b| a / b], wgsl: "a / b", a: [|g, b| g / b.conj()], b: [|g, a, b| -g * ((a / &b) / b).conj()], sample: 0.5..4.0 }
    /// The quotient rounded towards minus infinity.
    floor_divide as "NotImplemented" { out: Same, binary: [Real => |a, b| Ordered::div_floor(a, b)], wgsl: "div_floor(a, b)", a: [|_g| crate::arith::refused("floor_divide")], b: [|_g| crate::arith::refused("floor_divide")], sample: 0.5..4.0 }
    /// The quotient rounded towards zero.
    trunc_divide as "DivBackward2" { out: Same, binary: [Real => |a, b| Ordered::div_trunc(a, b)], wgsl: "div_trunc(a, b)", a: [|g| g.zeros_like()], b: [|g| g.zeros_like()], sample: 0.5..4.0 }
    /// The remainder with the divisor's sign, as Python's `%`.
    remainder as "RemainderBackward1|NotImplemented|RemainderBackward0" { out: Same, binary: [Real => |a, b| Ordered::rem_floor(a, b)], wgsl: "rem_floor(a, b)", a: [|g| g], b: [|g, a, b| crate::arith::remainder_vjp(g, a, b)], sample: 0.5..4.0 }
    /// The remainder with the dividend's sign, as C's `fmod`.
    fmod as "FmodBackward1|FmodBackward1|FmodBackward0" { out: Same, binary: [Real => |a, b| Ordered::rem_trunc(a, b)], wgsl: "rem_trunc(a, b)", a: [|g| g], b: [|g, a, b| -g * crate::map::of2(&trunc_divide::OP, a, b)], sample: 0.5..4.0 }
    /// The left element to the power of the right one.
    pow as "PowBackward1|PowBackward2|PowBackward0" { out: Same, binary: [Field => |a, b| Field::pow(a, b), Int => |a, b| Ordered::power(a, b), Bool => |a, b| B8::from(a.get() | !b.get())], wgsl: "power(a, b)", a: [|g, a, b| crate::power::base_vjp(g, a, b)], b: [|g, a, b, y| crate::power::exponent_vjp(g, a, b, y)], sample: 0.5..3.0 }
    /// The larger element; NaN wins.
    maximum(Tensor, Tensor) { out: Same, binary: [Real => |a, b| Ordered::maximum(a, b), Bool => |a, b| B8::from(a.get() | b.get())], wgsl: "max_nan(a, b)", a: [|g, a, b| crate::extremum::winner_vjp(g, a.clone().gt(b.clone()), a.eq(b))], b: [|g, a, b| crate::extremum::winner_vjp(g, b.clone().gt(a.clone()), a.eq(b))], sample: -4.0..4.0 }
    /// The smaller element; NaN wins.
    minimum(Tensor, Tensor) { out: Same, binary: [Real => |a, b| Ordered::minimum(a, b), Bool => |a, b| B8::from(a.get() & b.get())], wgsl: "min_nan(a, b)", a: [|g, a, b| crate::extremum::winner_vjp(g, a.clone().lt(b.clone()), a.eq(b))], b: [|g, a, b| crate::extremum::winner_vjp(g, b.clone().lt(a.clone()), a.eq(b))], sample: -4.0..4.0 }
    /// The larger element; a number wins over NaN.
    fmax(Tensor, Tensor) { out: Same, binary: [Real => |a, b| Ordered::fmax(a, b), Bool => |a, b| B8::from(a.get() | b.get())], wgsl: "select(select(max(a, b), a, is_nan(b)), b, is_nan(a))", a: [|g, a, b| g.where_(a.ge(b.clone()).logical_or(b.isnan()), 0.0)], b: [|g, a, b| Var::from(0.0).where_(a.ge(b.clone()).logical_or(b.isnan()), g)], sample: -4.0..4.0 }
    /// The smaller element; a number wins over NaN.
    fmin(Tensor, Tensor) { out: Same, binary: [Real => |a, b| Ordered::fmin(a, b), Bool => |a, b| B8::from(a.get() & b.get())], wgsl: "select(select(min(a, b), a, is_nan(b)), b, is_nan(a))", a: [|g, a, b| g.where_(a.le(b.clone()).logical_or(b.isnan()), 0.0)], b: [|g, a, b| Var::from(0.0).where_(a.le(b.clone()).logical_or(b.isnan()), g)], sample: -4.0..4.0 }
    /// The next number from a towards b.
    nextafter(Tensor, Tensor) { out: Same, binary: [Float => |a, b| Real::nextafter(a, b)], wgsl: "nextafter(a, b)", a: [|g| g], b: [|g| g.zeros_like()], sample: -4.0..4.0 }
    /// The angle of the point (b, a), in radians.
    atan2(Tensor, Tensor) { out: Same, binary: [Float => |a, b| Real::atan2(a, b)], wgsl: "atan2_of(a, b)", a: [|g, a, b| g * &b * inverse_square(a, b)], b: [|g, a, b| -g * &a * inverse_square(a, b)], sample: 0.5..4.0 }
    /// The length of the hypotenuse.
    hypot(Tensor, Tensor) { out: Same, binary: [Float => |a, b| Real::hypot(a, b)], wgsl: "hypotenuse(a, b)", a: [|g, a, y| g * (a / y)], b: [|g, b, y| g * (b / y)], sample: 0.5..4.0 }
    /// The magnitude of the left with the sign of the right.
    copysign(Tensor, Operand) as "CopysignBackward0|CopysignBackward0|CopysignBackward1" { out: Same, binary: [Float => |a, b| Real::copysign(a, b)], wgsl: "copysign(a, b)", a: [|g, a, y| crate::extremum::copysign_vjp(g, a, y)], b: [|g| g.zeros_like()], sample: 0.5..4.0 }
    /// log(exp(a) + exp(b)).
    logaddexp(Tensor, Tensor) { out: Same, binary: [Float => |a, b| { let top = Ordered::maximum(a, b); if top.is_infinite() && a == b { a } else { top + Field::log1p(Field::exp(-Ordered::abs(a - b))) } }, Complex => |a, b| Field::log_add_exp(a, b)], wgsl: "logaddexp(a, b)", a: [|g, a, b| g * (a - b).sigmoid().conj()], b: [|g, a, b| g * (b - a).sigmoid().conj()], sample: -4.0..4.0 }
    /// Bitwise and; logical for bool.
    bitwise_and { out: Same, binary: [Int => |a, b| Integer::bit_and(a, b), Bool => |a, b| B8::from(a.get() & b.get())], wgsl: "a & b", a: [none], b: [none], sample: -4.0..4.0 }
    /// Bitwise or; logical for bool.
    bitwise_or { out: Same, binary: [Int => |a, b| Integer::bit_or(a, b), Bool => |a, b| B8::from(a.get() | b.get())], wgsl: "a | b", a: [none], b: [none], sample: -4.0..4.0 }
    /// Bitwise exclusive or; logical for bool.
    bitwise_xor { out: Same, binary: [Int => |a, b| Integer::bit_xor(a, b), Bool => |a, b| B8::from(a.get() ^ b.get())], wgsl: "a ^ b", a: [none], b: [none], sample: -4.0..4.0 }
}
