//! The class `UntypedStorage`: the bytes that tensors share.

use crate::dtype::PyDevice;
use crate::error::IntoPy;
use array::Storage;
use base::Device;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyType};
use std::sync::Arc;

/// The memory of one or more tensors, as bytes.
#[pyclass(name = "UntypedStorage", module = "pyrite", weakref, frozen)]
pub struct PyStorage(pub Arc<Storage>);

impl PyStorage {
    /// Its bytes; fails for memory that is not the host's.
    pub fn bytes(&self) -> PyResult<&[u8]> {
        let Some(buffer) = self.0.buffer() else {
            return Err(PyRuntimeError::new_err(format!(
                "the storage has no host memory: it is on device {}",
                self.0.device()
            )));
        };
        if buffer.is_empty() {
            return Ok(&[]);
        }
        // SAFETY: the buffer lives as long as `self` and is readable for its length. Writing to a
        // tensor while it is saved is a race of the caller's own making, as between two in-place
        // ops; bytes have no invalid values.
        Ok(unsafe { std::slice::from_raw_parts(buffer.ptr(), buffer.len()) })
    }

    /// Host memory with these bytes.
    pub fn from_slice(data: &[u8]) -> PyResult<PyStorage> {
        let storage = PyStorage::new(data.len())?;
        storage._fill(data)?;
        Ok(storage)
    }
}

#[pymethods]
impl PyStorage {
    /// Zeroed host memory.
    #[new]
    #[pyo3(signature = (nbytes=0))]
    fn new(nbytes: usize) -> PyResult<PyStorage> {
        Ok(PyStorage(Arc::new(Storage::zeroed(nbytes, Device::CPU).py()?)))
    }

    /// Host memory with these bytes.
    #[classmethod]
    fn _from_bytes(_class: &Bound<'_, PyType>, data: &[u8]) -> PyResult<PyStorage> {
        PyStorage::from_slice(data)
    }

    /// Overwrites all bytes. Tensors on this storage see it without a new version: only readers of
    /// files use it, before anyone else has the storage.
    fn _fill(&self, data: &[u8]) -> PyResult<()> {
        let Some(buffer) = self.0.buffer().filter(|b| b.writable() && b.len() == data.len()) else {
            return Err(PyRuntimeError::new_err(format!(
                "cannot put {} bytes into a storage of {} bytes on device {}",
                data.len(),
                self.0.nbytes(),
                self.0.device()
            )));
        };
        // SAFETY: the buffer is writable for its length, which is that of `data`; the two cannot
        // overlap, since `data` belongs to a Python bytes object.
        unsafe { std::ptr::copy_nonoverlapping(data.as_ptr(), buffer.ptr(), data.len()) };
        Ok(())
    }

    /// The address of the first byte; 0 when there is none.
    fn data_ptr(&self) -> usize {
        self.0.address()
    }

    /// Size in bytes.
    fn nbytes(&self) -> usize {
        self.0.nbytes()
    }

    /// Size in bytes.
    fn size(&self) -> usize {
        self.0.nbytes()
    }

    fn __len__(&self) -> usize {
        self.0.nbytes()
    }

    /// Where it lies.
    #[getter]
    fn device(&self) -> PyDevice {
        PyDevice(self.0.device())
    }

    /// Equal for objects that stand for one storage.
    #[getter]
    fn _cdata(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, self.bytes()?))
    }

    fn __reduce__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,))> {
        let rebuild = py.get_type::<PyStorage>().getattr("_from_bytes")?;
        Ok((rebuild, (self.__bytes__(py)?,)))
    }
}

/// Adds the class.
pub fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyStorage>()
}
