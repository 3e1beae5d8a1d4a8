//! The class `Tensor` and its objects: one Python object for each tensor, and how instances of
//! subclasses are made. Methods named after ops come from the op table (see `table_methods`).

use crate::construct;
use crate::error::IntoPy;
use crate::legacy::legacy;
use base::promote::default_dtype;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};
use std::cell::RefCell;
use tape::Tensor;

/// A multi-dimensional array with elements of one dtype, with automatic differentiation.
#[pyclass(name = "Tensor", module = "pyrite", subclass, weakref, dict, frozen)]
pub struct PyTensor {
    /// The tensor behind the object.
    pub tensor: Tensor,
}

/// The one Python object of a tensor; made when there is none.
pub fn wrap(py: Python<'_>, tensor: Tensor) -> PyResult<Py<PyAny>> {
    if let Some(object) = existing(py, &tensor) {
        return Ok(object);
    }
    let object = Bound::new(py, PyTensor { tensor })?;
    remember(&object);
    Ok(object.into_any().unbind())
}

/// The object a tensor already has.
fn existing(py: Python<'_>, tensor: &Tensor) -> Option<Py<PyAny>> {
    let address = tensor.wrapper() as *mut ffi::PyObject;
    if address.is_null() {
        return None;
    }
    if tensor.take_wrapper() {
        // SAFETY: the tensor owned a reference to its object, so it is alive, and hands it over.
        return Some(unsafe { Bound::from_owned_ptr(py, address).unbind() });
    }
    // SAFETY: the slot is set when the object is made and cleared before it is freed, both with the
    // interpreter attached as now; so the object's memory is valid here. A count of 0 means it is
    // being deallocated and must not be revived.
    unsafe { (ffi::Py_REFCNT(address) > 0).then(|| Bound::from_borrowed_ptr(py, address).unbind()) }
}

/// Notes which object belongs to its tensor.
pub fn remember(object: &Bound<'_, PyTensor>) {
    object.get().tensor.set_wrapper(object.as_ptr() as usize);
}

thread_local! {
    /// The tensor that the next `Tensor.__new__` on this thread is to hold.
    static PENDING: RefCell<Option<Tensor>> = const { RefCell::new(None) };
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

/// `Tensor.__new__`: the tensor of [`instance`], or what the arguments say.
fn new_object(args: &Bound<'_, PyTuple>, kwargs: Option<&Bound<'_, PyDict>>) -> PyResult<PyTensor> {
    if let Some(tensor) = PENDING.with(|p| p.borrow_mut().take()) {
        return Ok(PyTensor { tensor });
    }
    Ok(PyTensor { tensor: legacy(args, kwargs, default_dtype(), None)? })
}

/// Making tensors of other classes.
#[pymethods]
impl PyTensor {
    #[new]
    #[pyo3(signature = (*args, **kwargs))]
    fn new(args: &Bound<'_, PyTuple>, kwargs: Option<&Bound<'_, PyDict>>) -> PyResult<PyTensor> {
        new_object(args, kwargs)
    }

    /// Notes the object that `Tensor(...)` made as its tensor's own.
    #[pyo3(signature = (*_args, **_kwargs))]
    fn __init__(
        slf: &Bound<'_, Self>,
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) {
        remember(slf);
    }

    /// This tensor, history included, as an instance of a subclass.
    fn as_subclass(&self, cls: &Bound<'_, PyType>) -> PyResult<Py<PyAny>> {
        let object = instance(cls, ops::view::alias(&self.tensor).py()?)?;
        Ok(object.into_any().unbind())
    }

    /// The data of a tensor as an instance of a subclass, sharing memory and version.
    #[staticmethod]
    #[pyo3(signature = (cls, data, require_grad=false))]
    fn _make_subclass(
        cls: &Bound<'_, PyType>,
        data: &Bound<'_, PyTensor>,
        require_grad: bool,
    ) -> PyResult<Py<PyAny>> {
        let tensor = data.get().tensor.detach();
        construct::require_grad(&tensor, require_grad)?;
        let object = instance(cls, tensor)?;
        Ok(object.into_any().unbind())
    }
}
