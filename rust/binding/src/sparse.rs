//! Sparse tensors: Python holds their indices and values, and does what the engine asks of them.

use crate::error::from_python;
use crate::tensor::{PyTensor, wrap};
use pyo3::exceptions::{PyNotImplementedError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use tape::{SparseAlgebra, Tensor};

/// The Python object whose methods are those of the trait.
struct PySparseAlgebra(Py<PyAny>);

impl PySparseAlgebra {
    fn call<const N: usize>(&self, method: &str, args: [&Tensor; N]) -> base::Result<Tensor> {
        Python::attach(|py| {
            let args =
                args.into_iter().map(|t| wrap(py, t.clone())).collect::<PyResult<Vec<_>>>()?;
            let args = PyTuple::new(py, args)?;
            let result = self.0.bind(py).call_method1(method, args)?;
            match result.cast::<PyTensor>() {
                Ok(tensor) => Ok(tensor.get().tensor.clone()),
                Err(_) => Err(PyTypeError::new_err(format!("{method}: expected a tensor"))),
            }
        })
        .map_err(from_python)
    }
}

impl SparseAlgebra for PySparseAlgebra {
    fn add(&self, a: &Tensor, b: &Tensor) -> base::Result<Tensor> {
        self.call("add", [a, b])
    }

    fn add_assign(&self, into: &Tensor, value: &Tensor) -> base::Result<()> {
        self.call("add_assign", [into, value]).map(drop)
    }

    fn detach(&self, value: &Tensor) -> base::Result<Tensor> {
        self.call("detach", [value])
    }

    fn to_dense(&self, value: &Tensor) -> base::Result<Tensor> {
        self.call("to_dense", [value])
    }
}

/// Refuses a tensor whose elements `op` would look for in its array.
pub fn refuse(tensor: &Tensor, op: &str) -> PyResult<()> {
    if !tensor.is_sparse() {
        return Ok(());
    }
    Err(PyNotImplementedError::new_err(format!(
        "{op}: not available for sparse tensors; use .to_dense() first"
    )))
}

/// Installs the object that computes with sparse gradients: `add(a, b)`, `add_assign(into, value)`,
/// `detach(value)` and `to_dense(value)`, each of which returns a tensor.
#[pyfunction]
fn _install_sparse(algebra: Py<PyAny>) {
    tape::install_sparse(Box::new(PySparseAlgebra(algebra)));
}

/// Says that the object, not the array of its tensor, holds the elements.
#[pyfunction]
fn _set_sparse(tensor: &Bound<'_, PyTensor>) {
    tensor.get().tensor.set_sparse();
}

/// Adds the functions.
pub fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(_install_sparse, module)?)?;
    module.add_function(wrap_pyfunction!(_set_sparse, module)?)
}
