//! Casts and moves between devices: one recorded copy.

use crate::node::Linear;
use crate::{Var, create};
use array::{Array, dispatch};
use base::{DType, Device, DeviceKind, MemoryFormat, Result};
use tape::{Tensor, record};

/// `x` in another dtype; itself when it has it.
pub fn to_dtype(x: &Tensor, dtype: DType) -> Result<Tensor> {
    if x.dtype() == dtype {
        return Ok(x.clone());
    }
    to_copy(x, dtype, x.device(), None)
}

/// A copy with dtype, device and memory order chosen. The engine casts the gradient back.
pub fn to_copy(
    x: &Tensor,
    dtype: DType,
    device: Device,
    format: Option<MemoryFormat>,
) -> Result<Tensor> {
    let layout = create::like_layout(&x.layout(), format)?;
    let out = Array::empty(layout, dtype, device)?;
    if device.kind != DeviceKind::Meta {
        dispatch::copy(&out, &x.array())?;
    }
    let home = x.device();
    record(out, &[x], |_| {
        Ok(Linear::new("ToCopyBackward0", move |g: Var| {
            g.then(|g| if g.device() == home { Ok(g.clone()) } else { to_copy(g, g.dtype(), home, None) })
        }))
    })
}

/// A device without an index means the current one of its kind.
pub fn resolve(device: Option<Device>) -> Device {
    device.unwrap_or_else(create::default_device)
}

/// The array of `x`, brought to `device` where it lies elsewhere.
pub(crate) fn to_copy_if_elsewhere(x: &Tensor, device: Device) -> Result<Array> {
    if x.device() == device {
        return Ok(x.array());
    }
    Ok(to_copy(x, x.dtype(), device, None)?.array())
}
