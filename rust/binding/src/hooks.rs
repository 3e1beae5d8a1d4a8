//! Python callables as hooks of the tape, with PyTorch's checks of what they return.

use crate::error::from_python;
use crate::node::Held;
use crate::tensor::{PyTensor, wrap};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::any::Any;
use tape::{Grads, Hook, HookId, HookPlace, PostHook, PreHook, Tensor};

/// Takes a hook off again.
#[pyclass(name = "_HookRemover", module = "pyrite", frozen)]
pub struct HookRemover {
    place: HookPlace,
    id: HookId,
}

impl HookRemover {
    pub(crate) fn new(place: HookPlace, id: HookId) -> HookRemover {
        HookRemover { place, id }
    }
}

#[pymethods]
impl HookRemover {
    fn __call__(&self) {
        self.place.remove(self.id);
    }
}

/// A callable on the gradient of one tensor.
pub struct PyHook(pub Held);

/// A callable on a leaf whose gradient was accumulated; what it returns is of no interest.
pub struct PyLeafHook(pub Held);

/// A callable on the gradients that enter a node.
pub struct PyPreHook(pub Held);

/// A callable on the gradients that leave and entered a node.
pub struct PyPostHook(pub Held);

fn hook_name(hook: &Bound<'_, PyAny>) -> String {
    let name = hook.getattr("__name__").and_then(|name| name.extract());
    name.unwrap_or_else(|_| "<unknown>".to_string())
}

fn returned(what: &str, result: &Bound<'_, PyAny>) -> PyErr {
    match result.get_type().name() {
        Ok(name) => PyTypeError::new_err(format!("expected {what}, but hook returned '{name}'")),
        Err(error) => error,
    }
}

/// A replacement has the type and size of what it replaces.
fn check_replacement(hook: &Bound<'_, PyAny>, old: &Tensor, new: &Tensor) -> PyResult<()> {
    if old.dtype() != new.dtype() {
        return Err(PyRuntimeError::new_err(format!(
            "hook '{}' has changed the type of value (was torch.{}Tensor got torch.{}Tensor)",
            hook_name(hook),
            old.dtype().type_name(),
            new.dtype().type_name()
        )));
    }
    if old.dims() != new.dims() {
        return Err(PyRuntimeError::new_err(format!(
            "hook '{}' has changed the size of value",
            hook_name(hook)
        )));
    }
    Ok(())
}

impl Hook for PyHook {
    fn call(&self, grad: &Tensor) -> base::Result<Option<Tensor>> {
        Python::attach(|py| {
            let hook = self.0.0.bind(py);
            let result = hook.call1((wrap(py, grad.clone())?,))?;
            if result.is_none() {
                return Ok(None);
            }
            let Ok(new) = result.cast::<PyTensor>() else {
                return Err(returned("Variable", &result));
            };
            let new = new.get().tensor.clone();
            check_replacement(hook, grad, &new)?;
            Ok(Some(new))
        })
        .map_err(from_python)
    }

    fn as_any(&self) -> &dyn Any {
        &self.0
    }
}

impl Hook for PyLeafHook {
    fn call(&self, leaf: &Tensor) -> base::Result<Option<Tensor>> {
        Python::attach(|py| self.0.0.bind(py).call1((wrap(py, leaf.clone())?,)).map(|_| None))
            .map_err(from_python)
    }

    fn as_any(&self) -> &dyn Any {
        &self.0
    }
}

/// Gradients as a tuple, absent ones as None.
pub(crate) fn grads_tuple<'py>(py: Python<'py>, grads: &Grads) -> PyResult<Bound<'py, PyTuple>> {
    let items = grads
        .iter()
        .map(|grad| grad.as_ref().map_or_else(|| Ok(py.None()), |grad| wrap(py, grad.clone())))
        .collect::<PyResult<Vec<_>>>()?;
    PyTuple::new(py, items)
}

/// What a hook on several gradients returned in their place.
fn replaced(
    hook: &Bound<'_, PyAny>,
    old: &Grads,
    result: &Bound<'_, PyAny>,
) -> PyResult<Option<Grads>> {
    if result.is_none() {
        return Ok(None);
    }
    let Ok(tuple) = result.cast::<PyTuple>() else {
        return Err(returned("tuple", result));
    };
    if tuple.len() != old.len() {
        return Err(PyRuntimeError::new_err(format!(
            "hook '{}' has returned an incorrect number of values (got {}, but expected {})",
            hook_name(hook),
            tuple.len(),
            old.len()
        )));
    }
    let mut news = Grads::new();
    for (value, old) in tuple.iter().zip(old) {
        if value.is_none() {
            news.push(None);
            continue;
        }
        let Ok(new) = value.cast::<PyTensor>() else {
            return Err(returned("Variable", &value));
        };
        let new = new.get().tensor.clone();
        if let Some(old) = old {
            check_replacement(hook, old, &new)?;
        }
        news.push(Some(new));
    }
    Ok(Some(news))
}

impl PreHook for PyPreHook {
    fn call(&self, grads: &Grads) -> base::Result<Option<Grads>> {
        Python::attach(|py| {
            let hook = self.0.0.bind(py);
            let result = hook.call1((grads_tuple(py, grads)?,))?;
            replaced(hook, grads, &result)
        })
        .map_err(from_python)
    }

    fn as_any(&self) -> &dyn Any {
        &self.0
    }
}

impl PostHook for PyPostHook {
    fn call(&self, inputs: &Grads, outputs: &Grads) -> base::Result<Option<Grads>> {
        Python::attach(|py| {
            let hook = self.0.0.bind(py);
            let result = hook.call1((grads_tuple(py, inputs)?, grads_tuple(py, outputs)?))?;
            replaced(hook, inputs, &result)
        })
        .map_err(from_python)
    }

    fn as_any(&self) -> &dyn Any {
        &self.0
    }
}
