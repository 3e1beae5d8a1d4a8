//! Nodes of the graph as Python objects: one class for each kind of node, made on first sight, one
//! object for each node as long as somebody holds it.

use crate::error::{IntoPy, to_python};
use crate::function::FunctionBody;
use crate::hooks::{HookRemover, PyPostHook, PyPreHook};
use crate::tensor::wrap;
use pyo3::exceptions::{PyAttributeError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};
use std::any::Any;
use std::cell::RefCell;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, Weak};
use tape::{AccumulateGrad, Edge, HookPlace, Node, NodeHook, NodeRef};

/// A Python object held by the graph, in the form the tape shows to the garbage collector.
pub struct Held(pub Py<PyAny>);

/// The node behind an object. A user function's object belongs to its node and must not own it.
pub enum Link {
    /// Keeps the node alive.
    Owned(NodeRef),
    /// Set once the call is recorded.
    Within(OnceLock<Weak<Node>>),
}

/// Nodes that PyTorch has not generated from a table: their names are those of C++ classes.
const CLASSES: [&str; 4] = ["AccumulateGrad", "CopyBackwards", "CopySlices", "NotImplemented"];

/// A recorded op.
#[pyclass(name = "Node", module = "pyrite.autograd.graph", frozen, subclass, weakref, dict)]
pub struct PyNode {
    pub(crate) link: Link,
}

thread_local! {
    /// The node that the next object made on this thread is to show.
    static PENDING: RefCell<Option<Link>> = const { RefCell::new(None) };
}

impl Drop for PyNode {
    fn drop(&mut self) {
        if let Link::Owned(node) = &self.link {
            node.wrapper().store(0, Ordering::Release);
        }
    }
}

/// Makes an object of a class of nodes.
pub(crate) fn instance<'py>(class: &Bound<'py, PyType>, link: Link) -> PyResult<Bound<'py, PyAny>> {
    PENDING.with(|p| p.replace(Some(link)));
    let made = class.call0();
    PENDING.with(|p| p.replace(None));
    made
}

/// What an object being made is to show; users cannot make any.
pub(crate) fn pending(class: &Bound<'_, PyType>) -> PyResult<Link> {
    match PENDING.with(|p| p.borrow_mut().take()) {
        Some(link) => Ok(link),
        None => Err(PyTypeError::new_err(format!("cannot create '{}' instances", class.name()?))),
    }
}

/// The class of nodes with this name.
fn class_of<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyType>> {
    static CLASSES: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    let classes = CLASSES.get_or_init(py, || PyDict::new(py).unbind()).bind(py);
    if let Some(class) = classes.get_item(name)? {
        return Ok(class.cast_into()?);
    }
    let fields = PyDict::new(py);
    fields.set_item("__module__", "builtins")?;
    fields.set_item("__slots__", PyTuple::empty(py))?;
    let bases = (py.get_type::<PyNode>(),);
    let class = py.get_type::<PyType>().call1((name, bases, fields))?;
    classes.set_item(name, &class)?;
    Ok(class.cast_into()?)
}

/// The Python object of a node.
pub fn node_object(py: Python<'_>, node: &NodeRef) -> PyResult<Py<PyAny>> {
    if let Some(body) = node.body.as_any().downcast_ref::<FunctionBody>() {
        return Ok(body.context(py));
    }
    let address = node.wrapper().load(Ordering::Acquire) as *mut ffi::PyObject;
    // SAFETY: the slot is set when the object is made and cleared when its Rust part is dropped,
    // both with the interpreter attached as now; a count of 0 means it is being deallocated.
    if !address.is_null() && unsafe { ffi::Py_REFCNT(address) } > 0 {
        // SAFETY: as above, the address is that of a live object.
        return Ok(unsafe { Bound::from_borrowed_ptr(py, address) }.unbind());
    }
    let class = class_of(py, node.body.name())?;
    let object = instance(&class, Link::Owned(node.clone()))?;
    node.wrapper().store(object.as_ptr() as usize, Ordering::Release);
    Ok(object.unbind())
}

impl PyNode {
    /// The node, unless this is a user function's object whose graph is gone.
    pub fn node(&self) -> PyResult<NodeRef> {
        match &self.link {
            Link::Owned(node) => Some(node.clone()),
            Link::Within(node) => node.get().and_then(Weak::upgrade),
        }
        .ok_or_else(|| {
            PyAttributeError::new_err(
                "the node of this autograd.Function context is gone, or not recorded yet",
            )
        })
    }
}

#[pymethods]
impl PyNode {
    #[new]
    #[classmethod]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(
        class: &Bound<'_, PyType>,
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<PyNode> {
        Ok(PyNode { link: pending(class)? })
    }

    /// What was recorded.
    fn name(slf: &Bound<'_, Self>) -> PyResult<String> {
        match &slf.get().link {
            Link::Owned(node) => {
                let name = node.body.name();
                Ok(if CLASSES.contains(&name) {
                    format!("torch::autograd::{name}")
                } else {
                    name.to_string()
                })
            }
            Link::Within(_) => slf.get_type().name().map(|name| name.to_string()),
        }
    }

    /// The nodes of the inputs, each with the number of its output.
    #[getter]
    fn next_functions<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let node = self.node()?;
        let items = node
            .edges
            .iter()
            .map(|edge: &Edge| {
                let next = match edge.node() {
                    Some(node) => node_object(py, node)?,
                    None => py.None(),
                };
                Ok((next, edge.output))
            })
            .collect::<PyResult<Vec<_>>>()?;
        PyTuple::new(py, items)
    }

    /// A dictionary for notes about the node; anomaly mode writes to it.
    #[getter]
    fn metadata(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let node = self.node()?;
        let make = || -> Arc<dyn Any + Send + Sync> {
            Arc::new(Held(PyDict::new(py).into_any().unbind()))
        };
        let note = node.hooks().note_or(make);
        match note.downcast_ref::<Held>() {
            Some(held) => Ok(held.0.clone_ref(py)),
            None => Err(PyTypeError::new_err("internal error: a node's note is no Python object")),
        }
    }

    /// The leaf of an accumulation node; saved values under `_saved_<name>`.
    fn __getattr__(slf: &Bound<'_, Self>, name: &str) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        let absent = || -> PyResult<PyErr> {
            let class = slf.get_type().name()?;
            Ok(PyAttributeError::new_err(format!("'{class}' object has no attribute '{name}'")))
        };
        let Link::Owned(node) = &slf.get().link else {
            return Err(absent()?);
        };
        if name == "variable"
            && let Some(leaf) = node.body.as_any().downcast_ref::<AccumulateGrad>()
        {
            return wrap(py, leaf.variable().clone());
        }
        match name.strip_prefix("_saved_").and_then(|name| node.body.saved(name, node)) {
            Some(tensor) => wrap(py, tensor.py()?),
            None => Err(absent()?),
        }
    }

    /// Whether gradients flow through it; always.
    #[getter]
    fn requires_grad(&self) -> bool {
        true
    }

    /// Its place in time.
    fn _sequence_nr(&self) -> PyResult<u64> {
        Ok(self.node()?.sequence())
    }

    /// Calls `hook(grad_inputs, grad_outputs)` after the node ran.
    fn _add_hook(&self, hook: Py<PyAny>) -> PyResult<HookRemover> {
        let node = self.node()?;
        let id = node.hooks().add(NodeHook::Post(Arc::new(PyPostHook(Held(hook)))));
        Ok(HookRemover::new(HookPlace::Node(Arc::downgrade(&node)), id))
    }

    /// Calls `hook(grad_outputs)` before the node runs.
    fn _add_prehook(&self, hook: Py<PyAny>) -> PyResult<HookRemover> {
        let node = self.node()?;
        let id = node.hooks().add(NodeHook::Pre(Arc::new(PyPreHook(Held(hook)))));
        Ok(HookRemover::new(HookPlace::Node(Arc::downgrade(&node)), id))
    }

    /// Whether the backward pass around the caller runs this node.
    fn _will_run(&self) -> PyResult<bool> {
        tape::will_run(&self.node()?).map_err(|error| to_python(&error))
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        Ok(format!("<{} object at 0x{:x}>", slf.get_type().name()?, slf.as_ptr() as usize))
    }
}
