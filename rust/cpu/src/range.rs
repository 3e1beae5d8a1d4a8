//! Ranges: evenly spaced numbers, computed from the index so that no error adds up.

use crate::{Buffer, Operand, ViewMut, copy};
use base::{Category, DType, Layout, Result, Scalar, ensure};

/// Element `i` becomes `start + i * step`: in int64 for integers, in float64 for floats.
pub fn arange(out: ViewMut<'_>, start: Scalar, step: Scalar) -> Result<()> {
    let integral = [start, step].iter().all(|s| s.category() <= Category::Int);
    if integral && out.dtype().is_integral() {
        let (a, s) = (start.to_i64(), step.to_i64());
        return generate(out, DType::I64, |i| a.wrapping_add(s.wrapping_mul(i as i64)));
    }
    let (a, s) = (start.to_f64(), step.to_f64());
    generate(out, DType::F64, |i| a + i as f64 * s)
}

/// `steps` numbers from `start` to `end`, counted from the nearer end.
pub fn linspace(out: ViewMut<'_>, start: Scalar, end: Scalar) -> Result<()> {
    let steps = out.numel();
    if out.dtype() == DType::F64 || out.dtype().is_integral() {
        let (a, b) = (start.to_f64(), end.to_f64());
        let step = (b - a) / steps.saturating_sub(1).max(1) as f64;
        return generate(out, DType::F64, |i| {
            if i < steps / 2 || steps == 1 { a + step * i as f64 } else { b - step * (steps - i - 1) as f64 }
        });
    }
    let (a, b) = (start.to_f64() as f32, end.to_f64() as f32);
    let step = (b - a) / steps.saturating_sub(1).max(1) as f32;
    generate(out, DType::F32, |i| {
        if i < steps / 2 || steps == 1 { step.mul_add(i as f32, a) } else { (-step).mul_add((steps - i - 1) as f32, b) }
    })
}

/// Fills a vector with `f(index)`, cast from `dtype`, the dtype of `T`.
fn generate<T: base::Element>(out: ViewMut<'_>, dtype: DType, f: impl Fn(usize) -> T) -> Result<()> {
    ensure!(T::DTYPE == dtype, Runtime, "internal error: generate() of {dtype}");
    let layout = Layout::contiguous(out.dims());
    let buffer = Buffer::uninit(layout.numel() * size_of::<T>())?;
    for i in 0..layout.numel() {
        // SAFETY: the buffer was made for numel() elements of T and is aligned for any element type.
        unsafe { buffer.ptr().cast::<T>().add(i).write(f(i)) };
    }
    copy(out, Operand::View(buffer.view(dtype, &layout)?))
}
