//! What the module holds: classes, dtype objects, construction from Python data, generators.

use crate::dtype::{PyDType, PyDevice, PyLayout, PyMemoryFormat, dtype_object, to_device, to_dtype};
use crate::error::{self, IntoPy};
use crate::tensor::{PyTensor, remember, wrap};
use crate::{grad, returns, table_methods};
use array::{Array, dispatch};
use base::rng::Generator;
use base::{DType, Device, MemoryFormat, Scalar};
use ops::create;
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple, PyType};
use tape::Tensor;

/// A source of random numbers.
#[pyclass(name = "Generator", module = "pyrite", frozen)]
pub struct PyGenerator(pub Generator);

#[pymethods]
impl PyGenerator {
    #[new]
    #[pyo3(signature = (device=None))]
    fn new(device: Option<&Bound<'_, PyAny>>) -> PyResult<PyGenerator> {
        if let Some(device) = device {
            to_device(device)?;
        }
        Ok(PyGenerator(Generator::new()))
    }

    /// Starts the stream of `seed`.
    fn manual_seed<'py>(slf: Bound<'py, Self>, seed: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        slf.get().0.manual_seed(seed_of(seed)?);
        Ok(slf)
    }

    /// Starts the stream of a fresh seed, and returns it.
    fn seed(&self) -> PyResult<u64> {
        self.0.seed().py()
    }

    /// The seed the stream was started with.
    fn initial_seed(&self) -> u64 {
        self.0.initial_seed()
    }

    /// Where it draws.
    #[getter]
    fn device(&self) -> PyDevice {
        PyDevice(Device::CPU)
    }
}

/// A seed: negative ones wrap.
fn seed_of(seed: &Bound<'_, PyAny>) -> PyResult<u64> {
    if let Ok(v) = seed.extract::<i64>() {
        return Ok(v as u64);
    }
    seed.extract::<u64>().map_err(|_| {
        PyRuntimeError::new_err("Overflow when unpacking long long")
    })
}

/// An instance of a (sub)class of `Tensor` around a tensor.
pub fn instance<'py>(class: &Bound<'py, PyType>, tensor: Tensor) -> PyResult<Bound<'py, PyTensor>> {
    let py = class.py();
    PENDING.with(|p| p.replace(Some(tensor)));
    let made = py.get_type::<PyTensor>().getattr("__new__")?.call1((class,));
    PENDING.with(|p| p.replace(None));
    let object = made?.cast_into::<PyTensor>()?;
    remember(&object);
    Ok(object)
}

thread_local! {
    /// The tensor that the next `Tensor.__new__` on this thread is to hold.
    static PENDING: std::cell::RefCell<Option<Tensor>> = const { std::cell::RefCell::new(None) };
}

/// `Tensor(...)`: float32 data, or a size.
pub fn legacy_tensor(
    py: Python<'_>,
    args: &Bound<'_, PyTuple>,
    kwargs: Option<&Bound<'_, PyDict>>,
) -> PyResult<PyTensor> {
    if let Some(tensor) = PENDING.with(|p| p.borrow_mut().take()) {
        return Ok(PyTensor { tensor });
    }
    if let Some(kwargs) = kwargs
        && kwargs.iter().any(|(k, _)| !k.extract::<String>().is_ok_and(|k| k == "device"))
    {
        return Err(PyTypeError::new_err("new() received an invalid combination of arguments"));
    }
    let default = base::promote::default_dtype();
    let sizes: Option<Vec<i64>> = args.iter().map(|a| crate::convert::int(&a)).collect();
    let tensor = match (args.len(), sizes) {
        (0, _) => Tensor::new(Array::empty_contiguous(&[0], default, Device::CPU).py()?),
        (_, Some(sizes)) => {
            let dims = base::shape::sizes(&sizes).py()?;
            Tensor::new(Array::empty_contiguous(&dims, default, Device::CPU).py()?)
        }
        (1, None) => {
            let value = args.get_item(0)?;
            match value.cast::<PyTensor>() {
                Ok(other) => other.get().tensor.detach(),
                Err(_) => build(py, &value, Some(default), Device::CPU)?,
            }
        }
        _ => return Err(PyTypeError::new_err("new() received an invalid combination of arguments")),
    };
    Ok(PyTensor { tensor })
}

/// A tensor of Python numbers, nested sequences, tensors or arrays.
fn build(
    py: Python<'_>,
    data: &Bound<'_, PyAny>,
    dtype: Option<DType>,
    device: Device,
) -> PyResult<Tensor> {
    if let Ok(other) = data.cast::<PyTensor>() {
        let source = &other.get().tensor;
        let _off = tape::set_grad_enabled(false);
        return create::to(&source.detach(), dtype, Some(device), true, None).py();
    }
    let mut dims = Vec::new();
    shape_of(data, &mut dims)?;
    let mut values = Vec::new();
    collect(data, &dims, &mut values)?;
    let _ = py;
    let dtype = dtype.unwrap_or_else(|| infer(&values));
    let out = Array::empty_contiguous(&dims, dtype, Device::CPU).py()?;
    dispatch::store(&out, &values).py()?;
    create::to(&Tensor::new(out), None, Some(device), false, None).py()
}

fn infer(values: &[Scalar]) -> DType {
    values
        .iter()
        .map(|v| base::promote::scalar_dtype(*v))
        .reduce(base::promote::promote_types)
        .unwrap_or_else(base::promote::default_dtype)
}

fn is_sequence(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>()
        || (value.hasattr("__len__").unwrap_or(false)
            && value.hasattr("__getitem__").unwrap_or(false)
            && !value.is_instance_of::<pyo3::types::PyString>()
            && !value.is_instance_of::<PyDict>())
}

fn shape_of(value: &Bound<'_, PyAny>, dims: &mut Vec<usize>) -> PyResult<()> {
    if let Ok(tensor) = value.cast::<PyTensor>() {
        dims.extend_from_slice(&tensor.get().tensor.dims());
        return Ok(());
    }
    if !is_sequence(value) {
        return Ok(());
    }
    let n = value.len()?;
    dims.push(n);
    if dims.len() > 64 {
        return Err(PyValueError::new_err("too many dimensions 'list'"));
    }
    if n > 0 { shape_of(&value.get_item(0)?, dims) } else { Ok(()) }
}

fn collect(value: &Bound<'_, PyAny>, dims: &[usize], out: &mut Vec<Scalar>) -> PyResult<()> {
    let Some((&n, rest)) = dims.split_first() else {
        let number = crate::convert::number(value)
            .or_else(|| {
                let t = value.cast::<PyTensor>().ok()?;
                dispatch::item(&t.get().tensor.array()).ok()
            });
        let Some(number) = number else {
            let kind = value.get_type().name()?;
            return Err(if is_sequence(value) {
                PyValueError::new_err("expected a number, got a sequence: the nested lists are ragged")
            } else if kind == "str" {
                PyTypeError::new_err(format!("new(): invalid data type '{kind}'"))
            } else {
                PyRuntimeError::new_err(format!("Could not infer dtype of {kind}"))
            });
        };
        out.push(number);
        return Ok(());
    };
    if let Ok(tensor) = value.cast::<PyTensor>() {
        out.extend(dispatch::scalars(&tensor.get().tensor.array()).py()?);
        return Ok(());
    }
    if !is_sequence(value) {
        return Err(PyTypeError::new_err(format!(
            "expected a sequence of length {n}, got {}",
            value.get_type().name()?
        )));
    }
    if value.len()? != n {
        return Err(PyValueError::new_err(format!(
            "expected sequence of length {n} at dim {} (got {})",
            "N", value.len()?
        )));
    }
    for item in value.try_iter()? {
        collect(&item?, rest, out)?;
    }
    Ok(())
}

/// A tensor that copies `data`.
#[pyfunction]
#[pyo3(signature = (data, *, dtype=None, device=None, requires_grad=false, pin_memory=false))]
fn tensor(
    py: Python<'_>,
    data: &Bound<'_, PyAny>,
    dtype: Option<&Bound<'_, PyAny>>,
    device: Option<&Bound<'_, PyAny>>,
    requires_grad: bool,
    pin_memory: bool,
) -> PyResult<Py<PyAny>> {
    let _ = pin_memory;
    let dtype = dtype.filter(|d| !d.is_none()).map(|d| dtype_argument(d, "tensor")).transpose()?;
    let device = match device.filter(|d| !d.is_none()) {
        Some(device) => to_device(device)?,
        None => create::default_device(),
    };
    let tensor = build(py, data, dtype, device)?;
    tensor.set_requires_grad(requires_grad).py()?;
    wrap(py, tensor)
}

fn dtype_argument(value: &Bound<'_, PyAny>, op: &str) -> PyResult<DType> {
    to_dtype(value).ok_or_else(|| {
        PyTypeError::new_err(format!(
            "{op}(): argument 'dtype' must be torch.dtype, not {}",
            crate::convert::type_name(value)
        ))
    })
}

/// The dtype of new floating-point tensors.
#[pyfunction]
fn get_default_dtype(py: Python<'_>) -> PyResult<Py<PyDType>> {
    dtype_object(py, base::promote::default_dtype())
}

/// Changes the dtype of new floating-point tensors.
#[pyfunction]
fn set_default_dtype(d: &Bound<'_, PyAny>) -> PyResult<()> {
    let dtype = dtype_argument(d, "set_default_dtype")?;
    if !dtype.is_float() {
        return Err(PyTypeError::new_err(
            "only floating-point types are supported as the default type",
        ));
    }
    base::promote::set_default_dtype(dtype);
    Ok(())
}

/// How many threads kernels use.
#[pyfunction]
fn get_num_threads() -> usize {
    cpu::num_threads()
}

/// Changes how many threads kernels use.
#[pyfunction]
fn set_num_threads(n: usize) -> PyResult<()> {
    if n == 0 {
        return Err(PyRuntimeError::new_err("expected a positive integer"));
    }
    cpu::set_num_threads(n);
    Ok(())
}

/// Counters for leak tests: live tensors, live buffers, live bytes.
#[pyfunction]
fn _live_counts() -> (usize, usize, usize) {
    (tape::live_tensors(), cpu::live_buffers(), cpu::live_bytes())
}

/// Fills the module.
pub fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    ops::init();
    module.add_class::<PyTensor>()?;
    module.add_class::<PyDType>()?;
    module.add_class::<PyDevice>()?;
    module.add_class::<PyLayout>()?;
    module.add_class::<PyMemoryFormat>()?;
    module.add_class::<PyGenerator>()?;
    module.add_class::<grad::PyNode>()?;
    for dtype in DType::ALL {
        module.add(dtype.name(), dtype_object(py, dtype)?)?;
    }
    for name in ["float", "double", "half", "long", "int", "short", "cfloat", "cdouble"] {
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
    module.add("strided", Py::new(py, PyLayout(0))?)?;
    module.add("default_generator", Py::new(py, PyGenerator(base::rng::default_generator().clone()))?)?;
    module.add("ShapeError", py.get_type::<error::ShapeError>())?;
    module.add("DTypeError", py.get_type::<error::DTypeError>())?;
    module.add("DeviceError", py.get_type::<error::DeviceError>())?;
    module.add("InternalError", py.get_type::<error::InternalError>())?;
    module.add_function(wrap_pyfunction!(tensor, module)?)?;
    module.add_function(wrap_pyfunction!(get_default_dtype, module)?)?;
    module.add_function(wrap_pyfunction!(set_default_dtype, module)?)?;
    module.add_function(wrap_pyfunction!(get_num_threads, module)?)?;
    module.add_function(wrap_pyfunction!(set_num_threads, module)?)?;
    module.add_function(wrap_pyfunction!(_live_counts, module)?)?;
    module.add_function(wrap_pyfunction!(crate::dtype::_set_size_class, module)?)?;
    module.add_function(wrap_pyfunction!(returns::_set_named_tuple_maker, module)?)?;
    module.add_function(wrap_pyfunction!(grad::_backward, module)?)?;
    module.add_function(wrap_pyfunction!(grad::_grad, module)?)?;
    module.add_function(wrap_pyfunction!(grad::is_grad_enabled, module)?)?;
    module.add_function(wrap_pyfunction!(grad::_set_grad_enabled, module)?)?;
    module.add_function(wrap_pyfunction!(grad::is_inference_mode_enabled, module)?)?;
    module.add_function(wrap_pyfunction!(grad::_set_inference_mode, module)?)?;
    table_methods::register(module)
}
