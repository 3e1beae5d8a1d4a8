//! The number protocol of `Tensor`: arithmetic, bitwise and comparison operators, straight to their
//! rows. An operand that overrides `__torch_function__` takes the call.

use crate::convert::number;
use crate::error::IntoPy;
use crate::overrides::{hand_over_method, hand_over_operator, intercepted};
use crate::table_methods::maybe_detached;
use crate::tensor::{PyTensor, wrap};
use ops::call::Dest;
use ops::map::{MapRow, NONE, map};
use ops::{Value, Var, binary, clamp, compare, unary};
use pyo3::basic::CompareOp;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use tape::Tensor;

/// A binary operator.
struct Operator {
    /// The tensor method it stands for.
    method: &'static str,
    /// That of the form with the tensor on the right.
    reflected: &'static str,
    run: fn(Dest<'_>, Var, Var) -> base::Result<Tensor>,
}

macro_rules! operators {
    ($($name:ident: $method:literal, $reflected:literal => $run:expr;)*) => {
        $(const $name: Operator = Operator { method: $method, reflected: $reflected, run: $run };)*
    };
}

operators! {
    ADD: "add", "add" => |d, a, b| map(&binary::add::OP, &[a, b], NONE, d);
    SUB: "sub", "__rsub__" => ops::arith::sub;
    MUL: "mul", "mul" => |d, a, b| map(&binary::mul::OP, &[a, b], NONE, d);
    DIV: "div", "__rtruediv__" => |d, a, b| map(&binary::div::OP, &[a, b], NONE, d);
    DIVIDE_INTO: "div", "__rtruediv__" => |_, a, b| ops::arith::divide_into(a, b);
    FLOOR_DIVIDE: "floor_divide", "__rfloordiv__" => ops::arith::floor_divide;
    REMAINDER: "remainder", "__rmod__" => ops::arith::remainder;
    POW: "pow", "__rpow__" => ops::power::pow;
    AND: "bitwise_and", "__rand__" => |d, a, b| map(&binary::bitwise_and::OP, &[a, b], NONE, d);
    OR: "bitwise_or", "__ror__" => |d, a, b| map(&binary::bitwise_or::OP, &[a, b], NONE, d);
    XOR: "bitwise_xor", "__rxor__" => |d, a, b| map(&binary::bitwise_xor::OP, &[a, b], NONE, d);
    LEFT_SHIFT: "bitwise_left_shift", "__rlshift__" =>
        |d, a, b| map(&clamp::bitwise_left_shift::OP, &[a, b], NONE, d);
    RIGHT_SHIFT: "bitwise_right_shift", "__rrshift__" =>
        |d, a, b| map(&clamp::bitwise_right_shift::OP, &[a, b], NONE, d);
    EQ: "eq", "eq" => |d, a, b| map(&compare::eq::OP, &[a, b], NONE, d);
    NE: "ne", "ne" => |d, a, b| map(&compare::ne::OP, &[a, b], NONE, d);
    LT: "lt", "lt" => |d, a, b| map(&compare::lt::OP, &[a, b], NONE, d);
    LE: "le", "le" => |d, a, b| map(&compare::le::OP, &[a, b], NONE, d);
    GT: "gt", "gt" => |d, a, b| map(&compare::gt::OP, &[a, b], NONE, d);
    GE: "ge", "ge" => |d, a, b| map(&compare::ge::OP, &[a, b], NONE, d);
}

/// An operand of the number protocol; `None` makes Python try the other side.
fn operand(value: &Bound<'_, PyAny>) -> Option<Var> {
    if let Ok(tensor) = value.cast::<PyTensor>() {
        return Some(Var::T(tensor.get().tensor.clone()));
    }
    number(value).map(Var::S)
}

type Object<'a, 'py> = &'a Bound<'py, PyAny>;
type Slf<'a, 'py> = &'a Bound<'py, PyTensor>;

/// `slf op other`.
fn apply(slf: Slf<'_, '_>, other: Object<'_, '_>, op: &Operator) -> PyResult<Py<PyAny>> {
    if intercepted([slf.as_any(), other].into_iter()) {
        return hand_over_operator(op.method, &[slf.as_any().clone(), other.clone()]);
    }
    match operand(other) {
        Some(right) => compute(slf, op, Var::T(slf.get().tensor.clone()), right),
        None => Ok(slf.py().NotImplemented()),
    }
}

/// `other op slf`.
fn reflect(slf: Slf<'_, '_>, other: Object<'_, '_>, op: &Operator) -> PyResult<Py<PyAny>> {
    if intercepted([slf.as_any(), other].into_iter()) {
        return hand_over_operator(op.reflected, &[slf.as_any().clone(), other.clone()]);
    }
    match operand(other) {
        Some(left) => compute(slf, op, left, Var::T(slf.get().tensor.clone())),
        None => Ok(slf.py().NotImplemented()),
    }
}

fn compute(slf: Slf<'_, '_>, op: &Operator, a: Var, b: Var) -> PyResult<Py<PyAny>> {
    let work = || (op.run)(Dest::New, a, b);
    let small = slf.get().tensor.numel() < 1 << 15;
    let result = if small { work() } else { slf.py().detach(work) };
    wrap(slf.py(), result.py()?)
}

fn apply_in_place(slf: Slf<'_, '_>, Right(right): Right, op: &Operator) -> PyResult<()> {
    let target = slf.get().tensor.clone();
    let work = move || (op.run)(Dest::InPlace(&target), Var::T(target.clone()), right);
    let small = slf.get().tensor.numel() < 1 << 15;
    if small { work() } else { slf.py().detach(work) }.py()?;
    Ok(())
}

/// The right operand of an in-place operator; a value that is none makes Python try the plain one.
struct Right(Var);

impl<'a, 'py> FromPyObject<'a, 'py> for Right {
    type Error = PyErr;

    fn extract(value: Borrowed<'a, 'py, PyAny>) -> PyResult<Right> {
        operand(&value).map(Right).ok_or_else(|| PyTypeError::new_err("no operand"))
    }
}

fn single(slf: Slf<'_, '_>, name: &str, row: &'static MapRow) -> PyResult<Py<PyAny>> {
    if intercepted(std::iter::once(slf.as_any())) {
        return hand_over_method(name, &[slf.as_any().clone()]);
    }
    let x = Var::T(slf.get().tensor.clone());
    wrap(slf.py(), slf.py().detach(|| map(row, &[x], NONE, Dest::New)).py()?)
}

/// The arithmetic operators (PyO3 takes no macro calls inside `#[pymethods]`).
#[pymethods]
impl PyTensor {
    fn __add__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, &ADD)
    }

    fn __radd__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, &ADD)
    }

    fn __iadd__(slf: &Bound<'_, Self>, other: Right) -> PyResult<()> {
        apply_in_place(slf, other, &ADD)
    }

    fn __sub__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, &SUB)
    }

    fn __rsub__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        reflect(slf, other, &SUB)
    }

    fn __isub__(slf: &Bound<'_, Self>, other: Right) -> PyResult<()> {
        apply_in_place(slf, other, &SUB)
    }

    fn __mul__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, &MUL)
    }

    fn __rmul__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, &MUL)
    }

    fn __imul__(slf: &Bound<'_, Self>, other: Right) -> PyResult<()> {
        apply_in_place(slf, other, &MUL)
    }

    fn __truediv__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, &DIV)
    }

    fn __rtruediv__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        reflect(slf, other, &DIVIDE_INTO)
    }

    fn __itruediv__(slf: &Bound<'_, Self>, other: Right) -> PyResult<()> {
        apply_in_place(slf, other, &DIV)
    }

    fn __floordiv__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, &FLOOR_DIVIDE)
    }

    fn __rfloordiv__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        reflect(slf, other, &FLOOR_DIVIDE)
    }

    fn __ifloordiv__(slf: &Bound<'_, Self>, other: Right) -> PyResult<()> {
        apply_in_place(slf, other, &FLOOR_DIVIDE)
    }

    fn __mod__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, &REMAINDER)
    }

    fn __rmod__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        reflect(slf, other, &REMAINDER)
    }

    fn __imod__(slf: &Bound<'_, Self>, other: Right) -> PyResult<()> {
        apply_in_place(slf, other, &REMAINDER)
    }

    fn __and__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, &AND)
    }

    fn __rand__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        reflect(slf, other, &AND)
    }

    fn __iand__(slf: &Bound<'_, Self>, other: Right) -> PyResult<()> {
        apply_in_place(slf, other, &AND)
    }

    fn __or__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, &OR)
    }

    fn __ror__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        reflect(slf, other, &OR)
    }

    fn __ior__(slf: &Bound<'_, Self>, other: Right) -> PyResult<()> {
        apply_in_place(slf, other, &OR)
    }

    fn __xor__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, &XOR)
    }

    fn __rxor__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        reflect(slf, other, &XOR)
    }

    fn __ixor__(slf: &Bound<'_, Self>, other: Right) -> PyResult<()> {
        apply_in_place(slf, other, &XOR)
    }

    fn __lshift__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, &LEFT_SHIFT)
    }

    fn __rlshift__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        reflect(slf, other, &LEFT_SHIFT)
    }

    fn __ilshift__(slf: &Bound<'_, Self>, other: Right) -> PyResult<()> {
        apply_in_place(slf, other, &LEFT_SHIFT)
    }

    fn __rshift__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, &RIGHT_SHIFT)
    }

    fn __rrshift__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        reflect(slf, other, &RIGHT_SHIFT)
    }

    fn __irshift__(slf: &Bound<'_, Self>, other: Right) -> PyResult<()> {
        apply_in_place(slf, other, &RIGHT_SHIFT)
    }

    fn __pow__(
        slf: &Bound<'_, Self>,
        other: &Bound<'_, PyAny>,
        modulo: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        if modulo.is_some_and(|m| !m.is_none()) {
            return Ok(slf.py().NotImplemented());
        }
        apply(slf, other, &POW)
    }

    fn __rpow__(
        slf: &Bound<'_, Self>,
        other: &Bound<'_, PyAny>,
        _modulo: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        reflect(slf, other, &POW)
    }

    fn __ipow__(
        slf: &Bound<'_, Self>,
        other: Right,
        _modulo: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        apply_in_place(slf, other, &POW)
    }

    fn __matmul__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        if intercepted([slf.as_any(), other].into_iter()) {
            return hand_over_operator("matmul", &[slf.as_any().clone(), other.clone()]);
        }
        let Ok(right) = other.cast::<PyTensor>() else {
            return Ok(slf.py().NotImplemented());
        };
        let operands = [slf, right].map(|t| Value::Tensor(t.get().tensor.clone()));
        let work = || ops::call(&ops::signatures::MATMUL[0], &operands, Dest::New);
        crate::returns::value(slf.py(), maybe_detached(slf.py(), &operands, work).py()?)
    }

    fn __rmatmul__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        if intercepted([slf.as_any(), other].into_iter()) {
            return hand_over_operator("__rmatmul__", &[slf.as_any().clone(), other.clone()]);
        }
        Ok(slf.py().NotImplemented())
    }

    fn __neg__(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        single(slf, "neg", &unary::neg::OP)
    }

    fn __pos__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __abs__(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        single(slf, "abs", &unary::abs::OP)
    }

    fn __invert__(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        if !slf.get().tensor.dtype().is_integral() {
            return Err(PyTypeError::new_err(
                "~ (operator.invert) is only implemented on integer and Boolean-type tensors",
            ));
        }
        single(slf, "bitwise_not", &unary::bitwise_not::OP)
    }

    fn __richcmp__(
        slf: &Bound<'_, Self>,
        other: &Bound<'_, PyAny>,
        op: CompareOp,
    ) -> PyResult<Py<PyAny>> {
        let operator = match op {
            CompareOp::Eq => &EQ,
            CompareOp::Ne => &NE,
            CompareOp::Lt => &LT,
            CompareOp::Le => &LE,
            CompareOp::Gt => &GT,
            CompareOp::Ge => &GE,
        };
        if crate::numpy::is_ndarray(other) {
            let array = crate::numpy::shared(other, false)?;
            let other = wrap(slf.py(), Tensor::new(array))?;
            return apply(slf, other.bind(slf.py()), operator);
        }
        apply(slf, other, operator)
    }

    fn __hash__(slf: &Bound<'_, Self>) -> usize {
        slf.as_ptr() as usize
    }
}
