//! `x[...]`: PyTorch's indexing, read and assigned.
//!
//! Ints, slices, None, Ellipsis and bools become a chain of views; tensors, masks, sequences and
//! arrays are collected for one advanced index applied to the result of that chain.

use crate::convert::{int, number, overflow};
use crate::error::IntoPy;
use crate::overrides::{hand_over_method, intercepted};
use crate::tensor::{PyTensor, wrap};
use base::{DType, Device, Scalar};
use ops::call::Dest;
use ops::{advanced, cast, create, inplace, view};
use pyo3::exceptions::{PyIndexError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyEllipsis, PyFloat, PyInt, PyList, PySequence, PySlice, PyString, PyTuple,
};
use tape::Tensor;

/// A chain of views and, behind it, the tensors that index the result.
struct Indexed {
    view: Tensor,
    tensors: Vec<Option<Tensor>>,
}

/// What one item of an index is.
enum Item<'py> {
    None,
    Ellipsis,
    Bool(bool),
    Int(i64),
    Slice(Bound<'py, PySlice>),
    Tensor(Tensor),
}

/// The items of an index; a sequence that holds slices, None or sequences counts as a tuple.
fn items<'py>(index: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    if index.is_instance_of::<PyInt>() || index.is_instance_of::<PyTensor>() {
        return Ok(vec![index.clone()]);
    }
    if let Ok(tuple) = index.cast::<PyTuple>() {
        return Ok(tuple.iter().collect());
    }
    if counts_as_tuple(index) {
        return index.try_iter()?.collect();
    }
    Ok(vec![index.clone()])
}

/// Sequences of up to 31 items, one of which is itself an index, are read as tuples.
fn counts_as_tuple(index: &Bound<'_, PyAny>) -> bool {
    // An ABC's instance check is slow: the everyday classes go first.
    if index.is_instance_of::<PyInt>() || index.is_instance_of::<PySlice>() || index.is_none() {
        return false;
    }
    let plain = !index.is_instance_of::<PyTensor>()
        && !is_array(index)
        && !index.is_instance_of::<PyString>()
        && index.cast::<PySequence>().is_ok();
    if !plain || index.len().is_ok_and(|n| n >= 32) {
        return false;
    }
    let Ok(items) = index.try_iter() else {
        return false;
    };
    items.flatten().any(|item| {
        item.is_none()
            || item.is_instance_of::<PyEllipsis>()
            || item.is_instance_of::<PySlice>()
            || item.is_instance_of::<PyTensor>()
            || (item.cast::<PySequence>().is_ok() && !item.is_instance_of::<PyString>())
    })
}

/// An array of another package; its scalars have no length.
fn is_array(value: &Bound<'_, PyAny>) -> bool {
    value.hasattr("__array_interface__").unwrap_or(false)
        && value.hasattr("__len__").unwrap_or(false)
}

fn item<'py>(value: &Bound<'py, PyAny>) -> PyResult<Item<'py>> {
    if value.is_none() {
        return Ok(Item::None);
    }
    if value.is_instance_of::<PyEllipsis>() {
        return Ok(Item::Ellipsis);
    }
    if let Ok(slice) = value.cast::<PySlice>() {
        return Ok(Item::Slice(slice.clone()));
    }
    if let Ok(flag) = value.cast::<PyBool>() {
        return Ok(Item::Bool(flag.is_true()));
    }
    if let Ok(tensor) = value.cast::<PyTensor>() {
        return Ok(tensor_item(&tensor.get().tensor));
    }
    if value.is_instance_of::<PyInt>() || !is_array(value) {
        if let Some(i) = int(value) {
            return Ok(Item::Int(i));
        }
        if value.hasattr("__index__").unwrap_or(false) {
            let index = value.call_method0("__index__")?.extract();
            return index.map(Item::Int).map_err(|_| overflow());
        }
    }
    let sequence = value.is_instance_of::<PyList>()
        || value.is_instance_of::<PyTuple>()
        || is_array(value)
        || value.cast::<PySequence>().is_ok();
    if sequence {
        return sequence_item(value).map(Item::Tensor);
    }
    if let Some(number) = number(value)
        && !matches!(number, Scalar::Float(_) | Scalar::Complex(_))
    {
        return Ok(Item::Int(number.to_i64()));
    }
    Err(invalid(value))
}

/// A 0-d tensor of ints is an int, a 0-d bool a bool.
fn tensor_item<'py>(t: &Tensor) -> Item<'py> {
    let dtype = t.dtype();
    if t.rank() == 0
        && dtype.is_integral()
        && let Ok(value) = array::dispatch::item(&t.array())
    {
        return match dtype {
            DType::Bool | DType::U8 => Item::Bool(value.to_bool()),
            _ => Item::Int(value.to_i64()),
        };
    }
    Item::Tensor(t.clone())
}

/// A list, tuple or array as an index tensor.
fn sequence_item(value: &Bound<'_, PyAny>) -> PyResult<Tensor> {
    let made = value.py().import("pyrite")?.getattr("tensor")?.call1((value,))?;
    let tensor = made.cast::<PyTensor>()?.get().tensor.clone();
    if tensor.numel() == 0 && !tensor.dtype().is_integral() {
        return cast::to_dtype(&tensor, DType::I64).py();
    }
    Ok(tensor)
}

fn invalid(value: &Bound<'_, PyAny>) -> PyErr {
    let name = value.get_type().name().map_or_else(|_| "object".into(), |n| n.to_string());
    PyIndexError::new_err(format!(
        "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got {name})"
    ))
}

/// How many dimensions an item takes.
fn takes(item: &Item<'_>) -> usize {
    match item {
        Item::None | Item::Ellipsis | Item::Bool(_) => 0,
        Item::Int(_) | Item::Slice(_) => 1,
        Item::Tensor(t) => match t.dtype() {
            DType::Bool | DType::U8 => t.rank(),
            _ => 1,
        },
    }
}

fn resolve(x: &Tensor, index: &Bound<'_, PyAny>) -> PyResult<Indexed> {
    let items = items(index)?.iter().map(item).collect::<PyResult<Vec<_>>>()?;
    let used: usize = items.iter().map(takes).sum();
    let rank = x.rank();
    let single = matches!(items.as_slice(), [Item::Int(_) | Item::Slice(_)]);
    if single && rank == 0 {
        let text = if matches!(items[0], Item::Slice(_)) {
            "slice() cannot be applied to a 0-dim tensor."
        } else {
            "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a 0-dim tensor to a number"
        };
        return Err(PyIndexError::new_err(text));
    }
    if used > rank {
        return Err(PyIndexError::new_err(format!(
            "too many indices for tensor of dimension {rank}"
        )));
    }
    let mut chain = Chain { view: x.clone(), dim: 0, tensors: Vec::new(), single };
    for item in items {
        chain.apply(item, rank - used)?;
    }
    let view = if chain.view.same(x) && chain.tensors.is_empty() {
        view::alias(x).py()?
    } else {
        chain.view
    };
    Ok(Indexed { view, tensors: chain.tensors })
}

/// The view so far, the dimension the next item speaks of, and index tensors by dimension.
struct Chain {
    view: Tensor,
    dim: usize,
    tensors: Vec<Option<Tensor>>,
    /// The index is one int or slice.
    single: bool,
}

impl Chain {
    fn apply(&mut self, item: Item<'_>, spare: usize) -> PyResult<()> {
        match item {
            Item::Ellipsis => self.dim += spare,
            Item::None => {
                self.view = view::unsqueeze(&self.view, self.dim as i64).py()?;
                self.dim += 1;
            }
            Item::Bool(flag) => {
                self.view = view::unsqueeze(&self.view, self.dim as i64).py()?;
                let picks = create::arange(0, flag.into(), Device::CPU).py()?;
                self.note(picks);
            }
            Item::Int(i) => {
                base::shape::wrap_index(i, self.view.dims()[self.dim], self.dim).py()?;
                self.view = view::select(&self.view, self.dim as i64, i).py()?;
            }
            Item::Slice(slice) => {
                self.view = self.sliced(&slice)?;
                self.dim += 1;
            }
            Item::Tensor(t) => self.note(t),
        }
        Ok(())
    }

    /// Part of a dimension; among several items, a slice with all of it changes nothing.
    fn sliced(&self, slice: &Bound<'_, PySlice>) -> PyResult<Tensor> {
        let length = self.view.dims()[self.dim] as isize;
        let part = slice.indices(length)?;
        if part.step <= 0 {
            return Err(PyValueError::new_err("step must be greater than zero"));
        }
        if !self.single && (part.start, part.stop, part.step) == (0, length, 1) {
            return Ok(self.view.clone());
        }
        let (start, stop) = (part.start as i64, part.stop as i64);
        view::slice(&self.view, self.dim as i64, Some(start), Some(stop), part.step as i64).py()
    }

    /// A mask of several dimensions stands at the first of them.
    fn note(&mut self, t: Tensor) {
        let taken = takes(&Item::Tensor(t.clone()));
        let slots = self.tensors.iter().map(slot_width).sum::<usize>();
        self.tensors.extend(std::iter::repeat_n(None, self.dim - slots));
        self.dim += taken;
        self.tensors.push(Some(t));
    }
}

/// How many dimensions an entry of the index list covers.
fn slot_width(slot: &Option<Tensor>) -> usize {
    slot.as_ref().map_or(1, |t| takes(&Item::Tensor(t.clone())))
}

/// Applies an index to a tensor.
pub fn get(x: &Tensor, index: &Bound<'_, PyAny>) -> PyResult<Tensor> {
    let Indexed { view, tensors } = resolve(x, index)?;
    if tensors.is_empty() {
        return Ok(view);
    }
    index.py().detach(|| advanced::index(&view, &tensors)).py()
}

/// The value of an assignment as a tensor of the target's dtype.
fn value_of(target: &Tensor, value: &Bound<'_, PyAny>) -> PyResult<Tensor> {
    if let Ok(tensor) = value.cast::<PyTensor>() {
        return Ok(tensor.get().tensor.clone());
    }
    let foreign_float =
        value.hasattr("dtype")? && !value.is_instance_of::<PyFloat>() && int(value).is_none();
    let made = match number(value).filter(|_| !foreign_float || is_bool(value)) {
        Some(number) => create::number(number, target.dtype(), target.device()).py()?,
        None if is_array(value) => sequence_item(value)?,
        None => {
            return Err(PyTypeError::new_err(format!(
                "can't assign a {} to a torch.{}Tensor",
                value.get_type().name()?,
                target.dtype().type_name()
            )));
        }
    };
    Ok(made)
}

/// A bool of Python or numpy.
fn is_bool(value: &Bound<'_, PyAny>) -> bool {
    matches!(number(value), Some(Scalar::Bool(_)))
}

/// Leading dimensions of size 1 that the target lacks are dropped from the value.
fn fitted(value: &Tensor, rank: usize) -> PyResult<Tensor> {
    let dims = value.dims();
    let surplus = dims.len().saturating_sub(rank);
    if surplus == 0 || dims[..surplus].iter().any(|&n| n != 1) {
        return Ok(value.clone());
    }
    view::reshape_to(value, &dims[surplus..]).py()
}

fn set(x: &Tensor, index: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
    if items(index)?.iter().any(|i| i.is_instance_of::<PyString>()) {
        return Err(PyTypeError::new_err("new(): invalid data type 'str'"));
    }
    let Indexed { view, tensors } = resolve(x, index)?;
    let source = value_of(x, value)?;
    let py = index.py();
    if tensors.is_empty() {
        let source = fitted(&source, view.rank())?;
        py.detach(|| inplace::copy_(&view, &source)).py()?;
        return Ok(());
    }
    let source = if source.rank() == 0 || value.cast::<PyTensor>().is_err() {
        create::to(&source, Some(x.dtype()), Some(x.device()), false, None).py()?
    } else {
        source
    };
    let dest = Dest::InPlace(&view);
    py.detach(|| {
        let put = |values: &Tensor| advanced::index_put(dest, &view, &tensors, values, false);
        put(&advanced::without_leading_ones(&view, &tensors, &source)?)
    })
    .py()?;
    Ok(())
}

#[pymethods]
impl PyTensor {
    fn __getitem__(slf: &Bound<'_, Self>, index: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        if intercepted([slf.as_any(), index].into_iter()) {
            return hand_over_method("__getitem__", &[slf.as_any().clone(), index.clone()]);
        }
        wrap(slf.py(), get(&slf.get().tensor, index)?)
    }

    fn __setitem__(
        slf: &Bound<'_, Self>,
        index: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        if intercepted([slf.as_any(), index, value].into_iter()) {
            let args = [slf.as_any(), index, value].map(Clone::clone);
            return hand_over_method("__setitem__", &args).map(drop);
        }
        set(&slf.get().tensor, index, value)
    }

    fn __delitem__(&self, _index: &Bound<'_, PyAny>) -> PyResult<()> {
        Err(PyTypeError::new_err("Tensor does not support deleting items"))
    }
}
