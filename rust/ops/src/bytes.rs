//! Images of bytes resampled as PyTorch does it: weights of 16 bits, sums of whole numbers, rounded
//! after each dimension. Sums stay below 2^53, so that products in float64 are exact.

use crate::{Var, cast, clamp, create, map, matmul, unary};
use array::dispatch;
use base::{DType, Result, Scalar};
use tape::Tensor;

/// The transposed weights as a matrix of the dtype of `like`.
pub(crate) fn matrix(values: &[f64], from: usize, like: &Tensor) -> Result<Var> {
    let to = values.len() / from;
    let out = create::zeros(&[to, from], like.dtype(), like.device())?;
    let values: Vec<Scalar> = values.iter().map(|&w| Scalar::Float(w)).collect();
    dispatch::store(&out.array(), &values)?;
    Ok(Var::from(out).mt())
}

/// Weights in units of a power of two, and that power: the largest for which all take 16 bits.
fn fixed_point(mut values: Vec<f64>) -> (Vec<f64>, f64) {
    let largest = values.iter().fold(0.0f64, |m, &w| m.max(w));
    let fits = |bits: &i32| (0.5 + largest * 2f64.powi(bits + 1)).floor() < 2f64.powi(15);
    let bits = (0..22).find(|bits| !fits(bits)).unwrap_or(22);
    let unit = 2f64.powi(bits);
    for w in &mut values {
        *w = (*w * unit + 0.5f64.copysign(*w)).trunc();
    }
    (values, unit)
}

/// Resampling of bytes: along each dimension whole numbers, rounded and kept within a byte.
pub(crate) fn resample(x: &Tensor, columns: Vec<f64>, rows: Vec<f64>) -> Result<Tensor> {
    let from = x.dims();
    let pass = |x: Var, values: Vec<f64>, d: usize| -> Result<Var> {
        let (values, unit) = fixed_point(values);
        let x = x.tensor()?;
        let by = matrix(&values, from[d], &x)?;
        let sums = by.then(|by| match d {
            3 => matmul::matmul(&x, by),
            _ => matmul::matmul(&Var::from(by).mt().tensor()?, &x),
        });
        let whole = map::apply(&unary::floor::OP, &[(sums + unit / 2.0) / unit], map::NONE)?;
        Ok(clamp::bounded(&whole, Some(&Var::from(0.0)), Some(&Var::from(255.0)))?.into())
    };
    let wide = Var::from(cast::to_dtype(x, DType::F64)?);
    let out = pass(pass(wide, columns, 3)?, rows, 2)?.tensor()?;
    create::clone(&cast::to_dtype(&out, DType::U8)?, Some(x.layout().suggested_format()))
}
