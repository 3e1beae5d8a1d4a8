//! Creation and copies. Ops that make tensors end in [`destination`], which also serves `out=`.

use crate::call::Dest;
use crate::node::Linear;
use crate::options::Options;
use crate::{Var, cast, write};
use array::{Array, dispatch};
use base::layout::preserved_layout;
use base::promote::scalar_dtype;
use base::{DType, Device, Dims, Layout, MemoryFormat, Result, Scalar, ensure, shape};
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
    value.check_fits(dtype)?;
    Ok(Tensor::new(Array::full(dims, value, dtype, device)?))
}

/// A number as a 0-d tensor; 16-bit floats round it.
pub fn number(value: Scalar, dtype: DType, device: Device) -> Result<Tensor> {
    value.check_rounds(dtype)?;
    Ok(Tensor::new(Array::full(&[], value, dtype, device)?))
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
    value.check_fits(out.dtype())?;
    array::dispatch::fill(&out.array(), value)?;
    Ok(out)
}

/// The integers from `start` up to but without `end`.
pub fn arange(start: i64, end: i64, device: Device) -> Result<Tensor> {
    let options = Options { dtype: Some(DType::I64), device: Some(device) };
    crate::range::arange(Dest::New, start.into(), end.into(), Scalar::Int(1), &options)
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
    let device = device.map_or_else(|| x.device(), Device::indexed);
    let dtype = dtype.unwrap_or_else(|| x.dtype());
    let format_kept = match format {
        None | Some(MemoryFormat::Preserve) => true,
        Some(format) => x.with_array(|a| a.layout().suggested_format() == format),
    };
    if device == x.device() && dtype == x.dtype() && !copy && format_kept {
        return Ok(x.clone());
    }
    cast::to_copy(x, dtype, device, format)
}

/// The tensor a creation op is to fill: a new one of the wanted dtype (else `fallback`), or the
/// user's `out=` tensor, which must have the wanted dtype and is resized.
pub(crate) fn destination(
    name: &str,
    dest: Dest<'_>,
    options: &Options,
    dims: &[usize],
    fallback: DType,
) -> Result<Tensor> {
    let Dest::Out(target) = dest else {
        let dtype = options.dtype.unwrap_or(fallback);
        return Ok(Tensor::new(Array::empty_contiguous(dims, dtype, options.place())?));
    };
    let have = target.dtype();
    ensure!(
        options.dtype.is_none_or(|want| want == have),
        Runtime,
        "dtype {} does not match dtype of out parameter ({})",
        options.dtype.unwrap_or(have).type_name(),
        have.type_name()
    );
    write::check_out(name, &[], target)?;
    base::layout::checked_bytes(dims, have.size())?;
    write::resize_out(target, dims)?;
    target.bump_version();
    Ok(target.clone())
}

fn empty(
    dest: Dest<'_>,
    size: &[i64],
    options: &Options,
    format: Option<MemoryFormat>,
) -> Result<Tensor> {
    let dims = shape::sizes(size)?;
    if let (Dest::New, Some(format)) = (dest, format) {
        let layout = Layout::in_format(&dims, format)?;
        return Ok(Tensor::new(Array::empty(layout, options.float(), options.place())?));
    }
    destination("empty", dest, options, &dims, options.float())
}

fn filled(
    name: &str,
    dest: Dest<'_>,
    size: &[i64],
    value: Scalar,
    options: &Options,
) -> Result<Tensor> {
    let dims = shape::sizes(size)?;
    if matches!(dest, Dest::New) && value.is_zero() {
        return zeros(&dims, options.float(), options.place());
    }
    let out = destination(name, dest, options, &dims, options.float())?;
    dispatch::fill(&out.array(), value)?;
    Ok(out)
}

fn zeros_op(dest: Dest<'_>, size: &[i64], options: &Options) -> Result<Tensor> {
    ensure!(size.iter().all(|&d| d >= 0), Runtime, "zeros: Dimension size must be non-negative.");
    filled("zeros", dest, size, Scalar::Int(0), options)
}

fn full_op(dest: Dest<'_>, size: &[i64], value: Scalar, options: &Options) -> Result<Tensor> {
    let dtype = match dest {
        Dest::Out(_) => options.dtype,
        _ => Some(options.dtype.unwrap_or_else(|| scalar_dtype(value))),
    };
    let out = destination(
        "full",
        dest,
        &Options { dtype, ..*options },
        &shape::sizes(size)?,
        DType::F32,
    )?;
    value.check_fits(out.dtype())?;
    dispatch::fill(&out.array(), value)?;
    Ok(out)
}

/// The geometry of given sizes and strides, over new memory.
fn empty_strided(size: &[i64], stride: &[i64], dtype: DType, device: Device) -> Result<Tensor> {
    let dims = shape::sizes(size)?;
    ensure!(
        size.len() == stride.len(),
        Runtime,
        "dimensionality of sizes ({}) must match dimensionality of strides ({})",
        size.len(),
        stride.len()
    );
    let steps: Vec<isize> = stride.iter().map(|&s| s as isize).collect();
    let reach = dims.iter().zip(&steps).try_fold(1usize, |reach, (&n, &step)| {
        let step = usize::try_from(step).ok()?;
        reach.checked_add(n.saturating_sub(1).checked_mul(step)?)
    });
    let fits = reach
        .and_then(|reach| reach.checked_mul(dtype.size()))
        .is_some_and(|bytes| isize::try_from(bytes).is_ok());
    ensure!(
        fits,
        Runtime,
        "Storage size calculation overflowed with sizes={} and strides={}",
        shape::show(size),
        shape::show(stride)
    );
    let layout = Layout::as_strided(&dims, &steps, 0)?;
    Ok(Tensor::new(Array::empty(layout, dtype, device)?))
}

/// Dense memory with the dimensions in the given order, outermost first.
fn empty_permuted(size: &[i64], order: &[i64], options: &Options) -> Result<Tensor> {
    let dims = shape::sizes(size)?;
    ensure!(
        size.len() == order.len(),
        Runtime,
        "Number of dimensions in size does not match the length of the physical_layout; i.e. len(size) = {} is not equal to len(physical_layout) = {}",
        size.len(),
        order.len()
    );
    let mut seen = vec![false; dims.len()];
    let mut physical = Vec::with_capacity(order.len());
    for &d in order {
        let inside = usize::try_from(d).ok().filter(|&d| d < dims.len());
        let Some(d) = inside else {
            base::bail!(
                Runtime,
                "Dimension out of range (expected to be between 0 and {}, but got {d} at index {}).  NB: negative dims not currently supported; file an issue if you want it.",
                dims.len().saturating_sub(1),
                physical.len()
            );
        };
        ensure!(!std::mem::replace(&mut seen[d], true), Runtime, "Duplicate dim not allowed");
        physical.push(d);
    }
    let places: Dims =
        (0..dims.len()).map(|d| physical.iter().position(|&p| p == d).unwrap_or(d)).collect();
    let stored: Dims = physical.iter().map(|&d| dims[d]).collect();
    let layout = Layout::contiguous(&stored).permute(&places);
    Ok(Tensor::new(Array::empty(layout, options.float(), options.place())?))
}

fn like(
    x: &Tensor,
    value: Option<Scalar>,
    options: &Options,
    format: Option<MemoryFormat>,
) -> Result<Tensor> {
    match value {
        Some(value) => full_like(x, value, options.dtype, options.device, format),
        None => empty_like(x, options.dtype, options.device, format),
    }
}

/// A tensor of new sizes with dtype and device of `x` where the options do not say.
fn new(x: &Tensor, size: &[i64], value: Option<Scalar>, options: &Options) -> Result<Tensor> {
    let dims = shape::sizes(size)?;
    let (dtype, device) = options.like(x);
    match value {
        Some(value) => full(&dims, value, dtype, device),
        None => Ok(Tensor::new(Array::empty_contiguous(&dims, dtype, device)?)),
    }
}

fn new_empty_strided(x: &Tensor, size: &[i64], stride: &[i64], o: &Options) -> Result<Tensor> {
    let (dtype, device) = o.like(x);
    empty_strided(size, stride, dtype, device)
}

const ZERO: Option<Scalar> = Some(Scalar::Int(0));
const ONE: Option<Scalar> = Some(Scalar::Int(1));

crate::filling_ops! {
    /// Tensors of given sizes.
    CREATION:
    /// Uninitialised memory.
    fo "empty(int[] size, *, TensorOptions options={}, MemoryFormat? memory_format=None) -> Tensor" => |dest, size, options, format| empty(dest, size, &options, format);
    /// Zeros.
    fo "zeros(int[] size, *, TensorOptions options={}) -> Tensor" => |dest, size, options| zeros_op(dest, size, &options);
    /// Ones.
    fo "ones(int[] size, *, TensorOptions options={}) -> Tensor" => |dest, size, options| filled("ones", dest, size, Scalar::Int(1), &options);
    /// One value everywhere; it decides the dtype when none is given.
    fo "full(int[] size, Scalar fill_value, *, TensorOptions options={}) -> Tensor" => |dest, size, value, options| full_op(dest, size, value, &options);
}

crate::ops! {
    /// Tensors of given strides, and tensors like another one.
    LIKE:
    /// Uninitialised memory under given strides.
    f "empty_strided(int[] size, int[] stride, *, TensorOptions options={}) -> Tensor" => |size, stride, options| strided(size, stride, &options);
    /// Uninitialised dense memory with the dimensions in a given order.
    f "empty_permuted(int[] size, int[] physical_layout, *, TensorOptions options={}) -> Tensor" => |size, order, options| empty_permuted(size, order, &options);
    /// A number as a 0-d tensor of the default dtype.
    f "scalar_tensor(Scalar s, *, TensorOptions options={}) -> Tensor" => |s, options| of_scalar(s, &options);
    /// Uninitialised memory shaped like the input.
    f "empty_like(Tensor self, *, TensorOptions options={}, MemoryFormat? memory_format=None) -> Tensor" => |x, options, format| like(x, None, &options, format);
    /// Zeros shaped like the input.
    f "zeros_like(Tensor self, *, TensorOptions options={}, MemoryFormat? memory_format=None) -> Tensor" => |x, options, format| like(x, ZERO, &options, format);
    /// Ones shaped like the input.
    f "ones_like(Tensor self, *, TensorOptions options={}, MemoryFormat? memory_format=None) -> Tensor" => |x, options, format| like(x, ONE, &options, format);
    /// One value, shaped like the input.
    f "full_like(Tensor self, Scalar fill_value, *, TensorOptions options={}, MemoryFormat? memory_format=None) -> Tensor" => |x, value, options, format| like(x, Some(value), &options, format);
    /// Uninitialised memory of the same dtype and device.
    m "new_empty(Tensor self, int[] size, *, TensorOptions options={}) -> Tensor" => |x, size, options| new(x, size, None, &options);
    /// Zeros of the same dtype and device.
    m "new_zeros(Tensor self, int[] size, *, TensorOptions options={}) -> Tensor" => |x, size, options| new(x, size, ZERO, &options);
    /// Ones of the same dtype and device.
    m "new_ones(Tensor self, int[] size, *, TensorOptions options={}) -> Tensor" => |x, size, options| new(x, size, ONE, &options);
    /// One value, of the same dtype and device.
    m "new_full(Tensor self, int[] size, Scalar fill_value, *, TensorOptions options={}) -> Tensor" => |x, size, value, options| new(x, size, Some(value), &options);
    /// Uninitialised memory under given strides, of the same dtype and device.
    m "new_empty_strided(Tensor self, int[] size, int[] stride, *, TensorOptions options={}) -> Tensor" => |x, size, stride, options| new_empty_strided(x, size, stride, &options);
}

fn strided(size: &[i64], stride: &[i64], options: &Options) -> Result<Tensor> {
    empty_strided(size, stride, options.float(), options.place())
}

fn of_scalar(value: Scalar, options: &Options) -> Result<Tensor> {
    number(value, options.float(), options.place())
}
