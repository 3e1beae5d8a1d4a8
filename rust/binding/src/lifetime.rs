//! How long the object of a tensor lives, and what the garbage collector is told about it.
//!
//! The graph may hold a tensor after users let go of its object. If anybody could tell a new object
//! from the old one (it has attributes, weak references or a subclass), the object stays: the tensor
//! then owns a reference to it (see `tape`'s `wrapper`). Python asks in `tp_dealloc`, which PyO3
//! fills; so this file puts functions of its own before PyO3's `tp_dealloc` and `tp_traverse`.

use crate::node::Held;
use crate::tensor::PyTensor;
use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use std::any::Any;
use std::ffi::{c_int, c_void};
use std::sync::OnceLock;
use tape::{Settled, Tensor};

/// What was found on the class when it was made.
struct Class {
    address: usize,
    /// Where instances hold their `__dict__` and their weak references.
    dict: usize,
    weak: usize,
    dealloc: ffi::destructor,
    traverse: ffi::traverseproc,
}

static CLASS: OnceLock<Class> = OnceLock::new();

/// Puts the functions of this file on the class, before any subclass is made of it.
pub fn install(py: Python<'_>) -> PyResult<()> {
    let class = py.get_type::<PyTensor>();
    let address = class.as_type_ptr();
    // SAFETY: the class is a heap type and PyO3 fills both slots of each of its classes, with
    // functions of these types.
    let (dealloc, traverse) = unsafe {
        (
            std::mem::transmute::<*mut c_void, Option<ffi::destructor>>(ffi::PyType_GetSlot(
                address,
                ffi::Py_tp_dealloc,
            )),
            std::mem::transmute::<*mut c_void, Option<ffi::traverseproc>>(ffi::PyType_GetSlot(
                address,
                ffi::Py_tp_traverse,
            )),
        )
    };
    let (Some(dealloc), Some(traverse)) = (dealloc, traverse) else {
        return Err(PyRuntimeError::new_err("internal error: a class without tp_dealloc"));
    };
    let place = |name: &str| class.getattr(name)?.extract::<usize>();
    let (dict, weak) = (place("__dictoffset__")?, place("__weakrefoffset__")?);
    let address = address as usize;
    if CLASS.set(Class { address, dict, weak, dealloc, traverse }).is_ok() {
        replace(class.as_type_ptr(), dealloc as usize, drop_object as *const () as usize)?;
        replace(class.as_type_ptr(), traverse as usize, visit_object as *const () as usize)?;
        tape::install_give_up(give_up);
    }
    Ok(())
}

/// Replaces the slot of a type that holds `old`. The stable interface can read slots but not write
/// them, so the slot is found by its value.
fn replace(class: *mut ffi::PyTypeObject, old: usize, new: usize) -> PyResult<()> {
    let words = class.cast::<usize>();
    for i in 0..32 {
        // SAFETY: a type object is larger than 32 words in every version of CPython, all of them
        // readable; the word that holds the address of PyO3's function is the slot that
        // `PyType_GetSlot` read. No object of the class or of a subclass exists yet.
        unsafe {
            if words.add(i).read() == old {
                words.add(i).write(new);
                return Ok(());
            }
        }
    }
    Err(PyRuntimeError::new_err("internal error: this interpreter's classes have another layout"))
}

/// The tensor of an instance; `None` while the interpreter is still making the object: it may collect
/// garbage after it allocated the object, zeroed, and before the tensor is put there.
///
/// # Safety
/// `object` is an instance of the class.
unsafe fn tensor_of<'a>(object: *mut ffi::PyObject) -> Option<&'a Tensor> {
    // SAFETY: `object` outlives the borrow, which touches no reference count; the interpreter calls
    // attached. A tensor is one non-null pointer, readable as an integer at any time.
    unsafe {
        let object = Borrowed::from_ptr(Python::assume_attached(), object);
        let tensor = &raw const object.cast_unchecked::<PyTensor>().get().tensor;
        if tensor.cast::<usize>().read_volatile() == 0 { None } else { Some(&*tensor) }
    }
}

/// Whether anybody could tell `object` from a new one around the same tensor.
///
/// # Safety
/// `object` is an instance of `class`.
unsafe fn is_special(object: *mut ffi::PyObject, class: &Class) -> bool {
    // SAFETY: the two offsets are those of pointers within each instance.
    unsafe {
        let part = |offset: usize| !object.byte_add(offset).cast::<*mut c_void>().read().is_null();
        ffi::Py_TYPE(object) as usize != class.address || part(class.dict) || part(class.weak)
    }
}

/// `tp_dealloc`.
///
/// # Safety
/// Called by the interpreter, attached, for an instance of the class that nobody refers to.
unsafe extern "C" fn drop_object(object: *mut ffi::PyObject) {
    let Some(class) = CLASS.get() else { return };
    // SAFETY: `object` is an instance that nobody else uses; its memory is valid until PyO3's
    // function frees it. A subclass's own deallocation, which calls this function last, has left
    // the object tracked by the collector and whole but for `__slots__`, so giving it a reference
    // is all it takes to keep it.
    unsafe {
        if let Some(tensor) = tensor_of(object) {
            if !tensor.is_last_handle()
                && is_special(object, class)
                && tensor.keep_wrapper(object as usize)
            {
                ffi::Py_INCREF(object);
                return;
            }
            tensor.forget_wrapper(object as usize);
        }
        (class.dealloc)(object);
    }
}

/// Gives up a tensor's reference to its object: nobody else holds the tensor any more.
fn give_up(tensor: &Tensor) {
    // Without an interpreter there is no object either.
    Python::try_attach(|_| {
        let object = tensor.wrapper() as *mut ffi::PyObject;
        // SAFETY: the tensor owns a reference to its object, so the object is alive; the reference
        // is dropped once, by whom `settle_wrapper` tells to.
        unsafe {
            if tensor.settle_wrapper(ffi::Py_REFCNT(object) > 1) == Settled::Given {
                ffi::Py_DECREF(object);
            }
        }
    });
}

/// `tp_traverse`. An object whose tensor others hold stays, and so does what hangs on it: then
/// nothing of it is shown. The type is shown here, since PyO3 no longer finds its own function.
///
/// # Safety
/// Called by the collector for an instance of the class.
unsafe extern "C" fn visit_object(
    object: *mut ffi::PyObject,
    visit: ffi::visitproc,
    arg: *mut c_void,
) -> c_int {
    let Some(class) = CLASS.get() else { return 0 };
    // SAFETY: `object` is alive, and so is everything shown, which lives at least as long as the
    // tensor; no reference count changes and no Python code runs.
    unsafe {
        let mut result = visit(ffi::Py_TYPE(object).cast(), arg);
        let mut show = |object: *mut ffi::PyObject| {
            if result == 0 {
                result = visit(object, arg);
            }
        };
        if let Some(tensor) = tensor_of(object) {
            if !tensor.is_last_handle() && !tensor.keeps_wrapper() {
                return result;
            }
            if tensor.keeps_itself() {
                show(object);
            }
            tensor.visit_owned(&mut |held: &dyn Any| {
                if let Some(held) = held.downcast_ref::<Held>() {
                    show(held.0.as_ptr());
                } else if let Some(tensor) = held.downcast_ref::<Tensor>() {
                    show(tensor.wrapper() as *mut ffi::PyObject);
                }
            });
        }
        if result == 0 { (class.traverse)(object, visit, arg) } else { result }
    }
}

/// The collector's other half. PyO3 wants both; [`visit_object`] shows what is to be shown.
#[pymethods]
impl PyTensor {
    fn __traverse__(&self, _visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        Ok(())
    }

    fn __clear__(slf: &Bound<'_, Self>) {
        let tensor = &slf.get().tensor;
        tensor.clear_owned();
        if tensor.is_last_handle() && tensor.take_wrapper() {
            // SAFETY: the tensor owned this reference; the collector holds another one meanwhile.
            unsafe { ffi::Py_DECREF(slf.as_ptr()) };
        }
    }
}
