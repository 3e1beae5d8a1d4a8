//! The class `UntypedStorage`: the bytes that tensors share.

use crate::dtype::PyDevice;
use crate::error::IntoPy;
use crate::node::Held;
use array::{Array, Storage};
use base::{DType, Device, Layout};
use pyo3::exceptions::{PyIndexError, PyRuntimeError};
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

    /// One byte; negative positions count from the end.
    fn __getitem__(&self, index: isize) -> PyResult<u8> {
        let bytes = self.bytes()?;
        let at = if index < 0 { index + bytes.len() as isize } else { index };
        usize::try_from(at).ok().and_then(|at| bytes.get(at)).copied().ok_or_else(|| {
            PyIndexError::new_err(format!(
                "index {index} out of range for storage of size {}",
                bytes.len()
            ))
        })
    }

    /// All bytes as numbers.
    fn tolist(&self) -> PyResult<Vec<u16>> {
        Ok(self.bytes()?.iter().map(|&b| b.into()).collect())
    }

    /// Size of its elements: bytes.
    fn element_size(&self) -> usize {
        1
    }

    /// A storage of its own with the same bytes, on the same device; a meta storage has none.
    fn clone(&self) -> PyResult<PyStorage> {
        let all = Layout::contiguous(&[self.0.nbytes()]);
        let bytes = Array::over(self.0.clone(), all, DType::U8).py()?;
        Ok(PyStorage(bytes.copied().py()?.storage().clone()))
    }

    /// Itself, as the bytes of a typed storage.
    fn untyped<'py>(slf: Bound<'py, Self>) -> Bound<'py, Self> {
        slf
    }

    /// Whether other processes can see the memory.
    fn is_shared(&self) -> bool {
        self.is_cuda() || self.0.owner().is_some()
    }

    /// What shares the memory with other processes; None for memory of this process.
    #[getter]
    fn _segment(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        let held = self.0.owner()?.downcast_ref::<Held>()?;
        Some(held.0.clone_ref(py))
    }

    /// Moves the bytes into `memory`, a writable buffer that `segment` shares with other processes.
    /// Tensors on the storage stay valid, without a new version.
    fn _move_to(&self, memory: &Bound<'_, PyAny>, segment: Py<PyAny>) -> PyResult<()> {
        let buffer = crate::numpy::exported(memory, self.0.nbytes())?;
        self.0.move_to(buffer, Some(Box::new(Held(segment)))).py()
    }

    /// Changes the size in bytes; what fits stays. Size 0 gives the memory back, and tensors on the
    /// storage cannot be read until it is resized again.
    fn resize_(slf: Bound<'_, Self>, size: usize) -> PyResult<Bound<'_, Self>> {
        slf.get().0.resize(size).py()?;
        Ok(slf)
    }

    /// Whether the memory is page-locked; never here.
    fn is_pinned(&self) -> bool {
        false
    }

    /// Whether it lies on a GPU.
    #[getter]
    fn is_cuda(&self) -> bool {
        self.0.device().is_cuda()
    }

    /// Two objects may stand for one storage.
    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<PyStorage>().is_ok_and(|other| Arc::ptr_eq(&self.0, &other.get().0))
    }

    fn __hash__(&self) -> usize {
        self._cdata() >> 4
    }

    fn __repr__(&self) -> PyResult<String> {
        let mut text = String::new();
        for byte in self.bytes().unwrap_or_default() {
            text += &format!(" {byte}\n");
        }
        let (device, size) = (self.0.device(), self.0.nbytes());
        Ok(format!("{text}[torch.storage.UntypedStorage(device={device}) of size {size}]"))
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
