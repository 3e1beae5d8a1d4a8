//! NumPy arrays and other buffers: memory shared both ways by the buffer protocol, so that NumPy is
//! neither linked nor imported by us. A tensor over foreign memory keeps its exporter; an array over
//! a tensor's memory keeps the tensor's storage.

use crate::dtype::to_dtype;
use crate::error::IntoPy;
use crate::tensor::{PyTensor, wrap};
use array::{Array, Storage};
use base::{DType, DeviceKind, Dims, Layout, Strides};
use cpu::Buffer;
use pyo3::exceptions::{PyBufferError, PyRuntimeError, PyTypeError, PyUserWarning, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};
use std::ffi::{CStr, c_int};
use std::sync::Arc;
use tape::Tensor;

/// A buffer somebody exports; released when dropped.
struct Export(Box<ffi::Py_buffer>);

// SAFETY: the structure is only read, and released with the interpreter attached.
unsafe impl Send for Export {}
// SAFETY: as above.
unsafe impl Sync for Export {}

impl Export {
    fn of(object: &Bound<'_, PyAny>, flags: c_int) -> PyResult<Export> {
        let mut view = Box::new(ffi::Py_buffer::new());
        // SAFETY: both pointers are live; on failure an exception is set and nothing is exported.
        let status = unsafe { ffi::PyObject_GetBuffer(object.as_ptr(), &raw mut *view, flags) };
        if status == 0 { Ok(Export(view)) } else { Err(PyErr::fetch(object.py())) }
    }

    fn format(&self) -> &str {
        if self.0.format.is_null() {
            return "B";
        }
        // SAFETY: the exporter's format is a string that lives as long as the export.
        unsafe { CStr::from_ptr(self.0.format) }.to_str().unwrap_or("")
    }

    fn list(&self, start: *const ffi::Py_ssize_t) -> &[ffi::Py_ssize_t] {
        let rank = usize::try_from(self.0.ndim).unwrap_or(0);
        if rank == 0 || start.is_null() {
            return &[];
        }
        // SAFETY: shape and strides of an export hold `ndim` numbers.
        unsafe { std::slice::from_raw_parts(start, rank) }
    }

    /// The exported bytes from `offset` on as memory that keeps the export.
    fn into_buffer(self, offset: usize, nbytes: usize) -> Buffer {
        let (start, writable) = (self.0.buf.cast::<u8>(), self.0.readonly == 0);
        // SAFETY: the caller took offset and length from the export's own geometry; the export
        // keeps the memory valid until it is dropped with the buffer.
        unsafe { Buffer::foreign(start.add(offset), nbytes, Box::new(self), writable) }
    }

    fn into_storage(self, offset: usize, nbytes: usize) -> Storage {
        Storage::from_buffer(self.into_buffer(offset, nbytes))
    }
}

impl Drop for Export {
    fn drop(&mut self) {
        // A finalized interpreter has released everything already.
        // SAFETY: the view was filled by the interpreter and is released once, attached.
        Python::try_attach(|_| unsafe { ffi::PyBuffer_Release(&raw mut *self.0) });
    }
}

/// The writable bytes that an object exports.
pub fn exported(object: &Bound<'_, PyAny>, nbytes: usize) -> PyResult<Buffer> {
    let export = Export::of(object, ffi::PyBUF_WRITABLE)?;
    if usize::try_from(export.0.len).unwrap_or(0) < nbytes {
        return Err(PyBufferError::new_err(format!("a buffer of {nbytes} bytes is needed")));
    }
    Ok(export.into_buffer(0, nbytes))
}

/// The class `numpy.ndarray`, when somebody has imported NumPy.
fn ndarray(py: Python<'_>) -> Option<&Bound<'_, PyType>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    if let Some(class) = CLASS.get(py) {
        return Some(class.bind(py));
    }
    let modules = py.import("sys").ok()?.getattr("modules").ok()?;
    let numpy = modules.get_item("numpy").ok()?;
    let class = numpy.getattr("ndarray").ok()?.cast_into::<PyType>().ok()?;
    let _ = CLASS.set(py, class.unbind());
    CLASS.get(py).map(|class| class.bind(py))
}

/// Whether the value is a NumPy array (of a subclass too).
pub fn is_ndarray(value: &Bound<'_, PyAny>) -> bool {
    ndarray(value.py()).is_some_and(|class| value.is_instance(class).unwrap_or(false))
}

/// Whether the value is a NumPy number.
pub fn is_number(value: &Bound<'_, PyAny>) -> bool {
    let kind = value.get_type();
    kind.module().is_ok_and(|m| m.to_cow().is_ok_and(|m| m == "numpy"))
        && value.hasattr("item").unwrap_or(false)
        && value.hasattr("nbytes").unwrap_or(false)
        && !is_ndarray(value)
}

/// The dtype of a format letter of the `struct` module.
fn element(format: &str, size: usize) -> Option<DType> {
    Some(match (format, size) {
        ("?", 1) => DType::Bool,
        ("B" | "c", 1) => DType::U8,
        ("b" | "h" | "i" | "l" | "q" | "n", 1) => DType::I8,
        ("h" | "i" | "l" | "q" | "n", 2) => DType::I16,
        ("h" | "i" | "l" | "q" | "n", 4) => DType::I32,
        ("h" | "i" | "l" | "q" | "n", 8) => DType::I64,
        ("e", 2) => DType::F16,
        ("f", 4) => DType::F32,
        ("d", 8) => DType::F64,
        ("Zf", 8) => DType::C64,
        ("Zd", 16) => DType::C128,
        _ => return None,
    })
}

fn unsupported(array: &Bound<'_, PyAny>) -> PyErr {
    let name = array
        .getattr("dtype")
        .and_then(|d| d.getattr("type")?.getattr("__name__")?.extract::<String>())
        .unwrap_or_else(|_| "unknown".to_string());
    PyTypeError::new_err(format!(
        "can't convert np.ndarray of type numpy.{name}. The only supported types are: float64, \
         float32, float16, complex64, complex128, int64, int32, int16, int8, uint64, uint32, \
         uint16, uint8, and bool.\n  Pyrite has no uint16, uint32 and uint64"
    ))
}

/// Sizes and steps of an export in elements.
fn geometry(export: &Export, size: usize) -> PyResult<(Dims, Strides)> {
    let strides = export.list(export.0.strides);
    if strides.iter().any(|&s| s < 0) {
        return Err(PyValueError::new_err(
            "At least one stride in the given numpy array is negative, and tensors with negative \
             strides are not currently supported. (You can probably work around this by making a \
             copy of your array  with array.copy().) ",
        ));
    }
    if strides.iter().any(|&s| !(s as usize).is_multiple_of(size)) {
        return Err(PyValueError::new_err(
            "given numpy array strides not a multiple of the element byte size. Copy the numpy \
             array to reallocate the memory.",
        ));
    }
    let dims: Dims = export.list(export.0.shape).iter().map(|&n| n as usize).collect();
    let steps: Strides = strides.iter().map(|&s| s / size as isize).collect();
    Ok((dims, steps))
}

/// A NumPy array as an array over its memory. `warn` about memory that must not be written.
pub fn shared(value: &Bound<'_, PyAny>, warn: bool) -> PyResult<Array> {
    let Ok(export) = Export::of(value, ffi::PyBUF_RECORDS_RO) else {
        return Err(unsupported(value));
    };
    let format = export.format();
    let size = usize::try_from(export.0.itemsize).unwrap_or(0);
    let foreign = if cfg!(target_endian = "little") { ['>', '!'] } else { ['<', '<'] };
    let plain = format.trim_start_matches(['@', '=', '<', '>', '!', '^']);
    let dtype = element(plain, size).ok_or_else(|| unsupported(value))?;
    if format.starts_with(foreign) && size > 1 {
        return Err(PyValueError::new_err(
            "given numpy array has byte order different from the native byte order. Conversion \
             between byte orders is currently not supported.",
        ));
    }
    let (dims, strides) = geometry(&export, size)?;
    if warn && export.0.readonly != 0 {
        warn_read_only(value.py(), "NumPy array")?;
    }
    let layout = Layout { dims, strides, offset: 0 };
    let nbytes = if layout.numel() == 0 { 0 } else { layout.end() * size };
    if (export.0.buf as usize).is_multiple_of(dtype.to_real().size()) || nbytes == 0 {
        return Array::over(Arc::new(export.into_storage(0, nbytes)), layout, dtype).py();
    }
    Err(PyValueError::new_err(
        "given numpy array is not aligned to its element size. Copy the numpy array to reallocate \
         the memory.",
    ))
}

fn warn_read_only(py: Python<'_>, what: &str) -> PyResult<()> {
    let text = format!(
        "The given {what} is not writable, and a tensor over it cannot be written either. You may \
         want to copy the {what} to protect its data or make it writable before converting it to a \
         tensor."
    );
    let text = std::ffi::CString::new(text).map_err(|e| PyRuntimeError::new_err(e.to_string()))?;
    PyErr::warn(py, py.get_type::<PyUserWarning>().as_any(), &text, 1)
}

/// A tensor over the memory of a NumPy array.
#[pyfunction]
fn from_numpy(py: Python<'_>, ndarray: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    if !is_ndarray(ndarray) {
        let kind = ndarray.get_type().fully_qualified_name()?;
        return Err(PyTypeError::new_err(format!("expected np.ndarray (got {kind})")));
    }
    wrap(py, Tensor::new(shared(ndarray, true)?))
}

/// A one-dimensional tensor over the memory of an object with the buffer protocol.
#[pyfunction]
#[pyo3(signature = (buffer, *, dtype, count=-1, offset=0, requires_grad=false))]
fn frombuffer(
    py: Python<'_>,
    buffer: &Bound<'_, PyAny>,
    dtype: &Bound<'_, PyAny>,
    count: i64,
    offset: i64,
    requires_grad: bool,
) -> PyResult<Py<PyAny>> {
    let dtype = crate::construct::dtype_argument(dtype, "frombuffer")?;
    let export = Export::of(buffer, ffi::PyBUF_SIMPLE)
        .map_err(|_| PyValueError::new_err("object does not implement Python buffer protocol."))?;
    let (start, count) = part(&export, dtype.size(), count, offset)?;
    if export.0.readonly != 0 {
        warn_read_only(py, "buffer")?;
    }
    if !(export.0.buf as usize + start).is_multiple_of(dtype.to_real().size()) {
        return Err(PyValueError::new_err(format!(
            "offset ({offset} bytes) puts elements of {dtype} at addresses they cannot have"
        )));
    }
    let storage = export.into_storage(start, count * dtype.size());
    let array = Array::over(Arc::new(storage), Layout::contiguous(&[count]), dtype).py()?;
    let tensor = Tensor::new(array);
    crate::construct::require_grad(&tensor, requires_grad)?;
    wrap(py, tensor)
}

/// The first byte and the number of elements asked for, checked against the buffer's length.
fn part(export: &Export, size: usize, count: i64, offset: i64) -> PyResult<(usize, usize)> {
    let length = usize::try_from(export.0.len).unwrap_or(0);
    let fail = |text: String| Err(PyValueError::new_err(text));
    if length == 0 || count == 0 {
        return fail(format!("both buffer length ({length}) and count ({count}) must not be 0"));
    }
    let Some(start) = usize::try_from(offset).ok().filter(|&start| start < length) else {
        return fail(format!(
            "offset ({offset} bytes) must be non-negative and no greater than buffer length \
             ({length} bytes) minus 1"
        ));
    };
    let rest = length - start;
    let Ok(count) = usize::try_from(count) else {
        if rest.is_multiple_of(size) {
            return Ok((start, rest / size));
        }
        return fail(format!(
            "buffer length ({rest} bytes) after offset ({offset} bytes) must be a multiple of \
             element size ({size})"
        ));
    };
    if count.checked_mul(size).is_none_or(|need| need > rest) {
        return fail(format!(
            "requested buffer length ({count} * {size} bytes) after offset ({offset} bytes) must \
             not be greater than actual buffer length ({length} bytes)"
        ));
    }
    Ok((start, count))
}

/// The memory of an array, exported as plain bytes; what NumPy arrays over a tensor hold on to.
#[pyclass(module = "pyrite._C", frozen)]
struct HostMemory(Array);

#[pymethods]
impl HostMemory {
    unsafe fn __getbuffer__(
        slf: Bound<'_, Self>,
        view: *mut ffi::Py_buffer,
        flags: c_int,
    ) -> PyResult<()> {
        let Some(buffer) = slf.get().0.storage().buffer() else {
            return Err(PyBufferError::new_err("the memory is not the host's"));
        };
        let start = if buffer.is_empty() { std::ptr::dangling_mut() } else { buffer.ptr() };
        let read_only = c_int::from(!buffer.writable());
        // SAFETY: `view` is the interpreter's; the bytes live as long as the storage, which the
        // object holds, and the filled view holds the object.
        let status = unsafe {
            ffi::PyBuffer_FillInfo(
                view,
                slf.as_ptr(),
                start.cast(),
                buffer.len() as ffi::Py_ssize_t,
                read_only,
                flags,
            )
        };
        if status == 0 { Ok(()) } else { Err(PyErr::fetch(slf.py())) }
    }
}

/// A NumPy array over the memory of `tensor`.
fn to_numpy<'py>(py: Python<'py>, tensor: &Tensor) -> PyResult<Bound<'py, PyAny>> {
    let array = tensor.array();
    let name = match array.dtype() {
        dtype @ (DType::BF16 | DType::C32) => {
            let text = format!("Got unsupported ScalarType {}", dtype.type_name());
            return Err(PyTypeError::new_err(text));
        }
        dtype => dtype.name(),
    };
    let size = array.dtype().size();
    let layout = array.layout().clone();
    let strides: Vec<isize> = layout.strides.iter().map(|s| s * size as isize).collect();
    let offset = if layout.numel() == 0 { 0 } else { layout.offset * size };
    let class = py.import("numpy")?.getattr("ndarray")?;
    let memory = Bound::new(py, HostMemory(array))?;
    let shape = PyTuple::new(py, layout.dims.iter())?;
    class.call1((shape, name, memory, offset, PyTuple::new(py, strides)?))
}

/// Sharing with NumPy.
#[pymethods]
impl PyTensor {
    /// A NumPy array over the same memory; `force` detaches and copies to the host first.
    #[pyo3(signature = (*, force=false))]
    fn numpy<'py>(&self, py: Python<'py>, force: bool) -> PyResult<Bound<'py, PyAny>> {
        let device = self.tensor.device();
        if force {
            let plain = self.tensor.detach();
            let host = ops::create::to(&plain, None, Some(base::Device::CPU), false, None).py()?;
            return to_numpy(py, &host);
        }
        if device.kind != DeviceKind::Cpu {
            return Err(PyTypeError::new_err(format!(
                "can't convert {device} device type tensor to numpy. Use Tensor.cpu() to copy the \
                 tensor to host memory first."
            )));
        }
        if self.tensor.requires_grad() && tape::grad_enabled() {
            return Err(PyRuntimeError::new_err(
                "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() \
                 instead.",
            ));
        }
        to_numpy(py, &self.tensor)
    }

    /// What NumPy calls to make an array of a tensor.
    #[pyo3(signature = (dtype=None, copy=None))]
    fn __array__<'py>(
        &self,
        py: Python<'py>,
        dtype: Option<&Bound<'py, PyAny>>,
        copy: Option<bool>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let array = self.numpy(py, false)?;
        match (dtype, copy) {
            (Some(dtype), _) => {
                let options = PyDict::new(py);
                options.set_item("copy", copy == Some(true))?;
                array.call_method("astype", (dtype,), Some(&options))
            }
            (None, Some(true)) => array.call_method0("copy"),
            _ => Ok(array),
        }
    }

    /// What NumPy calls with the result of its own function on a tensor.
    #[pyo3(signature = (array, context=None, return_scalar=false))]
    fn __array_wrap__<'py>(
        &self,
        py: Python<'py>,
        array: &Bound<'py, PyAny>,
        context: Option<&Bound<'py, PyAny>>,
        return_scalar: bool,
    ) -> PyResult<Py<PyAny>> {
        let _ = (context, return_scalar);
        let mut result = shared(array, false)?;
        if result.dtype() == DType::Bool {
            result = result.cast(DType::U8).py()?;
        }
        wrap(py, Tensor::new(result))
    }

    /// Makes NumPy leave mixed operators to tensors.
    #[classattr]
    fn __array_priority__() -> i32 {
        1000
    }
}

/// The dtype a NumPy number or array has here.
pub fn number_dtype(value: &Bound<'_, PyAny>) -> Option<DType> {
    let name: String = value.getattr("dtype").ok()?.getattr("name").ok()?.extract().ok()?;
    DType::ALL.into_iter().find(|d| d.name() == name).or_else(|| to_dtype(value))
}

/// A buffer that is no array as a one-dimensional array of `dtype`.
pub fn flat(value: &Bound<'_, PyAny>, dtype: DType) -> PyResult<Option<Tensor>> {
    let Ok(export) = Export::of(value, ffi::PyBUF_SIMPLE) else {
        return Ok(None);
    };
    let (start, count) = part(&export, dtype.size(), -1, 0)?;
    let storage = export.into_storage(start, count * dtype.size());
    let array = Array::over(Arc::new(storage), Layout::contiguous(&[count]), dtype).py()?;
    Ok(Some(Tensor::new(array)))
}

/// Adds the functions.
pub fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(from_numpy, module)?)?;
    module.add_function(wrap_pyfunction!(frombuffer, module)?)
}
