//! DLPack: memory shared with other array packages through capsules, both ways, in the plain and in
//! the versioned form (<https://dmlc.github.io/dlpack>).

use crate::dtype::to_device;
use crate::error::IntoPy;
use crate::tensor::{PyTensor, wrap};
use array::{Array, Storage};
use base::{DType, DeviceKind, Dims, Layout, Strides};
use cpu::Buffer;
use pyo3::exceptions::{PyAssertionError, PyBufferError, PyRuntimeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::ffi::{CStr, c_void};
use std::sync::Arc;
use tape::Tensor;

const PLAIN: &CStr = c"dltensor";
const USED_PLAIN: &CStr = c"used_dltensor";
const VERSIONED: &CStr = c"dltensor_versioned";
const USED_VERSIONED: &CStr = c"used_dltensor_versioned";

/// `kDLCPU`.
const CPU: i32 = 1;
/// The memory must not be written.
const READ_ONLY: u64 = 1;
/// The memory is the consumer's own copy.
const IS_COPIED: u64 = 2;

#[repr(C)]
#[derive(Clone, Copy)]
struct DlDevice {
    kind: i32,
    id: i32,
}

#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
struct DlType {
    code: u8,
    bits: u8,
    lanes: u16,
}

#[repr(C)]
struct DlTensor {
    data: *mut c_void,
    device: DlDevice,
    ndim: i32,
    dtype: DlType,
    shape: *mut i64,
    strides: *mut i64,
    byte_offset: u64,
}

#[repr(C)]
struct Managed {
    tensor: DlTensor,
    context: *mut c_void,
    deleter: Option<unsafe extern "C" fn(*mut Managed)>,
}

#[repr(C)]
struct ManagedVersioned {
    version: [u32; 2],
    context: *mut c_void,
    deleter: Option<unsafe extern "C" fn(*mut ManagedVersioned)>,
    flags: u64,
    tensor: DlTensor,
}

fn dl_type(dtype: DType) -> DlType {
    let code = match dtype {
        DType::Bool => 6,
        DType::U8 => 1,
        DType::I8 | DType::I16 | DType::I32 | DType::I64 => 0,
        DType::BF16 => 4,
        DType::F16 | DType::F32 | DType::F64 => 2,
        DType::C32 | DType::C64 | DType::C128 => 5,
    };
    DlType { code, bits: 8 * dtype.size() as u8, lanes: 1 }
}

/// What an exported tensor holds on to, and where the exported numbers are stored.
struct Held {
    _array: Array,
    shape: Vec<i64>,
    strides: Vec<i64>,
}

fn export(array: Array) -> (DlTensor, *mut c_void) {
    let layout = array.layout().clone();
    let (data, dtype) = (array.address() as *mut c_void, dl_type(array.dtype()));
    let mut held = Box::new(Held {
        _array: array,
        shape: layout.dims.iter().map(|&n| n as i64).collect(),
        strides: layout.strides.iter().map(|&s| s as i64).collect(),
    });
    let tensor = DlTensor {
        data,
        device: DlDevice { kind: CPU, id: 0 },
        ndim: layout.rank() as i32,
        dtype,
        shape: held.shape.as_mut_ptr(),
        strides: held.strides.as_mut_ptr(),
        byte_offset: 0,
    };
    (tensor, Box::into_raw(held).cast())
}

unsafe extern "C" fn delete(managed: *mut Managed) {
    // SAFETY: DLPack calls the deleter once, with the structure that `capsule` leaked; its context
    // is the box that `export` leaked.
    unsafe {
        let managed = Box::from_raw(managed);
        drop(Box::from_raw(managed.context.cast::<Held>()));
    }
}

unsafe extern "C" fn delete_versioned(managed: *mut ManagedVersioned) {
    // SAFETY: as for `delete`.
    unsafe {
        let managed = Box::from_raw(managed);
        drop(Box::from_raw(managed.context.cast::<Held>()));
    }
}

/// A capsule nobody consumed gives its tensor back.
unsafe extern "C" fn drop_capsule(capsule: *mut ffi::PyObject) {
    // SAFETY: the interpreter passes the dying capsule; its pointer is ours while its name is.
    unsafe {
        if ffi::PyCapsule_IsValid(capsule, PLAIN.as_ptr()) == 1 {
            let managed = ffi::PyCapsule_GetPointer(capsule, PLAIN.as_ptr()).cast::<Managed>();
            if let Some(deleter) = (*managed).deleter {
                deleter(managed);
            }
        } else if ffi::PyCapsule_IsValid(capsule, VERSIONED.as_ptr()) == 1 {
            let managed =
                ffi::PyCapsule_GetPointer(capsule, VERSIONED.as_ptr()).cast::<ManagedVersioned>();
            if let Some(deleter) = (*managed).deleter {
                deleter(managed);
            }
        }
    }
}

fn new_capsule(py: Python<'_>, pointer: *mut c_void, name: &CStr) -> PyResult<Py<PyAny>> {
    // SAFETY: the pointer is not null and the name is static; on failure an exception is set.
    unsafe {
        let raw = ffi::PyCapsule_New(pointer, name.as_ptr(), Some(drop_capsule));
        Bound::from_owned_ptr_or_err(py, raw).map(Bound::unbind)
    }
}

fn capsule(py: Python<'_>, array: Array, versioned: bool, copied: bool) -> PyResult<Py<PyAny>> {
    let writable = array.storage().buffer().is_none_or(Buffer::writable);
    if !writable && !versioned {
        return Err(PyBufferError::new_err(
            "Cannot export read-only memory without a DLPack version that can say so",
        ));
    }
    let (tensor, context) = export(array);
    if !versioned {
        let managed = Box::new(Managed { tensor, context, deleter: Some(delete) });
        return new_capsule(py, Box::into_raw(managed).cast(), PLAIN);
    }
    let flags = u64::from(!writable) * READ_ONLY + u64::from(copied) * IS_COPIED;
    let deleter = Some(delete_versioned as unsafe extern "C" fn(*mut ManagedVersioned));
    let managed = Box::new(ManagedVersioned { version: [1, 0], context, deleter, flags, tensor });
    new_capsule(py, Box::into_raw(managed).cast(), VERSIONED)
}

#[pymethods]
impl PyTensor {
    /// A capsule over the tensor's memory, for another package's `from_dlpack`.
    #[pyo3(signature = (*, stream=None, max_version=None, dl_device=None, copy=None))]
    fn __dlpack__(
        &self,
        py: Python<'_>,
        stream: Option<i64>,
        max_version: Option<(u32, u32)>,
        dl_device: Option<(i32, i32)>,
        copy: Option<bool>,
    ) -> PyResult<Py<PyAny>> {
        crate::sparse::refuse(&self.tensor, "__dlpack__")?;
        if self.tensor.requires_grad() {
            return Err(PyBufferError::new_err(
                "Can't export tensors that require gradient, use tensor.detach()",
            ));
        }
        let device = self.tensor.device();
        if device.kind != DeviceKind::Cpu || dl_device.is_some_and(|(kind, _)| kind != CPU) {
            return Err(PyBufferError::new_err(format!(
                "Cannot export a tensor on device {device} to the device asked for: only host \
                 memory can be shared"
            )));
        }
        if stream.is_some_and(|stream| stream != -1) {
            return Err(PyAssertionError::new_err("stream should be None on cpu."));
        }
        let mut array = self.tensor.array();
        if copy == Some(true) {
            array = array.copied().py()?;
        }
        capsule(py, array, max_version.is_some_and(|(major, _)| major >= 1), copy == Some(true))
    }

    /// The kind and number of the device, as DLPack counts them.
    fn __dlpack_device__(&self) -> PyResult<(i32, i32)> {
        match self.tensor.device().kind {
            DeviceKind::Cpu => Ok((CPU, 0)),
            _ => Err(PyBufferError::new_err(format!(
                "Unknown device type {} for Dlpack",
                self.tensor.device()
            ))),
        }
    }
}

/// Somebody's memory; given back when dropped.
enum Borrowed {
    Plain(*mut Managed),
    Versioned(*mut ManagedVersioned),
}

// SAFETY: DLPack lets any thread call the deleter; nothing else is done with the pointer.
unsafe impl Send for Borrowed {}
// SAFETY: as above.
unsafe impl Sync for Borrowed {}

impl Borrowed {
    fn tensor(&self) -> &DlTensor {
        // SAFETY: the structure lives until its deleter is called, which `drop` does.
        unsafe {
            match self {
                Borrowed::Plain(managed) => &(**managed).tensor,
                Borrowed::Versioned(managed) => &(**managed).tensor,
            }
        }
    }

    fn writable(&self) -> bool {
        match self {
            Borrowed::Plain(_) => true,
            // SAFETY: as for `tensor`.
            Borrowed::Versioned(managed) => unsafe { (**managed).flags & READ_ONLY == 0 },
        }
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        // Deleters of Python packages release Python objects; without an interpreter they are gone.
        // SAFETY: this consumer owns the structure, so it calls the deleter once.
        Python::try_attach(|_| unsafe {
            match *self {
                Borrowed::Plain(managed) => {
                    if let Some(deleter) = (*managed).deleter {
                        deleter(managed);
                    }
                }
                Borrowed::Versioned(managed) => {
                    if let Some(deleter) = (*managed).deleter {
                        deleter(managed);
                    }
                }
            }
        });
    }
}

fn consume(capsule: &Bound<'_, PyAny>) -> PyResult<Borrowed> {
    let raw = capsule.as_ptr();
    // SAFETY: names are checked before pointers are taken; renaming marks the capsule as consumed.
    unsafe {
        if ffi::PyCapsule_IsValid(raw, VERSIONED.as_ptr()) == 1 {
            let pointer = ffi::PyCapsule_GetPointer(raw, VERSIONED.as_ptr());
            let managed = pointer.cast::<ManagedVersioned>();
            if (*managed).version[0] > 1 {
                return Err(PyBufferError::new_err(format!(
                    "DLPack version {} is not supported",
                    (*managed).version[0]
                )));
            }
            ffi::PyCapsule_SetName(raw, USED_VERSIONED.as_ptr());
            return Ok(Borrowed::Versioned(managed));
        }
        if ffi::PyCapsule_IsValid(raw, PLAIN.as_ptr()) == 1 {
            let managed = ffi::PyCapsule_GetPointer(raw, PLAIN.as_ptr()).cast::<Managed>();
            ffi::PyCapsule_SetName(raw, USED_PLAIN.as_ptr());
            return Ok(Borrowed::Plain(managed));
        }
    }
    Err(PyRuntimeError::new_err(
        "from_dlpack received an invalid capsule. Note that DLTensor capsules can be consumed only \
         once, so you might have already constructed a tensor from it once.",
    ))
}

fn geometry(tensor: &DlTensor) -> PyResult<Layout> {
    let rank = usize::try_from(tensor.ndim).unwrap_or(0);
    let list = |start: *mut i64| -> &[i64] {
        if rank == 0 || start.is_null() {
            return &[];
        }
        // SAFETY: DLPack's shape and strides hold `ndim` numbers.
        unsafe { std::slice::from_raw_parts(start, rank) }
    };
    let dims: Dims = list(tensor.shape).iter().map(|&n| n as usize).collect();
    let mut layout = Layout::contiguous(&dims);
    if !tensor.strides.is_null() {
        let strides = list(tensor.strides);
        if strides.iter().any(|&s| s < 0) {
            return Err(PyBufferError::new_err("tensors with negative strides are not supported"));
        }
        layout.strides = strides.iter().map(|&s| s as isize).collect::<Strides>();
    }
    Ok(layout)
}

/// A tensor over the memory of an object with `__dlpack__`, or of a capsule.
pub fn import(value: &Bound<'_, PyAny>) -> PyResult<Tensor> {
    let borrowed = consume(&ask(value)?)?;
    let tensor = borrowed.tensor();
    if tensor.device.kind != CPU {
        return Err(PyBufferError::new_err(format!(
            "from_dlpack: memory on DLPack device type {} cannot be shared",
            tensor.device.kind
        )));
    }
    let (kind, start) =
        (tensor.dtype, tensor.data.cast::<u8>().wrapping_add(tensor.byte_offset as usize));
    let Some(dtype) = DType::ALL.into_iter().find(|&d| dl_type(d) == kind) else {
        return Err(PyBufferError::new_err(format!(
            "from_dlpack: unsupported element type: code {}, {} bits, {} lanes",
            kind.code, kind.bits, kind.lanes
        )));
    };
    let layout = geometry(tensor)?;
    if !(start as usize).is_multiple_of(dtype.to_real().size()) {
        return Err(PyBufferError::new_err("from_dlpack: memory is not aligned to its elements"));
    }
    let nbytes = if layout.numel() == 0 { 0 } else { layout.end() * dtype.size() };
    let writable = borrowed.writable();
    // SAFETY: the exporter says that these elements lie at `start`; they stay until `borrowed`,
    // which the buffer keeps, is dropped.
    let buffer = unsafe { Buffer::foreign(start, nbytes, Box::new(borrowed), writable) };
    let storage = Arc::new(Storage::from_buffer(buffer));
    Ok(Tensor::new(Array::over(storage, layout, dtype).py()?))
}

/// The capsule of an object: versioned where it knows that, else plain.
fn ask<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    if !value.hasattr("__dlpack__")? {
        return Ok(value.clone());
    }
    let py = value.py();
    let options = PyDict::new(py);
    options.set_item("max_version", (1, 0))?;
    match value.call_method("__dlpack__", (), Some(&options)) {
        Err(error) if error.is_instance_of::<pyo3::exceptions::PyTypeError>(py) => {
            value.call_method0("__dlpack__")
        }
        result => result,
    }
}

/// A tensor over the memory of another package's array; `copy=True` copies it.
#[pyfunction]
#[pyo3(signature = (ext_tensor, *, device=None, copy=None))]
fn from_dlpack(
    py: Python<'_>,
    ext_tensor: &Bound<'_, PyAny>,
    device: Option<&Bound<'_, PyAny>>,
    copy: Option<bool>,
) -> PyResult<Py<PyAny>> {
    let device = device.map(to_device).transpose()?;
    let shared = import(ext_tensor)?;
    wrap(py, ops::create::to(&shared, None, device, copy == Some(true), None).py()?)
}

/// The capsule of a tensor (`torch.utils.dlpack.to_dlpack`).
#[pyfunction]
fn _to_dlpack(py: Python<'_>, tensor: &Bound<'_, PyTensor>) -> PyResult<Py<PyAny>> {
    tensor.get().__dlpack__(py, None, None, None, None)
}

/// Adds the functions.
pub fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(from_dlpack, module)?)?;
    module.add_function(wrap_pyfunction!(_to_dlpack, module)?)
}
