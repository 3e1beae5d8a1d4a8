//! Casts and moves between devices: one recorded copy. And what dtypes say about each other.

use crate::node::Linear;
use crate::{Var, create};
use array::{Array, dispatch};
use base::promote;
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
            g.then(|g| {
                if g.device() == home { Ok(g.clone()) } else { to_copy(g, g.dtype(), home, None) }
            })
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

fn to(x: &Tensor, dtype: DType, format: Option<MemoryFormat>) -> Result<Tensor> {
    create::to(x, Some(dtype), None, false, format)
}

fn is_signed(x: &Tensor) -> Result<bool> {
    Ok(!matches!(x.dtype(), DType::Bool | DType::U8))
}

fn like_other(x: &Tensor, other: &Tensor) -> Result<Tensor> {
    create::to(x, Some(other.dtype()), Some(other.device()), false, None)
}

/// Conjugates and negatives are computed when asked for, so no tensor waits to be resolved.
fn resolved(x: &Tensor) -> Result<Tensor> {
    Ok(x.clone())
}

fn never(_: &Tensor) -> Result<bool> {
    Ok(false)
}

fn made_in_inference(x: &Tensor) -> Result<bool> {
    Ok(x.is_inference())
}

fn same_size(a: &Tensor, b: &Tensor) -> Result<bool> {
    Ok(a.dims() == b.dims())
}

/// The same elements at the same place: storage and geometry agree.
fn is_set_to(a: &Tensor, b: &Tensor) -> Result<bool> {
    let (a, b) = (a.array(), b.array());
    Ok(a.shares_storage(&b) && a.layout() == b.layout())
}

crate::ops! {
    /// Casts by name.
    CASTS:
    /// As 32-bit floats.
    m "float(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor" => |x, format| to(x, DType::F32, format);
    /// As 64-bit floats.
    m "double(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor" => |x, format| to(x, DType::F64, format);
    /// As 16-bit floats.
    m "half(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor" => |x, format| to(x, DType::F16, format);
    /// As brain floats.
    m "bfloat16(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor" => |x, format| to(x, DType::BF16, format);
    /// As 64-bit integers.
    m "long(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor" => |x, format| to(x, DType::I64, format);
    /// As 32-bit integers.
    m "int(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor" => |x, format| to(x, DType::I32, format);
    /// As 16-bit integers.
    m "short(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor" => |x, format| to(x, DType::I16, format);
    /// As 8-bit integers.
    m "char(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor" => |x, format| to(x, DType::I8, format);
    /// As bytes.
    m "byte(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor" => |x, format| to(x, DType::U8, format);
    /// As truth values.
    m "bool(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor" => |x, format| to(x, DType::Bool, format);
    /// As pairs of 32-bit floats.
    m "cfloat(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor" => |x, format| to(x, DType::C64, format);
    /// As pairs of 16-bit floats.
    m "chalf(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor" => |x, format| to(x, DType::C32, format);
    /// As pairs of 64-bit floats.
    m "cdouble(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor" => |x, format| to(x, DType::C128, format);
    /// With the dtype and device of another tensor.
    m "type_as(Tensor self, Tensor other) -> Tensor" => |x, other| like_other(x, other);
}

crate::ops! {
    /// Questions about tensors and dtypes.
    KINDS:
    /// Whether the dtype holds negative numbers.
    fm "is_signed(Tensor self) -> bool" => |x| is_signed(x);
    /// Whether conjugation is pending; never here.
    fm "is_conj(Tensor self) -> bool" => |x| never(x);
    /// Whether negation is pending; never here.
    fm "is_neg(Tensor self) -> bool" => |x| never(x);
    /// Itself: conjugates are always carried out.
    fm "resolve_conj(Tensor self) -> Tensor" => |x| resolved(x);
    /// Itself: negations are always carried out.
    fm "resolve_neg(Tensor self) -> Tensor" => |x| resolved(x);
    /// Whether it was made in inference mode.
    f "is_inference(Tensor self) -> bool" => |x| made_in_inference(x);
    /// Whether two tensors have the same sizes.
    fm "is_same_size(Tensor self, Tensor other) -> bool" => |a, b| same_size(a, b);
    /// Whether two tensors are the same elements of the same storage.
    m "is_set_to(Tensor self, Tensor tensor) -> bool" => |a, b| is_set_to(a, b);
    /// Whether a result of one dtype may be stored as another.
    f "can_cast(ScalarType from_, ScalarType to) -> bool" => |from, to| Ok::<_, base::Error>(promote::can_cast(from, to));
    /// The smallest dtype both convert to.
    f "promote_types(ScalarType type1, ScalarType type2) -> ScalarType" => |a, b| Ok::<_, base::Error>(promote::promote_types(a, b));
}
