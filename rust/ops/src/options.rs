//! `TensorOptions options={}` of creation ops: dtype, layout, device and pin_memory as one argument.
//!
//! The only layout is dense, and host memory needs no pinning, so the two change nothing; a layout
//! that is not dense never gets here, since the front end has no such object.

use crate::create;
use crate::value::{Arg, Value, mismatch};
use base::{DType, Device, Result};
use tape::Tensor;

/// What a new tensor is to be; what is not said has a default that depends on the op.
#[derive(Clone, Copy, Default, Debug)]
pub struct Options {
    /// The element type.
    pub dtype: Option<DType>,
    /// Where it is to lie.
    pub device: Option<Device>,
}

impl Options {
    /// The dtype, or the default floating-point one.
    pub fn float(&self) -> DType {
        self.dtype.unwrap_or_else(base::promote::default_dtype)
    }

    /// The device, or the default one.
    pub fn place(&self) -> Device {
        self.device.unwrap_or_else(create::default_device)
    }

    /// What is not said, as `x` has it.
    pub fn like(&self, x: &Tensor) -> (DType, Device) {
        (self.dtype.unwrap_or_else(|| x.dtype()), self.device.unwrap_or_else(|| x.device()))
    }
}

impl<'a> Arg<'a> for Options {
    fn from_value(_: &'a Value) -> Result<Self> {
        mismatch("four tensor options")
    }

    fn take(values: &mut std::slice::Iter<'a, Value>) -> Result<Self> {
        let dtype = Arg::take(values)?;
        let _layout: &Value = Arg::take(values)?;
        let device = Arg::take(values)?;
        let _pinned: &Value = Arg::take(values)?;
        Ok(Options { dtype, device })
    }
}
