//! Signatures of arithmetic that say more than two operands: `alpha`, rounding modes, bounds.

use crate::call::Dest;
use crate::map::{MapRow, NONE, map};
use crate::node::Formula;
use crate::{Var, binary, unary};
use base::{DType, Error, Kind, Result, Scalar, bail, ensure};
use cpu::math::Ordered;
use tape::Tensor;

crate::binary! { UNNAMED:
    /// The quotient rounded towards minus infinity, constant between its steps: `div` has this
    /// gradient, `//` has none.
    floor_quotient as "DivBackward2" { out: Same, binary: [Real => |a, b| Ordered::div_floor(a, b)], wgsl: "div_floor(a, b)", a: [|g| g.zeros_like()], b: [|g| g.zeros_like()], sample: 0.5..4.0 }
}

/// The gradient of an op that PyTorch has none for.
pub(crate) fn refused(op: &str) -> Var {
    let text = format!("derivative for aten::{op} is not implemented");
    Var::Bad(Error::new(Kind::Runtime, text))
}

/// The gradient of `%` towards the divisor; a number on the left has an overload without one.
pub(crate) fn remainder_vjp(g: Var, a: Var, b: Var) -> Var {
    if matches!(a, Var::S(_)) {
        return refused("remainder");
    }
    -g * crate::map::of2(&floor_quotient::OP, a, b)
}

/// `b` scaled by alpha, which may not lift the type.
#[inline]
fn scaled(a: &Var, b: Var, alpha: Scalar, op: &str) -> Result<Var> {
    match alpha {
        Scalar::Int(1) => Ok(b),
        alpha => times(a, b, alpha, op),
    }
}

fn times(a: &Var, b: Var, alpha: Scalar, op: &str) -> Result<Var> {
    let integral = |v: &Var| match v {
        Var::T(t) => t.dtype().is_integral(),
        Var::S(s) => s.dtype().is_integral(),
        Var::Bad(_) => false,
    };
    ensure!(
        !(integral(a) && integral(&b)) || alpha.dtype().is_integral(),
        Runtime,
        "For integral input tensors, argument alpha must not be a floating point number.\n  {op}: got alpha {alpha}"
    );
    Ok(if alpha.equals_int(1) && !matches!(alpha, Scalar::Bool(_)) { b } else { b * Var::S(alpha) })
}

/// A sum of two tensors in which one is scaled, as one node that keeps nothing.
struct Weighted {
    row: &'static MapRow,
    node: &'static str,
    /// The factors of the gradients of both tensors.
    weights: [Var; 2],
}

/// The result of `by.row` at `operands`, which are made of `a` and `b`.
fn weighted(by: Weighted, a: &Tensor, b: &Tensor, operands: &[Var]) -> Result<Tensor> {
    let value = {
        let _off = tape::set_grad_enabled(false);
        map(by.row, operands, NONE, Dest::New)?
    };
    tape::record(value.array(), &[a, b], |_| {
        Formula::new(by.node, 2, &[], move |grads, saved| {
            let g = Var::grad(grads);
            let part = |i: usize| &g * &by.weights[i].clone().conj();
            Ok((0..2).map(|i| saved.needs[i].then(|| part(i))).collect())
        })
    })
}

/// `a + alpha b`, or the difference.
fn combined(row: &'static MapRow, dest: Dest<'_>, a: Var, b: Var, alpha: Scalar) -> Result<Tensor> {
    let factor = if alpha.equals_int(1) { None } else { Some(alpha) };
    if let (Dest::New, Var::T(x), Var::T(y), Some(alpha)) = (dest, &a, &b, factor)
        && tape::needs_history(&[x, y])
    {
        let (node, weight) = if std::ptr::eq(row, &raw const binary::add::OP) {
            ("AddBackward0", Var::S(alpha))
        } else {
            ("SubBackward0", -Var::S(alpha))
        };
        let scaled = {
            let _off = tape::set_grad_enabled(false);
            scaled(&a, b.clone(), alpha, row.op.name)?
        };
        let by = Weighted { row, node, weights: [Var::from(1i64), weight] };
        return weighted(by, x, y, &[a.clone(), scaled]);
    }
    let b = scaled(&a, b, alpha, row.op.name)?;
    map(row, &[a, b], NONE, dest)
}

fn add(dest: Dest<'_>, a: Var, b: Var, alpha: Scalar) -> Result<Tensor> {
    combined(&binary::add::OP, dest, a, b, alpha)
}

fn sub_scaled(dest: Dest<'_>, a: Var, b: Var, alpha: Scalar) -> Result<Tensor> {
    refuse_bool(&a, &b)?;
    combined(&binary::sub::OP, dest, a, b, alpha)
}

/// `b - alpha a`.
fn rsub(dest: Dest<'_>, a: &Tensor, b: Var, alpha: Scalar) -> Result<Tensor> {
    let Var::T(y) = &b else {
        return sub_scaled(dest, b, a.into(), alpha);
    };
    refuse_bool(&b, &a.into())?;
    let operands = {
        let _off = tape::set_grad_enabled(false);
        [b.clone(), scaled(&b, a.into(), alpha, "rsub")?]
    };
    let weights = [-Var::S(alpha), Var::from(1i64)];
    weighted(Weighted { row: &binary::sub::OP, node: "RsubBackward0", weights }, a, y, &operands)
}

fn refuse_bool(a: &Var, b: &Var) -> Result<()> {
    let bool_of = |v: &Var| match v {
        Var::T(t) => t.dtype() == DType::Bool,
        Var::S(s) => matches!(s, Scalar::Bool(_)),
        Var::Bad(_) => false,
    };
    match (bool_of(a), bool_of(b)) {
        (true, true) => bail!(
            Runtime,
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator instead."
        ),
        (true, _) | (_, true) => bail!(
            Runtime,
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, use the `~` or `logical_not()` operator instead."
        ),
        _ => Ok(()),
    }
}

fn div(dest: Dest<'_>, a: Var, b: Var, mode: Option<&str>) -> Result<Tensor> {
    let row = match mode {
        None => &binary::div::OP,
        Some("floor") => &floor_quotient::OP,
        Some("trunc") => &binary::trunc_divide::OP,
        Some(other) => bail!(
            Runtime,
            "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{other}'"
        ),
    };
    if mode.is_some() {
        check_divisor(&a, &b)?;
    }
    if mode == Some("trunc") && is_half(&a) && is_half(&b) {
        // Such a quotient is rounded twice: to its dtype, then to an integer.
        let quotient = map(&binary::div::OP, &[a, b], NONE, Dest::New)?;
        return map(&crate::unary::trunc::OP, &[quotient.into()], NONE, dest);
    }
    map(row, &[a, b], NONE, dest)
}

/// A tensor of some dimensions and a two-byte dtype.
fn is_half(x: &Var) -> bool {
    matches!(x, Var::T(t) if t.rank() > 0 && matches!(t.dtype(), DType::F16 | DType::BF16))
}

/// Integer division by zero is an error before anything is written.
fn check_divisor(a: &Var, b: &Var) -> Result<()> {
    let integral = |v: &Var| match v {
        Var::T(t) => t.dtype().is_integral(),
        Var::S(s) => s.dtype().is_integral(),
        Var::Bad(_) => false,
    };
    if !integral(a) || !integral(b) {
        return Ok(());
    }
    let zero = match b {
        Var::S(s) => s.is_zero(),
        Var::T(t) if t.device().kind == base::DeviceKind::Cpu => {
            let _off = tape::set_grad_enabled(false);
            let any = Var::T(t.detach()).eq(0i64).then(|m| crate::reduce::any(m, None, false));
            array::dispatch::item(&any.tensor()?.array())?.to_bool()
        }
        _ => false,
    };
    ensure!(!zero, Runtime, "ZeroDivisionError");
    Ok(())
}

fn fmod(dest: Dest<'_>, a: &Tensor, b: Var) -> Result<Tensor> {
    divided(&binary::fmod::OP, dest, a.into(), b)
}

fn divided(row: &'static crate::map::MapRow, dest: Dest<'_>, a: Var, b: Var) -> Result<Tensor> {
    check_divisor(&a, &b)?;
    map(row, &[a, b], NONE, dest)
}

fn round(dest: Dest<'_>, x: &Tensor) -> Result<Tensor> {
    map(&unary::round::OP, &[x.into()], NONE, dest)
}

fn round_decimals(dest: Dest<'_>, x: &Tensor, digits: i64) -> Result<Tensor> {
    ensure!(
        x.dtype().is_float(),
        NotImplemented,
        "\"round_cpu\" not implemented for '{}'",
        x.dtype().type_name()
    );
    map(&unary::round_decimals::OP, &[x.into()], [digits as f64, 0.0, 0.0, 0.0], dest)
}

crate::filling_ops! {
    /// Arithmetic.
    ARITHMETIC:
    /// `input + alpha * other`.
    fmio "add(Operand self, Operand other, *, Scalar alpha=1) -> Tensor" => |dest, a, b, alpha| add(dest, a, b, alpha);
    /// `input - alpha * other`.
    fmio "sub(Operand self, Operand other, *, Scalar alpha=1) -> Tensor" => |dest, a, b, alpha| sub_scaled(dest, a, b, alpha);
    /// `input - alpha * other`.
    fmio "subtract(Operand self, Operand other, *, Scalar alpha=1) -> Tensor" => |dest, a, b, alpha| sub_scaled(dest, a, b, alpha);
    /// `other - alpha * input`.
    f "rsub(Tensor self, Operand other, *, Scalar alpha=1) -> Tensor" => |dest, a, b, alpha| rsub(dest, a, b, alpha);
    /// The quotient, optionally rounded: `rounding_mode` None, "trunc" or "floor".
    fmio "div(Operand self, Operand other, *, str? rounding_mode=None) -> Tensor" => |dest, a, b, mode| div(dest, a, b, mode);
    /// The nearest integer, halves to even.
    fmio "round(Tensor self) -> Tensor" => |dest, x| round(dest, x);
    /// Rounded to a number of digits, halves to even.
    fmio "round.decimals(Tensor self, *, int decimals=0) -> Tensor" => |dest, x, digits| round_decimals(dest, x, digits);
    /// The quotient rounded towards minus infinity.
    fmio "floor_divide(Operand self, Operand other) -> Tensor" => |dest, a, b| divided(&binary::floor_divide::OP, dest, a, b);
    /// The remainder with the divisor's sign.
    fmio "remainder(Operand self, Operand other) -> Tensor" => |dest, a, b| divided(&binary::remainder::OP, dest, a, b);
    /// The remainder with the dividend's sign.
    fmio "fmod(Tensor self, Operand other) -> Tensor" => |dest, a, b| fmod(dest, a, b);
}
