//! Single Python values into the forms ops take.

use crate::dtype::{PyDType, PyDevice, PyLayout, PyMemoryFormat, to_device, to_dtype};
use crate::tensor::PyTensor;
use base::Scalar;
use ops::Value;
use ops::schema::Type;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyComplex, PyFloat, PyInt, PyList, PyString, PyTuple};

/// A Python or numpy number.
pub fn number(value: &Bound<'_, PyAny>) -> Option<Scalar> {
    if let Ok(v) = value.cast::<PyBool>() {
        return Some(Scalar::Bool(v.is_true()));
    }
    if value.is_instance_of::<PyFloat>() {
        return value.extract().ok().map(Scalar::Float);
    }
    if value.is_instance_of::<PyInt>() {
        return match value.extract::<i64>() {
            Ok(v) => Some(Scalar::Int(v)),
            Err(_) => value.extract::<u64>().ok().map(|v| Scalar::Int(v as i64)),
        };
    }
    if value.is_instance_of::<PyComplex>() {
        return value.extract().ok().map(Scalar::Complex);
    }
    foreign_number(value)
}

/// Numbers of other packages, known by their special methods (numpy scalars).
fn foreign_number(value: &Bound<'_, PyAny>) -> Option<Scalar> {
    if value.is_instance_of::<PyTensor>() || value.is_instance_of::<PyString>() {
        return None;
    }
    let kind = value.get_type();
    if !kind.module().is_ok_and(|m| m.to_cow().is_ok_and(|m| m == "numpy"))
        || value.hasattr("__len__").ok()? && kind.name().is_ok_and(|n| n == "ndarray")
    {
        return None;
    }
    number(&value.call_method0("item").ok()?)
}

/// An int: Python's, numpy's, or the element of an integer tensor.
pub fn int(value: &Bound<'_, PyAny>) -> Option<i64> {
    if value.is_instance_of::<PyBool>() || value.is_instance_of::<PyFloat>() {
        return None;
    }
    if let Ok(v) = value.extract::<i64>()
        && !value.is_instance_of::<PyTensor>()
    {
        return Some(v);
    }
    let tensor = value.cast::<PyTensor>().ok()?;
    let t = &tensor.get().tensor;
    (t.dtype().is_integral() && t.numel() == 1)
        .then(|| array::dispatch::item(&t.array()).ok().map(Scalar::to_i64))
        .flatten()
}

/// The items of a list or tuple.
pub fn sequence<'py>(value: &Bound<'py, PyAny>) -> Option<Vec<Bound<'py, PyAny>>> {
    if let Ok(list) = value.cast::<PyList>() {
        return Some(list.iter().collect());
    }
    value.cast::<PyTuple>().ok().map(|tuple| tuple.iter().collect())
}

/// A list of ints; a single int stands for `repeat` of them.
pub fn ints(value: &Bound<'_, PyAny>, repeat: u8) -> Option<Vec<i64>> {
    if let Some(items) = sequence(value) {
        return items.iter().map(int).collect();
    }
    (repeat > 0).then(|| int(value).map(|v| vec![v; repeat as usize])).flatten()
}

fn tensor(value: &Bound<'_, PyAny>) -> Option<tape::Tensor> {
    value.cast::<PyTensor>().ok().map(|t| t.get().tensor.clone())
}

/// A 0-d tensor that may stand for a number.
fn tensor_number(value: &Bound<'_, PyAny>) -> Option<Scalar> {
    let t = tensor(value)?;
    (t.numel() == 1 && !t.requires_grad()).then(|| array::dispatch::item(&t.array()).ok()).flatten()
}

/// The value as a parameter of this type takes it; `None` when it does not fit.
pub fn argument(value: &Bound<'_, PyAny>, ty: Type) -> Option<Value> {
    match ty {
        Type::Tensor => tensor(value).map(Value::Tensor),
        Type::Operand => {
            tensor(value).map(Value::Tensor).or_else(|| number(value).map(Value::Scalar))
        }
        Type::Tensors => {
            sequence(value)?.iter().map(tensor).collect::<Option<Vec<_>>>().map(Value::Tensors)
        }
        Type::OptTensors => sequence(value)?
            .iter()
            .map(|v| if v.is_none() { Some(None) } else { tensor(v).map(Some) })
            .collect::<Option<Vec<_>>>()
            .map(Value::OptTensors),
        Type::Scalar => number(value).or_else(|| tensor_number(value)).map(Value::Scalar),
        Type::Int => int(value).map(|v| Value::Scalar(Scalar::Int(v))),
        Type::Float => match number(value).or_else(|| tensor_number(value))? {
            Scalar::Complex(_) => None,
            s => Some(Value::Scalar(Scalar::Float(s.to_f64()))),
        },
        Type::Bool => value.cast::<PyBool>().ok().map(|v| Value::Scalar(Scalar::Bool(v.is_true()))),
        Type::Str => {
            value.cast::<PyString>().ok()?.to_cow().ok().map(|s| Value::Str(s.into_owned()))
        }
        Type::Ints(repeat) => ints(value, repeat).map(Value::Ints),
        Type::Scalars => {
            sequence(value)?.iter().map(number).collect::<Option<Vec<_>>>().map(Value::Scalars)
        }
        Type::DType => to_dtype(value).map(Value::DType),
        Type::Device => to_device(value).ok().map(Value::Device),
        Type::Layout => value.cast::<PyLayout>().ok().map(|_| Value::Str("strided".to_string())),
        Type::MemoryFormat => {
            value.cast::<PyMemoryFormat>().ok().map(|f| Value::MemoryFormat(f.get().0))
        }
        Type::Generator => value
            .cast::<crate::generator::PyGenerator>()
            .ok()
            .map(|g| Value::Generator(g.get().0.clone())),
    }
}

/// An int beyond 64 bits.
pub fn overflow() -> PyErr {
    PyValueError::new_err("Overflow when unpacking long long")
}

/// The name of a value's type in messages about bad calls.
pub fn type_name(value: &Bound<'_, PyAny>) -> String {
    if value.is_instance_of::<PyDType>() {
        return "torch.dtype".to_string();
    }
    if value.is_instance_of::<PyDevice>() {
        return "torch.device".to_string();
    }
    if crate::numpy::is_ndarray(value) || crate::numpy::is_number(value) {
        let name = value.get_type().fully_qualified_name();
        return name.map_or_else(|_| "object".to_string(), |n| n.to_string());
    }
    value.get_type().name().map_or_else(|_| "object".to_string(), |n| n.to_string())
}
