//! Every op as a Python function and method, registered from the op table at import.
//!
//! A C function carries no data, so each callable gets a trampoline of its own, numbered at compile
//! time; the number leads to the op. Adding an op touches nothing here.

use crate::error::{IntoPy, from_panic};
use crate::parse::{Given, Parsed, parse};
use crate::returns;
use crate::tensor::PyTensor;
use ops::call::{Dest, OpDef};
use ops::schema::Schema;
use ops::table::{Entry, registry};
use ops::{Value, write};
use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;
use std::ffi::CString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

/// How a callable is spelled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spelling {
    Function,
    Method,
    /// `x.op_()`, or `op_(x)` as a function.
    InPlace {
        method: bool,
    },
}

struct Callable {
    name: String,
    overloads: &'static [(&'static OpDef, Schema)],
    spelling: Spelling,
}

static CALLABLES: OnceLock<Vec<Callable>> = OnceLock::new();

/// Elements beyond which the interpreter is released while an op runs.
const LONG: usize = 1 << 15;

fn callables() -> &'static [Callable] {
    CALLABLES.get_or_init(|| registry().iter().flat_map(spellings).collect())
}

fn spellings(entry: &'static Entry) -> Vec<Callable> {
    let any = |f: fn(&OpDef) -> bool| entry.overloads.iter().any(|(op, _)| f(op));
    let callable =
        |name: String, spelling| Callable { name, overloads: &entry.overloads, spelling };
    let plain = entry.name.to_string();
    let mut list = Vec::new();
    if any(|op| op.spellings.function) {
        list.push(callable(plain.clone(), Spelling::Function));
    }
    if any(|op| op.spellings.method) {
        list.push(callable(plain.clone(), Spelling::Method));
    }
    if any(|op| op.spellings.inplace) {
        for method in [true, false] {
            list.push(callable(format!("{plain}_"), Spelling::InPlace { method }));
        }
    }
    list
}

/// Calls callable number `index`.
fn invoke(
    py: Python<'_>,
    index: usize,
    positional: &[Bound<'_, PyAny>],
    named: &[(String, Bound<'_, PyAny>)],
) -> PyResult<Py<PyAny>> {
    let callable = &callables()[index];
    let method = matches!(callable.spelling, Spelling::Method | Spelling::InPlace { method: true });
    let takes_out = callable.spelling == Spelling::Function;
    let given = Given { positional, named };
    let parsed = parse(&callable.name, callable.overloads, &given, method, takes_out)?;
    let in_place = matches!(callable.spelling, Spelling::InPlace { .. });
    run(py, &callable.name, &parsed, in_place)
}

fn run(py: Python<'_>, name: &str, parsed: &Parsed, in_place: bool) -> PyResult<Py<PyAny>> {
    let Parsed { op, values, out, returns, requires_grad } = parsed;
    if let Some([first, rest @ ..]) = out.as_deref()
        && !rest.is_empty()
    {
        let targets: Vec<tape::Tensor> = std::iter::once(first).chain(rest).cloned().collect();
        let result = maybe_detached(py, values, || write::into_outs(op, values, &targets));
        return returns::named(py, name, returns, result.py()?);
    }
    let dest = match (values.first(), out.as_deref()) {
        (Some(Value::Tensor(target)), _) if in_place => Dest::InPlace(target),
        (_, Some([target])) => Dest::Out(target),
        _ => Dest::New,
    };
    let result = maybe_detached(py, values, || ops::call(op, values, dest)).py()?;
    if let (true, Value::Tensor(tensor)) = (*requires_grad, &result) {
        crate::construct::require_grad(tensor, true)?;
    }
    returns::named(py, name, returns, result)
}

/// Releases the interpreter for work that takes longer than releasing it.
pub fn maybe_detached<T: Send>(
    py: Python<'_>,
    values: &[Value],
    work: impl FnOnce() -> T + Send,
) -> T {
    let elements: usize = values
        .iter()
        .map(|v| match v {
            Value::Tensor(t) => t.numel(),
            Value::Tensors(list) => list.iter().map(tape::Tensor::numel).sum(),
            Value::Ints(_) => LONG,
            _ => 0,
        })
        .sum();
    if elements < LONG { work() } else { py.detach(work) }
}

/// # Safety
/// Called by the interpreter with the vectorcall convention, attached.
unsafe extern "C" fn trampoline<const INDEX: usize>(
    slf: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the interpreter's own contract for METH_FASTCALL | METH_KEYWORDS functions.
    unsafe { enter(INDEX, slf, args, count, names) }
}

/// # Safety
/// As for [`trampoline`]: `args` holds `count` positional values, then one for each of `names`.
unsafe fn enter(
    index: usize,
    slf: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the interpreter calls C functions with the calling thread attached.
    let py = unsafe { Python::assume_attached() };
    let call = || -> PyResult<Py<PyAny>> {
        // SAFETY: `i` stays below the number of values that the convention says `args` holds; each
        // is a live object borrowed for the call.
        let value = |i: usize| unsafe { Bound::from_borrowed_ptr(py, *args.add(i)) };
        let mut positional = Vec::with_capacity(count as usize + 1);
        if !slf.is_null() {
            // SAFETY: a method's receiver is a live object borrowed for the call.
            positional.push(unsafe { Bound::from_borrowed_ptr(py, slf) });
        }
        positional.extend((0..count as usize).map(value));
        let mut named = Vec::new();
        if !names.is_null() {
            // SAFETY: `names` is a live tuple of str, borrowed for the call.
            let names: Bound<'_, PyAny> = unsafe { Bound::from_borrowed_ptr(py, names) };
            for (i, name) in names.try_iter()?.enumerate() {
                let name = name?.cast::<PyString>()?.to_cow()?.into_owned();
                named.push((name, value(count as usize + i)));
            }
        }
        invoke(py, index, &positional, &named)
    };
    let result = catch_unwind(AssertUnwindSafe(call))
        .unwrap_or_else(|payload| Err(from_panic(payload.as_ref())));
    match result {
        Ok(object) => object.into_ptr(),
        Err(error) => {
            error.restore(py);
            std::ptr::null_mut()
        }
    }
}

type Trampoline = unsafe extern "C" fn(
    *mut ffi::PyObject,
    *const *mut ffi::PyObject,
    ffi::Py_ssize_t,
    *mut ffi::PyObject,
) -> *mut ffi::PyObject;

/// How many callables there can be; registration fails with a clear error beyond.
const COUNT: usize = 2048;

seq_macro::seq!(N in 0..2048 {
    static TRAMPOLINES: [Trampoline; COUNT] = [#(trampoline::<N>,)*];
});

/// Puts every function into the module and every method onto the tensor class.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let class = py.get_type::<PyTensor>();
    for (index, callable) in callables().iter().enumerate() {
        let Some(trampoline) = TRAMPOLINES.get(index) else {
            return Err(PyRuntimeError::new_err("internal error: more ops than trampolines"));
        };
        let definition = definition(&callable.name, *trampoline, callable.overloads[0].0.doc)?;
        // SAFETY: the definition is leaked, so it outlives the objects made from it; the class and
        // module are live; both functions return a new reference or set an exception.
        let object = unsafe {
            let raw = match callable.spelling {
                Spelling::Method | Spelling::InPlace { method: true } => {
                    ffi::PyDescr_NewMethod(class.as_ptr().cast(), definition)
                }
                _ => ffi::PyCFunction_NewEx(definition, std::ptr::null_mut(), std::ptr::null_mut()),
            };
            Bound::from_owned_ptr_or_err(py, raw)?
        };
        match callable.spelling {
            Spelling::Method | Spelling::InPlace { method: true } => {
                class.setattr(callable.name.as_str(), object)?;
            }
            _ => {
                let spellings = callable.overloads[0].0.spellings;
                module.add(spellings.attribute(&callable.name).as_str(), object)?;
            }
        }
    }
    Ok(())
}

/// A method definition that lives as long as the process.
fn definition(name: &str, function: Trampoline, doc: &str) -> PyResult<*mut ffi::PyMethodDef> {
    let name = CString::new(name).map_err(|e| PyRuntimeError::new_err(e.to_string()))?;
    let doc = CString::new(doc.trim()).map_err(|e| PyRuntimeError::new_err(e.to_string()))?;
    Ok(Box::into_raw(Box::new(ffi::PyMethodDef {
        ml_name: name.into_raw(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: function },
        ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
        ml_doc: doc.into_raw(),
    })))
}
