//! Every op as a Python function and method, registered from the op table at import.
//!
//! A C function carries no data, so each callable gets a trampoline of its own, numbered at compile
//! time; the number leads to the op. Adding an op touches nothing here.

use crate::error::{IntoPy, from_panic};
use crate::overrides::{hand_over, intercepted};
use crate::parse::{Given, Overload, Parsed, parse};
use crate::returns;
use crate::tensor::PyTensor;
use ops::call::{Dest, OpDef, Spellings};
use ops::table::{Entry, registry};
use ops::{Value, write};
use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyTuple};
use smallvec::SmallVec;
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
    overloads: Vec<Overload>,
    spellings: Spellings,
    doc: &'static str,
    spelling: Spelling,
    /// The Python object, which overrides are told.
    object: PyOnceLock<Py<PyAny>>,
}

impl Callable {
    fn is_method(&self) -> bool {
        matches!(self.spelling, Spelling::Method | Spelling::InPlace { method: true })
    }
}

static CALLABLES: OnceLock<Vec<Callable>> = OnceLock::new();

/// Elements beyond which the interpreter is released while an op runs.
const LONG: usize = 1 << 15;

fn callables() -> &'static [Callable] {
    CALLABLES.get_or_init(|| registry().iter().flat_map(spellings).collect())
}

fn spellings(entry: &'static Entry) -> Vec<Callable> {
    let any = |f: fn(&OpDef) -> bool| entry.overloads.iter().any(|(op, _)| f(op));
    let callable = |name: String, spelling| Callable {
        name,
        overloads: entry
            .overloads
            .iter()
            .map(|overload| Overload::new(overload, spelling == Spelling::Function))
            .collect(),
        spellings: entry.overloads[0].0.spellings,
        doc: entry.overloads[0].0.doc,
        spelling,
        object: PyOnceLock::new(),
    };
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
fn invoke<'a, 'py: 'a>(
    py: Python<'py>,
    index: usize,
    given: &Given<'a, 'py>,
) -> PyResult<Py<PyAny>> {
    let callable = &callables()[index];
    let values = given.positional.iter().chain(given.named.iter().map(|(_, value)| value));
    if intercepted(values.map(|value| &**value)) {
        return intercept(py, callable, given);
    }
    let parsed = parse(&callable.name, &callable.overloads, given, callable.is_method())?;
    let in_place = matches!(callable.spelling, Spelling::InPlace { .. });
    run(py, &callable.name, &parsed, in_place)
}

#[cold]
fn intercept(py: Python<'_>, callable: &Callable, given: &Given<'_, '_>) -> PyResult<Py<PyAny>> {
    let Some(func) = callable.object.get(py) else {
        return Err(PyRuntimeError::new_err("internal error: an op without its object"));
    };
    let args: Vec<_> = given.positional.iter().map(|value| Bound::clone(value)).collect();
    let kwargs = PyDict::new(py);
    given.named.iter().try_for_each(|(name, value)| kwargs.set_item(name, value))?;
    hand_over(func.bind(py), &args, (!given.named.is_empty()).then_some(&kwargs))
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

/// Releases the interpreter for work that takes longer than releasing it, by the elements that go in,
/// or come out where sizes are given.
#[inline]
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
            Value::Ints(sizes) => sizes
                .iter()
                .fold(1, |n: usize, &size| n.saturating_mul(size.unsigned_abs() as usize)),
            _ => 0,
        })
        .fold(0, usize::saturating_add);
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
        let value = |i: usize| unsafe { Borrowed::from_ptr(py, *args.add(i)) };
        let mut positional: SmallVec<[Borrowed<'_, '_, PyAny>; 8]> = SmallVec::new();
        if !slf.is_null() {
            // SAFETY: a method's receiver is a live object borrowed for the call.
            positional.push(unsafe { Borrowed::from_ptr(py, slf) });
        }
        positional.extend((0..count as usize).map(value));
        if names.is_null() {
            return invoke(py, index, &Given { positional: &positional, named: &[] });
        }
        // SAFETY: `names` is a live tuple of str, borrowed for the call.
        let names = unsafe { Bound::from_borrowed_ptr(py, names) }.cast_into::<PyTuple>()?;
        let names: SmallVec<[Bound<'_, PyString>; 8]> =
            names.iter().map(Bound::cast_into).collect::<Result<_, _>>()?;
        let named: SmallVec<[_; 8]> = names
            .iter()
            .enumerate()
            .map(|(i, name)| Ok((name.to_str()?, value(count as usize + i))))
            .collect::<PyResult<_>>()?;
        invoke(py, index, &Given { positional: &positional, named: &named })
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
    let home = PyString::new(py, "pyrite");
    for (index, callable) in callables().iter().enumerate() {
        let Some(trampoline) = TRAMPOLINES.get(index) else {
            return Err(PyRuntimeError::new_err("internal error: more ops than trampolines"));
        };
        let definition = definition(&callable.name, *trampoline, callable.doc)?;
        // SAFETY: the definition is leaked, so it outlives the objects made from it; the class and
        // module are live; both functions return a new reference or set an exception.
        let object = unsafe {
            let raw = if callable.is_method() {
                ffi::PyDescr_NewMethod(class.as_ptr().cast(), definition)
            } else {
                ffi::PyCFunction_NewEx(definition, std::ptr::null_mut(), home.as_ptr())
            };
            Bound::from_owned_ptr_or_err(py, raw)?
        };
        let _ = callable.object.set(py, object.clone().unbind());
        if callable.is_method() {
            class.setattr(callable.name.as_str(), object)?;
        } else {
            module.add(callable.spellings.attribute(&callable.name).as_str(), object)?;
        }
    }
    Ok(())
}

/// The names of the methods that come from the op table; they ask for overrides by themselves.
#[pyfunction]
pub fn _op_methods() -> Vec<&'static str> {
    callables().iter().filter(|c| c.is_method()).map(|c| c.name.as_str()).collect()
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
