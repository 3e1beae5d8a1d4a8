//! Autograd as Python sees it: backward, grad, nodes, modes.

use crate::error::{IntoPy, from_python};
use crate::hooks::{HookRemover, PyHook, PyLeafHook};
use crate::node::{Held, node_object};
use crate::tensor::{PyTensor, wrap};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tape::{Request, Tensor};

/// Where a gradient should start or end.
fn tensors(list: &Bound<'_, PyAny>) -> PyResult<Vec<Tensor>> {
    if let Ok(one) = list.cast::<PyTensor>() {
        return Ok(vec![one.get().tensor.clone()]);
    }
    list.try_iter()?.map(|item| Ok(item?.cast::<PyTensor>()?.get().tensor.clone())).collect()
}

fn seed(value: &Bound<'_, PyAny>) -> PyResult<Option<Tensor>> {
    match value.cast::<PyTensor>() {
        Ok(tensor) => Ok(Some(tensor.get().tensor.clone())),
        Err(_) if value.is_none() => Ok(None),
        Err(_) => Err(PyTypeError::new_err(format!(
            "gradients can be either Tensors or None, but got {}",
            value.get_type().name()?
        ))),
    }
}

fn seeds(list: Option<&Bound<'_, PyAny>>, count: usize) -> PyResult<Vec<Option<Tensor>>> {
    match list.filter(|list| !list.is_none()) {
        None => Ok(vec![None; count]),
        Some(one) if one.is_instance_of::<PyTensor>() => Ok(vec![seed(one)?]),
        Some(list) => list.try_iter()?.map(|item| seed(&item?)).collect(),
    }
}

fn check_count(roots: usize, seeds: usize) -> PyResult<()> {
    if roots == seeds {
        return Ok(());
    }
    Err(PyRuntimeError::new_err(format!("got {roots} tensors and {seeds} gradients")))
}

/// Accumulates gradients of `tensors` into leaves (or only into `inputs`).
#[pyfunction]
#[pyo3(signature = (tensors, grad_tensors=None, retain_graph=None, create_graph=false, inputs=None))]
pub fn _backward(
    py: Python<'_>,
    tensors: &Bound<'_, PyAny>,
    grad_tensors: Option<&Bound<'_, PyAny>>,
    retain_graph: Option<bool>,
    create_graph: bool,
    inputs: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let roots = self::tensors(tensors)?;
    let seeds = seeds(grad_tensors, roots.len())?;
    check_count(roots.len(), seeds.len())?;
    let inputs = inputs.filter(|i| !i.is_none()).map(self::tensors).transpose()?;
    if inputs.as_ref().is_some_and(Vec::is_empty) {
        return Err(PyRuntimeError::new_err("`inputs` argument to `backward()` cannot be empty."));
    }
    if create_graph {
        warn_of_cycle(py)?;
    }
    let request = Request {
        retain_graph: retain_graph.unwrap_or(create_graph),
        create_graph,
        allow_unused: true,
    };
    py.detach(|| tape::backward(&roots, seeds, inputs.as_deref(), request)).py()
}

/// Says once that a gradient with a history holds the leaf that holds it.
fn warn_of_cycle(py: Python<'_>) -> PyResult<()> {
    static SAID: AtomicBool = AtomicBool::new(false);
    if SAID.swap(true, Ordering::Relaxed) {
        return Ok(());
    }
    let category = py.get_type::<pyo3::exceptions::PyUserWarning>();
    let text = c"Using backward() with create_graph=True will create a reference cycle between the parameter and its gradient which can cause a memory leak. We recommend using autograd.grad when creating the graph to avoid this. If you have to use this function, make sure to reset the .grad fields of your parameters to None after use to break the cycle and avoid the leak.";
    PyErr::warn(py, &category, text, 1)
}

/// The gradients of `outputs` with respect to `inputs`.
#[pyfunction]
#[pyo3(signature = (outputs, inputs, grad_outputs=None, retain_graph=None, create_graph=false, allow_unused=false))]
pub fn _grad<'py>(
    py: Python<'py>,
    outputs: &Bound<'py, PyAny>,
    inputs: &Bound<'py, PyAny>,
    grad_outputs: Option<&Bound<'py, PyAny>>,
    retain_graph: Option<bool>,
    create_graph: bool,
    allow_unused: bool,
) -> PyResult<Bound<'py, PyTuple>> {
    let roots = tensors(outputs)?;
    let seeds = seeds(grad_outputs, roots.len())?;
    check_count(roots.len(), seeds.len())?;
    let inputs = tensors(inputs)?;
    let request =
        Request { retain_graph: retain_graph.unwrap_or(create_graph), create_graph, allow_unused };
    let grads = py.detach(|| tape::gradients(&roots, seeds, &inputs, request)).py()?;
    let items = grads
        .into_iter()
        .map(|g| g.map_or_else(|| Ok(py.None()), |g| wrap(py, g)))
        .collect::<PyResult<Vec<_>>>()?;
    PyTuple::new(py, items)
}

#[pymethods]
impl PyTensor {
    /// Whether gradients flow to or through it.
    #[getter]
    fn requires_grad(&self) -> bool {
        self.tensor.requires_grad()
    }

    #[setter]
    fn set_requires_grad(&self, on: &Bound<'_, PyAny>) -> PyResult<()> {
        let Ok(on) = on.extract::<bool>() else {
            return Err(PyRuntimeError::new_err("requires_grad must be a bool"));
        };
        if on && !self.tensor.is_leaf() {
            return Err(PyRuntimeError::new_err(
                "you can only change requires_grad flags of leaf variables.",
            ));
        }
        self.tensor.set_requires_grad(on).py()
    }

    /// Asks for gradients, in place.
    #[pyo3(signature = (requires_grad=true))]
    fn requires_grad_<'py>(
        slf: Bound<'py, Self>,
        requires_grad: bool,
    ) -> PyResult<Bound<'py, Self>> {
        slf.get().tensor.set_requires_grad(requires_grad).py()?;
        Ok(slf)
    }

    /// Whether it is not the result of a recorded op.
    #[getter]
    fn is_leaf(&self) -> bool {
        self.tensor.is_leaf()
    }

    /// The node that produced it.
    #[getter]
    fn grad_fn(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match self.tensor.grad_fn().py()? {
            Some(node) => node_object(py, &node),
            None => Ok(py.None()),
        }
    }

    /// Which output of its node it is.
    #[getter]
    fn output_nr(&self) -> usize {
        self.tensor.output_number()
    }

    /// The accumulated gradient.
    #[getter]
    fn grad(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match self.tensor.grad() {
            Some(grad) => wrap(py, grad),
            None => Ok(py.None()),
        }
    }

    #[setter]
    fn set_grad(&self, grad: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let Some(grad) = grad.filter(|g| !g.is_none()) else {
            self.tensor.set_grad(None);
            return Ok(());
        };
        let Ok(grad) = grad.cast::<PyTensor>() else {
            return Err(PyTypeError::new_err(format!(
                "assigned grad expected to be a Tensor or None but got grad of type {}",
                grad.get_type().name()?
            )));
        };
        let grad = &grad.get().tensor;
        if grad.same(&self.tensor) {
            return Err(PyRuntimeError::new_err("can't assign Variable as its own grad"));
        }
        if grad.dtype() != self.tensor.dtype() {
            return Err(PyRuntimeError::new_err(format!(
                "attempting to assign a gradient with dtype '{}' to a tensor with grad_dtype '{}'. The gradient must match the tensor's grad_dtype (defaults to the tensor's dtype). You can set the tensor's grad_dtype attribute with a specific dtype, or None to allow any dtype. Set grad_dtype with caution. Diverging the dtypes of a tensor and its gradient may break downstream systems that assume they match.",
                grad.dtype(),
                self.tensor.dtype()
            )));
        }
        if grad.device() != self.tensor.device() {
            return Err(PyRuntimeError::new_err(format!(
                "attempting to assign a gradient with device type '{}' to a tensor with device type '{}'. Please ensure that the gradient and the tensor are on the same device",
                grad.device(),
                self.tensor.device()
            )));
        }
        if grad.dims() != self.tensor.dims() {
            return Err(PyRuntimeError::new_err(format!(
                "attempting to assign a gradient of size '{}' to a tensor of size '{}'. Please ensure that the gradient and the tensor are the same size",
                base::shape::show(&grad.dims()),
                base::shape::show(&self.tensor.dims())
            )));
        }
        self.tensor.set_grad(Some(grad.clone()));
        Ok(())
    }

    /// Computes gradients of this tensor with respect to leaves.
    #[pyo3(signature = (gradient=None, retain_graph=None, create_graph=false, inputs=None))]
    fn backward(
        slf: &Bound<'_, Self>,
        gradient: Option<&Bound<'_, PyAny>>,
        retain_graph: Option<bool>,
        create_graph: bool,
        inputs: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        _backward(slf.py(), slf.as_any(), gradient, retain_graph, create_graph, inputs)
    }

    /// The same memory without history.
    fn detach(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        wrap(py, self.tensor.detach())
    }

    /// Forgets its history.
    fn detach_<'py>(slf: Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        slf.get().tensor.detach_in_place().py()?;
        Ok(slf)
    }

    /// The same memory, untracked.
    #[getter]
    fn data(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        wrap(py, self.tensor.data())
    }

    #[setter]
    fn set_data(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let Ok(value) = value.cast::<PyTensor>() else {
            return Err(PyTypeError::new_err(format!(
                "Variable data has to be a tensor, but got {}",
                value.get_type().name()?
            )));
        };
        if !self.tensor.is_sparse() {
            crate::sparse::refuse(&value.get().tensor, "data")?;
        }
        let array = value.get().tensor.array();
        if self.tensor.requires_grad() && !array.dtype().is_differentiable() {
            return Err(PyRuntimeError::new_err(
                "data set to a tensor that requires gradients must be floating point or complex dtype",
            ));
        }
        self.tensor.set_data(array);
        Ok(())
    }

    /// Lets a non-leaf keep its gradient.
    fn retain_grad(&self) -> PyResult<()> {
        if !self.tensor.requires_grad() {
            return Err(PyRuntimeError::new_err(
                "can't retain_grad on Tensor that has requires_grad=False",
            ));
        }
        self.tensor.retain_grad().py()
    }

    /// Whether a non-leaf keeps its gradient.
    #[getter]
    fn retains_grad(&self) -> bool {
        self.tensor.retains_grad()
    }

    /// How often its memory was written.
    #[getter]
    fn _version(&self) -> PyResult<u64> {
        if self.tensor.is_inference() {
            return Err(PyRuntimeError::new_err("Inference tensors do not track version counter."));
        }
        Ok(self.tensor.version_count())
    }

    /// The tensor this is a view of.
    #[getter]
    fn _base(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match self.tensor.view_base() {
            Some(base) => wrap(py, base),
            None => Ok(py.None()),
        }
    }

    /// Whether autograd tracks it as a view.
    fn _is_view(&self) -> bool {
        self.tensor.is_view()
    }

    /// Whether it was made in inference mode.
    fn is_inference(&self) -> bool {
        self.tensor.is_inference()
    }

    /// Adds a hook on the gradient; returns the callable that removes it.
    fn _add_hook(&self, hook: Py<PyAny>) -> PyResult<HookRemover> {
        if !self.tensor.requires_grad() {
            return Err(PyRuntimeError::new_err(
                "cannot register a hook on a tensor that doesn't require gradient",
            ));
        }
        let (place, id) = self.tensor.add_hook(Arc::new(PyHook(Held(hook)))).py()?;
        Ok(HookRemover::new(place, id))
    }

    /// Adds a hook that runs after accumulation; returns the callable that removes it.
    fn _add_post_accumulate_hook(&self, hook: Py<PyAny>) -> HookRemover {
        let (place, id) = self.tensor.add_post_accumulate_hook(Arc::new(PyLeafHook(Held(hook))));
        HookRemover::new(place, id)
    }

    /// The node that gradients of this tensor go to: its own, or the leaf's accumulation.
    fn _gradient_edge(&self, py: Python<'_>) -> PyResult<Option<(Py<PyAny>, usize)>> {
        let edge = self.tensor.gradient_edge().py()?;
        edge.node().map(|node| Ok((node_object(py, node)?, edge.output))).transpose()
    }

    /// Notes a write that ops did not see.
    fn _bump_version(&self) {
        self.tensor.bump_version();
    }
}

/// Work put off to the end of the backward pass around the caller.
#[pyfunction]
pub fn _queue_callback(callback: Py<PyAny>) -> PyResult<()> {
    let run = move || Python::attach(|py| callback.call0(py).map(drop)).map_err(from_python);
    tape::queue_callback(Box::new(run)).py()
}

/// The number of the backward pass around the caller; -1 outside of any.
#[pyfunction]
pub fn _current_walk() -> i64 {
    tape::current_walk()
}

/// Whether every walk around the caller runs all that its roots reach, as a second run of a part of
/// the graph needs.
#[pyfunction]
pub fn _is_checkpoint_valid() -> bool {
    tape::runs_everything()
}

/// Whether ops are recorded.
#[pyfunction]
pub fn is_grad_enabled() -> bool {
    tape::grad_enabled()
}

/// Turns recording on or off.
#[pyfunction]
pub fn _set_grad_enabled(on: bool) {
    tape::set_grad_enabled(on).keep();
}

/// Whether new tensors are inference tensors.
#[pyfunction]
pub fn is_inference_mode_enabled() -> bool {
    tape::inference_mode()
}

/// Turns inference mode on or off; returns what it was.
#[pyfunction]
pub fn _set_inference_mode(on: bool) -> bool {
    tape::set_inference_mode(on)
}
