//! Creation and copies.

use crate::node::Linear;
use crate::{Var, cast};
use array::Array;
use base::layout::preserved_layout;
use base::promote::scalar_dtype;
use base::{DType, Device, Layout, MemoryFormat, Result, Scalar};
use std::cell::Cell;
use tape::{Tensor, record};

thread_local! {
    static DEFAULT_DEVICE: Cell<Device> = const { Cell::new(Device::CPU) };
}

/// Where new tensors go when the user does not say (`set_default_device`, `with device(..)`).
pub fn default_device() -> Device {
    DEFAULT_DEVICE.get()
}

/// Changes [`default_device`] on this thread; returns the one before.
pub fn set_default_device(device: Device) -> Device {
    DEFAULT_DEVICE.replace(device)
}

/// One number as a 0-d tensor of its natural dtype.
pub fn scalar_tensor(value: Scalar) -> Result<Tensor> {
    Ok(Tensor::new(Array::full(&[], value, scalar_dtype(value), Device::CPU)?))
}

/// One value everywhere.
pub fn full(dims: &[usize], value: Scalar, dtype: DType, device: Device) -> Result<Tensor> {
    Ok(Tensor::new(Array::full(dims, value, dtype, device)?))
}

/// Zeros.
pub fn zeros(dims: &[usize], dtype: DType, device: Device) -> Result<Tensor> {
    Ok(Tensor::new(Array::zeros(dims, dtype, device)?))
}

/// The geometry of `*_like` results.
pub fn like_layout(layout: &Layout, format: Option<MemoryFormat>) -> Result<Layout> {
    match format {
        None | Some(MemoryFormat::Preserve) => Ok(preserved_layout(layout)),
        Some(format) => Layout::in_format(&layout.dims, format),
    }
}

/// Uninitialised memory shaped like `x`.
pub fn empty_like(
    x: &Tensor,
    dtype: Option<DType>,
    device: Option<Device>,
    format: Option<MemoryFormat>,
) -> Result<Tensor> {
    let layout = like_layout(&x.layout(), format)?;
    let dtype = dtype.unwrap_or_else(|| x.dtype());
    Ok(Tensor::new(Array::empty(layout, dtype, device.unwrap_or_else(|| x.device()))?))
}

/// One value, shaped like `x`.
pub fn full_like(
    x: &Tensor,
    value: Scalar,
    dtype: Option<DType>,
    device: Option<Device>,
    format: Option<MemoryFormat>,
) -> Result<Tensor> {
    let out = empty_like(x, dtype, device, format)?;
    array::dispatch::fill(&out.array(), value)?;
    Ok(out)
}

/// The integers from `start` up to but without `end`.
pub fn arange(start: i64, end: i64) -> Result<Tensor> {
    crate::range::arange(Scalar::Int(start), Scalar::Int(end), Scalar::Int(1), None, Device::CPU)
}

/// A copy with history.
pub fn clone(x: &Tensor, format: Option<MemoryFormat>) -> Result<Tensor> {
    let layout = like_layout(&x.layout(), format)?;
    let out = x.array().copied_as(layout, x.dtype())?;
    record(out, &[x], |_| Ok(Linear::new("CloneBackward0", |g: Var| g)))
}

/// Itself when row-major, else a row-major copy.
pub fn contiguous(x: &Tensor) -> Result<Tensor> {
    if x.with_array(|a| a.layout().is_contiguous()) {
        return Ok(x.clone());
    }
    clone(x, Some(MemoryFormat::Contiguous))
}

/// A copy on another device and of another dtype; itself when nothing changes.
pub fn to(
    x: &Tensor,
    dtype: Option<DType>,
    device: Option<Device>,
    copy: bool,
    format: Option<MemoryFormat>,
) -> Result<Tensor> {
    let device = device.unwrap_or_else(|| x.device());
    let dtype = dtype.unwrap_or_else(|| x.dtype());
    let format_kept = match format {
        None | Some(MemoryFormat::Preserve) => true,
        Some(format) => x.with_array(|a| a.layout().is_contiguous_in(format)),
    };
    if device == x.device() && dtype == x.dtype() && !copy && format_kept {
        return Ok(x.clone());
    }
    cast::to_copy(x, dtype, device, format)
}
