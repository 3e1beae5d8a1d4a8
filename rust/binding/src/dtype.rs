//! The small value types: dtype, device, layout, memory_format, Generator.

use crate::error::IntoPy;
use base::{DType, Device, MemoryFormat};
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyComplex, PyDict, PyFloat, PyInt, PyString, PyTuple, PyType};

/// The package's name in texts: `torch` in a program that imported it under that name.
#[pyfunction]
pub fn _display_name(py: Python<'_>) -> PyResult<&'static str> {
    let modules = py.import("sys")?.getattr("modules")?.cast_into::<PyDict>()?;
    let alias = modules.get_item("torch")?;
    let own = modules.get_item("pyrite")?;
    let aliased = alias.zip(own).is_some_and(|(alias, own)| alias.is(&own));
    Ok(if aliased { "torch" } else { "pyrite" })
}

/// The element type of a tensor.
#[pyclass(name = "dtype", module = "pyrite", frozen, eq, hash)]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PyDType(pub DType);

#[pymethods]
impl PyDType {
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("{}.{}", _display_name(py)?, self.0.name()))
    }

    /// Whether it is a real floating-point type.
    #[getter]
    fn is_floating_point(&self) -> bool {
        self.0.is_float()
    }

    /// Whether it is complex.
    #[getter]
    fn is_complex(&self) -> bool {
        self.0.is_complex()
    }

    /// Whether it holds negative numbers.
    #[getter]
    fn is_signed(&self) -> bool {
        !matches!(self.0, DType::Bool | DType::U8)
    }

    /// Bytes of one element.
    #[getter]
    fn itemsize(&self) -> usize {
        self.0.size()
    }

    /// The dtype of the real parts.
    fn to_real(&self) -> PyDType {
        PyDType(self.0.to_real())
    }

    /// The complex dtype with parts of this type.
    fn to_complex(&self) -> PyResult<PyDType> {
        if self.0.is_integral() {
            return Err(PyRuntimeError::new_err(format!(
                "Unknown Complex ScalarType for {}",
                self.0.type_name()
            )));
        }
        Ok(PyDType(self.0.to_complex()))
    }

    fn __reduce__(&self) -> String {
        self.0.name().to_string()
    }
}

/// One object for each dtype, so that `is` works.
pub fn dtype_object(py: Python<'_>, dtype: DType) -> PyResult<Py<PyDType>> {
    static OBJECTS: PyOnceLock<Vec<Py<PyDType>>> = PyOnceLock::new();
    let objects = OBJECTS.get_or_try_init(py, || {
        DType::ALL.into_iter().map(|d| Py::new(py, PyDType(d))).collect::<PyResult<Vec<_>>>()
    })?;
    Ok(objects[dtype as usize].clone_ref(py))
}

/// A dtype given by a dtype object or by Python's bool, int, float or complex.
pub fn to_dtype(value: &Bound<'_, PyAny>) -> Option<DType> {
    if let Ok(dtype) = value.cast::<PyDType>() {
        return Some(dtype.get().0);
    }
    let py = value.py();
    let kind = value.cast::<PyType>().ok()?;
    if kind.is(py.get_type::<PyFloat>()) {
        Some(base::promote::default_dtype())
    } else if kind.is(py.get_type::<PyBool>()) {
        Some(DType::Bool)
    } else if kind.is(py.get_type::<PyInt>()) {
        Some(DType::I64)
    } else if kind.is(py.get_type::<PyComplex>()) {
        Some(base::promote::default_dtype().to_complex())
    } else {
        None
    }
}

/// Where a tensor lives.
#[pyclass(name = "device", module = "pyrite", frozen, eq, hash)]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PyDevice(pub Device);

#[pymethods]
impl PyDevice {
    #[new]
    #[pyo3(signature = (device=None, index=None, *, r#type=None))]
    fn new(
        device: Option<&Bound<'_, PyAny>>,
        index: Option<i64>,
        r#type: Option<&str>,
    ) -> PyResult<PyDevice> {
        let parsed = match (device, r#type) {
            (Some(device), _) => to_device(device)?,
            (None, Some(text)) => Device::parse(text).py()?,
            (None, None) => return Err(PyTypeError::new_err("device(): a device type is needed")),
        };
        match index {
            None => Ok(PyDevice(parsed)),
            Some(_) if parsed.index.is_some() => Err(PyRuntimeError::new_err(format!(
                "type (string) must not include an index because index was passed explicitly: {parsed}"
            ))),
            Some(i) => {
                let index = u8::try_from(i)
                    .map_err(|_| PyRuntimeError::new_err("Device index must not be negative"))?;
                Ok(PyDevice(Device { index: Some(index), ..parsed }))
            }
        }
    }

    /// The word it was made with.
    #[getter]
    fn r#type(&self) -> &'static str {
        self.0.spelling
    }

    /// Which one of its type.
    #[getter]
    fn index(&self) -> Option<u8> {
        self.0.index
    }

    fn __repr__(&self) -> String {
        match self.0.index {
            None => format!("device(type='{}')", self.0.spelling),
            Some(i) => format!("device(type='{}', index={i})", self.0.spelling),
        }
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyType>, (String,))> {
        Ok((py.get_type::<PyDevice>(), (self.0.to_string(),)))
    }

    fn __enter__<'py>(slf: Bound<'py, Self>) -> Bound<'py, Self> {
        let before = ops::create::set_default_device(slf.get().0);
        ENTERED.with(|e| e.borrow_mut().push(before));
        slf
    }

    fn __exit__(&self, _kind: Py<PyAny>, _value: Py<PyAny>, _trace: Py<PyAny>) {
        if let Some(before) = ENTERED.with(|e| e.borrow_mut().pop()) {
            ops::create::set_default_device(before);
        }
    }
}

thread_local! {
    static ENTERED: std::cell::RefCell<Vec<Device>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// A device given by a device object, a string or the ordinal of a GPU.
pub fn to_device(value: &Bound<'_, PyAny>) -> PyResult<Device> {
    if let Ok(device) = value.cast::<PyDevice>() {
        return Ok(device.get().0);
    }
    if let Ok(text) = value.cast::<PyString>() {
        return Device::parse(&text.to_cow()?).py();
    }
    if let Ok(index) = value.extract::<u8>() {
        return Device::cuda(Some(index)).py();
    }
    Err(PyTypeError::new_err(format!(
        "device(): argument 'device' must be torch.device, str or int, not {}",
        value.get_type().name()?
    )))
}

/// An order of dimensions in memory.
#[pyclass(name = "memory_format", module = "pyrite", frozen, eq, hash, from_py_object)]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PyMemoryFormat(pub MemoryFormat);

#[pymethods]
impl PyMemoryFormat {
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("{}.{}", _display_name(py)?, self.0.name()))
    }

    fn __reduce__(&self) -> &'static str {
        self.0.name()
    }
}

/// How elements are stored; only `strided` exists.
#[pyclass(name = "layout", module = "pyrite", frozen, eq, hash)]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PyLayout(pub u8);

#[pymethods]
impl PyLayout {
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("{}.strided", _display_name(py)?))
    }

    fn __reduce__(&self) -> &'static str {
        "strided"
    }
}

/// A shape as the user's `Size` class, a tuple.
pub fn size<'py>(py: Python<'py>, dims: &[usize]) -> PyResult<Bound<'py, PyAny>> {
    let tuple = PyTuple::new(py, dims)?;
    match SIZE.get(py) {
        // The class's own `__new__` would look at each item again.
        Some((class, new)) => new.bind(py).call1((class, tuple)),
        None => Ok(tuple.into_any()),
    }
}

/// The class, and `tuple.__new__`.
static SIZE: PyOnceLock<(Py<PyType>, Py<PyAny>)> = PyOnceLock::new();

/// Registers the `Size` class; called once by the package.
#[pyfunction]
pub fn _set_size_class(py: Python<'_>, class: Py<PyType>) -> PyResult<()> {
    crate::overrides::_add_plain_class(class.bind(py));
    let new = py.get_type::<PyTuple>().getattr("__new__")?.unbind();
    SIZE.set(py, (class, new)).map_err(|_| PyValueError::new_err("the Size class is already set"))
}
