//! Loss scaling for float16 training: checking and unscaling of gradients, and the next scale.
//!
//! Source: Micikevicius et al., Mixed Precision Training, 2017.

use crate::map::{NONE, map};
use crate::{Dest, Var, binary, reduce, unary};
use array::dispatch;
use base::{DType, Result, Scalar, ensure};
use tape::Tensor;

fn check_one(x: &Tensor, name: &str, dtype: DType) -> Result<()> {
    ensure!(x.numel() == 1, Runtime, "{name} must be a 1-element tensor.");
    let kind = if dtype == DType::I32 { "an int" } else { "a float" };
    ensure!(x.dtype() == dtype, Runtime, "{name} must be {kind} tensor.");
    Ok(())
}

fn store(x: &Tensor, value: Scalar) -> Result<()> {
    dispatch::fill(&x.array(), value)?;
    x.bump_version();
    Ok(())
}

fn number(x: &Tensor) -> Result<f64> {
    Ok(dispatch::item(&x.array())?.to_f64())
}

fn is_finite(x: &Tensor) -> Result<bool> {
    let finite = map(&unary::isfinite::OP, &[Var::from(x)], NONE, Dest::New)?;
    Ok(dispatch::item(&reduce::all(&finite, None, false)?.array())?.to_bool())
}

/// Multiplies gradients by the inverse scale and sets `found` to 1 if one was not finite.
fn unscale(grads: &[Tensor], found: &Tensor, inverse: &Tensor) -> Result<()> {
    check_one(inverse, "inv_scale", DType::F32)?;
    check_one(found, "found_inf", DType::F32)?;
    let factor = number(inverse)?;
    for grad in grads {
        ensure!(
            grad.dtype().is_float(),
            NotImplemented,
            "\"_amp_foreach_non_finite_check_and_unscale_cpu\" not implemented for '{}'",
            grad.dtype().type_name()
        );
        if !is_finite(grad)? {
            store(found, Scalar::Float(1.0))?;
        }
        let ins = [Var::from(grad), Var::from(Scalar::Float(factor))];
        map(&binary::mul::OP, &ins, NONE, Dest::InPlace(grad))?;
    }
    Ok(())
}

/// Shrinks the scale after an overflow; grows it after `interval` steps in a row without one, unless
/// that would overflow itself.
fn update(
    scale: &Tensor,
    tracker: &Tensor,
    found: &Tensor,
    [growth, backoff]: [f64; 2],
    interval: i64,
) -> Result<Tensor> {
    check_one(tracker, "growth_tracker", DType::I32)?;
    check_one(scale, "current_scale", DType::F32)?;
    check_one(found, "found_inf", DType::F32)?;
    let now = number(scale)?;
    if number(found)? != 0.0 {
        store(scale, Scalar::Float(now * backoff))?;
        store(tracker, Scalar::Int(0))?;
        return Ok(scale.clone());
    }
    let successes = dispatch::item(&tracker.array())?.to_i64() + 1;
    if successes < interval {
        store(tracker, Scalar::Int(successes))?;
        return Ok(scale.clone());
    }
    if ((now * growth) as f32).is_finite() {
        store(scale, Scalar::Float(now * growth))?;
    }
    store(tracker, Scalar::Int(0))?;
    Ok(scale.clone())
}

crate::ops! {
    /// Natives of the gradient scaler.
    SCALING:
    /// Multiplies gradients by `inv_scale`, in place, and sets `found_inf` if one is not finite.
    f "_amp_foreach_non_finite_check_and_unscale_(Tensor[] self, Tensor found_inf, Tensor inv_scale) -> ()" => |grads, found, inverse| unscale(grads, found, inverse);
    /// Adapts a loss scale, in place, to whether gradients overflowed.
    f "_amp_update_scale_(Tensor self, Tensor growth_tracker, Tensor found_inf, float scale_growth_factor, float scale_backoff_factor, int growth_interval) -> Tensor" => |scale, tracker, found, growth, backoff, interval| update(scale, tracker, found, [growth, backoff], interval);
}
