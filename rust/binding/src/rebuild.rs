//! Tensors from storages and back: what pickling and loading need of a tensor.

use crate::dtype::PyDType;
use crate::error::IntoPy;
use crate::storage::PyStorage;
use crate::tensor::{PyTensor, wrap};
use array::Array;
use base::{DType, Layout};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use tape::Tensor;

#[pymethods]
impl PyTensor {
    /// The bytes it shares with its views.
    fn untyped_storage(&self) -> PyStorage {
        PyStorage(self.tensor.array().storage().clone())
    }

    fn __reduce_ex__<'py>(
        slf: &Bound<'py, Self>,
        protocol: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("pyrite._utils")?.call_method1("reduce_tensor", (slf, protocol))
    }
}

/// A tensor over a storage. Sizes, strides and offset come from files: all of them are checked.
#[pyfunction]
fn _tensor_over(
    py: Python<'_>,
    storage: &Bound<'_, PyStorage>,
    dtype: &Bound<'_, PyDType>,
    storage_offset: usize,
    size: Vec<usize>,
    stride: Vec<isize>,
) -> PyResult<Py<PyAny>> {
    let dtype = dtype.get().0;
    let layout = Layout::as_strided(&size, &stride, storage_offset).py()?;
    if !addressable(&layout, dtype) {
        return Err(PyRuntimeError::new_err(format!(
            "Storage size calculation overflowed with sizes={size:?} and strides={stride:?}"
        )));
    }
    let array = Array::over(storage.get().0.clone(), layout, dtype).py()?;
    wrap(py, Tensor::new(array))
}

/// Neither the number of elements nor the byte address of the last one overflows.
fn addressable(layout: &Layout, dtype: DType) -> bool {
    let reach = |(&n, &stride): (&usize, &isize)| (n.max(1) - 1).checked_mul(stride.unsigned_abs());
    let last = layout
        .dims
        .iter()
        .zip(layout.strides.iter())
        .try_fold(layout.offset, |last, dim| last.checked_add(reach(dim)?));
    let fits = |elements: usize| {
        elements.checked_mul(dtype.size()).is_some_and(|n| isize::try_from(n).is_ok())
    };
    let numel = base::layout::checked_bytes(&layout.dims, dtype.size());
    numel.is_ok() && last.and_then(|last| last.checked_add(1)).is_some_and(fits)
}

/// Adds the function.
pub fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(_tensor_over, module)?)
}
