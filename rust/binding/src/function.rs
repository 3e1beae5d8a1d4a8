//! `autograd.Function`: ops whose forward and backward are written in Python.
//!
//! The context object given to the user's methods is the node's Python object. The node owns it, it
//! knows the node weakly, so that a graph with user functions is freed without the garbage collector.

use crate::error::{IntoPy, from_python};
use crate::hooks::grads_tuple;
use crate::node::{Held, Link, PyNode, instance, pending};
use crate::outputs::{Outputs, connect};
use crate::tensor::{PyTensor, wrap};
use parking_lot::Mutex;
use pyo3::exceptions::{PyNotImplementedError, PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};
use smallvec::SmallVec;
use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tape::{
    Backward, Context, Edge, Grads, Node, NodeRef, OutputMeta, SavedInput, SavedOutput, Tensor,
    algebra,
};

#[derive(Clone)]
enum Slot {
    Absent,
    Input(SavedInput),
    Output(SavedOutput),
}

#[derive(Default)]
enum Saved {
    /// The call is not recorded (yet).
    #[default]
    Nothing,
    Slots(Vec<Slot>),
    Freed,
}

/// The object behind `ctx`.
#[pyclass(name = "_FunctionNode", module = "pyrite", extends = PyNode, subclass, frozen)]
pub struct PyFunctionNode {
    saved: Mutex<Saved>,
    materialize: AtomicBool,
}

/// What the graph holds of a call.
pub struct FunctionBody {
    context: Held,
    name: String,
    /// For each argument of `forward`: whether it is a tensor, and so has an edge.
    tensors: Vec<bool>,
    /// For each output: whether it is a tensor.
    outputs: Vec<bool>,
}

impl FunctionBody {
    /// The node's Python object.
    pub fn context(&self, py: Python<'_>) -> Py<PyAny> {
        self.context.0.clone_ref(py)
    }
}

#[pymethods]
impl PyFunctionNode {
    #[new]
    #[classmethod]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(
        class: &Bound<'_, PyType>,
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<PyClassInitializer<PyFunctionNode>> {
        let node = PyNode { link: pending(class)? };
        let own = PyFunctionNode {
            saved: Mutex::new(Saved::Nothing),
            materialize: AtomicBool::new(true),
        };
        Ok(PyClassInitializer::from(node).add_subclass(own))
    }

    /// What `save_for_backward` was given.
    #[getter]
    fn saved_tensors<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let py = slf.py();
        let slots = match &*slf.get().saved.lock() {
            Saved::Nothing => Vec::new(),
            Saved::Slots(slots) => slots.clone(),
            Saved::Freed => return tape::again().py(),
        };
        let name = slf.get_type().name()?.to_string();
        let items = slots
            .iter()
            .map(|slot| match slot {
                Slot::Absent => Ok(py.None()),
                Slot::Input(input) => wrap(py, input.get(&name).py()?),
                Slot::Output(output) => {
                    let node = slf.as_super().get().node()?;
                    wrap(py, output.get(&node).py()?)
                }
            })
            .collect::<PyResult<Vec<_>>>()?;
        PyTuple::new(py, items)
    }

    /// Runs `forward` (and `setup`) and records the call.
    #[classmethod]
    fn _record<'py>(
        class: &Bound<'py, PyType>,
        forward: &Bound<'py, PyAny>,
        setup: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
        kwargs: &Bound<'py, PyDict>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let context = instance(class, Link::Within(std::sync::OnceLock::new()))?;
        let call = Call::new(context.cast_into()?, args)?;
        let result = {
            let _off = tape::set_grad_enabled(false);
            call.forward(forward, setup, args, kwargs)?
        };
        call.record(&result)
    }
}

/// A call on its way from `forward` to the graph.
struct Call<'py> {
    context: Bound<'py, PyFunctionNode>,
    inputs: Vec<Option<Tensor>>,
    /// Where gradients of the tensors among the inputs go, from before `forward` ran.
    edges: SmallVec<[Edge; 2]>,
    recorded: bool,
}

/// The history of a sparse tensor hangs on its values, which a call does not see.
fn refuse_sparse(args: &Bound<'_, PyTuple>) -> PyResult<()> {
    for arg in args {
        let sparse = arg.cast::<PyTensor>().is_ok_and(|t| t.get().tensor.is_sparse());
        if sparse && tape::grad_enabled() && arg.getattr("requires_grad")?.is_truthy()? {
            return Err(PyNotImplementedError::new_err(
                "autograd.Function: not available for sparse inputs that require grad; pass indices and values instead",
            ));
        }
    }
    Ok(())
}

impl<'py> Call<'py> {
    fn new(context: Bound<'py, PyFunctionNode>, args: &Bound<'py, PyTuple>) -> PyResult<Self> {
        let tensor =
            |arg: Bound<'py, PyAny>| arg.cast::<PyTensor>().ok().map(|t| t.get().tensor.clone());
        let inputs: Vec<Option<Tensor>> = args.iter().map(tensor).collect();
        let needs: Vec<bool> =
            inputs.iter().map(|t| t.as_ref().is_some_and(Tensor::requires_grad)).collect();
        refuse_sparse(args)?;
        let recorded = tape::grad_enabled() && needs.contains(&true);
        let edges = match recorded {
            true => {
                inputs.iter().flatten().map(Tensor::gradient_edge).collect::<Result<_, _>>().py()?
            }
            false => SmallVec::new(),
        };
        context.setattr("needs_input_grad", PyTuple::new(context.py(), needs)?)?;
        Ok(Call { context, inputs, edges, recorded })
    }

    fn forward(
        &self,
        forward: &Bound<'py, PyAny>,
        setup: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
        kwargs: &Bound<'py, PyDict>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if setup.is_none() {
            let first = std::iter::once(self.context.clone().into_any());
            let all =
                PyTuple::new(self.context.py(), first.chain(args.iter()).collect::<Vec<_>>())?;
            return forward.call(all, Some(kwargs));
        }
        let result = forward.call(args, None)?;
        setup.call1((&self.context, args, &result))?;
        Ok(result)
    }

    /// What the user left on the context under `name`; taken away, lest it outlive the graph.
    fn take(&self, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        let fields = self.context.getattr("__dict__")?.cast_into::<PyDict>()?;
        let value = fields.get_item(name)?;
        if value.is_some() {
            fields.del_item(name)?;
        }
        Ok(value.filter(|value| !value.is_none()))
    }

    /// The tensors the user named to one of the `mark_` methods.
    fn marked(&self, name: &str, method: &str) -> PyResult<Vec<Tensor>> {
        let Some(value) = self.take(name)? else {
            return Ok(Vec::new());
        };
        value
            .try_iter()?
            .map(|item| {
                let item = item?;
                match item.cast::<PyTensor>() {
                    Ok(tensor) => Ok(tensor.get().tensor.clone()),
                    Err(_) => Err(PyTypeError::new_err(format!(
                        "{method} only accepts variable arguments, but got {}",
                        item.get_type().name()?
                    ))),
                }
            })
            .collect()
    }

    fn record(self, result: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = self.context.py();
        let (list, single) = match result.cast::<PyTuple>() {
            Ok(tuple) => (tuple.iter().collect(), false),
            Err(_) => (vec![result.clone()], true),
        };
        let dirty = self.marked("dirty_tensors", "mark_dirty")?;
        let fixed = self.marked("non_differentiable", "mark_non_differentiable")?;
        if let Some(value) = self.take("materialize_grads")? {
            self.context.get().materialize.store(value.is_truthy()?, Ordering::Relaxed);
        }
        let mut outputs = Outputs::new(&list, &self.inputs, dirty, fixed);
        outputs.check()?;
        let node = self.recorded.then(|| self.node(&outputs)).transpose()?;
        connect(&mut outputs, node.as_ref())?;
        self.save(&outputs, node.as_ref())?;
        let items = outputs.into_objects(py, list)?;
        match single {
            true => Ok(items.into_iter().next().unwrap_or_else(|| py.None().into_bound(py))),
            false => Ok(PyTuple::new(py, items)?.into_any()),
        }
    }

    fn node(&self, outputs: &Outputs) -> PyResult<NodeRef> {
        let body = FunctionBody {
            context: Held(self.context.clone().into_any().unbind()),
            name: self.context.get_type().name()?.to_string(),
            tensors: self.inputs.iter().map(Option::is_some).collect(),
            outputs: outputs.tensors().map(|t| t.is_some()).collect(),
        };
        let node = Node::create(self.edges.clone(), outputs.metas(), body);
        if let Link::Within(slot) = &self.context.as_super().get().link {
            let _ = slot.set(Arc::downgrade(&node));
        }
        Ok(node)
    }

    /// Keeps what `save_for_backward` was given: outputs bare, everything else with its history.
    fn save(&self, outputs: &Outputs, node: Option<&NodeRef>) -> PyResult<()> {
        let listed = self.take("to_save")?;
        let (Some(listed), Some(_)) = (listed, node) else {
            return Ok(());
        };
        let mut slots = Vec::new();
        for (i, item) in listed.try_iter()?.enumerate() {
            let item = item?;
            slots.push(if item.is_none() {
                Slot::Absent
            } else if let Ok(tensor) = item.cast::<PyTensor>() {
                let tensor = &tensor.get().tensor;
                match outputs.position(tensor) {
                    Some(at) => Slot::Output(SavedOutput::new(tensor, at).py()?),
                    None => Slot::Input(SavedInput::new(tensor).py()?),
                }
            } else {
                return Err(PyTypeError::new_err(format!(
                    "save_for_backward can only save variables, but argument {i} is of type {}",
                    item.get_type().name()?
                )));
            });
        }
        *self.context.get().saved.lock() = Saved::Slots(slots);
        Ok(())
    }
}

impl FunctionBody {
    /// Absent gradients of tensors as zeros, unless the user wants them as None.
    fn filled(&self, grads: &[Option<Tensor>], metas: &[OutputMeta]) -> base::Result<Grads> {
        grads
            .iter()
            .zip(metas)
            .zip(&self.outputs)
            .map(|((grad, meta), is_tensor)| match grad {
                None if *is_tensor => {
                    algebra()?.zeros(&meta.dims, meta.dtype, meta.device).map(Some)
                }
                grad => Ok(grad.clone()),
            })
            .collect()
    }

    /// The user's results as gradients of the tensors among the inputs.
    fn parse(&self, result: &Bound<'_, PyAny>) -> PyResult<Grads> {
        let list: Vec<Bound<'_, PyAny>> = match result.cast::<PyTuple>() {
            Ok(tuple) => tuple.iter().collect(),
            Err(_) => vec![result.clone()],
        };
        let expected = self.tensors.len();
        let surplus = list.iter().skip(expected).any(|value| !value.is_none());
        if list.len() < expected || surplus {
            return Err(PyRuntimeError::new_err(format!(
                "function {} returned an incorrect number of gradients (expected {expected}, got {})",
                self.name,
                list.len()
            )));
        }
        let mut grads = Grads::new();
        for (i, (value, is_tensor)) in list.iter().zip(&self.tensors).enumerate() {
            match (value.cast::<PyTensor>(), is_tensor) {
                (Ok(grad), true) => grads.push(Some(grad.get().tensor.clone())),
                (Err(_), true) if value.is_none() => grads.push(None),
                (Err(_), false) if value.is_none() => {}
                (_, false) => {
                    return Err(PyRuntimeError::new_err(format!(
                        "function {} returned a gradient different than None at position {}, but the corresponding forward input was not a Variable",
                        self.name,
                        i + 1
                    )));
                }
                (Err(_), true) => {
                    return Err(PyRuntimeError::new_err(format!(
                        "expected Variable or None (got {})",
                        value.get_type().name()?
                    )));
                }
            }
        }
        Ok(grads)
    }

    fn own<'a, 'py>(&'a self, py: Python<'py>) -> PyResult<&'a Bound<'py, PyFunctionNode>> {
        Ok(self.context.0.bind(py).cast::<PyFunctionNode>()?)
    }
}

impl Backward for FunctionBody {
    fn name(&self) -> &str {
        &self.name
    }

    fn vjp(&self, grads: &[Option<Tensor>], cx: &Context<'_>) -> base::Result<Grads> {
        Python::attach(|py| {
            let context = self.own(py)?;
            let grads = match context.get().materialize.load(Ordering::Relaxed) {
                true => self.filled(grads, &cx.node.outputs).py()?,
                false => grads.iter().cloned().collect(),
            };
            let result = context.call_method1("apply", grads_tuple(py, &grads)?)?;
            self.parse(&result)
        })
        .map_err(from_python)
    }

    fn takes_sparse(&self) -> bool {
        true
    }

    fn release(&self) {
        Python::attach(|py| {
            if let Ok(context) = self.own(py) {
                let mut saved = context.get().saved.lock();
                let freed = match &*saved {
                    Saved::Slots(_) => std::mem::replace(&mut *saved, Saved::Freed),
                    _ => Saved::Nothing,
                };
                drop(saved);
                drop(freed);
            }
        });
    }

    fn visit_owned(&self, visit: &mut dyn FnMut(&dyn Any)) {
        visit(&self.context);
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
