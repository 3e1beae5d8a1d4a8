//! The oldest constructors, which take sizes or data by the same argument: `Tensor(...)`,
//! `FloatTensor(...)`, `x.new(...)`.

use crate::construct::{build, optional_device};
use crate::error::IntoPy;
use crate::nested::{invalid_data, is_sequence};
use crate::tensor::{PyTensor, wrap};
use array::Array;
use base::{DType, Device};
use ops::create;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use tape::Tensor;

#[pymethods]
impl PyTensor {
    /// `x.new(...)`: as `Tensor(...)`, with the dtype and device of this one.
    #[pyo3(name = "new", signature = (*args, **kwargs))]
    fn new_of_kind(
        &self,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        let made = legacy(args, kwargs, self.tensor.dtype(), Some(self.tensor.device()))?;
        wrap(args.py(), made)
    }
}

/// `Tensor(...)`, `FloatTensor(...)`: sizes, or data, or another tensor's alias.
pub fn legacy(
    args: &Bound<'_, PyTuple>,
    kwargs: Option<&Bound<'_, PyDict>>,
    dtype: DType,
    device: Option<Device>,
) -> PyResult<Tensor> {
    let mut place = device.unwrap_or_else(create::default_device);
    let mut named = None;
    for (name, value) in kwargs.into_iter().flatten() {
        match name.extract::<String>()?.as_str() {
            "device" => place = optional_device(Some(&value))?.unwrap_or(place),
            "size" | "data" | "other" if args.is_empty() => named = Some(value),
            _ => return Err(legacy_refusal(args, kwargs)),
        }
    }
    let empty = |sizes: &[i64]| {
        let dims = base::shape::sizes(sizes).py()?;
        Ok(Tensor::new(Array::empty_contiguous(&dims, dtype, place).py()?))
    };
    let ints: Option<Vec<i64>> = args.iter().map(|a| crate::convert::int(&a)).collect();
    match (args.len(), ints, named) {
        (0, _, None) => empty(&[0]),
        (0, _, Some(value)) => match crate::convert::ints(&value, 0) {
            Some(sizes) => empty(&sizes),
            None => legacy_data(&value, dtype, place),
        },
        (1, ints, _) => {
            let value = args.get_item(0)?;
            if value.is_instance_of::<PyTensor>() || ints.is_none() {
                return legacy_data(&value, dtype, place);
            }
            empty(&ints.unwrap_or_default())
        }
        (_, Some(sizes), _) => empty(&sizes),
        (_, None, _) => Err(legacy_refusal(args, kwargs)),
    }
}

fn legacy_data(value: &Bound<'_, PyAny>, dtype: DType, place: Device) -> PyResult<Tensor> {
    if let Ok(other) = value.cast::<PyTensor>() {
        crate::sparse::refuse(&other.get().tensor, "new")?;
        return ops::view::alias(&other.get().tensor).py();
    }
    let kind = value.get_type();
    if kind.name()? == "Size" {
        let dims: Vec<usize> = value.extract()?;
        return Ok(Tensor::new(Array::empty_contiguous(&dims, dtype, place).py()?));
    }
    if value.is_instance_of::<PyString>() {
        return Err(invalid_data(value));
    }
    if !is_sequence(value) {
        return Err(PyTypeError::new_err(format!(
            "new(): data must be a sequence (got {})",
            kind.name()?
        )));
    }
    build(value, Some(dtype), Some(place), true)
}

fn legacy_refusal(args: &Bound<'_, PyTuple>, kwargs: Option<&Bound<'_, PyDict>>) -> PyErr {
    let mut got: Vec<String> = args
        .iter()
        .map(|a| a.get_type().name().map_or_else(|_| "object".into(), |n| n.to_string()))
        .collect();
    for (name, value) in kwargs.into_iter().flatten() {
        got.push(format!("{name}={}", crate::convert::type_name(&value)));
    }
    PyTypeError::new_err(format!(
        "new() received an invalid combination of arguments - got ({}), but expected one of:\n * \
         (*, torch.device device = None)\n * (tuple of ints size, *, torch.device device = None)\n \
         * (object data, *, torch.device device = None)",
        got.join(", ")
    ))
}

/// A tensor by the rules of `FloatTensor(...)` and its kin.
#[pyfunction]
#[pyo3(signature = (dtype, args, kwargs=None))]
pub fn _legacy_tensor(
    py: Python<'_>,
    dtype: &Bound<'_, crate::dtype::PyDType>,
    args: &Bound<'_, PyTuple>,
    kwargs: Option<&Bound<'_, PyDict>>,
) -> PyResult<Py<PyAny>> {
    let dtype = dtype.get().0;
    let made = legacy(args, kwargs, dtype, Some(Device::CPU))?;
    if made.dtype() != dtype {
        return Err(PyTypeError::new_err(format!(
            "expected a tensor of dtype {dtype}, got one of dtype {}",
            made.dtype()
        )));
    }
    wrap(py, made)
}
