//! Hooks on what the graph saves (`saved_tensors_hooks`), and the switch that forbids them.

use crate::error::from_python;
use crate::node::Held;
use crate::tensor::{PyTensor, wrap};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use std::cell::RefCell;
use std::sync::Arc;
use tape::{PackHooks, Tensor, Unpack};

struct Hooks {
    pack: Held,
    unpack: Arc<Held>,
}

struct Packed {
    value: Held,
    unpack: Arc<Held>,
}

impl PackHooks for Hooks {
    fn pack(&self, tensor: &Tensor) -> base::Result<Arc<dyn Unpack>> {
        let value = Python::attach(|py| {
            self.pack.0.bind(py).call1((wrap(py, tensor.clone())?,)).map(Bound::unbind)
        })
        .map_err(from_python)?;
        Ok(Arc::new(Packed { value: Held(value), unpack: self.unpack.clone() }))
    }
}

impl Unpack for Packed {
    fn unpack(&self) -> base::Result<Tensor> {
        Python::attach(|py| {
            let result = self.unpack.0.bind(py).call1((self.value.0.bind(py),))?;
            match result.cast::<PyTensor>() {
                Ok(tensor) => Ok(tensor.get().tensor.clone()),
                Err(_) => Err(PyTypeError::new_err(format!(
                    "Output of saved tensor unpack_hook expected to be a Tensor but got result of type {}",
                    result.get_type().name()?
                ))),
            }
        })
        .map_err(from_python)
    }
}

thread_local! {
    /// Why saved-tensor hooks are forbidden on this thread, if they are.
    static FORBIDDEN: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Packs what is saved from now on through a pair of callables.
#[pyfunction]
fn _push_saved_hooks(pack: Py<PyAny>, unpack: Py<PyAny>) -> PyResult<()> {
    if let Some(reason) = FORBIDDEN.with(|f| f.borrow().clone()) {
        return Err(PyRuntimeError::new_err(reason));
    }
    let hooks = Hooks { pack: Held(pack), unpack: Arc::new(Held(unpack)) };
    tape::push_saved_hooks(Some(Arc::new(hooks)));
    Ok(())
}

/// Ends the innermost pair.
#[pyfunction]
fn _pop_saved_hooks() {
    tape::pop_saved_hooks();
}

/// Forbids saved-tensor hooks with a reason, or allows them again; returns the reason before.
#[pyfunction]
#[pyo3(signature = (reason))]
fn _forbid_saved_hooks(reason: Option<String>) -> PyResult<Option<String>> {
    if let Some(reason) = reason.as_ref().filter(|_| tape::has_saved_hooks()) {
        return Err(PyRuntimeError::new_err(reason.clone()));
    }
    Ok(FORBIDDEN.with(|f| f.replace(reason)))
}

/// Adds the functions.
pub fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(_push_saved_hooks, module)?)?;
    module.add_function(wrap_pyfunction!(_pop_saved_hooks, module)?)?;
    module.add_function(wrap_pyfunction!(_forbid_saved_hooks, module)?)
}
