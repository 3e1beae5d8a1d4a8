//! Ranges: arange, linspace, logspace, eye and the indices of triangles.

use crate::Var;
use crate::call::Dest;
use crate::create::destination;
use crate::options::Options;
use array::dispatch;
use base::promote::default_dtype;
use base::{Category, DType, Device, Result, Scalar, bail, ensure};
use tape::Tensor;

/// From `start` in steps of `step`, up to but without `end`.
pub fn arange(
    dest: Dest<'_>,
    start: Scalar,
    end: Scalar,
    step: Scalar,
    options: &Options,
) -> Result<Tensor> {
    let integral = [start, end, step].iter().all(|s| s.category() <= Category::Int);
    let fallback = if integral { DType::I64 } else { default_dtype() };
    let dtype = dtype_of(dest, options, fallback);
    ensure!(
        dtype != DType::Bool && !dtype.is_complex(),
        NotImplemented,
        "\"arange_cpu\" not implemented for '{}'",
        dtype.type_name()
    );
    check_range(start, end, step)?;
    let span = (end.to_f64() - start.to_f64()) / step.to_f64();
    let [start, end, step] = [start, end, step].map(|s| settle(s, dtype));
    ensure!(!step.is_zero(), Value, "step must be nonzero");
    let count = match (start, end, step) {
        (Scalar::Int(a), Scalar::Int(b), Scalar::Int(s)) if dtype == DType::I64 => {
            int_count(a, b, s)
        }
        _ => span.ceil() as usize,
    };
    let out = destination("arange", dest, options, &[count], dtype)?;
    dispatch::arange(&out.array(), start, step)?;
    Ok(out)
}

/// From `start` in steps of `step`, up to and including `end` (deprecated in favour of `arange`).
fn range(
    dest: Dest<'_>,
    start: Scalar,
    end: Scalar,
    step: Scalar,
    options: &Options,
) -> Result<Tensor> {
    let dtype = dtype_of(dest, options, default_dtype());
    check_range(start, end, step)?;
    let [start, end, step] = [start, end, step].map(|s| settle(s, dtype));
    ensure!(!step.is_zero(), Runtime, "step must be nonzero");
    let span = ((end.to_f64() - start.to_f64()) / step.to_f64()).floor();
    let count = (span as usize).saturating_add(1);
    let out = destination("range", dest, options, &[count], dtype)?;
    dispatch::arange(&out.array(), start, step)?;
    Ok(out)
}

fn dtype_of(dest: Dest<'_>, options: &Options, fallback: DType) -> DType {
    match dest {
        Dest::Out(target) => target.dtype(),
        _ => options.dtype.unwrap_or(fallback),
    }
}

/// Integers count in int64, everything else in double.
fn settle(value: Scalar, dtype: DType) -> Scalar {
    if dtype.is_integral() { Scalar::Int(value.to_i64()) } else { Scalar::Float(value.to_f64()) }
}

fn check_range(start: Scalar, end: Scalar, step: Scalar) -> Result<()> {
    let (a, b, s) = (start.to_f64(), end.to_f64(), step.to_f64());
    ensure!(s != 0.0 && !s.is_nan(), Runtime, "step must be nonzero");
    ensure!(
        a.is_finite() && b.is_finite(),
        Runtime,
        "unsupported range: {} -> {}",
        shown(a),
        shown(b)
    );
    ensure!(
        (s > 0.0 && b >= a) || (s < 0.0 && b <= a),
        Runtime,
        "upper bound and lower bound inconsistent with step sign"
    );
    Ok(())
}

fn shown(value: f64) -> String {
    if value.is_nan() { "nan".to_string() } else { value.to_string() }
}

fn int_count(start: i64, end: i64, step: i64) -> usize {
    let (a, b, s) = (i128::from(start), i128::from(end), i128::from(step));
    let span = if s > 0 { b - a } else { a - b };
    ((span + s.abs() - 1) / s.abs()).max(0) as usize
}

/// Both ends of an even spacing, as numbers.
fn ends(name: &str, start: &Var, end: &Var) -> Result<(Scalar, Scalar)> {
    let number = |var: &Var, which: &str| match var {
        Var::S(s) => Ok(*s),
        Var::Bad(error) => Err(error.clone()),
        Var::T(t) => {
            ensure!(
                t.rank() == 0,
                Runtime,
                "{name} only supports 0-dimensional start and end tensors, but got {which} with {} dimension(s).",
                t.rank()
            );
            dispatch::item(&t.array())
        }
    };
    Ok((number(start, "start")?, number(end, "end")?))
}

/// The empty destination of `steps` evenly spaced numbers.
fn spaced(
    name: &str,
    dest: Dest<'_>,
    (start, end): (Scalar, Scalar),
    steps: i64,
    options: &Options,
) -> Result<Tensor> {
    let Ok(steps) = usize::try_from(steps) else {
        bail!(Runtime, "number of steps must be non-negative");
    };
    let complex = start.category().max(end.category()) == Category::Complex;
    let fallback = if complex { default_dtype().to_complex() } else { default_dtype() };
    ensure!(
        !complex || options.dtype.is_none_or(DType::is_complex),
        Runtime,
        "torch.{name}(): inferred dtype {} can't be safely cast to passed dtype {}",
        fallback.type_name(),
        options.dtype.unwrap_or(fallback).type_name()
    );
    destination(name, dest, options, &[steps], fallback)
}

/// An end as the dtype can hold it: without its fraction among integers.
fn held(end: Scalar, dtype: DType) -> Scalar {
    if dtype.is_integral() { Scalar::Int(end.to_i64()) } else { end }
}

/// `steps` numbers evenly from `start` to `end`, both included.
fn linspace(dest: Dest<'_>, start: &Var, end: &Var, steps: i64, o: &Options) -> Result<Tensor> {
    let (start, end) = ends("linspace", start, end)?;
    let out = spaced("linspace", dest, (start, end), steps, o)?;
    let [start, end] = [start, end].map(|s| held(s, out.dtype()));
    dispatch::linspace(&out.array(), start, end)?;
    Ok(out)
}

/// [`linspace`] between numbers.
pub(crate) fn evenly(
    start: f64,
    end: f64,
    steps: i64,
    dtype: DType,
    device: Device,
) -> Result<Tensor> {
    let options = Options { dtype: Some(dtype), device: Some(device) };
    linspace(Dest::New, &Var::from(start), &Var::from(end), steps, &options)
}

/// `base` to the power of `steps` numbers evenly from `start` to `end`.
fn logspace(
    dest: Dest<'_>,
    (start, end): (&Var, &Var),
    steps: i64,
    base: f64,
    options: &Options,
) -> Result<Tensor> {
    let (start, end) = ends("logspace", start, end)?;
    let out = spaced("logspace", dest, (start, end), steps, options)?;
    let [start, end] = [start, end].map(|s| held(s, out.dtype()));
    dispatch::logspace(&out.array(), start, end, base)?;
    Ok(out)
}

/// A matrix with ones on the diagonal.
pub fn eye(
    rows: i64,
    columns: Option<i64>,
    dtype: Option<DType>,
    device: Device,
) -> Result<Tensor> {
    diagonal_ones(Dest::New, rows, columns, &Options { dtype, device: Some(device) })
}

fn diagonal_ones(
    dest: Dest<'_>,
    rows: i64,
    columns: Option<i64>,
    options: &Options,
) -> Result<Tensor> {
    ensure!(rows >= 0, Runtime, "n must be greater or equal to 0, got {rows}");
    let columns = columns.unwrap_or(rows);
    ensure!(columns >= 0, Runtime, "m must be greater or equal to 0, got {columns}");
    let dims = [rows as usize, columns as usize];
    let out = destination("eye", dest, options, &dims, default_dtype())?;
    let array = out.array();
    dispatch::fill(&array, Scalar::Int(0))?;
    dispatch::fill(&array.view(array.layout().diagonal(0, 0, 1)), Scalar::Int(1))?;
    Ok(out)
}

/// Row and column numbers of the lower or upper triangle of a matrix.
fn triangle(name: &str, (row, col): (i64, i64), offset: i64, options: &Options) -> Result<Tensor> {
    ensure!(row >= 0, Runtime, "row must be non-negative, got{row}");
    ensure!(col >= 0, Runtime, "col must be non-negative, got{col}");
    let dtype = options.dtype.unwrap_or(DType::I64);
    ensure!(
        matches!(dtype, DType::I32 | DType::I64),
        NotImplemented,
        "\"{name}\" not implemented for '{}'",
        dtype.type_name()
    );
    let lower = name == "tril_indices";
    let below = left_of_diagonal(row, col, i128::from(offset) + i128::from(lower));
    let count = if lower { below } else { i128::from(row) * i128::from(col) - below };
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let options = Options { dtype: Some(dtype), ..*options };
    let out = destination(name, Dest::New, &options, &[2, count], dtype)?;
    if count > 0 {
        dispatch::triangle(&out.array(), (row as usize, col as usize), offset, lower)?;
    }
    Ok(out)
}

/// How many elements lie left of a diagonal that starts at column `start`: the sum of
/// `(r + start).clamp(0, col)` over the rows `r`.
fn left_of_diagonal(row: i64, col: i64, start: i128) -> i128 {
    let (row, col) = (i128::from(row), i128::from(col));
    let first = (-start).clamp(0, row);
    let full = (col - start).clamp(first, row);
    let ramp = full - first;
    ramp * (2 * start + first + full - 1) / 2 + (row - full) * col
}

crate::filling_ops! {
    /// Ranges.
    RANGES:
    /// The integers below a bound.
    fo "arange(Scalar end, *, TensorOptions options={}) -> Tensor" => |dest, end, options| arange(dest, Scalar::Int(0), end, Scalar::Int(1), &options);
    /// From start in steps, without end.
    fo "arange.start(Scalar start, Scalar end, Scalar step=1, *, TensorOptions options={}) -> Tensor" => |dest, start, end, step, options| arange(dest, start, end, step, &options);
    /// From start in steps, with end.
    fo "range(Scalar start, Scalar end, Scalar step=1, *, TensorOptions options={}) -> Tensor" => |dest, start, end, step, options| range(dest, start, end, step, &options);
    /// Evenly spaced numbers, both ends included.
    fo "linspace(Scalar start, Scalar end, int steps, *, TensorOptions options={}) -> Tensor" => |dest, start, end, steps, options| linspace(dest, &start, &end, steps, &options);
    /// Evenly spaced numbers, both ends included.
    fo "linspace.Tensor_Tensor(Tensor start, Tensor end, int steps, *, TensorOptions options={}) -> Tensor" => |dest, start, end, steps, options| linspace(dest, &start, &end, steps, &options);
    /// Evenly spaced numbers, both ends included.
    fo "linspace.Tensor_Scalar(Tensor start, Scalar end, int steps, *, TensorOptions options={}) -> Tensor" => |dest, start, end, steps, options| linspace(dest, &start, &end, steps, &options);
    /// Evenly spaced numbers, both ends included.
    fo "linspace.Scalar_Tensor(Scalar start, Tensor end, int steps, *, TensorOptions options={}) -> Tensor" => |dest, start, end, steps, options| linspace(dest, &start, &end, steps, &options);
    /// Powers of a base with evenly spaced exponents.
    fo "logspace(Scalar start, Scalar end, int steps, float base=10.0, *, TensorOptions options={}) -> Tensor" => |dest, start, end, steps, base, options| logspace(dest, (&start, &end), steps, base, &options);
    /// Powers of a base with evenly spaced exponents.
    fo "logspace.Tensor_Tensor(Tensor start, Tensor end, int steps, float base=10.0, *, TensorOptions options={}) -> Tensor" => |dest, start, end, steps, base, options| logspace(dest, (&start, &end), steps, base, &options);
    /// Powers of a base with evenly spaced exponents.
    fo "logspace.Tensor_Scalar(Tensor start, Scalar end, int steps, float base=10.0, *, TensorOptions options={}) -> Tensor" => |dest, start, end, steps, base, options| logspace(dest, (&start, &end), steps, base, &options);
    /// Powers of a base with evenly spaced exponents.
    fo "logspace.Scalar_Tensor(Scalar start, Tensor end, int steps, float base=10.0, *, TensorOptions options={}) -> Tensor" => |dest, start, end, steps, base, options| logspace(dest, (&start, &end), steps, base, &options);
    /// Ones on the diagonal.
    fo "eye(int n, int? m=None, *, TensorOptions options={}) -> Tensor" => |dest, n, m, options| diagonal_ones(dest, n, m, &options);
    /// Row and column numbers of a lower triangle.
    f "tril_indices(int row, int col, int offset=0, *, TensorOptions options={}) -> Tensor" => |_dest, row, col, offset, options| triangle("tril_indices", (row, col), offset, &options);
    /// Row and column numbers of an upper triangle.
    f "triu_indices(int row, int col, int offset=0, *, TensorOptions options={}) -> Tensor" => |_dest, row, col, offset, options| triangle("triu_indices", (row, col), offset, &options);
}

/// All pairs `i < j` of numbers below `count`, as two rows.
pub(crate) fn pairs(count: usize, device: Device) -> Result<Tensor> {
    let options = Options { dtype: Some(DType::I64), device: Some(device) };
    triangle("triu_indices", (count as i64, count as i64), 1, &options)
}

/// The integers from 0 up to but without `count`.
pub(crate) fn indices(count: usize, device: base::Device) -> Result<Tensor> {
    let out = array::Array::empty_contiguous(&[count], DType::I64, device)?;
    dispatch::arange(&out, Scalar::Int(0), Scalar::Int(1))?;
    Ok(Tensor::new(out))
}
