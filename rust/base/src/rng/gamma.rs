//! Gamma variates by Marsaglia and Tsang (2000), and the Dirichlet built from them.

use super::draw::from_f64;
use super::stream::Stream;
use crate::{DType, Element};

/// One standard gamma variate of shape `alpha`, at least the dtype's smallest normal number.
pub fn standard_gamma<T: Element>(stream: &mut Stream, alpha: T) -> T {
    let alpha = alpha.to_scalar().to_f64();
    let value = if T::DTYPE == DType::F64 {
        variate(stream, alpha, |x| x)
    } else {
        variate(stream, alpha, |x| f64::from(x as f32))
    };
    let tiny = smallest_normal(T::DTYPE);
    // NaN stays NaN: the comparison is false for it.
    from_f64(if value < tiny { tiny } else { value })
}

/// `narrow` rounds to the precision the reference holds `alpha` and its derivates in.
fn variate(stream: &mut Stream, alpha: f64, narrow: fn(f64) -> f64) -> f64 {
    if alpha.is_nan() {
        return alpha;
    }
    if alpha == 0.0 {
        return 0.0;
    }
    let mut scale = 1.0;
    let mut alpha = alpha;
    if alpha < 1.0 {
        scale = (1.0 - stream.uniform_f64()).powf(narrow(1.0 / alpha));
        alpha = narrow(alpha + 1.0);
    }
    let d = narrow(alpha - f64::from(1.0_f32 / 3.0));
    if d <= 0.0 {
        return f64::NAN;
    }
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let (x, y) = loop {
            let x = stream.normal();
            let y = 1.0 + c * x;
            if y > 0.0 {
                break (x, y);
            }
        };
        let v = y * y * y;
        let u = 1.0 - stream.uniform_f64();
        let square = x * x;
        let squeeze = 1.0 - f64::from(0.0331_f32) * square * square;
        if u < squeeze || u.ln() < 0.5 * square + d * (1.0 - v + v.ln()) {
            return scale * d * v;
        }
    }
}

/// Fills `out` with one point of the simplex of concentrations `alpha`.
pub fn dirichlet<T: Element>(stream: &mut Stream, alpha: &[T], out: &mut [T]) {
    let gammas: Vec<f64> =
        alpha.iter().map(|a| standard_gamma(stream, a.to_scalar().to_f64())).collect();
    let total = row_sum(&gammas);
    let (low, high) = (smallest_normal(T::DTYPE), below_one(T::DTYPE));
    for (value, gamma) in out.iter_mut().zip(gammas) {
        let share = from_f64::<T>(gamma / total).to_scalar().to_f64();
        *value = from_f64(share.max(low).min(high));
    }
}

/// The sum of a row in the reference's order: four lanes of four accumulators, the ragged end first.
fn row_sum(row: &[f64]) -> f64 {
    let whole = row.len() / 4 * 4;
    let ragged: f64 = row[whole..].iter().fold(0.0, |sum, x| sum + x);
    (0..4).fold(ragged, |sum, lane| sum + lane_sum(&row[..whole], lane))
}

fn lane_sum(row: &[f64], lane: usize) -> f64 {
    let mut sums = [0.0; 4];
    let full = row.len() / 4 / 4 * 4;
    for (i, x) in row.iter().skip(lane).step_by(4).enumerate() {
        sums[if i < full { i % 4 } else { 0 }] += x;
    }
    ((sums[0] + sums[1]) + sums[2]) + sums[3]
}

fn smallest_normal(dtype: DType) -> f64 {
    match dtype {
        DType::F64 => f64::MIN_POSITIVE,
        DType::F16 => half::f16::MIN_POSITIVE.to_f64(),
        DType::BF16 => half::bf16::MIN_POSITIVE.to_f64(),
        _ => f32::MIN_POSITIVE.into(),
    }
}

/// The largest number below one.
fn below_one(dtype: DType) -> f64 {
    let half_epsilon = match dtype {
        DType::F64 => f64::EPSILON,
        DType::F16 => half::f16::EPSILON.to_f64(),
        DType::BF16 => half::bf16::EPSILON.to_f64(),
        _ => f32::EPSILON.into(),
    } / 2.0;
    1.0 - half_epsilon
}
