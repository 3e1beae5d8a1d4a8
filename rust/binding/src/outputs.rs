//! What a user function returned, and how it becomes part of the graph: inputs returned as they are
//! become views of themselves, written inputs move on to the new node, views of inputs may not be
//! written any more.

use crate::error::IntoPy;
use crate::tensor::{PyTensor, wrap};
use base::{DType, Device, Dims};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use smallvec::SmallVec;
use tape::{Creation, Edge, NodeRef, OutputMeta, Tensor};

struct Output {
    tensor: Tensor,
    is_input: bool,
    written: bool,
    differentiable: bool,
}

/// The outputs of a call, tensors and others.
pub struct Outputs {
    list: Vec<Option<Output>>,
    dirty: Vec<Tensor>,
}

fn holds(list: &[Tensor], tensor: &Tensor) -> bool {
    list.iter().any(|other| other.same(tensor))
}

impl Outputs {
    /// Sorts what `forward` returned by what the user marked.
    pub fn new(
        list: &[Bound<'_, PyAny>],
        inputs: &[Option<Tensor>],
        dirty: Vec<Tensor>,
        fixed: Vec<Tensor>,
    ) -> Outputs {
        let output = |object: &Bound<'_, PyAny>| {
            let tensor = object.cast::<PyTensor>().ok()?.get().tensor.clone();
            Some(Output {
                is_input: inputs.iter().flatten().any(|input| input.same(&tensor)),
                written: holds(&dirty, &tensor),
                differentiable: tensor.dtype().is_differentiable() && !holds(&fixed, &tensor),
                tensor,
            })
        };
        Outputs { list: list.iter().map(output).collect(), dirty }
    }

    /// What was written in place must come out again.
    pub fn check(&self) -> PyResult<()> {
        let returned = |tensor: &Tensor| self.tensors().flatten().any(|out| out.same(tensor));
        if self.dirty.iter().all(returned) {
            return Ok(());
        }
        Err(PyRuntimeError::new_err(
            "Some elements marked as dirty during the forward method were not returned as output. The inputs that are modified inplace must all be outputs of the Function.",
        ))
    }

    /// Each output as a tensor, if it is one.
    pub fn tensors(&self) -> impl Iterator<Item = Option<&Tensor>> {
        self.list.iter().map(|output| output.as_ref().map(|o| &o.tensor))
    }

    /// What gradients of the outputs must look like; a placeholder where no gradient arrives.
    pub fn metas(&self) -> SmallVec<[OutputMeta; 1]> {
        let none = OutputMeta { dims: Dims::new(), dtype: DType::F32, device: Device::CPU };
        self.tensors()
            .map(|tensor| tensor.map_or_else(|| none.clone(), |t| t.with_array(OutputMeta::of)))
            .collect()
    }

    /// Which output `tensor` is.
    pub fn position(&self, tensor: &Tensor) -> Option<usize> {
        self.tensors().position(|out| out.is_some_and(|out| out.same(tensor)))
    }

    /// The outputs as Python objects.
    pub fn into_objects<'py>(
        self,
        py: Python<'py>,
        list: Vec<Bound<'py, PyAny>>,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        self.list
            .into_iter()
            .zip(list)
            .map(|(output, object)| match output {
                Some(output) => Ok(wrap(py, output.tensor)?.into_bound(py)),
                None => Ok(object),
            })
            .collect()
    }
}

/// Makes the outputs results of `node`; without one the call was not recorded.
pub fn connect(outputs: &mut Outputs, node: Option<&NodeRef>) -> PyResult<()> {
    outputs.dirty.iter().for_each(Tensor::bump_version);
    let several = outputs.list.iter().flatten().filter(|o| o.differentiable).count() > 1;
    for (i, output) in outputs.list.iter_mut().enumerate() {
        let Some(output) = output else {
            continue;
        };
        let edge = node.filter(|_| output.differentiable).map(|node| Edge::to(node.clone(), i));
        attach(output, edge)?;
        if output.tensor.is_view() && !(output.is_input && output.written) {
            let creation = if several { Creation::MultiOutput } else { Creation::Function };
            output.tensor.set_view_creation(creation);
        }
    }
    Ok(())
}

fn attach(output: &mut Output, edge: Option<Edge>) -> PyResult<()> {
    let tensor = &output.tensor;
    let Some(edge) = edge else {
        if output.is_input && !output.written {
            output.tensor = match tensor.requires_grad() {
                true => tensor.detach(),
                false => tape::alias(tensor, Creation::Function),
            };
        }
        return Ok(());
    };
    if output.written {
        if tensor.is_leaf() && tensor.requires_grad() {
            return Err(PyRuntimeError::new_err(
                "a leaf Variable that requires grad has been used in an in-place operation.",
            ));
        }
        tape::rebase_history(tensor, edge).py()?;
        if tensor.is_view() {
            tensor.set_view_creation(Creation::Function);
        }
    } else if output.is_input {
        let alias = tape::alias(tensor, Creation::Function);
        alias.set_gradient_edge(edge);
        output.tensor = alias;
    } else {
        tensor.set_gradient_edge(edge);
    }
    Ok(())
}
