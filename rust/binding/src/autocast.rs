//! Autocast as Python sees it: the switches of this thread, by the type of device.

use crate::dtype::{PyDType, dtype_object};
use crate::error::IntoPy;
use base::{Device, DeviceKind};
use ops::autocast;
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyBool;

/// The kind of device a word names, where autocast knows it.
fn kind(device_type: &str, unknown: &'static str) -> PyResult<DeviceKind> {
    match Device::parse(device_type).py()?.kind {
        DeviceKind::Meta => Err(PyRuntimeError::new_err(unknown)),
        kind => Ok(kind),
    }
}

const NO_SWITCH: &str =
    "unknown device type for autocast in get_autocast_dispatch_key_from_device_type";
const NO_DTYPE: &str = "unsupported scalarType";

/// Types of devices that PyTorch knows and Pyrite has none of: nothing is cast there.
const ELSEWHERE: [&str; 7] = ["xpu", "xla", "hpu", "ipu", "mtia", "maia", "privateuseone"];

/// Whether ops on this type of device are cast; CUDA without one.
#[pyfunction]
#[pyo3(signature = (device_type="cuda"))]
fn is_autocast_enabled(device_type: &str) -> PyResult<bool> {
    if ELSEWHERE.contains(&device_type) {
        return Ok(false);
    }
    Ok(autocast::is_enabled(kind(device_type, NO_SWITCH)?))
}

/// Turns casting on or off: `(device_type, enabled)`, or `(enabled)` for CUDA.
#[pyfunction]
#[pyo3(signature = (device_type, enabled=None))]
fn set_autocast_enabled(
    device_type: &Bound<'_, PyAny>,
    enabled: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let (kind, enabled) = match enabled {
        Some(enabled) => (kind(device_type.extract()?, NO_SWITCH)?, enabled),
        None => (DeviceKind::Gpu, device_type),
    };
    let on = enabled.cast::<PyBool>().map_err(|_| {
        PyTypeError::new_err(format!(
            "set_autocast_enabled(): argument 'enabled' (position 2) must be bool, not {}",
            crate::convert::type_name(enabled)
        ))
    })?;
    autocast::set_enabled(kind, on.is_true());
    Ok(())
}

/// The lower dtype of this type of device.
#[pyfunction]
fn get_autocast_dtype(py: Python<'_>, device_type: &str) -> PyResult<Py<PyDType>> {
    dtype_object(py, autocast::dtype(kind(device_type, NO_DTYPE)?))
}

/// Changes the lower dtype of this type of device.
#[pyfunction]
fn set_autocast_dtype(device_type: &str, dtype: &Bound<'_, PyAny>) -> PyResult<()> {
    let dtype = dtype.cast::<PyDType>().map_err(|_| {
        PyTypeError::new_err(format!(
            "set_autocast_dtype(): argument 'dtype' (position 2) must be torch.dtype, not {}",
            crate::convert::type_name(dtype)
        ))
    })?;
    autocast::set_dtype(kind(device_type, NO_DTYPE)?, dtype.get().0);
    Ok(())
}

/// `is_autocast_enabled("cpu")`.
#[pyfunction]
fn is_autocast_cpu_enabled() -> bool {
    autocast::is_enabled(DeviceKind::Cpu)
}

/// `set_autocast_enabled("cpu", enabled)`.
#[pyfunction]
fn set_autocast_cpu_enabled(enabled: bool) {
    autocast::set_enabled(DeviceKind::Cpu, enabled);
}

/// `get_autocast_dtype("cpu")`.
#[pyfunction]
fn get_autocast_cpu_dtype(py: Python<'_>) -> PyResult<Py<PyDType>> {
    dtype_object(py, autocast::dtype(DeviceKind::Cpu))
}

/// `set_autocast_dtype("cpu", dtype)`.
#[pyfunction]
fn set_autocast_cpu_dtype(dtype: &Bound<'_, PyDType>) {
    autocast::set_dtype(DeviceKind::Cpu, dtype.get().0);
}

/// `get_autocast_dtype("cuda")`.
#[pyfunction]
fn get_autocast_gpu_dtype(py: Python<'_>) -> PyResult<Py<PyDType>> {
    dtype_object(py, autocast::dtype(DeviceKind::Gpu))
}

/// `set_autocast_dtype("cuda", dtype)`.
#[pyfunction]
fn set_autocast_gpu_dtype(dtype: &Bound<'_, PyDType>) {
    autocast::set_dtype(DeviceKind::Gpu, dtype.get().0);
}

/// Whether casts of parameters are kept for their next use.
#[pyfunction]
fn is_autocast_cache_enabled() -> bool {
    autocast::is_cache_enabled()
}

/// Chooses whether casts of parameters are kept.
#[pyfunction]
fn set_autocast_cache_enabled(enabled: bool) {
    autocast::set_cache_enabled(enabled);
}

/// Forgets kept casts.
#[pyfunction]
fn clear_autocast_cache() {
    autocast::clear_cache();
}

/// Notes that a context begins; returns how many there are now.
#[pyfunction]
fn autocast_increment_nesting() -> usize {
    autocast::increment_nesting()
}

/// Notes that a context ends; returns how many are left.
#[pyfunction]
fn autocast_decrement_nesting() -> usize {
    autocast::decrement_nesting()
}

/// Adds these functions to the module.
pub fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(is_autocast_enabled, module)?)?;
    module.add_function(wrap_pyfunction!(set_autocast_enabled, module)?)?;
    module.add_function(wrap_pyfunction!(get_autocast_dtype, module)?)?;
    module.add_function(wrap_pyfunction!(set_autocast_dtype, module)?)?;
    module.add_function(wrap_pyfunction!(is_autocast_cpu_enabled, module)?)?;
    module.add_function(wrap_pyfunction!(set_autocast_cpu_enabled, module)?)?;
    module.add_function(wrap_pyfunction!(get_autocast_cpu_dtype, module)?)?;
    module.add_function(wrap_pyfunction!(set_autocast_cpu_dtype, module)?)?;
    module.add_function(wrap_pyfunction!(get_autocast_gpu_dtype, module)?)?;
    module.add_function(wrap_pyfunction!(set_autocast_gpu_dtype, module)?)?;
    module.add_function(wrap_pyfunction!(is_autocast_cache_enabled, module)?)?;
    module.add_function(wrap_pyfunction!(set_autocast_cache_enabled, module)?)?;
    module.add_function(wrap_pyfunction!(clear_autocast_cache, module)?)?;
    module.add_function(wrap_pyfunction!(autocast_increment_nesting, module)?)?;
    module.add_function(wrap_pyfunction!(autocast_decrement_nesting, module)?)
}
