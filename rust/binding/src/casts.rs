//! Copies, casts and moves: `to` with its many forms, `type`, `cpu`, `contiguous`.

use crate::dtype::{PyMemoryFormat, to_device, to_dtype};
use crate::error::IntoPy;
use crate::tensor::{PyTensor, wrap};
use base::{DType, MemoryFormat};
use ops::{cast, create};
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};

/// Copies, casts and moves.
#[pymethods]
impl PyTensor {
    /// Itself where it lies row by row, else a copy that does.
    #[pyo3(signature = (*, memory_format=None))]
    fn contiguous(
        slf: &Bound<'_, Self>,
        memory_format: Option<PyMemoryFormat>,
    ) -> PyResult<Py<PyAny>> {
        let format = memory_format.map_or(MemoryFormat::Contiguous, |f| f.0);
        if format == MemoryFormat::Preserve {
            return Err(PyRuntimeError::new_err(
                "preserve memory format is unsupported by the contiguous operator",
            ));
        }
        let x = &slf.get().tensor;
        if x.layout().is_contiguous_in(format) {
            return Ok(slf.clone().into_any().unbind());
        }
        wrap(slf.py(), slf.py().detach(|| create::clone(x, Some(format))).py()?)
    }

    /// Another dtype and/or device: `to(dtype)`, `to(device, dtype)`, `to(other)`.
    #[pyo3(signature = (*args, **kwargs))]
    fn to(
        slf: &Bound<'_, Self>,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        let target = Target::parse(args, kwargs)?;
        let x = &slf.get().tensor;
        let moved = slf
            .py()
            .detach(|| create::to(x, target.dtype, target.device, target.copy, target.format));
        wrap(slf.py(), moved.py()?)
    }

    /// The dtype's old name, or a cast to it.
    #[pyo3(signature = (dtype=None, non_blocking=false))]
    fn r#type(
        slf: &Bound<'_, Self>,
        dtype: Option<&Bound<'_, PyAny>>,
        non_blocking: bool,
    ) -> PyResult<Py<PyAny>> {
        let _ = non_blocking;
        let py = slf.py();
        let x = &slf.get().tensor;
        let Some(dtype) = dtype else {
            return format!("torch.{}Tensor", x.dtype().type_name()).into_py_any(py);
        };
        let target = match to_dtype(dtype) {
            Some(dtype) => dtype,
            None => typed_name(dtype)?,
        };
        wrap(py, cast::to_dtype(x, target).py()?)
    }

    /// On the host.
    #[pyo3(signature = (memory_format=None))]
    fn cpu(slf: &Bound<'_, Self>, memory_format: Option<PyMemoryFormat>) -> PyResult<Py<PyAny>> {
        let x = &slf.get().tensor;
        let format = memory_format.map(|f| f.0);
        wrap(slf.py(), create::to(x, None, Some(base::Device::CPU), false, format).py()?)
    }
}

/// `torch.FloatTensor` and its kin, by the name's last part.
fn typed_name(value: &Bound<'_, PyAny>) -> PyResult<DType> {
    let text = match value.extract::<String>() {
        Ok(text) => text,
        Err(_) if value.is_instance_of::<PyType>() => value.getattr("__name__")?.extract()?,
        Err(_) => return Err(PyTypeError::new_err("dtype must be a type, str, or dtype object")),
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    DType::ALL
        .into_iter()
        .find(|d| last.strip_suffix("Tensor") == Some(d.type_name()))
        .ok_or_else(|| PyValueError::new_err(format!("invalid type: '{text}'")))
}

/// What `to` was asked for.
#[derive(Default)]
struct Target {
    dtype: Option<DType>,
    device: Option<base::Device>,
    copy: bool,
    format: Option<MemoryFormat>,
}

impl Target {
    fn parse(args: &Bound<'_, PyTuple>, kwargs: Option<&Bound<'_, PyDict>>) -> PyResult<Target> {
        let mut target = Target::default();
        let mut flags = 0;
        for value in args.iter() {
            if value.is_instance_of::<pyo3::types::PyBool>() {
                // In order: non_blocking, copy.
                if flags == 1 {
                    target.copy = value.is_truthy()?;
                }
                flags += 1;
            } else {
                target.take(&value)?;
            }
        }
        for (name, value) in kwargs.into_iter().flatten() {
            match name.extract::<String>()?.as_str() {
                "dtype" | "device" | "other" if value.is_none() => {}
                "dtype" | "device" | "other" => target.take(&value)?,
                "copy" => target.copy = value.is_truthy()?,
                "non_blocking" => {}
                "memory_format" if value.is_none() => {}
                "memory_format" => {
                    target.format = Some(value.extract::<PyMemoryFormat>()?.0);
                }
                other => {
                    return Err(PyTypeError::new_err(format!(
                        "to() got an unexpected keyword argument '{other}'"
                    )));
                }
            }
        }
        Ok(target)
    }

    fn take(&mut self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        if value.is_none() {
            return Ok(());
        }
        if let Ok(other) = value.cast::<PyTensor>() {
            self.dtype = Some(other.get().tensor.dtype());
            self.device = Some(other.get().tensor.device());
        } else if let Some(dtype) = to_dtype(value) {
            if self.dtype.replace(dtype).is_some() {
                return Err(unfit(value));
            }
        } else if value.is_instance_of::<PyString>() {
            self.device = Some(to_device(value)?);
        } else {
            self.device = Some(to_device(value).map_err(|_| unfit(value))?);
        }
        Ok(())
    }
}

fn unfit(value: &Bound<'_, PyAny>) -> PyErr {
    PyTypeError::new_err(format!(
        "to() received an invalid combination of arguments - got ({}), but expected one of:\n * (torch.device device = None, torch.dtype dtype = None, bool non_blocking = False, bool copy = False, *, torch.memory_format memory_format = None)\n * (torch.dtype dtype, bool non_blocking = False, bool copy = False, *, torch.memory_format memory_format = None)\n * (Tensor tensor, bool non_blocking = False, bool copy = False, *, torch.memory_format memory_format = None)",
        crate::convert::type_name(value)
    ))
}
