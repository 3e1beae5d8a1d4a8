//! Tensors from nested sequences of numbers: the sizes come from the first items, the dtype from all.

use crate::convert::number;
use crate::error::IntoPy;
use crate::numpy;
use crate::tensor::PyTensor;
use array::{Array, dispatch};
use base::promote::{default_dtype, promote_types, scalar_dtype};
use base::{Category, DType, Device, Scalar};
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyInt, PyList, PySequence, PyString, PyTuple};
use tape::Tensor;

type Object<'a, 'py> = &'a Bound<'py, PyAny>;

/// The values of (nested sequences of) numbers as an array on the host.
pub fn array_of(data: Object<'_, '_>, wanted: Option<DType>) -> PyResult<Array> {
    let mut walk = Walk { values: Vec::new(), natural: None, wanted };
    let dims = walk.shape(data)?;
    walk.collect(data, &dims, 0)?;
    let dtype = wanted.or(walk.natural).unwrap_or_else(default_dtype);
    check_range(&walk.values, dtype)?;
    let out = Array::empty_contiguous(&dims, dtype, Device::CPU).py()?;
    dispatch::store(&out, &walk.values).py()?;
    Ok(out)
}

/// A walk over nested sequences.
struct Walk {
    values: Vec<Scalar>,
    /// The dtype that the values met so far ask for.
    natural: Option<DType>,
    /// The dtype the user asks for.
    wanted: Option<DType>,
}

/// Something with a length and items that is neither text nor a mapping.
pub fn is_sequence(value: Object<'_, '_>) -> bool {
    value.is_instance_of::<PyList>()
        || value.is_instance_of::<PyTuple>()
        || (value.cast::<PySequence>().is_ok() || numpy::is_ndarray(value))
            && !value.is_instance_of::<PyString>()
            && !value.is_instance_of::<PyBytes>()
        || (value.hasattr("__getitem__").unwrap_or(false)
            && value.hasattr("__len__").unwrap_or(false)
            && !value.is_instance_of::<PyTensor>()
            && !value.is_instance_of::<PyString>()
            && !value.is_instance_of::<PyBytes>()
            && !value.is_instance_of::<PyDict>())
}

/// The refusal of data that holds no numbers.
pub fn invalid_data(value: Object<'_, '_>) -> PyErr {
    PyTypeError::new_err(format!("new(): invalid data type '{}'", crate::convert::type_name(value)))
}

impl Walk {
    /// Sizes, read off the first items.
    fn shape(&self, data: Object<'_, '_>) -> PyResult<Vec<usize>> {
        let mut dims = Vec::new();
        let mut at = data.clone();
        loop {
            if at.is_instance_of::<PyString>() && !dims.is_empty() {
                return Err(PyValueError::new_err("too many dimensions 'str'"));
            }
            if at.is_instance_of::<PyString>() || at.is_instance_of::<PyBytes>() {
                return Err(invalid_data(&at));
            }
            if !is_sequence(&at) || numpy::is_number(&at) {
                return Ok(dims);
            }
            let n = at.len()?;
            dims.push(n);
            if dims.len() > 128 {
                return Err(PyValueError::new_err(format!(
                    "too many dimensions '{}'",
                    at.get_type().name()?
                )));
            }
            if n == 0 {
                return Ok(dims);
            }
            at = at.get_item(0)?;
        }
    }

    /// Takes the values of one (sub)sequence.
    fn collect(&mut self, value: Object<'_, '_>, dims: &[usize], dim: usize) -> PyResult<()> {
        let Some(&n) = dims.get(dim) else {
            return self.take(value);
        };
        if !is_sequence(value) {
            return Err(PyTypeError::new_err("not a sequence"));
        }
        let length = value.len()?;
        if length != n {
            return Err(PyValueError::new_err(format!(
                "expected sequence of length {n} at dim {dim} (got {length})"
            )));
        }
        if numpy::is_ndarray(value) {
            return self.take_array(value);
        }
        if dims[dim + 1..].contains(&0) {
            return Ok(());
        }
        if let Ok(list) = value.cast::<PyList>() {
            return list.iter().try_for_each(|item| self.collect(&item, dims, dim + 1));
        }
        (0..n).try_for_each(|i| self.collect(&value.get_item(i)?, dims, dim + 1))
    }

    /// All elements of an array inside a list.
    fn take_array(&mut self, value: Object<'_, '_>) -> PyResult<()> {
        let array = numpy::shared(value, false)?;
        self.promote(array.dtype());
        self.values.extend(dispatch::scalars(&array).py()?);
        Ok(())
    }

    fn promote(&mut self, dtype: DType) {
        self.natural = Some(self.natural.map_or(dtype, |have| promote_types(have, dtype)));
    }

    /// One number.
    fn take(&mut self, value: Object<'_, '_>) -> PyResult<()> {
        let scalar = if let Ok(tensor) = value.cast::<PyTensor>() {
            self.one_element(&tensor.get().tensor)?
        } else {
            let Some(scalar) = self.number(value) else {
                return Err(self.refuse(value));
            };
            let dtype = if numpy::is_number(value) { numpy::number_dtype(value) } else { None };
            self.promote(dtype.unwrap_or_else(|| scalar_dtype(scalar)));
            scalar
        };
        let real = self.wanted.is_some_and(|d| !d.is_complex() && d != DType::Bool);
        if real && scalar.category() == Category::Complex {
            return Err(PyTypeError::new_err("must be real number, not complex"));
        }
        self.values.push(scalar);
        Ok(())
    }

    /// A number; an int beyond 64 bits only where a float is wanted.
    fn number(&self, value: Object<'_, '_>) -> Option<Scalar> {
        if !value.is_exact_instance_of::<PyInt>() {
            return number(value);
        }
        if let Ok(int) = value.extract::<i64>() {
            return Some(Scalar::Int(int));
        }
        let wanted = self.wanted.is_some_and(|d| !d.is_integral());
        wanted.then(|| value.extract().ok().map(Scalar::Float)).flatten()
    }

    fn one_element(&mut self, tensor: &Tensor) -> PyResult<Scalar> {
        self.promote(tensor.dtype());
        if tensor.numel() == 1 {
            return dispatch::item(&tensor.array()).py();
        }
        Err(if tensor.dtype().is_integral() {
            PyTypeError::new_err(
                "only integer tensors of a single element can be converted to an index",
            )
        } else {
            PyValueError::new_err("only one element tensors can be converted to Python scalars")
        })
    }

    /// Why a value is no number.
    fn refuse(&self, value: Object<'_, '_>) -> PyErr {
        let kind = value.get_type().name().map_or_else(|_| "object".into(), |n| n.to_string());
        if value.is_instance_of::<PyInt>() {
            return PyValueError::new_err("Overflow when unpacking long long");
        }
        if value.is_instance_of::<PyString>() && !self.values.is_empty() {
            return invalid_data(value);
        }
        if self.values.is_empty() && self.wanted.is_none() {
            return PyRuntimeError::new_err(format!("Could not infer dtype of {kind}"));
        }
        let dtype = self.wanted.or(self.natural).unwrap_or_else(default_dtype);
        PyTypeError::new_err(if dtype.is_integral() {
            format!("'{kind}' object cannot be interpreted as an integer")
        } else {
            format!("must be real number, not {kind}")
        })
    }
}

/// Integers take no value beyond their range; unsigned ones wrap negative values.
fn check_range(values: &[Scalar], dtype: DType) -> PyResult<()> {
    let Some((low, high)) = dtype.int_range().filter(|_| dtype != DType::Bool) else {
        return Ok(());
    };
    let low = if low == 0 { -high } else { low };
    let fits = |value: &Scalar| match *value {
        Scalar::Bool(_) => true,
        Scalar::Int(v) => (low..=high).contains(&v),
        other => {
            let v = other.to_f64().trunc();
            v >= low as f64 && v <= high as f64 && (v < high as f64 || dtype != DType::I64)
        }
    };
    if values.iter().all(fits) {
        return Ok(());
    }
    Err(PyRuntimeError::new_err(format!(
        "value cannot be converted to type {} without overflow",
        dtype.name()
    )))
}
