//! What the module holds: classes, dtype objects, settings; the rest is filled in by the files the
//! things live in.

use crate::dtype::{
    PyDType, PyDevice, PyLayout, PyMemoryFormat, dtype_object, to_device, to_dtype,
};
use crate::error;
use crate::tensor::PyTensor;
use crate::{construct, dlpack, generator, grad, numpy, returns, table_methods};
use base::{DType, MemoryFormat};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;

/// The dtype of new floating-point tensors.
#[pyfunction]
fn get_default_dtype(py: Python<'_>) -> PyResult<Py<PyDType>> {
    dtype_object(py, base::promote::default_dtype())
}

/// Changes the dtype of new floating-point tensors.
#[pyfunction]
fn set_default_dtype(d: &Bound<'_, PyAny>) -> PyResult<()> {
    match to_dtype(d) {
        Some(dtype) if dtype.is_float() => {
            base::promote::set_default_dtype(dtype);
            Ok(())
        }
        Some(_) => {
            Err(PyTypeError::new_err("only floating-point types are supported as the default type"))
        }
        None => Err(PyTypeError::new_err(
            "invalid dtype object: only floating-point types are supported as the default type",
        )),
    }
}

/// Where new tensors go when the call does not say.
#[pyfunction]
fn _get_default_device() -> PyDevice {
    PyDevice(ops::create::default_device())
}

/// Changes where new tensors go.
#[pyfunction]
fn _set_default_device(device: &Bound<'_, PyAny>) -> PyResult<()> {
    ops::create::set_default_device(to_device(device)?);
    Ok(())
}

/// How many threads kernels use.
#[pyfunction]
fn get_num_threads() -> usize {
    cpu::num_threads()
}

/// Changes how many threads kernels use.
#[pyfunction]
fn set_num_threads(n: &Bound<'_, PyAny>) -> PyResult<()> {
    let Some(count) = crate::convert::int(n) else {
        let kind = crate::convert::type_name(n);
        let text = format!("set_num_threads expects an int, but got {kind}");
        return Err(PyRuntimeError::new_err(text));
    };
    match usize::try_from(count) {
        Ok(count) if count > 0 => cpu::set_num_threads(count),
        _ => return Err(PyRuntimeError::new_err("set_num_threads expects a positive integer")),
    }
    Ok(())
}

/// Counters for leak tests: live tensors, live buffers, live bytes.
#[pyfunction]
fn _live_counts() -> (usize, usize, usize) {
    (tape::live_tensors(), cpu::live_buffers(), cpu::live_bytes())
}

/// Other names of dtypes.
const ALIASES: [&str; 9] =
    ["float", "double", "half", "long", "int", "short", "chalf", "cfloat", "cdouble"];

fn add_values(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    for name in DType::ALL.iter().map(|d| d.name()).chain(ALIASES) {
        if let Some(dtype) = DType::from_name(name) {
            module.add(name, dtype_object(py, dtype)?)?;
        }
    }
    for format in [
        MemoryFormat::Contiguous,
        MemoryFormat::Preserve,
        MemoryFormat::ChannelsLast,
        MemoryFormat::ChannelsLast3d,
    ] {
        module.add(format.name(), Py::new(py, PyMemoryFormat(format))?)?;
    }
    module.add("strided", Py::new(py, PyLayout(0))?)
}

fn add_classes(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add_class::<PyTensor>()?;
    crate::lifetime::install(py)?;
    module.add_class::<PyDType>()?;
    module.add_class::<PyDevice>()?;
    module.add_class::<PyLayout>()?;
    module.add_class::<PyMemoryFormat>()?;
    module.add_class::<crate::node::PyNode>()?;
    module.add_class::<crate::function::PyFunctionNode>()?;
    crate::anomaly::fill(module)?;
    crate::saved::fill(module)?;
    crate::sparse::fill(module)?;
    module.add("ShapeError", py.get_type::<error::ShapeError>())?;
    module.add("DTypeError", py.get_type::<error::DTypeError>())?;
    module.add("DeviceError", py.get_type::<error::DeviceError>())?;
    module.add("OutOfMemoryError", py.get_type::<error::OutOfMemoryError>())?;
    module.add("_LinAlgError", py.get_type::<error::_LinAlgError>())?;
    module.add("InternalError", py.get_type::<error::InternalError>())
}

fn add_functions(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(get_default_dtype, module)?)?;
    module.add_function(wrap_pyfunction!(set_default_dtype, module)?)?;
    module.add_function(wrap_pyfunction!(_get_default_device, module)?)?;
    module.add_function(wrap_pyfunction!(_set_default_device, module)?)?;
    module.add_function(wrap_pyfunction!(get_num_threads, module)?)?;
    module.add_function(wrap_pyfunction!(set_num_threads, module)?)?;
    module.add_function(wrap_pyfunction!(_live_counts, module)?)?;
    module.add_function(wrap_pyfunction!(crate::introspect::_ops, module)?)?;
    module.add_function(wrap_pyfunction!(crate::dtype::_set_size_class, module)?)?;
    module.add_function(wrap_pyfunction!(crate::dtype::_display_name, module)?)?;
    module.add_function(wrap_pyfunction!(returns::_set_named_tuple_maker, module)?)?;
    module.add_function(wrap_pyfunction!(grad::_backward, module)?)?;
    module.add_function(wrap_pyfunction!(grad::_grad, module)?)?;
    module.add_function(wrap_pyfunction!(grad::is_grad_enabled, module)?)?;
    module.add_function(wrap_pyfunction!(grad::_set_grad_enabled, module)?)?;
    module.add_function(wrap_pyfunction!(grad::is_inference_mode_enabled, module)?)?;
    module.add_function(wrap_pyfunction!(grad::_set_inference_mode, module)?)?;
    module.add_function(wrap_pyfunction!(grad::_queue_callback, module)?)?;
    module.add_function(wrap_pyfunction!(grad::_current_walk, module)?)?;
    module.add_function(wrap_pyfunction!(grad::_is_checkpoint_valid, module)?)
}

/// Fills the module.
pub fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    ops::init();
    add_classes(module)?;
    add_values(module)?;
    add_functions(module)?;
    crate::overrides::fill(module)?;
    construct::fill(module)?;
    dlpack::fill(module)?;
    generator::fill(module)?;
    numpy::fill(module)?;
    module.add_function(wrap_pyfunction!(table_methods::_op_methods, module)?)?;
    table_methods::register(module)
}
