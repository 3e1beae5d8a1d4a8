//! What a tensor says of itself: sizes, strides, dtype, device, and views that only turn it around.

use crate::dtype::{PyDType, PyDevice, PyLayout, PyMemoryFormat, dtype_object, size};
use crate::error::IntoPy;
use crate::tensor::{PyTensor, wrap};
use base::MemoryFormat;
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::{PyIndexError, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// The number of a dimension that is there; a scalar has none.
fn own_dim(dim: i64, rank: usize) -> PyResult<usize> {
    let d = base::shape::wrap_dim(dim, rank).py()?;
    if rank == 0 {
        let text = format!("Dimension specified as {dim} but tensor has no dimensions");
        return Err(PyIndexError::new_err(text));
    }
    Ok(d)
}

/// Geometry, type and place.
#[pymethods]
impl PyTensor {
    /// The sizes.
    #[getter]
    fn shape<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        size(py, &self.tensor.dims())
    }

    /// The sizes, or the size of one dimension.
    #[pyo3(signature = (dim=None))]
    fn size<'py>(&self, py: Python<'py>, dim: Option<i64>) -> PyResult<Bound<'py, PyAny>> {
        let dims = self.tensor.dims();
        match dim {
            None => size(py, &dims),
            Some(dim) => {
                let d = own_dim(dim, dims.len())?;
                dims[d].into_bound_py_any(py)
            }
        }
    }

    /// The steps in elements, or that of one dimension.
    #[pyo3(signature = (dim=None))]
    fn stride<'py>(&self, py: Python<'py>, dim: Option<i64>) -> PyResult<Bound<'py, PyAny>> {
        let layout = self.tensor.layout();
        match dim {
            None => Ok(PyTuple::new(py, layout.strides.iter())?.into_any()),
            Some(dim) => {
                let d = own_dim(dim, layout.rank())?;
                layout.strides[d].into_bound_py_any(py)
            }
        }
    }

    /// Where the first element lies in the storage, in elements.
    fn storage_offset(&self) -> usize {
        self.tensor.layout().offset
    }

    /// The number of dimensions.
    fn ndimension(&self) -> usize {
        self.tensor.rank()
    }

    /// The number of dimensions.
    #[getter]
    fn ndim(&self) -> usize {
        self.tensor.rank()
    }

    /// The number of dimensions.
    fn dim(&self) -> usize {
        self.tensor.rank()
    }

    /// The number of elements.
    fn numel(&self) -> usize {
        self.tensor.numel()
    }

    /// The number of elements.
    fn nelement(&self) -> usize {
        self.tensor.numel()
    }

    /// Bytes of one element.
    fn element_size(&self) -> usize {
        self.tensor.dtype().size()
    }

    /// Bytes of one element.
    #[getter]
    fn itemsize(&self) -> usize {
        self.tensor.dtype().size()
    }

    /// Bytes of all elements.
    #[getter]
    fn nbytes(&self) -> usize {
        self.tensor.dtype().size() * self.tensor.numel()
    }

    /// The element type.
    #[getter]
    fn dtype(&self, py: Python<'_>) -> PyResult<Py<PyDType>> {
        dtype_object(py, self.tensor.dtype())
    }

    /// Where it lives.
    #[getter]
    fn device(&self) -> PyDevice {
        PyDevice(self.tensor.device())
    }

    /// How elements are stored.
    #[getter]
    fn layout(&self) -> PyLayout {
        PyLayout(0)
    }

    /// Whether it lives on a GPU.
    #[getter]
    fn is_cuda(&self) -> bool {
        self.tensor.device().is_cuda()
    }

    /// Whether it has a shape but no data.
    #[getter]
    fn is_meta(&self) -> bool {
        self.tensor.device().kind == base::DeviceKind::Meta
    }

    /// Whether elements are stored one by one; never otherwise here.
    #[getter]
    fn is_sparse(&self) -> bool {
        false
    }

    /// Whether values are quantized; never here.
    #[getter]
    fn is_quantized(&self) -> bool {
        false
    }

    /// Whether the dtype is a real floating-point type.
    fn is_floating_point(&self) -> bool {
        self.tensor.dtype().is_float()
    }

    /// Whether the dtype is complex.
    fn is_complex(&self) -> bool {
        self.tensor.dtype().is_complex()
    }

    /// Whether the elements lie row by row without gaps (or in another memory format).
    #[pyo3(signature = (memory_format=None))]
    fn is_contiguous(&self, memory_format: Option<PyMemoryFormat>) -> bool {
        let format = memory_format.map_or(MemoryFormat::Contiguous, |f| f.0);
        self.tensor.layout().is_contiguous_in(format)
    }

    /// The address of the first element.
    fn data_ptr(&self) -> usize {
        self.tensor.array().address()
    }

    /// All dimensions reversed.
    #[getter(T)]
    fn reversed(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let order: Vec<i64> = (0..self.tensor.rank() as i64).rev().collect();
        wrap(py, ops::view::permute(&self.tensor, &order).py()?)
    }

    /// The last two dimensions swapped.
    #[getter(mT)]
    fn matrix_transpose(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        if self.tensor.rank() < 2 {
            return Err(PyRuntimeError::new_err(format!(
                "tensor.mT is only supported on matrices or batches of matrices. Got {}-D tensor.",
                self.tensor.rank()
            )));
        }
        wrap(py, ops::view::transpose(&self.tensor, -2, -1).py()?)
    }
}
