//! Tensors as Python numbers: `item`, `tolist` and the conversions `int(x)`, `float(x)`, `bool(x)`.

use crate::error::IntoPy;
use crate::returns::scalar;
use crate::tensor::PyTensor;
use base::Scalar;
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyList;

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
