//! Dropout: a random mask times the input, drawn as PyTorch draws it.

use crate::{Var, cast, create};
use array::{Array, dispatch};
use base::rng::{Draw, default_generator};
use base::{DType, Dims, Result, ensure};
use tape::Tensor;

fn check(p: f64) -> Result<()> {
    ensure!(
        (0.0..=1.0).contains(&p),
        Runtime,
        "dropout probability has to be between 0 and 1, but got {p}"
    );
    Ok(())
}

/// 1 with probability `1 - p`, else 0; one number an element, or a channel of a sample.
fn mask(x: &Tensor, p: f64, by_feature: bool) -> Result<Tensor> {
    let out = if by_feature {
        let dims = x.dims();
        ensure!(
            dims.len() >= 2,
            Runtime,
            "Feature dropout requires at least 2 dimensions in the input"
        );
        let mut channels = Dims::filled(1, dims.len());
        channels[..2].copy_from_slice(&dims[..2]);
        Tensor::new(Array::empty_contiguous(&channels, x.dtype(), x.device())?)
    } else {
        create::empty_like(x, None, None, None)?
    };
    dispatch::random::draw(&out.array(), &Draw::Bernoulli { p: 1.0 - p }, default_generator())?;
    Ok(out)
}

/// Zeroes elements (or channels) with probability `p` and scales the others by `1 / (1 - p)`.
fn dropout_by(x: &Tensor, p: f64, train: bool, by_feature: bool) -> Result<Tensor> {
    check(p)?;
    if p == 0.0 || !train || x.numel() == 0 {
        return Ok(x.clone());
    }
    if p == 1.0 {
        return (Var::from(x) * 0.0).tensor();
    }
    ensure!(
        !x.dtype().is_integral(),
        Runtime,
        "result type Float can't be cast to the desired output type {}",
        x.dtype().type_name()
    );
    let mask = Var::from(mask(x, p, by_feature)?) / Var::from(1.0 - p);
    (Var::from(x) * mask).tensor()
}

/// Zeroes elements with probability `p` and scales the others by `1 / (1 - p)`.
pub fn dropout(x: &Tensor, p: f64, train: bool) -> Result<Tensor> {
    dropout_by(x, p, train, false)
}

/// What SELU tends to for large negative inputs, negated.
const SELU_FLOOR: f64 = 1.758_099_340_847_376_6;

/// Sets elements (or channels) to SELU's floor and keeps mean and variance by an affine map.
fn alpha_dropout(x: &Tensor, p: f64, train: bool, by_feature: bool) -> Result<Tensor> {
    check(p)?;
    if p == 0.0 || !train || x.numel() == 0 {
        return Ok(x.clone());
    }
    if p == 1.0 {
        return (Var::from(x) * 0.0).tensor();
    }
    let mask = Var::from(mask(x, p, by_feature)?);
    let a = 1.0 / ((SELU_FLOOR * SELU_FLOOR * p + 1.0) * (1.0 - p)).sqrt();
    let shift = (&mask - &Var::from(1.0)) * (SELU_FLOOR * a) + SELU_FLOOR * a * p;
    (Var::from(x) * (mask * a) + shift).tensor()
}

/// [`dropout`] with its mask as the second result.
fn native_dropout(x: &Tensor, p: f64, train: Option<bool>) -> Result<(Tensor, Tensor)> {
    check(p)?;
    if !train.unwrap_or(true) || x.numel() == 0 {
        let all = create::full(&x.dims(), base::Scalar::Bool(true), DType::Bool, x.device())?;
        return Ok((create::clone(x, None)?, all));
    }
    let scale = if p == 1.0 { 0.0 } else { 1.0 / (1.0 - p) };
    let mask = mask(x, p, false)?;
    let out = (Var::from(x) * Var::from(&mask) * scale).tensor()?;
    Ok((out, cast::to_dtype(&mask, DType::Bool)?))
}

crate::ops! {
    /// Dropout.
    DROPOUT:
    /// Zeroes elements at random and scales the others up.
    fi "dropout(Tensor input, float p, bool train) -> Tensor" => |x, p, train| dropout(x, p, train);
    /// Zeroes channels at random and scales the others up.
    fi "feature_dropout(Tensor input, float p, bool train) -> Tensor" => |x, p, train| dropout_by(x, p, train, true);
    /// Dropout that keeps the mean and variance of SELU networks.
    fi "alpha_dropout(Tensor input, float p, bool train) -> Tensor" => |x, p, train| alpha_dropout(x, p, train, false);
    /// Alpha dropout of channels.
    fi "feature_alpha_dropout(Tensor input, float p, bool train) -> Tensor" => |x, p, train| alpha_dropout(x, p, train, true);
    /// Dropout and its mask.
    f "native_dropout(Tensor input, float p, bool? train) -> (Tensor, Tensor)" => |x, p, train| native_dropout(x, p, train);
}
