//! Tensors from storages and back: what pickling and loading need of a tensor.

use crate::dtype::PyDType;
use crate::error::IntoPy;
use crate::storage::PyStorage;
use crate::tensor::{PyTensor, wrap};
use array::{Array, Storage};
use base::{DType, Layout};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use std::sync::Arc;
use tape::Tensor;

#[pymethods]
impl PyTensor {
    /// The bytes it shares with its views.
    fn untyped_storage(&self) -> PyStorage {
        PyStorage(self.tensor.array().storage().clone())
    }

    /// Takes the memory of a storage or tensor, under a geometry of its own; nothing without one.
    #[pyo3(signature = (source=None, storage_offset=None, size=None, stride=None))]
    fn set_<'py>(
        slf: Bound<'py, Self>,
        source: Option<&Bound<'py, PyAny>>,
        storage_offset: Option<usize>,
        size: Option<Vec<usize>>,
        stride: Option<Vec<isize>>,
    ) -> PyResult<Bound<'py, Self>> {
        let tensor = &slf.get().tensor;
        tape::check_inplace(tensor, tape::needs_history(&[tensor])).py()?;
        let dtype = tensor.dtype();
        let place = source.map(|source| Place::of(source, dtype)).transpose()?;
        let array = match (place, size) {
            (None, _) => Array::empty_contiguous(&[0], dtype, tensor.device()).py()?,
            (Some(Place { storage, layout }), None) => Array::over(storage, layout, dtype).py()?,
            (Some(Place { storage, .. }), Some(size)) => {
                let mut layout = Layout::contiguous(&size);
                if let Some(stride) = stride {
                    layout = Layout::as_strided(&size, &stride, 0).py()?;
                }
                layout.offset = storage_offset.unwrap_or(0);
                checked(&layout, dtype)?;
                Array::over(storage, layout, dtype).py()?
            }
        };
        tensor.replace_array(array);
        tensor.bump_version();
        Ok(slf)
    }

    fn __reduce_ex__<'py>(
        slf: &Bound<'py, Self>,
        protocol: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("pyrite._utils")?.call_method1("reduce_tensor", (slf, protocol))
    }
}

/// Memory, and the geometry it is taken with when the call names none.
struct Place {
    storage: Arc<Storage>,
    layout: Layout,
}

impl Place {
    fn of(source: &Bound<'_, PyAny>, dtype: DType) -> PyResult<Place> {
        if let Ok(other) = source.cast::<PyTensor>() {
            crate::sparse::refuse(&other.get().tensor, "set_")?;
            let array = other.get().tensor.array();
            if array.dtype() != dtype {
                return Err(PyRuntimeError::new_err(format!(
                    "Could not set tensor of type {} to a tensor of type {dtype}",
                    array.dtype()
                )));
            }
            return Ok(Place { storage: array.storage().clone(), layout: array.layout().clone() });
        }
        if source.hasattr("_untyped_storage")? {
            let named = crate::dtype::to_dtype(&source.getattr("dtype")?);
            if let Some(named) = named.filter(|&named| named != dtype) {
                return Err(PyRuntimeError::new_err(format!(
                    "Expected a Storage of type {dtype} or an UntypedStorage, but got type {} for \
                     argument 1 'storage'",
                    named.type_name()
                )));
            }
            return Place::of(&source.getattr("_untyped_storage")?, dtype);
        }
        let Ok(storage) = source.cast::<PyStorage>() else {
            return Err(PyTypeError::new_err(format!(
                "set_() received an invalid combination of arguments - got ({}), but expected one \
                 of:\n * ()\n * (torch.Storage source)\n * (torch.Storage source, int \
                 storage_offset, tuple of ints size, tuple of ints stride = ())\n * (Tensor source)",
                crate::convert::type_name(source)
            )));
        };
        let storage = storage.get().0.clone();
        let layout = Layout::contiguous(&[storage.nbytes() / dtype.size()]);
        Ok(Place { storage, layout })
    }
}

fn checked(layout: &Layout, dtype: DType) -> PyResult<()> {
    if addressable(layout, dtype) {
        return Ok(());
    }
    Err(PyRuntimeError::new_err(format!(
        "Storage size calculation overflowed with sizes={} and strides={}",
        base::shape::show(&layout.dims),
        base::shape::show(&layout.strides)
    )))
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
    checked(&layout, dtype)?;
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
