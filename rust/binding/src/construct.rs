//! Tensors from Python data: numbers, nested sequences, tensors and NumPy arrays.

use crate::convert::number;
use crate::dtype::{to_device, to_dtype};
use crate::error::IntoPy;
use crate::numpy;
use crate::tensor::{PyTensor, remember, wrap};
use array::{Array, dispatch};
use base::promote::{default_dtype, promote_types, scalar_dtype};
use base::{Category, DType, Device, Scalar};
use ops::create;
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyUserWarning, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyInt, PyList, PySequence, PyString, PyTuple, PyType};
use std::cell::RefCell;
use tape::Tensor;

type Object<'a, 'py> = &'a Bound<'py, PyAny>;

/// A tensor that holds the data; memory is shared where the data has some and `copy` is off.
pub fn build(
    data: Object<'_, '_>,
    dtype: Option<DType>,
    device: Option<Device>,
    copy: bool,
) -> PyResult<Tensor> {
    let place = device.unwrap_or_else(create::default_device);
    if let Ok(other) = data.cast::<PyTensor>() {
        let source = &other.get().tensor;
        let _off = tape::set_grad_enabled(false);
        return create::to(&source.detach(), dtype, device, copy, None).py();
    }
    if numpy::is_ndarray(data) {
        let source = Tensor::new(numpy::shared(data, !copy)?);
        return create::to(&source, dtype, Some(place), copy, None).py();
    }
    let mut walk = Walk { values: Vec::new(), natural: None, wanted: dtype };
    let dims = walk.shape(data)?;
    walk.collect(data, &dims, 0)?;
    let dtype = dtype.or(walk.natural).unwrap_or_else(default_dtype);
    check_range(&walk.values, dtype)?;
    let out = Array::empty_contiguous(&dims, dtype, Device::CPU).py()?;
    dispatch::store(&out, &walk.values).py()?;
    create::to(&Tensor::new(out), None, Some(place), false, None).py()
}

/// A walk over nested sequences.
struct Walk {
    values: Vec<Scalar>,
    /// The dtype that the values met so far ask for.
    natural: Option<DType>,
    /// The dtype the user asks for.
    wanted: Option<DType>,
}

/// Something with a length and items that is neither text nor a mapping.
fn is_sequence(value: Object<'_, '_>) -> bool {
    value.is_instance_of::<PyList>()
        || value.is_instance_of::<PyTuple>()
        || (value.cast::<PySequence>().is_ok() || numpy::is_ndarray(value))
            && !value.is_instance_of::<PyString>()
            && !value.is_instance_of::<PyBytes>()
        || (value.hasattr("__getitem__").unwrap_or(false)
            && value.hasattr("__len__").unwrap_or(false)
            && !value.is_instance_of::<PyTensor>()
            && !value.is_instance_of::<PyString>()
            && !value.is_instance_of::<PyBytes>()
            && !value.is_instance_of::<PyDict>())
}

fn invalid_data(value: Object<'_, '_>) -> PyErr {
    PyTypeError::new_err(format!("new(): invalid data type '{}'", crate::convert::type_name(value)))
}

impl Walk {
    /// Sizes, read off the first items.
    fn shape(&self, data: Object<'_, '_>) -> PyResult<Vec<usize>> {
        let mut dims = Vec::new();
        let mut at = data.clone();
        loop {
            if at.is_instance_of::<PyString>() && !dims.is_empty() {
                return Err(PyValueError::new_err("too many dimensions 'str'"));
            }
            if at.is_instance_of::<PyString>() || at.is_instance_of::<PyBytes>() {
                return Err(invalid_data(&at));
            }
            if !is_sequence(&at) || numpy::is_number(&at) {
                return Ok(dims);
            }
            let n = at.len()?;
            dims.push(n);
            if dims.len() > 128 {
                return Err(PyValueError::new_err(format!(
                    "too many dimensions '{}'",
                    at.get_type().name()?
                )));
            }
            if n == 0 {
                return Ok(dims);
            }
            at = at.get_item(0)?;
        }
    }

    /// Takes the values of one (sub)sequence.
    fn collect(&mut self, value: Object<'_, '_>, dims: &[usize], dim: usize) -> PyResult<()> {
        let Some(&n) = dims.get(dim) else {
            return self.take(value);
        };
        if !is_sequence(value) {
            return Err(PyTypeError::new_err("not a sequence"));
        }
        let length = value.len()?;
        if length != n {
            return Err(PyValueError::new_err(format!(
                "expected sequence of length {n} at dim {dim} (got {length})"
            )));
        }
        if numpy::is_ndarray(value) {
            return self.take_array(value);
        }
        if dims[dim + 1..].contains(&0) {
            return Ok(());
        }
        if let Ok(list) = value.cast::<PyList>() {
            return list.iter().try_for_each(|item| self.collect(&item, dims, dim + 1));
        }
        (0..n).try_for_each(|i| self.collect(&value.get_item(i)?, dims, dim + 1))
    }

    /// All elements of an array inside a list.
    fn take_array(&mut self, value: Object<'_, '_>) -> PyResult<()> {
        let array = numpy::shared(value, false)?;
        self.promote(array.dtype());
        self.values.extend(dispatch::scalars(&array).py()?);
        Ok(())
    }

    fn promote(&mut self, dtype: DType) {
        self.natural = Some(self.natural.map_or(dtype, |have| promote_types(have, dtype)));
    }

    /// One number.
    fn take(&mut self, value: Object<'_, '_>) -> PyResult<()> {
        let scalar = if let Ok(tensor) = value.cast::<PyTensor>() {
            self.one_element(&tensor.get().tensor)?
        } else {
            let Some(scalar) = self.number(value) else {
                return Err(self.refuse(value));
            };
            let dtype = if numpy::is_number(value) { numpy::number_dtype(value) } else { None };
            self.promote(dtype.unwrap_or_else(|| scalar_dtype(scalar)));
            scalar
        };
        let real = self.wanted.is_some_and(|d| !d.is_complex() && d != DType::Bool);
        if real && scalar.category() == Category::Complex {
            return Err(PyTypeError::new_err("must be real number, not complex"));
        }
        self.values.push(scalar);
        Ok(())
    }

    /// A number; an int beyond 64 bits only where a float is wanted.
    fn number(&self, value: Object<'_, '_>) -> Option<Scalar> {
        if !value.is_exact_instance_of::<PyInt>() {
            return number(value);
        }
        if let Ok(int) = value.extract::<i64>() {
            return Some(Scalar::Int(int));
        }
        let wanted = self.wanted.is_some_and(|d| !d.is_integral());
        wanted.then(|| value.extract().ok().map(Scalar::Float)).flatten()
    }

    fn one_element(&mut self, tensor: &Tensor) -> PyResult<Scalar> {
        self.promote(tensor.dtype());
        if tensor.numel() == 1 {
            return dispatch::item(&tensor.array()).py();
        }
        Err(if tensor.dtype().is_integral() {
            PyTypeError::new_err(
                "only integer tensors of a single element can be converted to an index",
            )
        } else {
            PyValueError::new_err("only one element tensors can be converted to Python scalars")
        })
    }

    /// Why a value is no number.
    fn refuse(&self, value: Object<'_, '_>) -> PyErr {
        let kind = value.get_type().name().map_or_else(|_| "object".into(), |n| n.to_string());
        if value.is_instance_of::<PyInt>() {
            return PyValueError::new_err("Overflow when unpacking long long");
        }
        if self.values.is_empty() && self.wanted.is_none() {
            return PyRuntimeError::new_err(format!("Could not infer dtype of {kind}"));
        }
        let dtype = self.wanted.or(self.natural).unwrap_or_else(default_dtype);
        PyTypeError::new_err(if dtype.is_integral() {
            format!("'{kind}' object cannot be interpreted as an integer")
        } else {
            format!("must be real number, not {kind}")
        })
    }
}

/// Integers take no value beyond their range; unsigned ones wrap negative values.
fn check_range(values: &[Scalar], dtype: DType) -> PyResult<()> {
    let Some((low, high)) = dtype.int_range().filter(|_| dtype != DType::Bool) else {
        return Ok(());
    };
    let low = if low == 0 { -high } else { low };
    let fits = |value: &Scalar| match *value {
        Scalar::Bool(_) => true,
        Scalar::Int(v) => (low..=high).contains(&v),
        other => {
            let v = other.to_f64().trunc();
            v >= low as f64 && v <= high as f64 && (v < high as f64 || dtype != DType::I64)
        }
    };
    if values.iter().all(fits) {
        return Ok(());
    }
    Err(PyRuntimeError::new_err(format!(
        "value cannot be converted to type {} without overflow",
        dtype.name()
    )))
}

/// A dtype given as an argument of `op`.
pub fn dtype_argument(value: Object<'_, '_>, op: &str) -> PyResult<DType> {
    to_dtype(value).ok_or_else(|| {
        PyTypeError::new_err(format!(
            "{op}(): argument 'dtype' must be torch.dtype, not {}",
            crate::convert::type_name(value)
        ))
    })
}

/// Turns gradients on for a new tensor.
pub fn require_grad(tensor: &Tensor, on: bool) -> PyResult<()> {
    if on && !tensor.dtype().is_differentiable() {
        return Err(PyRuntimeError::new_err(
            "Only Tensors of floating point and complex dtype can require gradients",
        ));
    }
    if on { tensor.set_requires_grad(true).py() } else { Ok(()) }
}

fn optional_dtype(value: Option<Object<'_, '_>>, op: &str) -> PyResult<Option<DType>> {
    value.filter(|d| !d.is_none()).map(|d| dtype_argument(d, op)).transpose()
}

fn optional_device(value: Option<Object<'_, '_>>) -> PyResult<Option<Device>> {
    value.filter(|d| !d.is_none()).map(to_device).transpose()
}

/// A tensor that copies `data`. Host memory needs no pinning: `pin_memory` changes nothing.
#[pyfunction]
#[pyo3(signature = (data, *, dtype=None, device=None, requires_grad=false, pin_memory=false))]
fn tensor(
    py: Python<'_>,
    data: Object<'_, '_>,
    dtype: Option<Object<'_, '_>>,
    device: Option<Object<'_, '_>>,
    requires_grad: bool,
    pin_memory: bool,
) -> PyResult<Py<PyAny>> {
    let _ = pin_memory;
    let dtype = optional_dtype(dtype, "tensor")?;
    if data.is_instance_of::<PyTensor>() {
        warn_copy(py, "torch.tensor(sourceTensor)")?;
    }
    let tensor = build(data, dtype, optional_device(device)?, true)?;
    require_grad(&tensor, requires_grad)?;
    wrap(py, tensor)
}

fn warn_copy(py: Python<'_>, call: &str) -> PyResult<()> {
    let text = format!(
        "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() \
         or sourceTensor.detach().clone().requires_grad_(True), rather than {call}."
    );
    let text = std::ffi::CString::new(text).map_err(|e| PyRuntimeError::new_err(e.to_string()))?;
    PyErr::warn(py, py.get_type::<PyUserWarning>().as_any(), &text, 1)
}

/// The data as a tensor: itself or over its memory where dtype and device allow.
#[pyfunction]
#[pyo3(signature = (data, dtype=None, device=None))]
fn as_tensor(
    py: Python<'_>,
    data: Object<'_, '_>,
    dtype: Option<Object<'_, '_>>,
    device: Option<Object<'_, '_>>,
) -> PyResult<Py<PyAny>> {
    let (dtype, device) = (optional_dtype(dtype, "as_tensor")?, optional_device(device)?);
    if let Ok(other) = data.cast::<PyTensor>() {
        return wrap(py, create::to(&other.get().tensor, dtype, device, false, None).py()?);
    }
    wrap(py, build(data, dtype, device, false)?)
}

/// The data as a tensor, copied, shared, or as it comes.
#[pyfunction]
#[pyo3(signature = (obj, *, dtype=None, device=None, copy=None, requires_grad=None))]
fn asarray(
    py: Python<'_>,
    obj: Object<'_, '_>,
    dtype: Option<Object<'_, '_>>,
    device: Option<Object<'_, '_>>,
    copy: Option<bool>,
    requires_grad: Option<bool>,
) -> PyResult<Py<PyAny>> {
    let (dtype, device) = (optional_dtype(dtype, "asarray")?, optional_device(device)?);
    let Some(source) = shared_source(obj, dtype)? else {
        if copy == Some(false) {
            return Err(PyValueError::new_err("can't alias arbitrary sequence into a tensor."));
        }
        let made = build(obj, dtype, device, true)?;
        require_grad(&made, requires_grad == Some(true))?;
        return wrap(py, made);
    };
    let wanted = dtype.unwrap_or_else(|| source.dtype());
    if copy == Some(false) && wanted != source.dtype() {
        return Err(PyValueError::new_err(format!(
            "can't alias tensor with dtype '{}' into dtype '{}'.",
            source.dtype().type_name(),
            wanted.type_name()
        )));
    }
    let moved = create::to(&source, dtype, device, copy == Some(true), None).py()?;
    let moved = match requires_grad {
        Some(false) if moved.requires_grad() => moved.detach(),
        _ => moved,
    };
    require_grad(&moved, requires_grad == Some(true))?;
    wrap(py, moved)
}

/// A tensor over memory the object has: a tensor, an array, anything with DLPack or a buffer.
fn shared_source(value: Object<'_, '_>, dtype: Option<DType>) -> PyResult<Option<Tensor>> {
    if let Ok(other) = value.cast::<PyTensor>() {
        return Ok(Some(other.get().tensor.clone()));
    }
    if numpy::is_ndarray(value) {
        return Ok(Some(Tensor::new(numpy::shared(value, true)?)));
    }
    if value.hasattr("__dlpack__")? {
        return crate::dlpack::import(value).map(Some);
    }
    numpy::flat(value, dtype.unwrap_or_else(default_dtype))
}

/// Tensors made by or after another one.
#[pymethods]
impl PyTensor {
    /// Notes the object that `Tensor(...)` made as its tensor's own.
    #[pyo3(signature = (*_args, **_kwargs))]
    fn __init__(
        slf: &Bound<'_, Self>,
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) {
        remember(slf);
    }

    /// A tensor that copies `data`, with the dtype and device of this one.
    #[pyo3(signature = (data, *, dtype=None, device=None, requires_grad=false, layout=None, pin_memory=false))]
    #[allow(clippy::too_many_arguments)] // PyTorch's signature
    fn new_tensor(
        &self,
        py: Python<'_>,
        data: Object<'_, '_>,
        dtype: Option<Object<'_, '_>>,
        device: Option<Object<'_, '_>>,
        requires_grad: bool,
        layout: Option<Object<'_, '_>>,
        pin_memory: bool,
    ) -> PyResult<Py<PyAny>> {
        let _ = (layout, pin_memory);
        let dtype = optional_dtype(dtype, "new_tensor")?.unwrap_or_else(|| self.tensor.dtype());
        let device = optional_device(device)?.unwrap_or_else(|| self.tensor.device());
        let made = build(data, Some(dtype), Some(device), true)?;
        require_grad(&made, requires_grad)?;
        wrap(py, made)
    }

    /// `x.new(...)`: as `Tensor(...)`, with the dtype and device of this one.
    #[pyo3(name = "new", signature = (*args, **kwargs))]
    fn new_of_kind(
        &self,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        let made = legacy(args, kwargs, self.tensor.dtype(), Some(self.tensor.device()))?;
        wrap(args.py(), made)
    }
}

/// `Tensor(...)`, `FloatTensor(...)`: sizes, or data, or another tensor's alias.
pub fn legacy(
    args: &Bound<'_, PyTuple>,
    kwargs: Option<&Bound<'_, PyDict>>,
    dtype: DType,
    device: Option<Device>,
) -> PyResult<Tensor> {
    let mut place = device.unwrap_or_else(create::default_device);
    let mut named = None;
    for (name, value) in kwargs.into_iter().flatten() {
        match name.extract::<String>()?.as_str() {
            "device" => place = optional_device(Some(&value))?.unwrap_or(place),
            "size" | "data" | "other" if args.is_empty() => named = Some(value),
            _ => return Err(legacy_refusal(args, kwargs)),
        }
    }
    let empty = |sizes: &[i64]| {
        let dims = base::shape::sizes(sizes).py()?;
        Ok(Tensor::new(Array::empty_contiguous(&dims, dtype, place).py()?))
    };
    let ints: Option<Vec<i64>> = args.iter().map(|a| crate::convert::int(&a)).collect();
    match (args.len(), ints, named) {
        (0, _, None) => empty(&[0]),
        (0, _, Some(value)) => match crate::convert::ints(&value, 0) {
            Some(sizes) => empty(&sizes),
            None => legacy_data(&value, dtype, place),
        },
        (1, ints, _) => {
            let value = args.get_item(0)?;
            if value.is_instance_of::<PyTensor>() || ints.is_none() {
                return legacy_data(&value, dtype, place);
            }
            empty(&ints.unwrap_or_default())
        }
        (_, Some(sizes), _) => empty(&sizes),
        (_, None, _) => Err(legacy_refusal(args, kwargs)),
    }
}

fn legacy_data(value: Object<'_, '_>, dtype: DType, place: Device) -> PyResult<Tensor> {
    if let Ok(other) = value.cast::<PyTensor>() {
        return ops::view::alias(&other.get().tensor).py();
    }
    let kind = value.get_type();
    if kind.name()? == "Size" {
        let dims: Vec<usize> = value.extract()?;
        return Ok(Tensor::new(Array::empty_contiguous(&dims, dtype, place).py()?));
    }
    if value.is_instance_of::<PyString>() {
        return Err(invalid_data(value));
    }
    if !is_sequence(value) {
        return Err(PyTypeError::new_err(format!(
            "new(): data must be a sequence (got {})",
            kind.name()?
        )));
    }
    build(value, Some(dtype), Some(place), true)
}

fn legacy_refusal(args: &Bound<'_, PyTuple>, kwargs: Option<&Bound<'_, PyDict>>) -> PyErr {
    let mut got: Vec<String> = args
        .iter()
        .map(|a| a.get_type().name().map_or_else(|_| "object".into(), |n| n.to_string()))
        .collect();
    for (name, value) in kwargs.into_iter().flatten() {
        got.push(format!("{name}={}", crate::convert::type_name(&value)));
    }
    PyTypeError::new_err(format!(
        "new() received an invalid combination of arguments - got ({}), but expected one of:\n * \
         (*, torch.device device = None)\n * (tuple of ints size, *, torch.device device = None)\n \
         * (object data, *, torch.device device = None)",
        got.join(", ")
    ))
}

/// A tensor by the rules of `FloatTensor(...)` and its kin.
#[pyfunction]
#[pyo3(signature = (dtype, args, kwargs=None))]
fn _legacy_tensor(
    py: Python<'_>,
    dtype: &Bound<'_, crate::dtype::PyDType>,
    args: &Bound<'_, PyTuple>,
    kwargs: Option<&Bound<'_, PyDict>>,
) -> PyResult<Py<PyAny>> {
    let dtype = dtype.get().0;
    let made = legacy(args, kwargs, dtype, Some(Device::CPU))?;
    if made.dtype() != dtype {
        return Err(PyTypeError::new_err(format!(
            "expected a tensor of dtype {dtype}, got one of dtype {}",
            made.dtype()
        )));
    }
    wrap(py, made)
}

thread_local! {
    /// The tensor that the next `Tensor.__new__` on this thread is to hold.
    static PENDING: RefCell<Option<Tensor>> = const { RefCell::new(None) };
}

/// An instance of a (sub)class of `Tensor` around a tensor.
pub fn instance<'py>(class: &Bound<'py, PyType>, tensor: Tensor) -> PyResult<Bound<'py, PyTensor>> {
    let py = class.py();
    PENDING.with(|p| p.replace(Some(tensor)));
    let made = py.get_type::<PyTensor>().getattr("__new__")?.call1((class,));
    PENDING.with(|p| p.replace(None));
    let object = made?.cast_into::<PyTensor>()?;
    remember(&object);
    Ok(object)
}

/// `Tensor.__new__`: the tensor of [`instance`], or what the arguments say.
pub fn new_object(
    args: &Bound<'_, PyTuple>,
    kwargs: Option<&Bound<'_, PyDict>>,
) -> PyResult<PyTensor> {
    if let Some(tensor) = PENDING.with(|p| p.borrow_mut().take()) {
        return Ok(PyTensor { tensor });
    }
    Ok(PyTensor { tensor: legacy(args, kwargs, default_dtype(), None)? })
}

/// Adds the functions.
pub fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(tensor, module)?)?;
    module.add_function(wrap_pyfunction!(as_tensor, module)?)?;
    module.add_function(wrap_pyfunction!(asarray, module)?)?;
    module.add_function(wrap_pyfunction!(_legacy_tensor, module)?)
}
