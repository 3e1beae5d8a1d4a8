//! Ranges: arange, linspace, eye.

use array::{Array, dispatch};
use base::promote::default_dtype;
use base::{Category, DType, Device, Result, Scalar, ensure};
use tape::Tensor;

/// From `start` in steps of `step`, up to but without `end`.
pub fn arange(
    start: Scalar,
    end: Scalar,
    step: Scalar,
    dtype: Option<DType>,
    device: Device,
) -> Result<Tensor> {
    let any_float = [start, end, step].iter().any(|s| s.category() == Category::Float);
    let dtype = dtype.unwrap_or(if any_float { default_dtype() } else { DType::I64 });
    let (a, b, s) = (start.to_f64(), end.to_f64(), step.to_f64());
    ensure!(s != 0.0, Runtime, "step must be nonzero");
    ensure!(a.is_finite() && b.is_finite(), Runtime, "unsupported range: {a} -> {b}");
    ensure!(
        (s > 0.0 && b >= a) || (s < 0.0 && b <= a),
        Runtime,
        "upper bound and lower bound inconsistent with step sign"
    );
    let count = if any_float { ((b - a) / s).ceil() as usize } else { int_count(start, end, step) };
    let out = Array::empty_contiguous(&[count], dtype, device)?;
    dispatch::arange(&out, start, step)?;
    Ok(Tensor::new(out))
}

fn int_count(start: Scalar, end: Scalar, step: Scalar) -> usize {
    let (a, b, s) = (i128::from(start.to_i64()), i128::from(end.to_i64()), i128::from(step.to_i64()));
    let span = if s > 0 { b - a } else { a - b };
    ((span + s.abs() - 1) / s.abs()).max(0) as usize
}

/// `steps` numbers evenly from `start` to `end`, both included.
pub fn linspace(
    start: Scalar,
    end: Scalar,
    steps: i64,
    dtype: Option<DType>,
    device: Device,
) -> Result<Tensor> {
    ensure!(steps >= 0, Runtime, "number of steps must be non-negative");
    let dtype = dtype.unwrap_or_else(default_dtype);
    let out = Array::empty_contiguous(&[steps as usize], dtype, device)?;
    dispatch::linspace(&out, start, end)?;
    Ok(Tensor::new(out))
}

/// Ones on the diagonal.
pub fn eye(rows: i64, columns: Option<i64>, dtype: Option<DType>, device: Device) -> Result<Tensor> {
    ensure!(rows >= 0, Runtime, "n must be greater or equal to 0, got {rows}");
    let columns = columns.unwrap_or(rows);
    ensure!(columns >= 0, Runtime, "m must be greater or equal to 0, got {columns}");
    let dtype = dtype.unwrap_or_else(default_dtype);
    let out = Array::zeros(&[rows as usize, columns as usize], dtype, device)?;
    dispatch::fill(&out.view(out.layout().diagonal(0, 0, 1)), Scalar::Int(1))?;
    Ok(Tensor::new(out))
}
