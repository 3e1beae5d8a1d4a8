//! `__torch_function__`: a call whose arguments hold a subclass of `Tensor`, or an object of a class
//! that has this method, is handed to the method instead of being carried out.
//!
//! Everything native asks here first: functions and methods of the op table, operators, indexing.
//! The classes of everyday arguments are known by address, so that asking costs a few comparisons.

use crate::tensor::PyTensor;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{
    PyBool, PyComplex, PyDict, PyFloat, PyInt, PyList, PySlice, PyString, PyTuple, PyType,
};
use pyo3::{ffi, intern};
use std::cell::{Cell, RefCell};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

/// Classes whose values never override anything, most frequent first; filled once at import.
static PLAIN: [AtomicPtr<ffi::PyTypeObject>; 16] = [const { AtomicPtr::new(ptr::null_mut()) }; 16];

static DISABLED: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

thread_local! {
    static ENABLED: Cell<bool> = const { Cell::new(true) };
    static ACTIVE_MODES: Cell<usize> = const { Cell::new(0) };
    static MODES: RefCell<Vec<Py<PyAny>>> = const { RefCell::new(Vec::new()) };
}

/// Declares that values of `class` never override a call.
#[pyfunction]
pub fn _add_plain_class(class: &Bound<'_, PyType>) {
    let free = PLAIN.iter().find(|slot| slot.load(Ordering::Relaxed).is_null());
    if let Some(slot) = free {
        slot.store(class.clone().into_ptr().cast(), Ordering::Relaxed);
    }
}

#[inline]
fn is_plain(value: &Bound<'_, PyAny>) -> bool {
    let class = value.get_type_ptr();
    PLAIN.iter().any(|slot| ptr::eq(slot.load(Ordering::Relaxed), class))
}

/// The items of a list or tuple, which count as arguments themselves.
fn items<'py>(value: &Bound<'py, PyAny>) -> impl Iterator<Item = Bound<'py, PyAny>> {
    let list = value.cast::<PyList>().ok().into_iter().flat_map(|list| list.iter());
    list.chain(value.cast::<PyTuple>().ok().into_iter().flat_map(|tuple| tuple.iter()))
}

#[inline]
fn asks(value: &Bound<'_, PyAny>) -> bool {
    if is_plain(value) {
        return false;
    }
    if value.is_exact_instance_of::<PyList>() || value.is_exact_instance_of::<PyTuple>() {
        return items(value).any(|item| !is_plain(&item) && overrides(&item));
    }
    overrides(value)
}

/// Whether the value's class has a `__torch_function__` that is not switched off.
fn overrides(value: &Bound<'_, PyAny>) -> bool {
    let py = value.py();
    let Ok(Some(method)) = value.get_type().getattr_opt(intern!(py, "__torch_function__")) else {
        return false;
    };
    DISABLED.get(py).is_none_or(|disabled| !method.is(disabled))
}

/// Whether the call with these arguments is to be handed over.
#[inline]
pub fn intercepted<'a, 'py: 'a>(mut values: impl Iterator<Item = &'a Bound<'py, PyAny>>) -> bool {
    ACTIVE_MODES.get() != 0 || (ENABLED.get() && values.any(asks))
}

/// The arguments whose classes override, one for each class, subclasses before their bases.
fn overriding<'py>(args: &[Bound<'py, PyAny>]) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let mut found: Vec<Bound<'py, PyAny>> = Vec::new();
    if !ENABLED.get() {
        return Ok(found);
    }
    for value in args.iter().flat_map(|arg| std::iter::once(arg.clone()).chain(items(arg))) {
        let class = value.get_type();
        if is_plain(&value)
            || !overrides(&value)
            || found.iter().any(|other| other.get_type().is(&class))
        {
            continue;
        }
        let mut place = found.len();
        for (i, other) in found.iter().enumerate() {
            if class.is_subclass(&other.get_type())? {
                place = i;
                break;
            }
        }
        found.insert(place, value);
    }
    Ok(found)
}

fn ask<'py>(
    handler: &Bound<'py, PyAny>,
    func: &Bound<'py, PyAny>,
    types: &Bound<'py, PyTuple>,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = func.py();
    let name = intern!(py, "__torch_function__");
    let result = match kwargs {
        Some(kwargs) => handler.call_method1(name, (func, types, args, kwargs))?,
        None => handler.call_method1(name, (func, types, args))?,
    };
    Ok((!result.is(py.NotImplemented().bind(py))).then_some(result))
}

/// Takes the innermost mode off while it handles a call.
struct Entered(Option<Py<PyAny>>);

impl Entered {
    fn innermost() -> Entered {
        let mode = MODES.with_borrow_mut(Vec::pop);
        ACTIVE_MODES.set(MODES.with_borrow(Vec::len));
        Entered(mode)
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        if let Some(mode) = self.0.take() {
            push_mode(mode);
        }
    }
}

fn push_mode(mode: Py<PyAny>) {
    MODES.with_borrow_mut(|modes| modes.push(mode));
    ACTIVE_MODES.set(MODES.with_borrow(Vec::len));
}

type Objects<'py> = Vec<Bound<'py, PyAny>>;

/// Hands a call over: to the innermost mode, then to the arguments that override, in order; these,
/// and the result unless all declined.
fn offer<'py>(
    func: &Bound<'py, PyAny>,
    relevant: &[Bound<'py, PyAny>],
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<(Objects<'py>, Option<Bound<'py, PyAny>>)> {
    let handlers = overriding(relevant)?;
    let types = PyTuple::new(func.py(), handlers.iter().map(|value| value.get_type()))?;
    let entered = Entered::innermost();
    if let Some(mode) = &entered.0
        && let Some(result) = ask(mode.bind(func.py()), func, &types, args, kwargs)?
    {
        return Ok((handlers, Some(result)));
    }
    drop(entered);
    for handler in &handlers {
        if let Some(result) = ask(handler, func, &types, args, kwargs)? {
            return Ok((handlers, Some(result)));
        }
    }
    Ok((handlers, None))
}

/// Hands over a call of the native `func`.
pub fn hand_over<'py>(
    func: &Bound<'py, PyAny>,
    args: &[Bound<'py, PyAny>],
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Py<PyAny>> {
    let mut relevant = args.to_vec();
    relevant.extend(kwargs.into_iter().flatten().map(|(_, value)| value));
    let all = PyTuple::new(func.py(), args)?;
    match offer(func, &relevant, &all, kwargs)? {
        (_, Some(result)) => Ok(result.unbind()),
        (handlers, None) => Err(refused(func, &handlers)?),
    }
}

/// Hands over an operator that stands for the method `name`; declined, Python tries the other side.
pub fn hand_over_operator(name: &str, args: &[Bound<'_, PyAny>]) -> PyResult<Py<PyAny>> {
    let py = args[0].py();
    let func = py.get_type::<PyTensor>().getattr(name)?;
    let all = PyTuple::new(py, args)?;
    match offer(&func, args, &all, None)? {
        (_, Some(result)) => Ok(result.unbind()),
        _ => Ok(py.NotImplemented()),
    }
}

/// Hands over a call of the tensor method `name`.
pub fn hand_over_method(name: &str, args: &[Bound<'_, PyAny>]) -> PyResult<Py<PyAny>> {
    hand_over(&args[0].py().get_type::<PyTensor>().getattr(name)?, args, None)
}

fn refused(func: &Bound<'_, PyAny>, handlers: &[Bound<'_, PyAny>]) -> PyResult<PyErr> {
    let owner = if func.hasattr("__objclass__")? { "torch.Tensor" } else { "torch" };
    let name = func.getattr("__name__")?;
    let classes: Vec<String> = handlers
        .iter()
        .map(|value| Ok(format!("\n\n  - tensor subclass {}", value.get_type().repr()?)))
        .collect::<PyResult<_>>()?;
    Ok(PyTypeError::new_err(format!(
        "Multiple dispatch failed for '{owner}.{name}'; all __torch_function__ handlers returned NotImplemented:{}",
        classes.concat()
    )))
}

/// Whether one of the values overrides calls, or a mode is active.
#[pyfunction]
fn _has_torch_function(values: &Bound<'_, PyAny>) -> PyResult<bool> {
    let values = values.try_iter()?.collect::<PyResult<Vec<_>>>()?;
    Ok(intercepted(values.iter()))
}

/// Hands the call `func(*args, **kwargs)` to the `relevant` arguments; None when all declined, else
/// a tuple with the result.
#[pyfunction]
fn _offer<'py>(
    func: &Bound<'py, PyAny>,
    relevant: &Bound<'py, PyAny>,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Option<(Bound<'py, PyAny>,)>> {
    let relevant = relevant.try_iter()?.collect::<PyResult<Vec<_>>>()?;
    Ok(offer(func, &relevant, args, kwargs)?.1.map(|result| (result,)))
}

/// The classes among `values` that override, in the order in which they are asked.
#[pyfunction]
fn _overriding<'py>(values: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    overriding(&values.try_iter()?.collect::<PyResult<Vec<_>>>()?)
}

/// A context in which arguments take over no calls on this thread.
#[pyclass(name = "DisableTorchFunctionSubclass", module = "pyrite._C", frozen)]
struct PyDisable {
    before: AtomicBool,
}

#[pymethods]
impl PyDisable {
    #[new]
    fn new() -> PyDisable {
        PyDisable { before: AtomicBool::new(true) }
    }

    fn __enter__(&self) {
        self.before.store(ENABLED.replace(false), Ordering::Relaxed);
    }

    #[pyo3(signature = (*_exc_info))]
    fn __exit__(&self, _exc_info: &Bound<'_, PyTuple>) {
        ENABLED.set(self.before.load(Ordering::Relaxed));
    }
}

/// Adds a mode that sees every call on this thread first.
#[pyfunction]
fn _push_torch_function_mode(mode: Py<PyAny>) {
    push_mode(mode);
}

/// Takes the innermost mode away.
#[pyfunction]
fn _pop_torch_function_mode() -> Option<Py<PyAny>> {
    std::mem::replace(&mut Entered::innermost(), Entered(None)).0.take()
}

/// What a class sets `__torch_function__` to that overrides nothing.
#[pyfunction]
#[pyo3(signature = (func, types, args=None, kwargs=None))]
fn _disabled_torch_function_impl<'py>(
    func: &Bound<'py, PyAny>,
    types: &Bound<'py, PyAny>,
    args: Option<&Bound<'py, PyTuple>>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let _ = types;
    let before = ENABLED.replace(false);
    let empty = PyTuple::empty(func.py());
    let result = func.call(args.unwrap_or(&empty), kwargs);
    ENABLED.set(before);
    result
}

/// Adds the functions and the classes known to be plain.
pub fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    _add_plain_class(&py.get_type::<PyTensor>());
    let none = py.None().into_bound(py).get_type();
    for class in [
        py.get_type::<PyInt>(),
        py.get_type::<PyFloat>(),
        none,
        py.get_type::<PyBool>(),
        py.get_type::<PyString>(),
        py.get_type::<PySlice>(),
        py.get_type::<PyComplex>(),
        py.get_type::<crate::dtype::PyDType>(),
        py.get_type::<crate::dtype::PyDevice>(),
        py.get_type::<crate::dtype::PyMemoryFormat>(),
    ] {
        _add_plain_class(&class);
    }
    module.add_function(wrap_pyfunction!(_add_plain_class, module)?)?;
    module.add_function(wrap_pyfunction!(_has_torch_function, module)?)?;
    module.add_function(wrap_pyfunction!(_offer, module)?)?;
    module.add_function(wrap_pyfunction!(_overriding, module)?)?;
    module.add_class::<PyDisable>()?;
    module.add_function(wrap_pyfunction!(_push_torch_function_mode, module)?)?;
    module.add_function(wrap_pyfunction!(_pop_torch_function_mode, module)?)?;
    let disabled = wrap_pyfunction!(_disabled_torch_function_impl, module)?;
    let _ = DISABLED.set(py, disabled.clone().into_any().unbind());
    module.add_function(disabled)
}
