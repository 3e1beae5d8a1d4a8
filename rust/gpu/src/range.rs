//! Evenly spaced numbers.

use crate::launch::Kernel;
use crate::shader::{Access, Variant};
use crate::{View, check_dtype, dense};
use base::{DType, Result, Scalar};

const WHOLE: &str =
    "long_of(p.start_low, p.start_high) + long_of(i, 0u) * long_of(p.step_low, p.step_high)";
const REAL: &str = "p.start + f32(i) * p.step";
// From the nearer end, so that both ends are exact.
const BETWEEN: &str =
    "select(p.end - f32(p.n - 1u - i) * p.step, p.start + f32(i) * p.step, i < max(p.n / 2u, 1u))";

fn words(number: i64) -> [usize; 2] {
    let bits = number as u64;
    [(bits & 0xffff_ffff) as usize, (bits >> 32) as usize]
}

/// `out[i] = start + i * step`.
pub fn arange(out: View<'_>, start: Scalar, step: Scalar) -> Result<()> {
    let expr = if out.dtype.is_float() { REAL } else { WHOLE };
    fill(out, expr, [start, step, start])
}

/// Evenly spaced numbers from `start` to `end`.
pub fn linspace(out: View<'_>, start: Scalar, end: Scalar) -> Result<()> {
    let gaps = out.numel().saturating_sub(1).max(1) as f64;
    let step = Scalar::Float((end.to_f64() - start.to_f64()) / gaps);
    fill(out, BETWEEN, [start, step, end])
}

fn fill(out: View<'_>, expr: &'static str, [start, step, end]: [Scalar; 3]) -> Result<()> {
    check_dtype("arange", out.dtype)?;
    let n = out.numel();
    dense::output(out, |out| {
        Kernel::new("range")
            .of(expr)
            .write(out)
            .numbers(words(start.to_i64()))
            .numbers(words(step.to_i64()))
            .floats(&[start, step, end].map(Scalar::to_f64))
            .threads(n)
    })
}

/// Variants for tests.
pub fn samples(dtypes: &[DType]) -> Vec<Variant> {
    let one = |d: DType| Variant::new("range", &[(d, Access::Write)]);
    dtypes.iter().flat_map(|&d| [REAL, WHOLE, BETWEEN].map(|e| one(d).of(e))).collect()
}
