//! Errors between processes as Python exceptions: PyTorch's classes, and subclasses that say more.

use comm::Error;
use pyo3::create_exception;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use std::sync::Arc;

create_exception!(pyrite.distributed, DistError, PyRuntimeError, "A failure between processes.");
create_exception!(pyrite.distributed, DistBackendError, DistError, "A collective failed.");
create_exception!(pyrite.distributed, DistNetworkError, DistError, "A connection failed.");
create_exception!(
    pyrite.distributed,
    DistStoreError,
    DistError,
    "A store failed, or had no answer."
);
create_exception!(
    pyrite.distributed,
    PeerLostError,
    DistBackendError,
    "A rank died, left, or cannot be reached: `rank`, `host`, `last_collective`."
);
create_exception!(
    pyrite.distributed,
    CollectiveMismatchError,
    DistBackendError,
    "The ranks called different collectives, or one with different arguments."
);
create_exception!(
    pyrite.distributed,
    CollectiveTimeoutError,
    DistBackendError,
    "A collective took longer than its timeout."
);

/// The Python exception for an error.
pub fn to_python(py: Python<'_>, error: &Error) -> PyErr {
    let text = error.to_string();
    match error {
        Error::Foreign(exception) => match exception.downcast_ref::<PyErr>() {
            Some(raised) => raised.clone_ref(py),
            None => DistError::new_err(text),
        },
        Error::PeerLost(loss) => {
            let lost = PeerLostError::new_err(text);
            let value = lost.value(py);
            let filled = value
                .setattr("rank", loss.rank)
                .and_then(|()| value.setattr("host", &loss.host))
                .and_then(|()| value.setattr("last_collective", &loss.last));
            filled.err().unwrap_or(lost)
        }
        Error::Mismatch(_) => CollectiveMismatchError::new_err(text),
        Error::Timeout(_) => CollectiveTimeoutError::new_err(text),
        Error::Network(_) => DistNetworkError::new_err(text),
        Error::Store(_) => DistStoreError::new_err(text),
        Error::Closed(_) => DistBackendError::new_err(text),
        Error::Invalid(_) => PyValueError::new_err(text),
    }
}

/// `?` from results of this layer below into Python results.
pub trait IntoPy<T> {
    /// Maps the error.
    fn py(self, py: Python<'_>) -> PyResult<T>;
}

impl<T> IntoPy<T> for comm::Result<T> {
    fn py(self, py: Python<'_>) -> PyResult<T> {
        self.map_err(|error| to_python(py, &error))
    }
}

/// A slice of waiting is over: signal handlers get their turn, and may end the wait.
pub fn pause() -> comm::Result<()> {
    Python::attach(|py| py.check_signals()).map_err(|raised| Error::Foreign(Arc::new(raised)))
}

/// Adds the classes.
pub fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add("_DistError", py.get_type::<DistError>())?;
    module.add("_DistBackendError", py.get_type::<DistBackendError>())?;
    module.add("_DistNetworkError", py.get_type::<DistNetworkError>())?;
    module.add("_DistStoreError", py.get_type::<DistStoreError>())?;
    module.add("_PeerLostError", py.get_type::<PeerLostError>())?;
    module.add("_CollectiveMismatchError", py.get_type::<CollectiveMismatchError>())?;
    module.add("_CollectiveTimeoutError", py.get_type::<CollectiveTimeoutError>())
}
