//! The class `Tensor`: attributes, number protocol, conversions to Python numbers. Methods named
//! after ops come from the op table (see `table_methods`).

use crate::convert::number;
use crate::dtype::{PyDType, PyDevice, PyLayout, dtype_object, size, to_device, to_dtype};
use crate::error::IntoPy;
use crate::returns::scalar;
use crate::table_methods::maybe_detached;
use base::{DType, MemoryFormat, Scalar};
use ops::call::Dest;
use ops::map::{MapRow, NONE, map};
use ops::{Value, Var, binary, cast, compare, create, unary};
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple, PyType};
use pyo3::{IntoPyObjectExt, ffi};
use std::sync::atomic::Ordering;
use tape::Tensor;

/// A multi-dimensional array with elements of one dtype, with automatic differentiation.
#[pyclass(name = "Tensor", module = "pyrite", subclass, weakref, dict, frozen)]
pub struct PyTensor {
    /// The tensor behind the object.
    pub tensor: Tensor,
}

impl Drop for PyTensor {
    fn drop(&mut self) {
        self.tensor.wrapper().store(0, Ordering::Release);
    }
}

/// The one Python object of a tensor; made when there is none.
pub fn wrap(py: Python<'_>, tensor: Tensor) -> PyResult<Py<PyAny>> {
    if let Some(object) = existing(py, &tensor) {
        return Ok(object);
    }
    let object = Bound::new(py, PyTensor { tensor })?;
    remember(&object);
    Ok(object.into_any().unbind())
}

/// The object a tensor already has.
fn existing(py: Python<'_>, tensor: &Tensor) -> Option<Py<PyAny>> {
    let address = tensor.wrapper().load(Ordering::Acquire) as *mut ffi::PyObject;
    if address.is_null() {
        return None;
    }
    // SAFETY: the slot is set when the object is made and cleared when its Rust part is dropped,
    // both with the interpreter attached as now; so the object's memory is valid here. A count of 0
    // means it is being deallocated and must not be revived.
    unsafe { (ffi::Py_REFCNT(address) > 0).then(|| Bound::from_borrowed_ptr(py, address).unbind()) }
}

/// Notes which object belongs to its tensor.
pub fn remember(object: &Bound<'_, PyTensor>) {
    let address = object.as_ptr() as usize;
    object.get().tensor.wrapper().store(address, Ordering::Release);
}

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

/// Python numbers out of one element.
#[pymethods]
impl PyTensor {
    /// The only element as a Python number.
    fn item(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(scalar(py, self.number()?))
    }

    /// Nested lists of numbers; a number for a 0-d tensor.
    fn tolist(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let array = self.tensor.array();
        let values = array::dispatch::scalars(&array).py()?;
        nested(py, &values, array.dims())
    }

    fn __bool__(&self) -> PyResult<bool> {
        match self.tensor.numel() {
            0 => {
                Err(PyRuntimeError::new_err("Boolean value of Tensor with no values is ambiguous"))
            }
            1 => Ok(self.number()?.to_bool()),
            _ => Err(PyRuntimeError::new_err(
                "Boolean value of Tensor with more than one value is ambiguous",
            )),
        }
    }

    fn __int__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match self.one_number()? {
            Scalar::Complex(_) => Err(overflow("int64_t")),
            Scalar::Float(v) => {
                v.into_bound_py_any(py)?.call_method0("__trunc__").map(Bound::unbind)
            }
            s => Ok(scalar(py, Scalar::Int(s.to_i64()))),
        }
    }

    fn __float__(&self) -> PyResult<f64> {
        match self.one_number()? {
            Scalar::Complex(_) => Err(overflow("double")),
            s => Ok(s.to_f64()),
        }
    }

    fn __complex__(&self) -> PyResult<num_complex::Complex64> {
        self.one_number().map(Scalar::to_complex)
    }

    fn __index__(&self) -> PyResult<i64> {
        if !self.tensor.dtype().is_integral() || self.tensor.numel() != 1 {
            return Err(PyTypeError::new_err(
                "only integer tensors of a single element can be converted to an index",
            ));
        }
        self.number().map(Scalar::to_i64)
    }

    fn __len__(&self) -> PyResult<usize> {
        let dims = self.tensor.dims();
        dims.first().copied().ok_or_else(|| PyTypeError::new_err("len() of a 0-d tensor"))
    }
}

fn nested(py: Python<'_>, values: &[Scalar], dims: &[usize]) -> PyResult<Py<PyAny>> {
    let Some((&n, rest)) = dims.split_first() else {
        return Ok(scalar(py, values[0]));
    };
    let step: usize = rest.iter().product();
    let items = (0..n)
        .map(|i| nested(py, &values[i * step..(i + 1) * step], rest))
        .collect::<PyResult<Vec<_>>>()?;
    Ok(PyList::new(py, items)?.into_any().unbind())
}

impl PyTensor {
    fn number(&self) -> PyResult<Scalar> {
        array::dispatch::item(&self.tensor.array()).py()
    }

    /// The only element, for Python's conversions.
    fn one_number(&self) -> PyResult<Scalar> {
        if self.tensor.numel() == 1 {
            return self.number();
        }
        Err(PyValueError::new_err("only one element tensors can be converted to Python scalars"))
    }
}

fn overflow(kind: &str) -> PyErr {
    PyRuntimeError::new_err(format!("value cannot be converted to type {kind} without overflow"))
}

/// Geometry, type and place.
#[pymethods]
impl PyTensor {
    /// The sizes.
    #[getter]
    fn shape<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        size(py, &self.tensor.dims())
    }

    /// The sizes, or the size of one dimension.
    #[pyo3(signature = (dim=None))]
    fn size<'py>(&self, py: Python<'py>, dim: Option<i64>) -> PyResult<Bound<'py, PyAny>> {
        let dims = self.tensor.dims();
        match dim {
            None => size(py, &dims),
            Some(dim) => {
                let d = base::shape::wrap_dim(dim, dims.len()).py()?;
                dims.get(d).copied().unwrap_or(1).into_bound_py_any(py)
            }
        }
    }

    /// The steps in elements, or that of one dimension.
    #[pyo3(signature = (dim=None))]
    fn stride<'py>(&self, py: Python<'py>, dim: Option<i64>) -> PyResult<Bound<'py, PyAny>> {
        let layout = self.tensor.layout();
        match dim {
            None => Ok(PyTuple::new(py, layout.strides.iter())?.into_any()),
            Some(dim) => {
                let d = base::shape::wrap_dim(dim, layout.rank()).py()?;
                layout.strides[d].into_bound_py_any(py)
            }
        }
    }

    /// Where the first element lies in the storage, in elements.
    fn storage_offset(&self) -> usize {
        self.tensor.layout().offset
    }

    /// The number of dimensions.
    fn ndimension(&self) -> usize {
        self.tensor.rank()
    }

    /// The number of dimensions.
    #[getter]
    fn ndim(&self) -> usize {
        self.tensor.rank()
    }

    /// The number of dimensions.
    fn dim(&self) -> usize {
        self.tensor.rank()
    }

    /// The number of elements.
    fn numel(&self) -> usize {
        self.tensor.numel()
    }

    /// The number of elements.
    fn nelement(&self) -> usize {
        self.tensor.numel()
    }

    /// Bytes of one element.
    fn element_size(&self) -> usize {
        self.tensor.dtype().size()
    }

    /// Bytes of one element.
    #[getter]
    fn itemsize(&self) -> usize {
        self.tensor.dtype().size()
    }

    /// Bytes of all elements.
    #[getter]
    fn nbytes(&self) -> usize {
        self.tensor.dtype().size() * self.tensor.numel()
    }

    /// The element type.
    #[getter]
    fn dtype(&self, py: Python<'_>) -> PyResult<Py<PyDType>> {
        dtype_object(py, self.tensor.dtype())
    }

    /// Where it lives.
    #[getter]
    fn device(&self) -> PyDevice {
        PyDevice(self.tensor.device())
    }

    /// How elements are stored.
    #[getter]
    fn layout(&self) -> PyLayout {
        PyLayout(0)
    }

    /// Whether it lives on a GPU.
    #[getter]
    fn is_cuda(&self) -> bool {
        self.tensor.device().kind == base::DeviceKind::Gpu
    }

    /// Whether it has a shape but no data.
    #[getter]
    fn is_meta(&self) -> bool {
        self.tensor.device().kind == base::DeviceKind::Meta
    }

    /// Whether elements are stored one by one; never otherwise here.
    #[getter]
    fn is_sparse(&self) -> bool {
        false
    }

    /// Whether values are quantized; never here.
    #[getter]
    fn is_quantized(&self) -> bool {
        false
    }

    /// Whether the dtype is a real floating-point type.
    fn is_floating_point(&self) -> bool {
        self.tensor.dtype().is_float()
    }

    /// Whether the dtype is complex.
    fn is_complex(&self) -> bool {
        self.tensor.dtype().is_complex()
    }

    /// Whether the elements lie row by row without gaps (or in another memory format).
    #[pyo3(signature = (memory_format=None))]
    fn is_contiguous(&self, memory_format: Option<crate::dtype::PyMemoryFormat>) -> bool {
        let format = memory_format.map_or(MemoryFormat::Contiguous, |f| f.0);
        self.tensor.layout().is_contiguous_in(format)
    }

    /// The address of the first element.
    fn data_ptr(&self) -> usize {
        self.tensor.array().address()
    }

    /// All dimensions reversed.
    #[getter(T)]
    fn reversed(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let order: Vec<i64> = (0..self.tensor.rank() as i64).rev().collect();
        wrap(py, ops::view::permute(&self.tensor, &order).py()?)
    }

    /// The last two dimensions swapped.
    #[getter(mT)]
    fn matrix_transpose(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        if self.tensor.rank() < 2 {
            return Err(PyRuntimeError::new_err(format!(
                "tensor.mT is only supported on matrices or batches of matrices. Got {}-D tensor.",
                self.tensor.rank()
            )));
        }
        wrap(py, ops::view::transpose(&self.tensor, -2, -1).py()?)
    }
}

/// Copies, casts and moves.
#[pymethods]
impl PyTensor {
    /// Itself where it lies row by row, else a copy that does.
    #[pyo3(signature = (*, memory_format=None))]
    fn contiguous(
        slf: &Bound<'_, Self>,
        memory_format: Option<crate::dtype::PyMemoryFormat>,
    ) -> PyResult<Py<PyAny>> {
        let format = memory_format.map_or(MemoryFormat::Contiguous, |f| f.0);
        if format == MemoryFormat::Preserve {
            return Err(PyRuntimeError::new_err(
                "preserve memory format is unsupported by the contiguous operator",
            ));
        }
        let x = &slf.get().tensor;
        if x.layout().is_contiguous_in(format) {
            return Ok(slf.clone().into_any().unbind());
        }
        wrap(slf.py(), slf.py().detach(|| create::clone(x, Some(format))).py()?)
    }

    /// Another dtype and/or device: `to(dtype)`, `to(device, dtype)`, `to(other)`.
    #[pyo3(signature = (*args, **kwargs))]
    fn to(
        slf: &Bound<'_, Self>,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, pyo3::types::PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        let target = Target::parse(args, kwargs)?;
        let x = &slf.get().tensor;
        let moved = slf
            .py()
            .detach(|| create::to(x, target.dtype, target.device, target.copy, target.format));
        wrap(slf.py(), moved.py()?)
    }

    /// The dtype's old name, or a cast to it.
    #[pyo3(signature = (dtype=None, non_blocking=false))]
    fn r#type(
        slf: &Bound<'_, Self>,
        dtype: Option<&Bound<'_, PyAny>>,
        non_blocking: bool,
    ) -> PyResult<Py<PyAny>> {
        let _ = non_blocking;
        let py = slf.py();
        let x = &slf.get().tensor;
        let Some(dtype) = dtype else {
            return format!("torch.{}Tensor", x.dtype().type_name()).into_py_any(py);
        };
        let target = match to_dtype(dtype) {
            Some(dtype) => dtype,
            None => typed_name(dtype)?,
        };
        wrap(py, cast::to_dtype(x, target).py()?)
    }

    /// On the host.
    #[pyo3(signature = (memory_format=None))]
    fn cpu(
        slf: &Bound<'_, Self>,
        memory_format: Option<crate::dtype::PyMemoryFormat>,
    ) -> PyResult<Py<PyAny>> {
        let x = &slf.get().tensor;
        let format = memory_format.map(|f| f.0);
        wrap(slf.py(), create::to(x, None, Some(base::Device::CPU), false, format).py()?)
    }
}

/// `torch.FloatTensor` and its kin, by the name's last part.
fn typed_name(value: &Bound<'_, PyAny>) -> PyResult<DType> {
    let text = match value.extract::<String>() {
        Ok(text) => text,
        Err(_) if value.is_instance_of::<PyType>() => value.getattr("__name__")?.extract()?,
        Err(_) => return Err(PyTypeError::new_err("dtype must be a type, str, or dtype object")),
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    DType::ALL
        .into_iter()
        .find(|d| last.strip_suffix("Tensor") == Some(d.type_name()))
        .ok_or_else(|| PyValueError::new_err(format!("invalid type: '{text}'")))
}

/// What `to` was asked for.
#[derive(Default)]
pub struct Target {
    dtype: Option<DType>,
    device: Option<base::Device>,
    copy: bool,
    format: Option<MemoryFormat>,
}

impl Target {
    fn parse(
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, pyo3::types::PyDict>>,
    ) -> PyResult<Target> {
        let mut target = Target::default();
        let mut flags = 0;
        for value in args.iter() {
            if value.is_instance_of::<pyo3::types::PyBool>() {
                // In order: non_blocking, copy.
                if flags == 1 {
                    target.copy = value.is_truthy()?;
                }
                flags += 1;
            } else {
                target.take(&value)?;
            }
        }
        for (name, value) in kwargs.into_iter().flatten() {
            match name.extract::<String>()?.as_str() {
                "dtype" | "device" | "other" if value.is_none() => {}
                "dtype" | "device" | "other" => target.take(&value)?,
                "copy" => target.copy = value.is_truthy()?,
                "non_blocking" => {}
                "memory_format" if value.is_none() => {}
                "memory_format" => {
                    target.format = Some(value.extract::<crate::dtype::PyMemoryFormat>()?.0);
                }
                other => {
                    return Err(PyTypeError::new_err(format!(
                        "to() got an unexpected keyword argument '{other}'"
                    )));
                }
            }
        }
        Ok(target)
    }

    fn take(&mut self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        if value.is_none() {
            return Ok(());
        }
        if let Ok(other) = value.cast::<PyTensor>() {
            self.dtype = Some(other.get().tensor.dtype());
            self.device = Some(other.get().tensor.device());
        } else if let Some(dtype) = to_dtype(value) {
            self.dtype = Some(dtype);
        } else {
            self.device = Some(to_device(value).map_err(|_| {
                PyTypeError::new_err(format!(
                    "to() received an invalid combination of arguments - got ({}), but expected one of:\n * (torch.device device = None, torch.dtype dtype = None, bool non_blocking = False, bool copy = False, *, torch.memory_format memory_format = None)\n * (torch.dtype dtype, bool non_blocking = False, bool copy = False, *, torch.memory_format memory_format = None)\n * (Tensor tensor, bool non_blocking = False, bool copy = False, *, torch.memory_format memory_format = None)",
                    crate::convert::type_name(value)
                ))
            })?);
        }
        Ok(())
    }
}

/// Making tensors of other classes.
#[pymethods]
impl PyTensor {
    #[new]
    #[pyo3(signature = (*args, **kwargs))]
    fn new(
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, pyo3::types::PyDict>>,
    ) -> PyResult<PyTensor> {
        crate::construct::new_object(args, kwargs)
    }

    /// This tensor, history included, as an instance of a subclass.
    fn as_subclass(&self, cls: &Bound<'_, PyType>) -> PyResult<Py<PyAny>> {
        let object = crate::construct::instance(cls, ops::view::alias(&self.tensor).py()?)?;
        Ok(object.into_any().unbind())
    }

    /// The data of a tensor as an instance of a subclass, sharing memory and version.
    #[staticmethod]
    #[pyo3(signature = (cls, data, require_grad=false))]
    fn _make_subclass(
        cls: &Bound<'_, PyType>,
        data: &Bound<'_, PyTensor>,
        require_grad: bool,
    ) -> PyResult<Py<PyAny>> {
        let tensor = data.get().tensor.detach();
        tensor.set_requires_grad(require_grad).py()?;
        let object = crate::construct::instance(cls, tensor)?;
        Ok(object.into_any().unbind())
    }
}
