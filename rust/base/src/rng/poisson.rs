//! Poisson counts: products of uniforms below rate 10, Hörmann's transformed rejection PTRS (1993)
//! from there on.

use super::stream::Stream;
use crate::{Result, ensure};

/// One count. Fails on a negative or NaN rate.
pub fn poisson(stream: &mut Stream, rate: f64) -> Result<f64> {
    ensure!(rate >= 0.0, Runtime, "invalid Poisson rate, expected rate to be non-negative");
    if rate == 0.0 || rate == f64::INFINITY {
        return Ok(rate);
    }
    Ok(if rate < 10.0 { multiply(stream, rate) } else { reject(stream, rate) })
}

fn multiply(stream: &mut Stream, rate: f64) -> f64 {
    let limit = (-rate).exp();
    let mut product = stream.uniform_f64();
    let mut count = 0.0;
    while product > limit {
        count += 1.0;
        product *= stream.uniform_f64();
    }
    count
}

fn reject(stream: &mut Stream, rate: f64) -> f64 {
    let b = 0.931 + 2.53 * rate.sqrt();
    let a = -0.059 + 0.02483 * b;
    let inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
    let quick = 0.9277 - 3.6224 / (b - 2.0);
    let log_rate = rate.ln();
    loop {
        let u = stream.uniform_f64() - 0.5;
        let v = stream.uniform_f64();
        let us = 0.5 - u.abs();
        let count = ((2.0 * a / us + b) * u + rate + 0.43).floor();
        if us >= 0.07 && v <= quick {
            return count;
        }
        if count < 0.0 || (us < 0.013 && v > us) {
            continue;
        }
        let proposal = v.ln() + inverse_alpha.ln() - (a / (us * us) + b).ln();
        if proposal <= -rate + count * log_rate - libm::lgamma(count + 1.0) {
            return count;
        }
    }
}
