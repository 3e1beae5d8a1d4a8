//! Signatures of arithmetic that say more than two operands: `alpha`, rounding modes, bounds.

use crate::call::Dest;
use crate::map::{NONE, map};
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
fn scaled(a: &Var, b: Var, alpha: Scalar, op: &str) -> Result<Var> {
    if alpha.equals_int(1) && !matches!(alpha, Scalar::Bool(_)) {
        return Ok(b);
    }
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
    Ok(b * Var::S(alpha))
}

fn add(dest: Dest<'_>, a: Var, b: Var, alpha: Scalar) -> Result<Tensor> {
    let b = scaled(&a, b, alpha, "add")?;
    map(&binary::add::OP, &[a, b], NONE, dest)
}

fn sub_scaled(dest: Dest<'_>, a: Var, b: Var, alpha: Scalar) -> Result<Tensor> {
    refuse_bool(&a, &b)?;
    let b = scaled(&a, b, alpha, "sub")?;
    map(&binary::sub::OP, &[a, b], NONE, dest)
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
    map(row, &[a, b], NONE, dest)
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
    f "rsub(Tensor self, Operand other, *, Scalar alpha=1) -> Tensor" => |dest, a, b, alpha| sub_scaled(dest, b, a, alpha);
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
