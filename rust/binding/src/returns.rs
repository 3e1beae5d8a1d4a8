//! Results as Python objects.

use crate::dtype::dtype_object;
use crate::tensor::wrap;
use base::Scalar;
use ops::Value;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyComplex, PyFloat, PyInt, PyTuple};

/// A number.
pub fn scalar(py: Python<'_>, value: Scalar) -> Py<PyAny> {
    match value {
        Scalar::Bool(v) => PyBool::new(py, v).to_owned().into_any().unbind(),
        Scalar::Int(v) => PyInt::new(py, v).into_any().unbind(),
        Scalar::Float(v) => PyFloat::new(py, v).into_any().unbind(),
        Scalar::Complex(v) => PyComplex::from_doubles(py, v.re, v.im).into_any().unbind(),
    }
}

/// Any result; several tensors become a tuple.
pub fn value(py: Python<'_>, value: Value) -> PyResult<Py<PyAny>> {
    Ok(match value {
        Value::None => py.None(),
        Value::Tensor(tensor) => wrap(py, tensor)?,
        Value::Tensors(list) => {
            let items = list.into_iter().map(|t| wrap(py, t)).collect::<PyResult<Vec<_>>>()?;
            PyTuple::new(py, items)?.into_any().unbind()
        }
        Value::OptTensors(list) => {
            let items = list
                .into_iter()
                .map(|t| t.map_or_else(|| Ok(py.None()), |t| wrap(py, t)))
                .collect::<PyResult<Vec<_>>>()?;
            PyTuple::new(py, items)?.into_any().unbind()
        }
        Value::Scalar(s) => scalar(py, s),
        Value::Ints(list) => PyTuple::new(py, list)?.into_any().unbind(),
        Value::Scalars(list) => {
            PyTuple::new(py, list.into_iter().map(|s| scalar(py, s)))?.into_any().unbind()
        }
        Value::Str(text) => text.into_pyobject(py)?.into_any().unbind(),
        Value::DType(dtype) => dtype_object(py, dtype)?.into_any(),
        Value::Device(device) => Py::new(py, crate::dtype::PyDevice(device))?.into_any(),
        Value::MemoryFormat(f) => Py::new(py, crate::dtype::PyMemoryFormat(f))?.into_any(),
        Value::Generator(_) => py.None(),
        Value::Tuple(list) => {
            let items =
                list.into_iter().map(|v| self::value(py, v)).collect::<PyResult<Vec<_>>>()?;
            PyTuple::new(py, items)?.into_any().unbind()
        }
    })
}

static NAMED: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// Registers the maker of named results, `make(op, fields, values)`; called once by the package.
#[pyfunction]
pub fn _set_named_tuple_maker(py: Python<'_>, make: Py<PyAny>) {
    let _ = NAMED.set(py, make);
}

/// The result of an op whose schema names its results: `(Tensor values, Tensor indices)`.
pub fn named(py: Python<'_>, op: &str, returns: &str, result: Value) -> PyResult<Py<PyAny>> {
    if !returns.starts_with('(') {
        return value(py, result);
    }
    let fields: Vec<&str> = returns
        .trim_matches(['(', ')'])
        .split(", ")
        .filter_map(|part| part.split_once(' ').map(|(_, name)| name))
        .collect();
    let plain = value(py, result)?;
    match NAMED.get(py) {
        Some(make) if !fields.is_empty() => make.call1(py, (op, fields, plain)),
        _ => Ok(plain),
    }
}
