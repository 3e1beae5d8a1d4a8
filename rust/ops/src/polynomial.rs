//! Orthogonal polynomials of order n at x, by their recurrences.

use crate::special::{of_number, with_operand};
use cpu::math::{Field, Real};

/// From `p(0)` = 1 and `first` to the order `n`, `next(k, p(k), p(k - 1))` by step; 0 where `n` is
/// no order.
#[inline(always)]
fn recurred<T: Real>(first: T, n: T, next: impl Fn(T, T, T) -> T) -> T {
    let order = n.to_f64().trunc();
    if !(0.0..i64::MAX as f64).contains(&order) {
        return T::ZERO;
    }
    if order == 0.0 {
        return T::ONE;
    }
    let (mut before, mut now, mut k) = (T::ONE, first, 1.0);
    while k < order && !Field::is_nan(now) {
        (before, now) = (now, next(T::from_f64(k), now, before));
        k += 1.0;
    }
    now
}

/// The kinds of Chebyshev polynomials differ in their first order. High orders inside (-1, 1) are
/// taken from `closed`, the function of order and angle that the kind is there.
#[inline(always)]
fn chebyshev<T: Real>(first: T, x: T, n: T, closed: impl Fn(f64, f64) -> f64) -> T {
    let (order, place) = (n.to_f64().trunc(), x.to_f64());
    if order > 6.0 && order < i64::MAX as f64 && place.abs() < 1.0 {
        return T::from_f64(closed(order, place.acos()));
    }
    recurred(first, n, |_, now, before| (x + x) * now - before)
}

fn first_kind(n: f64, angle: f64) -> f64 {
    (n * angle).cos()
}

fn second_kind(n: f64, angle: f64) -> f64 {
    ((n + 1.0) * angle).sin() / angle.sin()
}

fn third_kind(n: f64, angle: f64) -> f64 {
    ((n + 0.5) * angle).cos() / (0.5 * angle).cos()
}

fn fourth_kind(n: f64, angle: f64) -> f64 {
    ((n + 0.5) * angle).sin() / (0.5 * angle).sin()
}

/// Orders above which PyTorch gives up on Hermite polynomials.
#[inline(always)]
fn hermite<T: Real>(first: T, n: T, next: impl Fn(T, T, T) -> T) -> T {
    let limit = if size_of::<T>() == 4 { 128.0 } else { 512.0 };
    let order = n.to_f64();
    if order > limit && order < i64::MAX as f64 {
        return T::from_f64(f64::NAN);
    }
    recurred(first, n, next)
}

#[inline(always)]
fn shifted<T: Real>(x: T) -> T {
    x + x - T::ONE
}

#[inline(always)]
fn twice<T: Real>(x: T) -> T {
    x + x
}

crate::binary! { POLYNOMIALS:
    /// The Chebyshev polynomial of the first kind of order b at a.
    special_chebyshev_polynomial_t { out: Same, binary: [Float => |a, b| chebyshev(a, a, b, first_kind)], wgsl: "", a: [none], b: [none], sample: 0.5..4.0 }
    /// The Chebyshev polynomial of the second kind of order b at a.
    special_chebyshev_polynomial_u { out: Same, binary: [Float => |a, b| chebyshev(twice(a), a, b, second_kind)], wgsl: "", a: [none], b: [none], sample: 0.5..4.0 }
    /// The Chebyshev polynomial of the third kind of order b at a.
    special_chebyshev_polynomial_v { out: Same, binary: [Float => |a, b| chebyshev(twice(a) - 1.0, a, b, third_kind)], wgsl: "", a: [none], b: [none], sample: 0.5..4.0 }
    /// The Chebyshev polynomial of the fourth kind of order b at a.
    special_chebyshev_polynomial_w { out: Same, binary: [Float => |a, b| chebyshev(twice(a) + 1.0, a, b, fourth_kind)], wgsl: "", a: [none], b: [none], sample: 0.5..4.0 }
    /// The shifted Chebyshev polynomial of the first kind of order b at a.
    special_shifted_chebyshev_polynomial_t { out: Same, binary: [Float => |a, b| chebyshev(shifted(a), shifted(a), b, first_kind)], wgsl: "", a: [none], b: [none], sample: 0.5..4.0 }
    /// The shifted Chebyshev polynomial of the second kind of order b at a.
    special_shifted_chebyshev_polynomial_u { out: Same, binary: [Float => |a, b| chebyshev(twice(shifted(a)), shifted(a), b, second_kind)], wgsl: "", a: [none], b: [none], sample: 0.5..4.0 }
    /// The shifted Chebyshev polynomial of the third kind of order b at a.
    special_shifted_chebyshev_polynomial_v { out: Same, binary: [Float => |a, b| chebyshev(twice(shifted(a)) - 1.0, shifted(a), b, third_kind)], wgsl: "", a: [none], b: [none], sample: 0.5..4.0 }
    /// The shifted Chebyshev polynomial of the fourth kind of order b at a.
    special_shifted_chebyshev_polynomial_w { out: Same, binary: [Float => |a, b| chebyshev(twice(shifted(a)) + 1.0, shifted(a), b, fourth_kind)], wgsl: "", a: [none], b: [none], sample: 0.5..4.0 }
    /// The physicist's Hermite polynomial of order b at a.
    special_hermite_polynomial_h { out: Same, binary: [Float => |a, b| hermite(twice(a), b, |k, now, before| twice(a * now - k * before))], wgsl: "", a: [none], b: [none], sample: 0.5..4.0 }
    /// The probabilist's Hermite polynomial of order b at a.
    special_hermite_polynomial_he { out: Same, binary: [Float => |a, b| hermite(a, b, |k, now, before| a * now - k * before)], wgsl: "", a: [none], b: [none], sample: 0.5..4.0 }
    /// The Laguerre polynomial of order b at a.
    special_laguerre_polynomial_l { out: Same, binary: [Float => |a, b| recurred(1.0 - a, b, |k, now, before| ((twice(k) + 1.0 - a) * now - k * before) / (k + 1.0))], wgsl: "", a: [none], b: [none], sample: 0.5..4.0 }
    /// The Legendre polynomial of order b at a.
    special_legendre_polynomial_p { out: Same, binary: [Float => |a, b| recurred(a, b, |k, now, before| ((twice(k) + 1.0) * a * now - k * before) / (k + 1.0))], wgsl: "", a: [none], b: [none], sample: 0.5..4.0 }
}

crate::filling_ops! {
    /// Orthogonal polynomials of tensors and numbers.
    POLYNOMIALS_OF:
    /// The Chebyshev polynomial of the first kind of order b at a.
    fo "special_chebyshev_polynomial_t(Tensor x, Operand n) -> Tensor" => |dest, x, n| with_operand(&special_chebyshev_polynomial_t::OP, dest, x, n);
    /// The Chebyshev polynomial of the first kind of order b at a.
    fo "special_chebyshev_polynomial_t.x_scalar(Scalar x, Tensor n) -> Tensor" => |dest, x, n| of_number(&special_chebyshev_polynomial_t::OP, dest, x, n);
    /// The Chebyshev polynomial of the second kind of order b at a.
    fo "special_chebyshev_polynomial_u(Tensor x, Operand n) -> Tensor" => |dest, x, n| with_operand(&special_chebyshev_polynomial_u::OP, dest, x, n);
    /// The Chebyshev polynomial of the second kind of order b at a.
    fo "special_chebyshev_polynomial_u.x_scalar(Scalar x, Tensor n) -> Tensor" => |dest, x, n| of_number(&special_chebyshev_polynomial_u::OP, dest, x, n);
    /// The Chebyshev polynomial of the third kind of order b at a.
    fo "special_chebyshev_polynomial_v(Tensor x, Operand n) -> Tensor" => |dest, x, n| with_operand(&special_chebyshev_polynomial_v::OP, dest, x, n);
    /// The Chebyshev polynomial of the third kind of order b at a.
    fo "special_chebyshev_polynomial_v.x_scalar(Scalar x, Tensor n) -> Tensor" => |dest, x, n| of_number(&special_chebyshev_polynomial_v::OP, dest, x, n);
    /// The Chebyshev polynomial of the fourth kind of order b at a.
    fo "special_chebyshev_polynomial_w(Tensor x, Operand n) -> Tensor" => |dest, x, n| with_operand(&special_chebyshev_polynomial_w::OP, dest, x, n);
    /// The Chebyshev polynomial of the fourth kind of order b at a.
    fo "special_chebyshev_polynomial_w.x_scalar(Scalar x, Tensor n) -> Tensor" => |dest, x, n| of_number(&special_chebyshev_polynomial_w::OP, dest, x, n);
    /// The shifted Chebyshev polynomial of the first kind of order b at a.
    fo "special_shifted_chebyshev_polynomial_t(Tensor x, Operand n) -> Tensor" => |dest, x, n| with_operand(&special_shifted_chebyshev_polynomial_t::OP, dest, x, n);
    /// The shifted Chebyshev polynomial of the first kind of order b at a.
    fo "special_shifted_chebyshev_polynomial_t.x_scalar(Scalar x, Tensor n) -> Tensor" => |dest, x, n| of_number(&special_shifted_chebyshev_polynomial_t::OP, dest, x, n);
    /// The shifted Chebyshev polynomial of the second kind of order b at a.
    fo "special_shifted_chebyshev_polynomial_u(Tensor x, Operand n) -> Tensor" => |dest, x, n| with_operand(&special_shifted_chebyshev_polynomial_u::OP, dest, x, n);
    /// The shifted Chebyshev polynomial of the second kind of order b at a.
    fo "special_shifted_chebyshev_polynomial_u.x_scalar(Scalar x, Tensor n) -> Tensor" => |dest, x, n| of_number(&special_shifted_chebyshev_polynomial_u::OP, dest, x, n);
    /// The shifted Chebyshev polynomial of the third kind of order b at a.
    fo "special_shifted_chebyshev_polynomial_v(Tensor x, Operand n) -> Tensor" => |dest, x, n| with_operand(&special_shifted_chebyshev_polynomial_v::OP, dest, x, n);
    /// The shifted Chebyshev polynomial of the third kind of order b at a.
    fo "special_shifted_chebyshev_polynomial_v.x_scalar(Scalar x, Tensor n) -> Tensor" => |dest, x, n| of_number(&special_shifted_chebyshev_polynomial_v::OP, dest, x, n);
    /// The shifted Chebyshev polynomial of the fourth kind of order b at a.
    fo "special_shifted_chebyshev_polynomial_w(Tensor x, Operand n) -> Tensor" => |dest, x, n| with_operand(&special_shifted_chebyshev_polynomial_w::OP, dest, x, n);
    /// The shifted Chebyshev polynomial of the fourth kind of order b at a.
    fo "special_shifted_chebyshev_polynomial_w.x_scalar(Scalar x, Tensor n) -> Tensor" => |dest, x, n| of_number(&special_shifted_chebyshev_polynomial_w::OP, dest, x, n);
    /// The physicist's Hermite polynomial of order b at a.
    fo "special_hermite_polynomial_h(Tensor x, Operand n) -> Tensor" => |dest, x, n| with_operand(&special_hermite_polynomial_h::OP, dest, x, n);
    /// The physicist's Hermite polynomial of order b at a.
    fo "special_hermite_polynomial_h.x_scalar(Scalar x, Tensor n) -> Tensor" => |dest, x, n| of_number(&special_hermite_polynomial_h::OP, dest, x, n);
    /// The probabilist's Hermite polynomial of order b at a.
    fo "special_hermite_polynomial_he(Tensor x, Operand n) -> Tensor" => |dest, x, n| with_operand(&special_hermite_polynomial_he::OP, dest, x, n);
    /// The probabilist's Hermite polynomial of order b at a.
    fo "special_hermite_polynomial_he.x_scalar(Scalar x, Tensor n) -> Tensor" => |dest, x, n| of_number(&special_hermite_polynomial_he::OP, dest, x, n);
    /// The Laguerre polynomial of order b at a.
    fo "special_laguerre_polynomial_l(Tensor x, Operand n) -> Tensor" => |dest, x, n| with_operand(&special_laguerre_polynomial_l::OP, dest, x, n);
    /// The Laguerre polynomial of order b at a.
    fo "special_laguerre_polynomial_l.x_scalar(Scalar x, Tensor n) -> Tensor" => |dest, x, n| of_number(&special_laguerre_polynomial_l::OP, dest, x, n);
    /// The Legendre polynomial of order b at a.
    fo "special_legendre_polynomial_p(Tensor x, Operand n) -> Tensor" => |dest, x, n| with_operand(&special_legendre_polynomial_p::OP, dest, x, n);
    /// The Legendre polynomial of order b at a.
    fo "special_legendre_polynomial_p.x_scalar(Scalar x, Tensor n) -> Tensor" => |dest, x, n| of_number(&special_legendre_polynomial_p::OP, dest, x, n);
}
