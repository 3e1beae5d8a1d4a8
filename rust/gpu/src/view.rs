//! What kernels are given: elements of a buffer under a geometry.

use crate::{Buffer, Device};
use base::{DType, Error, Layout, Result, bail};
use std::borrow::Cow;

/// Elements of a buffer.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// Where the elements lie.
    pub buffer: &'a Buffer,
    /// Their type.
    pub dtype: DType,
    /// Their geometry, in elements.
    pub layout: &'a Layout,
    /// Only the op that is to write them knows of them.
    pub fresh: bool,
}

impl<'a> View<'a> {
    /// A view; the layout lies inside the buffer, as the array above has checked.
    pub fn new(buffer: &'a Buffer, dtype: DType, layout: &'a Layout) -> View<'a> {
        View { buffer, dtype, layout, fresh: false }
    }

    /// The device its buffer lies on.
    pub fn device(&self) -> &'static Device {
        self.buffer.device()
    }

    /// Number of elements.
    pub fn numel(&self) -> usize {
        self.layout.numel()
    }

    /// Sizes.
    pub fn dims(&self) -> &'a [usize] {
        &self.layout.dims
    }
}

/// The error for what has no kernel here; `detail` says which part of the op that is.
#[cold]
pub fn no_kernel(op: impl Into<Cow<'static, str>>, detail: impl std::fmt::Display) -> Error {
    let op = op.into();
    let text = format!(
        "The operator 'aten::{op}' is not currently implemented for the GPU device.\n  {op}: {detail}; hint: use .cpu()"
    );
    Error::no_kernel(op, text)
}

/// [`no_kernel`] for more dimensions than the parameters of a kernel can carry.
#[cold]
pub(crate) fn too_many_dims(op: impl Into<Cow<'static, str>>, dims: &[usize]) -> Error {
    no_kernel(op, format!("more dimensions that do not merge than a kernel takes; got {dims:?}"))
}

/// Fails for dtypes that GPUs do not compute in.
pub fn check_dtype(op: &str, dtype: DType) -> Result<()> {
    match dtype {
        DType::F64 => bail!(
            Type,
            "Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64. Please use float32 instead.\n  {op}: GPUs do not compute in float64; hint: convert with .float()"
        ),
        DType::C32 | DType::C64 | DType::C128 => bail!(
            NotImplemented,
            "{op}: {} is not supported on the GPU; hint: keep the tensor on the cpu, or its real and imaginary parts as .float()",
            dtype.name()
        ),
        _ => Ok(()),
    }
}
