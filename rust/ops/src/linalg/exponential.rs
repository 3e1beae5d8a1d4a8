//! Powers of square matrices: whole ones and the exponential.

use super::{Sizes, check_float, check_kernel, check_square, identity, inverse};
use crate::node::{Formula, Keep};
use crate::{Var, cast, create, join};
use array::dispatch;
use base::{DType, DeviceKind, Result};
use tape::Tensor;

/// The 1-norm up to which the approximant is exact in double precision (Higham 2005, table 2.3).
const EXACT: f64 = 5.371_920_351_148_152;

/// Coefficients of the diagonal Pade approximant of order 13.
const PADE: [f64; 14] = [
    64_764_752_532_480_000.0,
    32_382_376_266_240_000.0,
    7_771_770_303_897_600.0,
    1_187_353_796_428_800.0,
    129_060_195_264_000.0,
    10_559_470_521_600.0,
    670_442_572_800.0,
    33_522_128_640.0,
    1_323_241_920.0,
    40_840_800.0,
    960_960.0,
    16_380.0,
    182.0,
    1.0,
];

/// The matrix exponential.
pub fn matrix_exp(a: &Tensor) -> Result<Tensor> {
    check_square(a, "linalg.matrix_exp", "A")?;
    check_float(a, "linalg.matrix_exp")?;
    let silent = tape::set_grad_enabled(false);
    let value = exponential(a)?;
    drop(silent);
    tape::record(value.array(), &[a], |_| {
        Formula::new("LinalgMatrixExpBackward0", 1, &[Keep::Input(a)], |grads, saved| {
            Ok(vec![Some(derivative(&saved.vars[0].mh(), &Var::grad(grads)))])
        })
    })
}

/// The derivative of exp at `a` in the direction `g`: the upper right block of
/// `exp [a g; 0 a]` (Mathias 1996).
fn derivative(a: &Var, g: &Var) -> Var {
    let n = match a {
        Var::T(t) => Sizes::of(t).rows,
        _ => return a.clone(),
    };
    let join = |x: &Var, y: &Var, dim: i64| -> Var {
        x.clone().then(|x| join::cat(&[x.clone(), y.clone().tensor()?], dim))
    };
    let zero = 0.0 * a;
    let block = join(&join(a, g, -1), &join(&zero, a, -1), -2);
    block.then(matrix_exp).narrow(-2, 0, n).narrow(-1, n, n)
}

/// Scaling and squaring (Higham 2005), in double precision where the device has it.
fn exponential(a: &Tensor) -> Result<Tensor> {
    check_kernel(a, "linalg_solve_cpu")?;
    let wide = match a.dtype() {
        dtype if dtype.is_complex() => DType::C128,
        dtype if a.device().kind == DeviceKind::Gpu => dtype,
        _ => DType::F64,
    };
    let n = Sizes::of(a).rows;
    if a.numel() == 0 {
        return create::clone(a, None);
    }
    let whole = Var::from(cast::to_dtype(a, wide));
    let columns = whole.clone().abs().sum_keep(&[-2]).tensor()?;
    let norm = dispatch::scalars(&columns.array())?.iter().map(|s| s.to_f64()).fold(0.0, f64::max);
    let ratio = norm / EXACT;
    let squarings = if ratio > 1.0 && ratio.is_finite() { ratio.log2().ceil() } else { 0.0 };
    let a1 = whole * (-squarings).exp2();
    let eye = Var::from(identity(n, n, &a1.clone().tensor()?));
    let a2 = a1.mm(&a1);
    let a4 = a2.mm(&a2);
    let a6 = a4.mm(&a2);
    let mix = |c: [f64; 3]| c[0] * &a6 + c[1] * &a4 + c[2] * &a2;
    let b = PADE;
    let odd = a6.mm(&mix([b[13], b[11], b[9]])) + mix([b[7], b[5], b[3]]) + b[1] * &eye;
    let odd = a1.mm(&odd);
    let even = a6.mm(&mix([b[12], b[10], b[8]])) + mix([b[6], b[4], b[2]]) + b[0] * &eye;
    let mut result = (&even - &odd).solve(&(&even + &odd));
    for _ in 0..squarings as usize {
        result = result.mm(&result);
    }
    create::contiguous(&cast::to_dtype(&result.tensor()?, a.dtype())?)
}

/// The product of `n` copies, of the inverse for a negative n.
fn matrix_power(a: &Tensor, n: i64) -> Result<Tensor> {
    check_square(a, "linalg.matrix_power", "A")?;
    let size = Sizes::of(a).rows;
    if n == 0 {
        return crate::inplace::copy_(&create::clone(a, None)?, &identity(size, size, a)?);
    }
    let mut factor = if n < 0 { Var::from(inverse::inv(a)?) } else { Var::from(a) };
    let (mut left, mut result) = (n.unsigned_abs(), None::<Var>);
    loop {
        if left & 1 == 1 {
            result = Some(result.map_or_else(|| factor.clone(), |r| r.mm(&factor)));
        }
        left >>= 1;
        match result {
            Some(result) if left == 0 => {
                return match result {
                    Var::T(t) if n == 1 => create::clone(&t, None),
                    other => other.tensor(),
                };
            }
            _ => factor = factor.mm(&factor),
        }
    }
}

crate::ops! {
    /// Powers of matrices.
    EXPONENTIALS:
    /// The matrix exponential.
    f "linalg_matrix_exp(Tensor self) -> Tensor" => |a| matrix_exp(a);
    /// The matrix exponential.
    fm "matrix_exp(Tensor self) -> Tensor" => |a| matrix_exp(a);
    /// A whole power of a matrix.
    fo lower "linalg_matrix_power(Tensor self, int n) -> Tensor" => |a, n| matrix_power(a, n);
    /// A whole power of a matrix.
    fmo lower "matrix_power(Tensor self, int n) -> Tensor" => |a, n| matrix_power(a, n);
}
