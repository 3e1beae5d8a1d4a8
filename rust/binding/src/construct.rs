//! Tensors from Python data: numbers, nested sequences, tensors and NumPy arrays.

use crate::dtype::{to_device, to_dtype};
use crate::error::IntoPy;
use crate::legacy::_legacy_tensor;
use crate::tensor::{PyTensor, wrap};
use crate::{nested, numpy};
use base::promote::default_dtype;
use base::{DType, Device};
use ops::create;
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyUserWarning, PyValueError};
use pyo3::prelude::*;
use tape::Tensor;

type Object<'a, 'py> = &'a Bound<'py, PyAny>;

/// A tensor that holds the data; memory is shared where the data has some and `copy` is off.
pub fn build(
    data: Object<'_, '_>,
    dtype: Option<DType>,
    device: Option<Device>,
    copy: bool,
) -> PyResult<Tensor> {
    let place = device.unwrap_or_else(create::default_device);
    if let Ok(other) = data.cast::<PyTensor>() {
        let source = &other.get().tensor;
        crate::sparse::refuse(source, "tensor")?;
        let _off = tape::set_grad_enabled(false);
        return create::to(&source.detach(), dtype, device, copy, None).py();
    }
    if numpy::is_ndarray(data) {
        let source = Tensor::new(numpy::shared(data, !copy)?);
        return create::to(&source, dtype, Some(place), copy, None).py();
    }
    let source = Tensor::new(nested::array_of(data, dtype)?);
    create::to(&source, None, Some(place), false, None).py()
}

/// A dtype given as an argument of `op`.
pub fn dtype_argument(value: Object<'_, '_>, op: &str) -> PyResult<DType> {
    to_dtype(value).ok_or_else(|| {
        PyTypeError::new_err(format!(
            "{op}(): argument 'dtype' must be torch.dtype, not {}",
            crate::convert::type_name(value)
        ))
    })
}

/// Turns gradients on for a new tensor.
pub fn require_grad(tensor: &Tensor, on: bool) -> PyResult<()> {
    if on && !tensor.dtype().is_differentiable() {
        return Err(PyRuntimeError::new_err(
            "Only Tensors of floating point and complex dtype can require gradients",
        ));
    }
    if on { tensor.set_requires_grad(true).py() } else { Ok(()) }
}

fn optional_dtype(value: Option<Object<'_, '_>>, op: &str) -> PyResult<Option<DType>> {
    value.filter(|d| !d.is_none()).map(|d| dtype_argument(d, op)).transpose()
}

pub fn optional_device(value: Option<Object<'_, '_>>) -> PyResult<Option<Device>> {
    value.filter(|d| !d.is_none()).map(to_device).transpose()
}

/// A tensor that copies `data`. Host memory needs no pinning: `pin_memory` changes nothing.
#[pyfunction]
#[pyo3(signature = (data, *, dtype=None, device=None, requires_grad=false, pin_memory=false))]
fn tensor(
    py: Python<'_>,
    data: Object<'_, '_>,
    dtype: Option<Object<'_, '_>>,
    device: Option<Object<'_, '_>>,
    requires_grad: bool,
    pin_memory: bool,
) -> PyResult<Py<PyAny>> {
    let _ = pin_memory;
    let dtype = optional_dtype(dtype, "tensor")?;
    if data.is_instance_of::<PyTensor>() {
        warn_copy(py, "torch.tensor(sourceTensor)")?;
    }
    let tensor = build(data, dtype, optional_device(device)?, true)?;
    require_grad(&tensor, requires_grad)?;
    wrap(py, tensor)
}

fn warn_copy(py: Python<'_>, call: &str) -> PyResult<()> {
    let text = format!(
        "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() \
         or sourceTensor.detach().clone().requires_grad_(True), rather than {call}."
    );
    let text = std::ffi::CString::new(text).map_err(|e| PyRuntimeError::new_err(e.to_string()))?;
    PyErr::warn(py, py.get_type::<PyUserWarning>().as_any(), &text, 1)
}

/// The data as a tensor: itself or over its memory where dtype and device allow.
#[pyfunction]
#[pyo3(signature = (data, dtype=None, device=None))]
fn as_tensor(
    py: Python<'_>,
    data: Object<'_, '_>,
    dtype: Option<Object<'_, '_>>,
    device: Option<Object<'_, '_>>,
) -> PyResult<Py<PyAny>> {
    let (dtype, device) = (optional_dtype(dtype, "as_tensor")?, optional_device(device)?);
    if let Ok(other) = data.cast::<PyTensor>() {
        if dtype.is_some() || device.is_some() {
            crate::sparse::refuse(&other.get().tensor, "as_tensor")?;
        }
        return wrap(py, create::to(&other.get().tensor, dtype, device, false, None).py()?);
    }
    wrap(py, build(data, dtype, device, false)?)
}

/// The data as a tensor, copied, shared, or as it comes.
#[pyfunction]
#[pyo3(signature = (obj, *, dtype=None, device=None, copy=None, requires_grad=None))]
fn asarray(
    py: Python<'_>,
    obj: Object<'_, '_>,
    dtype: Option<Object<'_, '_>>,
    device: Option<Object<'_, '_>>,
    copy: Option<bool>,
    requires_grad: Option<bool>,
) -> PyResult<Py<PyAny>> {
    let (dtype, device) = (optional_dtype(dtype, "asarray")?, optional_device(device)?);
    let Some(source) = shared_source(obj, dtype)? else {
        if copy == Some(false) {
            return Err(PyValueError::new_err("can't alias arbitrary sequence into a tensor."));
        }
        let made = build(obj, dtype, device, true)?;
        require_grad(&made, requires_grad == Some(true))?;
        return wrap(py, made);
    };
    let wanted = dtype.unwrap_or_else(|| source.dtype());
    if copy == Some(false) && wanted != source.dtype() {
        return Err(PyValueError::new_err(format!(
            "can't alias tensor with dtype '{}' into dtype '{}'.",
            source.dtype().type_name(),
            wanted.type_name()
        )));
    }
    let moved = create::to(&source, dtype, device, copy == Some(true), None).py()?;
    let moved = match requires_grad {
        Some(false) if moved.requires_grad() => moved.detach(),
        _ => moved,
    };
    require_grad(&moved, requires_grad == Some(true))?;
    wrap(py, moved)
}

/// A tensor over memory the object has: a tensor, an array, anything with DLPack or a buffer.
fn shared_source(value: Object<'_, '_>, dtype: Option<DType>) -> PyResult<Option<Tensor>> {
    if let Ok(other) = value.cast::<PyTensor>() {
        crate::sparse::refuse(&other.get().tensor, "asarray")?;
        return Ok(Some(other.get().tensor.clone()));
    }
    if numpy::is_ndarray(value) {
        return Ok(Some(Tensor::new(numpy::shared(value, true)?)));
    }
    if value.hasattr("__dlpack__")? {
        return crate::dlpack::import(value).map(Some);
    }
    numpy::flat(value, dtype.unwrap_or_else(default_dtype))
}

/// Tensors made by or after another one.
#[pymethods]
impl PyTensor {
    /// A tensor that copies `data`, with the dtype and device of this one.
    #[pyo3(signature = (data, *, dtype=None, device=None, requires_grad=false, layout=None, pin_memory=false))]
    #[allow(clippy::too_many_arguments)] // PyTorch's signature
    fn new_tensor(
        &self,
        py: Python<'_>,
        data: Object<'_, '_>,
        dtype: Option<Object<'_, '_>>,
        device: Option<Object<'_, '_>>,
        requires_grad: bool,
        layout: Option<Object<'_, '_>>,
        pin_memory: bool,
    ) -> PyResult<Py<PyAny>> {
        let _ = (layout, pin_memory);
        let dtype = optional_dtype(dtype, "new_tensor")?.unwrap_or_else(|| self.tensor.dtype());
        let device = optional_device(device)?.unwrap_or_else(|| self.tensor.device());
        let made = build(data, Some(dtype), Some(device), true)?;
        require_grad(&made, requires_grad)?;
        wrap(py, made)
    }
}

/// Adds the functions.
pub fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(tensor, module)?)?;
    module.add_function(wrap_pyfunction!(as_tensor, module)?)?;
    module.add_function(wrap_pyfunction!(asarray, module)?)?;
    module.add_function(wrap_pyfunction!(_legacy_tensor, module)?)
}
