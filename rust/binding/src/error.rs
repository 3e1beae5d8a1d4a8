//! Errors as Python exceptions: PyTorch's type, or a subclass that says more.

use base::{Error, Kind};
use pyo3::create_exception;
use pyo3::exceptions::{
    PyAssertionError, PyAttributeError, PyIndexError, PyKeyError, PyNotImplementedError,
    PyOverflowError, PyRuntimeError, PyStopIteration, PyTypeError, PyValueError,
};
use pyo3::prelude::*;
use std::any::Any;
use std::sync::Arc;

create_exception!(pyrite, ShapeError, PyRuntimeError, "Shapes that do not fit together.");
create_exception!(pyrite, DTypeError, PyRuntimeError, "A dtype an op is not defined for.");
create_exception!(pyrite, DeviceError, PyRuntimeError, "Tensors or memory on the wrong device.");
create_exception!(pyrite, OutOfMemoryError, PyRuntimeError, "Memory a device cannot give.");
create_exception!(pyrite, InternalError, PyRuntimeError, "A bug in Pyrite itself.");
create_exception!(
    pyrite,
    _LinAlgError,
    PyRuntimeError,
    "A matrix an algorithm of linear algebra fails for."
);

/// A Python exception travelling through layers that know no Python.
struct Raised(PyErr);

/// The Python exception for an error.
pub fn to_python(error: &Error) -> PyErr {
    if let Some(raised) = error.as_foreign().and_then(|f| f.downcast_ref::<Raised>()) {
        return Python::attach(|py| raised.0.clone_ref(py));
    }
    let text = error.message().to_string();
    match error.kind() {
        Kind::Runtime => PyRuntimeError::new_err(text),
        Kind::Shape => ShapeError::new_err(text),
        Kind::DType => DTypeError::new_err(text),
        Kind::Device => DeviceError::new_err(text),
        Kind::Index => PyIndexError::new_err(text),
        Kind::Value => PyValueError::new_err(text),
        Kind::Type => PyTypeError::new_err(text),
        Kind::NotImplemented => PyNotImplementedError::new_err(text),
        Kind::OutOfMemory => OutOfMemoryError::new_err(text),
        Kind::Overflow => PyOverflowError::new_err(text),
        Kind::Attribute => PyAttributeError::new_err(text),
        Kind::Key => PyKeyError::new_err(text),
        Kind::Assertion => PyAssertionError::new_err(text),
        Kind::Stop => PyStopIteration::new_err(text),
        Kind::LinAlg => _LinAlgError::new_err(text),
    }
}

/// Carries a Python exception through the core, to be raised again unchanged.
pub fn from_python(error: PyErr) -> Error {
    Error::foreign(Arc::new(Raised(error)))
}

/// The exception for a panic: a bug of ours, said so.
pub fn from_panic(payload: &(dyn Any + Send)) -> PyErr {
    let what = payload
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "unknown panic".to_string());
    InternalError::new_err(format!(
        "internal error: {what}\n  This is a bug in Pyrite. Please report it with the call that led here."
    ))
}

/// `?` from core results into Python results.
pub trait IntoPy<T> {
    /// Maps the error.
    fn py(self) -> PyResult<T>;
}

impl<T> IntoPy<T> for base::Result<T> {
    fn py(self) -> PyResult<T> {
        self.map_err(|e| to_python(&e))
    }
}
