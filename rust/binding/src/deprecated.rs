//! PyTorch's older spelling of scaled sums, numbers before the tensors they scale, as in
//! `x.add_(-lr, grad)` or `addmm(beta, x, alpha, a, b)`. Looked at only when a call fits no overload;
//! the call is put into today's spelling, so ops and messages know nothing of it.

use crate::parse::Given;
use crate::tensor::PyTensor;
use pyo3::exceptions::PyUserWarning;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyInt};
use std::ffi::CString;

/// The names of the numbers in an older spelling of the op, if `shape` is one: `x` for a tensor, `#`
/// for a number, in the order of the arguments (`self` comes first in methods).
fn numbers(op: &str, method: bool, shape: &str) -> Option<&'static [&'static str]> {
    match (op.trim_end_matches('_'), method, shape) {
        ("add" | "sub", _, "x#x") => Some(&["alpha"]),
        ("addcmul" | "addcdiv", _, "x#xx") => Some(&["value"]),
        ("addmm" | "addmv" | "addr" | "addbmm" | "baddbmm", false, "#xxx" | "#x#xx")
        | ("addmm" | "addmv" | "addr" | "addbmm" | "baddbmm", true, "x#xx" | "x##xx") => {
            Some(&["beta", "alpha"])
        }
        _ => None,
    }
}

/// The arguments of an older spelling: tensors in their order, and numbers by name.
pub struct Modern<'a, 'py> {
    positional: Vec<Borrowed<'a, 'py, PyAny>>,
    named: Vec<(&'a str, Borrowed<'a, 'py, PyAny>)>,
}

impl<'a, 'py> Modern<'a, 'py> {
    /// Of a call of the op that fits no overload; `None` if this spelling does not explain it.
    pub fn of(op: &str, given: &Given<'a, 'py>, method: bool) -> Option<Self> {
        let shape: String = given.positional.iter().map(letter).collect();
        let names = numbers(op, method, &shape)?;
        let (positional, numbers): (Vec<_>, Vec<_>) =
            given.positional.iter().copied().partition(|value| letter(value) == 'x');
        let numbers = names.iter().copied().zip(numbers);
        Some(Self { positional, named: numbers.chain(given.named.iter().copied()).collect() })
    }

    /// The call in today's spelling.
    pub fn given(&self) -> Given<'_, 'py> {
        Given { positional: &self.positional, named: &self.named }
    }
}

fn letter(value: &Borrowed<'_, '_, PyAny>) -> char {
    let number = value.is_instance_of::<PyInt>() && !value.is_instance_of::<PyBool>();
    match (value.is_instance_of::<PyTensor>(), number || value.is_instance_of::<PyFloat>()) {
        (true, _) => 'x',
        (_, true) => '#',
        _ => '?',
    }
}

/// Tells the user of today's spelling.
pub fn warn(op: &str, signature: &str) -> PyResult<()> {
    let text = CString::new(format!(
        "This overload of {op} is deprecated.\n\
         Consider using one of the following signatures instead:\n\t{op}{signature}"
    ))?;
    Python::attach(|py| PyErr::warn(py, py.get_type::<PyUserWarning>().as_any(), &text, 1))
}
