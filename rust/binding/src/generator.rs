//! The class `Generator`: a Python handle on a stream of random numbers.

use crate::dtype::{PyDevice, to_device};
use crate::error::IntoPy;
use crate::tensor::{PyTensor, wrap};
use array::{Array, dispatch};
use base::rng::Generator;
use base::{DType, Device, DeviceKind, Scalar};
use pyo3::exceptions::{PyNotImplementedError, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyInt, PyTuple};
use tape::Tensor;

/// A source of random numbers.
#[pyclass(name = "Generator", module = "pyrite", frozen, subclass, weakref)]
pub struct PyGenerator(pub Generator);

#[pymethods]
impl PyGenerator {
    #[new]
    #[pyo3(signature = (device=None))]
    fn new(device: Option<&Bound<'_, PyAny>>) -> PyResult<PyGenerator> {
        let device = device.filter(|d| !d.is_none()).map(to_device).transpose()?;
        match device.filter(|d| d.kind != DeviceKind::Cpu) {
            Some(device) => Err(PyRuntimeError::new_err(format!(
                "Device type {device} is not supported for torch.Generator() api."
            ))),
            None => Ok(PyGenerator(Generator::new())),
        }
    }

    /// Starts the stream of `seed`.
    fn manual_seed<'py>(
        slf: Bound<'py, Self>,
        seed: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, Self>> {
        let seed = seed_of(seed)?;
        slf.get().0.manual_seed(seed);
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

    /// The state as 5056 bytes.
    fn get_state(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        wrap(py, bytes_tensor(&self.0.state())?)
    }

    /// Continues from a state got by `get_state`.
    fn set_state<'py>(
        slf: Bound<'py, Self>,
        new_state: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, Self>> {
        let bytes = state_bytes(new_state)?;
        slf.get().0.set_state(&bytes).py()?;
        Ok(slf)
    }

    /// A generator of its own that continues where this one stands.
    fn clone_state(&self) -> PyGenerator {
        PyGenerator(self.0.fork())
    }

    /// Not offered: for captured graphs of a GPU.
    fn graphsafe_get_state(&self) -> PyResult<()> {
        Err(PyNotImplementedError::new_err(
            "graphsafe_get_state is not supported in this Generator",
        ))
    }

    /// Not offered: streams on the CPU have no offset.
    fn get_offset(&self) -> PyResult<u64> {
        Err(PyRuntimeError::new_err("CPU Generator does not use offset"))
    }

    /// Not offered: streams on the CPU have no offset.
    fn set_offset(&self, offset: u64) -> PyResult<()> {
        Err(PyRuntimeError::new_err(format!("CPU Generator does not use offset\n  got {offset}")))
    }

    /// Where it draws.
    #[getter]
    fn device(&self) -> PyDevice {
        PyDevice(Device::CPU)
    }

    /// The device, the seed, the offset (none on the CPU) and the state rebuild it.
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let py = slf.py();
        let rebuild = py.import("pyrite.random")?.getattr("_rebuild_generator")?;
        let state = slf.get().get_state(py)?;
        PyTuple::new(py, [rebuild, PyTuple::new(py, [state])?.into_any()])
    }
}

/// A seed: negative ones wrap.
fn seed_of(seed: &Bound<'_, PyAny>) -> PyResult<u64> {
    if !seed.is_instance_of::<PyInt>() && !seed.hasattr("__index__")?
        || seed.is_instance_of::<PyFloat>()
    {
        return Err(PyRuntimeError::new_err(format!(
            "manual_seed expected a long, but got {}",
            seed.get_type().name()?
        )));
    }
    if let Ok(v) = seed.extract::<i64>() {
        return Ok(v.cast_unsigned());
    }
    seed.extract::<u64>().map_err(|_| PyValueError::new_err("Overflow when unpacking long long"))
}

fn bytes_tensor(bytes: &[u8]) -> PyResult<Tensor> {
    let out = Array::empty_contiguous(&[bytes.len()], DType::U8, Device::CPU).py()?;
    let values: Vec<Scalar> = bytes.iter().map(|&b| Scalar::Int(b.into())).collect();
    dispatch::store(&out, &values).py()?;
    Ok(Tensor::new(out))
}

fn state_bytes(state: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    let Ok(tensor) = state.cast::<PyTensor>() else {
        return Err(PyTypeError::new_err(format!(
            "expected a torch.ByteTensor, but got {}",
            state.get_type().name()?
        )));
    };
    let tensor = &tensor.get().tensor;
    if tensor.dtype() != DType::U8 || tensor.device().kind != DeviceKind::Cpu {
        return Err(PyTypeError::new_err("RNG state must be a torch.ByteTensor"));
    }
    let values = dispatch::scalars(&tensor.array()).py()?;
    Ok(values.into_iter().map(|v| v.to_i64() as u8).collect())
}

/// Adds the class and the process's own generator.
pub fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyGenerator>()?;
    let default = PyGenerator(base::rng::default_generator().clone());
    module.add("default_generator", Py::new(module.py(), default)?)
}
