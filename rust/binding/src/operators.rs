//! The number protocol of `Tensor`: arithmetic, bitwise and comparison operators, straight to their rows.

use crate::convert::number;
use crate::error::IntoPy;
use crate::table_methods::maybe_detached;
use crate::tensor::{PyTensor, wrap};
use ops::call::Dest;
use ops::map::{MapRow, NONE, map};
use ops::{Value, Var, binary, compare, unary};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use tape::Tensor;

/// An operand of the number protocol; `None` makes Python try the other side.
fn operand(value: &Bound<'_, PyAny>) -> Option<Var> {
    if let Ok(tensor) = value.cast::<PyTensor>() {
        return Some(Var::T(tensor.get().tensor.clone()));
    }
    number(value).map(Var::S)
}

type Operator = fn(Dest<'_>, Var, Var) -> base::Result<Tensor>;

fn row_of(row: &'static MapRow, dest: Dest<'_>, a: Var, b: Var) -> base::Result<Tensor> {
    map(row, &[a, b], NONE, dest)
}

fn apply(
    slf: &Bound<'_, PyTensor>,
    other: &Bound<'_, PyAny>,
    swapped: bool,
    op: Operator,
) -> PyResult<Py<PyAny>> {
    let py = slf.py();
    let Some(right) = operand(other) else {
        return Ok(py.NotImplemented());
    };
    let left = Var::T(slf.get().tensor.clone());
    let (a, b) = if swapped { (right, left) } else { (left, right) };
    let work = || op(Dest::New, a, b);
    let result = if slf.get().tensor.numel() < 1 << 15 { work() } else { py.detach(work) };
    wrap(py, result.py()?)
}

fn apply_in_place(slf: &Bound<'_, PyTensor>, Right(right): Right, op: Operator) -> PyResult<()> {
    let target = slf.get().tensor.clone();
    let work = move || op(Dest::InPlace(&target), Var::T(target.clone()), right);
    slf.py().detach(work).py()?;
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

/// The arithmetic operators (PyO3 takes no macro calls inside `#[pymethods]`).
#[pymethods]
impl PyTensor {
    fn __add__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, false, |d, a, b| row_of(&binary::add::OP, d, a, b))
    }

    fn __radd__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, false, |d, a, b| row_of(&binary::add::OP, d, a, b))
    }

    fn __iadd__(slf: &Bound<'_, Self>, other: Right) -> PyResult<()> {
        apply_in_place(slf, other, |d, a, b| row_of(&binary::add::OP, d, a, b))
    }

    fn __sub__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, false, ops::arith::sub)
    }

    fn __rsub__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, true, ops::arith::sub)
    }

    fn __isub__(slf: &Bound<'_, Self>, other: Right) -> PyResult<()> {
        apply_in_place(slf, other, ops::arith::sub)
    }

    fn __mul__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, false, |d, a, b| row_of(&binary::mul::OP, d, a, b))
    }

    fn __rmul__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, false, |d, a, b| row_of(&binary::mul::OP, d, a, b))
    }

    fn __imul__(slf: &Bound<'_, Self>, other: Right) -> PyResult<()> {
        apply_in_place(slf, other, |d, a, b| row_of(&binary::mul::OP, d, a, b))
    }

    fn __truediv__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, false, |d, a, b| row_of(&binary::div::OP, d, a, b))
    }

    fn __rtruediv__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, false, |_, a, b| ops::arith::divide_into(b, a))
    }

    fn __itruediv__(slf: &Bound<'_, Self>, other: Right) -> PyResult<()> {
        apply_in_place(slf, other, |d, a, b| row_of(&binary::div::OP, d, a, b))
    }

    fn __floordiv__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, false, ops::arith::floor_divide)
    }

    fn __rfloordiv__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, true, ops::arith::floor_divide)
    }

    fn __ifloordiv__(slf: &Bound<'_, Self>, other: Right) -> PyResult<()> {
        apply_in_place(slf, other, ops::arith::floor_divide)
    }

    fn __mod__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, false, ops::arith::remainder)
    }

    fn __rmod__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, true, ops::arith::remainder)
    }

    fn __imod__(slf: &Bound<'_, Self>, other: Right) -> PyResult<()> {
        apply_in_place(slf, other, ops::arith::remainder)
    }

    fn __and__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, false, |d, a, b| row_of(&binary::bitwise_and::OP, d, a, b))
    }

    fn __rand__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, true, |d, a, b| row_of(&binary::bitwise_and::OP, d, a, b))
    }

    fn __iand__(slf: &Bound<'_, Self>, other: Right) -> PyResult<()> {
        apply_in_place(slf, other, |d, a, b| row_of(&binary::bitwise_and::OP, d, a, b))
    }

    fn __or__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, false, |d, a, b| row_of(&binary::bitwise_or::OP, d, a, b))
    }

    fn __ror__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, true, |d, a, b| row_of(&binary::bitwise_or::OP, d, a, b))
    }

    fn __ior__(slf: &Bound<'_, Self>, other: Right) -> PyResult<()> {
        apply_in_place(slf, other, |d, a, b| row_of(&binary::bitwise_or::OP, d, a, b))
    }

    fn __xor__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, false, |d, a, b| row_of(&binary::bitwise_xor::OP, d, a, b))
    }

    fn __rxor__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, true, |d, a, b| row_of(&binary::bitwise_xor::OP, d, a, b))
    }

    fn __ixor__(slf: &Bound<'_, Self>, other: Right) -> PyResult<()> {
        apply_in_place(slf, other, |d, a, b| row_of(&binary::bitwise_xor::OP, d, a, b))
    }

    fn __lshift__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, false, |d, a, b| row_of(&ops::clamp::bitwise_left_shift::OP, d, a, b))
    }

    fn __rlshift__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, true, |d, a, b| row_of(&ops::clamp::bitwise_left_shift::OP, d, a, b))
    }

    fn __ilshift__(slf: &Bound<'_, Self>, other: Right) -> PyResult<()> {
        apply_in_place(slf, other, |d, a, b| row_of(&ops::clamp::bitwise_left_shift::OP, d, a, b))
    }

    fn __rshift__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, false, |d, a, b| row_of(&ops::clamp::bitwise_right_shift::OP, d, a, b))
    }

    fn __rrshift__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        apply(slf, other, true, |d, a, b| row_of(&ops::clamp::bitwise_right_shift::OP, d, a, b))
    }

    fn __irshift__(slf: &Bound<'_, Self>, other: Right) -> PyResult<()> {
        apply_in_place(slf, other, |d, a, b| row_of(&ops::clamp::bitwise_right_shift::OP, d, a, b))
    }

    fn __pow__(
        slf: &Bound<'_, Self>,
        other: &Bound<'_, PyAny>,
        modulo: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        if modulo.is_some_and(|m| !m.is_none()) {
            return Ok(slf.py().NotImplemented());
        }
        apply(slf, other, false, ops::power::pow)
    }

    fn __rpow__(
        slf: &Bound<'_, Self>,
        other: &Bound<'_, PyAny>,
        _modulo: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        apply(slf, other, true, ops::power::pow)
    }

    fn __ipow__(
        slf: &Bound<'_, Self>,
        other: Right,
        _modulo: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        apply_in_place(slf, other, ops::power::pow)
    }

    fn __matmul__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let Ok(right) = other.cast::<PyTensor>() else {
            return Ok(slf.py().NotImplemented());
        };
        let operands = [slf, right].map(|t| Value::Tensor(t.get().tensor.clone()));
        let work = || ops::call(&ops::signatures::MATMUL[0], &operands, Dest::New);
        crate::returns::value(slf.py(), maybe_detached(slf.py(), &operands, work).py()?)
    }

    fn __neg__(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        single(slf, &unary::neg::OP)
    }

    fn __pos__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __abs__(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        single(slf, &unary::abs::OP)
    }

    fn __invert__(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        if !slf.get().tensor.dtype().is_integral() {
            return Err(PyTypeError::new_err(
                "~ (operator.invert) is only implemented on integer and Boolean-type tensors",
            ));
        }
        single(slf, &unary::bitwise_not::OP)
    }

    fn __richcmp__(
        slf: &Bound<'_, Self>,
        other: &Bound<'_, PyAny>,
        op: pyo3::basic::CompareOp,
    ) -> PyResult<Py<PyAny>> {
        use pyo3::basic::CompareOp as C;
        let row: Operator = match op {
            C::Eq => |d, a, b| row_of(&compare::eq::OP, d, a, b),
            C::Ne => |d, a, b| row_of(&compare::ne::OP, d, a, b),
            C::Lt => |d, a, b| row_of(&compare::lt::OP, d, a, b),
            C::Le => |d, a, b| row_of(&compare::le::OP, d, a, b),
            C::Gt => |d, a, b| row_of(&compare::gt::OP, d, a, b),
            C::Ge => |d, a, b| row_of(&compare::ge::OP, d, a, b),
        };
        if crate::numpy::is_ndarray(other) {
            let array = crate::numpy::shared(other, false)?;
            let other = wrap(slf.py(), Tensor::new(array))?;
            return apply(slf, other.bind(slf.py()), false, row);
        }
        apply(slf, other, false, row)
    }

    fn __hash__(slf: &Bound<'_, Self>) -> usize {
        slf.as_ptr() as usize
    }
}

fn single(slf: &Bound<'_, PyTensor>, row: &'static MapRow) -> PyResult<Py<PyAny>> {
    let x = Var::T(slf.get().tensor.clone());
    wrap(slf.py(), slf.py().detach(|| map(row, &[x], NONE, Dest::New)).py()?)
}
