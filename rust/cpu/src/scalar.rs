//! Elements as numbers: `item()`, `tolist()`, printing.

use crate::{View, ViewMut};
use base::{
    B8, Complex32, Complex64, ComplexHalf, DType, Element, Result, Scalar, bf16, ensure, f16,
};

/// All elements of a contiguous view, in order.
pub fn scalars(view: View<'_>) -> Result<Vec<Scalar>> {
    ensure!(view.is_contiguous(), Runtime, "internal error: scalars() needs contiguous memory");
    Ok(match view.dtype() {
        DType::Bool => read::<B8>(view),
        DType::U8 => read::<u8>(view),
        DType::I8 => read::<i8>(view),
        DType::I16 => read::<i16>(view),
        DType::I32 => read::<i32>(view),
        DType::I64 => read::<i64>(view),
        DType::F16 => read::<f16>(view),
        DType::BF16 => read::<bf16>(view),
        DType::F32 => read::<f32>(view),
        DType::F64 => read::<f64>(view),
        DType::C32 => read::<ComplexHalf>(view),
        DType::C64 => read::<Complex32>(view),
        DType::C128 => read::<Complex64>(view),
    })
}

fn read<T: Element>(view: View<'_>) -> Vec<Scalar> {
    let start = view.bytes().cast::<T>();
    // SAFETY: a view reaches numel() valid, aligned elements of its dtype, one after the other when
    // it is contiguous, which the caller has checked; T is that dtype's type.
    (0..view.numel()).map(|i| unsafe { start.add(i).read() }.to_scalar()).collect()
}

/// Stores numbers into a contiguous view, cast to its dtype.
pub fn store(out: ViewMut<'_>, values: &[Scalar]) -> Result<()> {
    ensure!(
        out.is_contiguous() && out.numel() == values.len(),
        Runtime,
        "internal error: store() needs contiguous memory for {} numbers",
        values.len()
    );
    match out.dtype() {
        DType::Bool => write::<B8>(out, values),
        DType::U8 => write::<u8>(out, values),
        DType::I8 => write::<i8>(out, values),
        DType::I16 => write::<i16>(out, values),
        DType::I32 => write::<i32>(out, values),
        DType::I64 => write::<i64>(out, values),
        DType::F16 => write::<f16>(out, values),
        DType::BF16 => write::<bf16>(out, values),
        DType::F32 => write::<f32>(out, values),
        DType::F64 => write::<f64>(out, values),
        DType::C32 => write::<ComplexHalf>(out, values),
        DType::C64 => write::<Complex32>(out, values),
        DType::C128 => write::<Complex64>(out, values),
    }
    Ok(())
}

fn write<T: Element>(out: ViewMut<'_>, values: &[Scalar]) {
    let start = out.bytes().cast::<T>();
    for (i, value) in values.iter().enumerate() {
        // SAFETY: the view reaches as many valid, aligned elements as there are values, one after
        // the other, as the caller has checked; T is its dtype's type.
        unsafe { start.add(i).write(T::from_scalar(*value)) };
    }
}
