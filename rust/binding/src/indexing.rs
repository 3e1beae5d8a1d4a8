//! `x[...]`: ints, slices, None and Ellipsis become a chain of views.

use crate::convert::int;
use crate::error::IntoPy;
use crate::tensor::{PyTensor, wrap};
use base::Scalar;
use ops::{Var, inplace, view};
use pyo3::exceptions::{PyIndexError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyEllipsis, PySlice, PyTuple};
use tape::Tensor;

fn items<'py>(index: &Bound<'py, PyAny>) -> Vec<Bound<'py, PyAny>> {
    match index.cast::<PyTuple>() {
        Ok(tuple) => tuple.iter().collect(),
        Err(_) => vec![index.clone()],
    }
}

/// Applies an index to a tensor.
pub fn get(x: &Tensor, index: &Bound<'_, PyAny>) -> PyResult<Tensor> {
    let items = items(index);
    let used = items.iter().filter(|i| !i.is_none() && !i.is_instance_of::<PyEllipsis>()).count();
    let rank = x.rank();
    if used > rank {
        return Err(PyIndexError::new_err(format!("too many indices for tensor of dimension {rank}")));
    }
    let mut out = x.clone();
    let mut dim = 0usize;
    for item in &items {
        if item.is_none() {
            out = view::unsqueeze(&out, dim as i64).py()?;
            dim += 1;
        } else if item.is_instance_of::<PyEllipsis>() {
            dim += rank - used;
        } else if let Ok(slice) = item.cast::<PySlice>() {
            out = sliced(&out, dim, slice)?;
            dim += 1;
        } else if let Some(i) = int(item).filter(|_| !item.is_instance_of::<PyBool>()) {
            let size = out.dims()[dim];
            base::shape::wrap_index(i, size, dim).py()?;
            out = view::select(&out, dim as i64, i).py()?;
        } else {
            return Err(PyTypeError::new_err(format!(
                "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got {})",
                item.get_type().name()?
            )));
        }
    }
    if out.same(x) {
        return view::alias(x).py();
    }
    Ok(out)
}

fn sliced(x: &Tensor, dim: usize, slice: &Bound<'_, PySlice>) -> PyResult<Tensor> {
    let bound = |name: &str| -> PyResult<Option<i64>> {
        let value = slice.getattr(name)?;
        if value.is_none() {
            return Ok(None);
        }
        int(&value).map(Some).ok_or_else(|| {
            PyTypeError::new_err(
                "slice indices must be integers or None or have an __index__ method",
            )
        })
    };
    let (start, stop, step) = (bound("start")?, bound("stop")?, bound("step")?.unwrap_or(1));
    if start.unwrap_or(0) == 0 && stop.is_none() && step == 1 {
        return Ok(x.clone());
    }
    view::slice(x, dim as i64, start, stop, step).py()
}

#[pymethods]
impl PyTensor {
    fn __getitem__(&self, py: Python<'_>, index: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        wrap(py, get(&self.tensor, index)?)
    }

    fn __setitem__(&self, index: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let target = get(&self.tensor, index)?;
        assign(&target, value)
    }
}

fn assign(target: &Tensor, value: &Bound<'_, PyAny>) -> PyResult<()> {
    if let Ok(tensor) = value.cast::<PyTensor>() {
        let source = &tensor.get().tensor;
        inplace::copy_(target, source).py()?;
        return Ok(());
    }
    let Some(number): Option<Scalar> = crate::convert::number(value) else {
        return Err(PyTypeError::new_err(format!(
            "can't assign a {} to a torch.{}Tensor",
            value.get_type().name()?,
            target.dtype().type_name()
        )));
    };
    let source = Var::S(number).tensor().py()?;
    inplace::copy_(target, &source).py()?;
    Ok(())
}
