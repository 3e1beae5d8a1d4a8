//! What kernels are given: elements of a buffer under a geometry.

use crate::{Buffer, Device};
use base::{DType, Layout, Result, bail};

/// Elements of a buffer.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// Where the elements lie.
    pub buffer: &'a Buffer,
    /// Their type.
    pub dtype: DType,
    /// Their geometry, in elements.
    pub layout: &'a Layout,
}

impl<'a> View<'a> {
    /// A view; the layout lies inside the buffer, as the array above has checked.
    pub fn new(buffer: &'a Buffer, dtype: DType, layout: &'a Layout) -> View<'a> {
        View { buffer, dtype, layout }
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

    /// Element 0's place in the buffer, as a kernel parameter.
    pub(crate) fn offset(&self) -> u32 {
        self.layout.offset as u32
    }
}

/// Fails for dtypes that GPUs do not compute in.
pub fn check_dtype(op: &str, dtype: DType) -> Result<()> {
    match dtype {
        DType::F64 => bail!(
            Type,
            "Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64. Please use float32 instead.\n  {op}: GPUs do not compute in float64; hint: convert with .float()"
        ),
        DType::C64 | DType::C128 => bail!(
            NotImplemented,
            "{op}: {} is not supported on the GPU; hint: keep the tensor on the cpu, or its real and imaginary parts as .float()",
            dtype.name()
        ),
        _ => Ok(()),
    }
}
