//! The number protocol of `Tensor`: arithmetic, bitwise and comparison operators. Each stands for an op
//! of the table and is called like it. An operand that overrides `__torch_function__` takes the call.

use crate::convert::number;
use crate::error::IntoPy;
use crate::overrides::{hand_over_method, hand_over_operator, intercepted};
use crate::returns;
use crate::table_methods::maybe_detached;
use crate::tensor::{PyTensor, wrap};
use base::Scalar;
use ops::Value;
use ops::call::{Dest, OpDef};
use pyo3::basic::CompareOp;
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use std::sync::OnceLock;
use tape::Tensor;

/// An op of the table, looked up once.
struct Op {
    name: &'static str,
    found: OnceLock<Option<&'static OpDef>>,
}

impl Op {
    const fn new(name: &'static str) -> Op {
        Op { name, found: OnceLock::new() }
    }

    fn call(&self, py: Python<'_>, values: &[Value], dest: Dest<'_>) -> PyResult<Py<PyAny>> {
        let Some(op) = *self.found.get_or_init(|| ops::table::op(self.name)) else {
            let text = format!("internal error: no op is called {}", self.name);
            return Err(PyRuntimeError::new_err(text));
        };
        returns::value(py, maybe_detached(py, values, || ops::call(op, values, dest)).py()?)
    }
}

/// An op of two operands.
struct Pair {
    op: Op,
    /// The default of a third argument.
    third: Option<Value>,
    /// The tensor comes first even where it stands on the right.
    turned: bool,
}

impl Pair {
    const fn new(name: &'static str, third: Option<Value>, turned: bool) -> Pair {
        Pair { op: Op::new(name), third, turned }
    }

    fn call(&self, py: Python<'_>, a: Value, b: Value, dest: Dest<'_>) -> PyResult<Py<PyAny>> {
        match &self.third {
            None => self.op.call(py, &[a, b], dest),
            Some(third) => self.op.call(py, &[a, b, third.clone()], dest),
        }
    }
}

/// A binary operator.
struct Operator {
    /// The tensor method it stands for.
    method: &'static str,
    /// That of the form with the tensor on the right.
    reflected: &'static str,
    /// With the tensor on the left.
    op: Pair,
    /// With something else on the left, where that is another op.
    right: Option<Pair>,
}

const ALPHA: Option<Value> = Some(Value::Scalar(Scalar::Int(1)));

macro_rules! operators {
    ($($name:ident: $method:literal, $reflected:literal => $op:expr, $right:expr;)*) => {
        $(static $name: Operator =
            Operator { method: $method, reflected: $reflected, op: $op, right: $right };)*
    };
}

operators! {
    ADD: "add", "add" => Pair::new("add", ALPHA, true), None;
    SUB: "sub", "__rsub__" => Pair::new("sub", ALPHA, false), Some(Pair::new("rsub", ALPHA, true));
    MUL: "mul", "mul" => Pair::new("mul", None, true), None;
    DIV: "div", "__rtruediv__" => Pair::new("div", Some(Value::None), false), None;
    FLOOR_DIVIDE: "floor_divide", "__rfloordiv__" => Pair::new("floor_divide", None, false), None;
    REMAINDER: "remainder", "__rmod__" => Pair::new("remainder", None, false), None;
    POW: "pow", "__rpow__" => Pair::new("pow", None, false), None;
    AND: "bitwise_and", "__rand__" => Pair::new("bitwise_and", None, true), None;
    OR: "bitwise_or", "__ror__" => Pair::new("bitwise_or", None, true), None;
    XOR: "bitwise_xor", "__rxor__" => Pair::new("bitwise_xor", None, true), None;
    LEFT_SHIFT: "bitwise_left_shift", "__rlshift__" => Pair::new("bitwise_left_shift", None, false),
        Some(Pair::new("bitwise_left_shift.Scalar_Tensor", None, false));
    RIGHT_SHIFT: "bitwise_right_shift", "__rrshift__" => Pair::new("bitwise_right_shift", None, false),
        Some(Pair::new("bitwise_right_shift.Scalar_Tensor", None, false));
    EQ: "eq", "eq" => Pair::new("eq", None, false), None;
    NE: "ne", "ne" => Pair::new("ne", None, false), None;
    LT: "lt", "lt" => Pair::new("lt", None, false), None;
    LE: "le", "le" => Pair::new("le", None, false), None;
    GT: "gt", "gt" => Pair::new("gt", None, false), None;
    GE: "ge", "ge" => Pair::new("ge", None, false), None;
}

static RECIPROCAL: Op = Op::new("reciprocal");
static NEG: Op = Op::new("neg");
static ABS: Op = Op::new("abs");
static NOT: Op = Op::new("bitwise_not");

/// An operand of the number protocol; `None` makes Python try the other side.
fn operand(value: &Bound<'_, PyAny>) -> Option<Value> {
    if let Ok(tensor) = value.cast::<PyTensor>() {
        return Some(Value::Tensor(tensor.get().tensor.clone()));
    }
    number(value).map(Value::Scalar)
}

type Object<'a, 'py> = &'a Bound<'py, PyAny>;
type Slf<'a, 'py> = &'a Bound<'py, PyTensor>;

fn receiver(slf: Slf<'_, '_>) -> Value {
    Value::Tensor(slf.get().tensor.clone())
}

/// `slf op other`.
fn apply(slf: Slf<'_, '_>, other: Object<'_, '_>, op: &'static Operator) -> PyResult<Py<PyAny>> {
    if intercepted([slf.as_any(), other].into_iter()) {
        return hand_over_operator(op.method, &[slf.as_any().clone(), other.clone()]);
    }
    match operand(other) {
        Some(right) => op.op.call(slf.py(), receiver(slf), right, Dest::New),
        None => Ok(slf.py().NotImplemented()),
    }
}

/// `other op slf`.
fn reflect(slf: Slf<'_, '_>, other: Object<'_, '_>, op: &'static Operator) -> PyResult<Py<PyAny>> {
    if intercepted([slf.as_any(), other].into_iter()) {
        return hand_over_operator(op.reflected, &[slf.as_any().clone(), other.clone()]);
    }
    let Some(left) = operand(other) else {
        return Ok(slf.py().NotImplemented());
    };
    let call = op.right.as_ref().unwrap_or(&op.op);
    let (a, b) = if call.turned { (receiver(slf), left) } else { (left, receiver(slf)) };
    call.call(slf.py(), a, b, Dest::New)
}

/// `other / slf`: the reciprocal times the number, as PyTorch has it.
fn divide_into(slf: Slf<'_, '_>, other: Object<'_, '_>) -> PyResult<Py<PyAny>> {
    if intercepted([slf.as_any(), other].into_iter()) {
        return hand_over_operator(DIV.reflected, &[slf.as_any().clone(), other.clone()]);
    }
    if operand(other).is_none() {
        return Ok(slf.py().NotImplemented());
    }
    let reciprocal = single(slf, &RECIPROCAL)?;
    apply(reciprocal.bind(slf.py()).cast::<PyTensor>()?, other, &MUL)
}

/// `slf op= other`. Who takes the call over must return `slf`: PyO3's slot gives back nothing else.
fn apply_in_place(slf: Slf<'_, '_>, other: Right<'_>, op: &'static Operator) -> PyResult<()> {
    let Right(right, other) = other;
    if intercepted([slf.as_any(), &other].into_iter()) {
        let name = format!("{}_", op.method);
        let result = hand_over_method(&name, &[slf.as_any().clone(), other])?;
        if result.is(slf) {
            return Ok(());
        }
        return Err(PyTypeError::new_err(format!(
            "{name}: __torch_function__ of an in-place operator must return its left operand"
        )));
    }
    let target = slf.get().tensor.clone();
    op.op.call(slf.py(), receiver(slf), right, Dest::InPlace(&target)).map(drop)
}

fn single(slf: Slf<'_, '_>, op: &Op) -> PyResult<Py<PyAny>> {
    if intercepted(std::iter::once(slf.as_any())) {
        return hand_over_method(op.name, &[slf.as_any().clone()]);
    }
    op.call(slf.py(), &[receiver(slf)], Dest::New)
}

/// The right operand of an in-place operator; a value that is none makes Python try the plain one.
struct Right<'py>(Value, Bound<'py, PyAny>);

impl<'a, 'py> FromPyObject<'a, 'py> for Right<'py> {
    type Error = PyErr;

    fn extract(value: Borrowed<'a, 'py, PyAny>) -> PyResult<Right<'py>> {
        match operand(&value) {
            Some(right) => Ok(Right(right, value.to_owned())),
            None => Err(PyTypeError::new_err("no operand")),
        }
    }
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

    fn __iadd__(slf: &Bound<'_, Self>, other: Right<'_>) -> PyResult<()> {
        apply_in_place(slf, other, &ADD)
    }

    fn __sub__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, &SUB)
    }

    fn __rsub__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        reflect(slf, other, &SUB)
    }

    fn __isub__(slf: &Bound<'_, Self>, other: Right<'_>) -> PyResult<()> {
        apply_in_place(slf, other, &SUB)
    }

    fn __mul__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, &MUL)
    }

    fn __rmul__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, &MUL)
    }

    fn __imul__(slf: &Bound<'_, Self>, other: Right<'_>) -> PyResult<()> {
        apply_in_place(slf, other, &MUL)
    }

    fn __truediv__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, &DIV)
    }

    fn __rtruediv__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        divide_into(slf, other)
    }

    fn __itruediv__(slf: &Bound<'_, Self>, other: Right<'_>) -> PyResult<()> {
        apply_in_place(slf, other, &DIV)
    }

    fn __floordiv__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, &FLOOR_DIVIDE)
    }

    fn __rfloordiv__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        reflect(slf, other, &FLOOR_DIVIDE)
    }

    fn __ifloordiv__(slf: &Bound<'_, Self>, other: Right<'_>) -> PyResult<()> {
        apply_in_place(slf, other, &FLOOR_DIVIDE)
    }

    fn __mod__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, &REMAINDER)
    }

    fn __rmod__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        reflect(slf, other, &REMAINDER)
    }

    fn __imod__(slf: &Bound<'_, Self>, other: Right<'_>) -> PyResult<()> {
        apply_in_place(slf, other, &REMAINDER)
    }

    fn __and__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, &AND)
    }

    fn __rand__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        reflect(slf, other, &AND)
    }

    fn __iand__(slf: &Bound<'_, Self>, other: Right<'_>) -> PyResult<()> {
        apply_in_place(slf, other, &AND)
    }

    fn __or__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, &OR)
    }

    fn __ror__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        reflect(slf, other, &OR)
    }

    fn __ior__(slf: &Bound<'_, Self>, other: Right<'_>) -> PyResult<()> {
        apply_in_place(slf, other, &OR)
    }

    fn __xor__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, &XOR)
    }

    fn __rxor__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        reflect(slf, other, &XOR)
    }

    fn __ixor__(slf: &Bound<'_, Self>, other: Right<'_>) -> PyResult<()> {
        apply_in_place(slf, other, &XOR)
    }

    fn __lshift__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, &LEFT_SHIFT)
    }

    fn __rlshift__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        reflect(slf, other, &LEFT_SHIFT)
    }

    fn __ilshift__(slf: &Bound<'_, Self>, other: Right<'_>) -> PyResult<()> {
        apply_in_place(slf, other, &LEFT_SHIFT)
    }

    fn __rshift__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, &RIGHT_SHIFT)
    }

    fn __rrshift__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        reflect(slf, other, &RIGHT_SHIFT)
    }

    fn __irshift__(slf: &Bound<'_, Self>, other: Right<'_>) -> PyResult<()> {
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
        other: Right<'_>,
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
        single(slf, &NEG)
    }

    fn __pos__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __abs__(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        single(slf, &ABS)
    }

    fn __invert__(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        if !slf.get().tensor.dtype().is_integral() {
            return Err(PyTypeError::new_err(
                "~ (operator.invert) is only implemented on integer and Boolean-type tensors",
            ));
        }
        single(slf, &NOT)
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
