//! Bessel and Airy functions in f64.
//!
//! Where PyTorch's rational approximations end in NaN (infinite arguments), so do these.

mod ordinary;

pub use ordinary::{j0, j1, y0, y1};
use std::f64::consts::{FRAC_PI_4, PI};

fn bounded(x: f64, f: impl Fn(f64) -> f64) -> f64 {
    if x.is_finite() { f(x) } else { f64::NAN }
}

/// Modified, first kind, order 0.
pub fn modified_i0(x: f64) -> f64 {
    bounded(x, super::special::i0)
}

/// Modified, first kind, order 1.
pub fn modified_i1(x: f64) -> f64 {
    bounded(x, super::special::i1)
}

/// Modified, second kind, of any order, times `exp(x)`: the integral over t of
/// `exp(-x (cosh t - 1)) cosh(order t)`, whose trapezoid sum converges faster than any power.
pub fn scaled_k(order: f64, x: f64) -> f64 {
    const STEP: f64 = 1.0 / 16.0;
    if x.is_nan() || x < 0.0 {
        return f64::NAN;
    }
    if x == 0.0 {
        return f64::INFINITY;
    }
    if x > 1e6 {
        return (PI / (2.0 * x)).sqrt();
    }
    let mut sum = 0.5;
    let mut t = STEP;
    loop {
        let fall = x * 2.0 * (0.5 * t).sinh().powi(2);
        let term = (order * t - fall).exp() + (-order * t - fall).exp();
        sum += 0.5 * term;
        if fall > order * t + 40.0 {
            return STEP * sum;
        }
        t += STEP;
    }
}

/// Modified, second kind, of any order.
pub fn k(order: f64, x: f64) -> f64 {
    if x > 750.0 { 0.0 } else { (-x).exp() * scaled_k(order, x) }
}

/// Spherical, order 0: sin(x) / x.
pub fn spherical_j0(x: f64) -> f64 {
    if x.is_infinite() {
        0.0
    } else if x.abs() < 1e-4 {
        1.0 - x * x / 6.0
    } else {
        x.sin() / x
    }
}

/// The Airy function of the first kind.
pub fn airy_ai(x: f64) -> f64 {
    if !x.is_finite() {
        return f64::NAN;
    }
    if x > 103.892 {
        return 0.0;
    }
    if x > 1.0 {
        let zeta = 2.0 / 3.0 * x * x.sqrt();
        return (x / 3.0).sqrt() / PI * k(1.0 / 3.0, zeta);
    }
    if x < -8.0 { airy_far(-x) } else { airy_series(x) }
}

/// Powers of x: two series of which each third one is there.
fn airy_series(x: f64) -> f64 {
    let cube = x * x * x;
    let (mut even, mut odd) = (0.355_028_053_887_817_24, -0.258_819_403_792_806_8 * x);
    let mut sum = even + odd;
    for n in 1..60 {
        let n = 3.0 * f64::from(n);
        even *= cube / ((n - 1.0) * n);
        odd *= cube / (n * (n + 1.0));
        sum += even + odd;
    }
    sum
}

/// Far out on the oscillating side, at -z.
fn airy_far(z: f64) -> f64 {
    let zeta = 2.0 / 3.0 * z * z.sqrt();
    // Each term by the ratio to the one before; the series is asymptotic, best long after these.
    let (mut even, mut odd, mut term) = (0.0, 0.0, 1.0);
    for k in 0..20 {
        let signed = if k / 2 % 2 == 0 { term } else { -term };
        if k % 2 == 0 {
            even += signed;
        } else {
            odd += signed;
        }
        let n = f64::from(k + 1);
        let ratio = (6.0 * n - 5.0) * (6.0 * n - 3.0) * (6.0 * n - 1.0);
        term *= ratio / (216.0 * n * (2.0 * n - 1.0) * zeta);
    }
    let angle = zeta + FRAC_PI_4;
    (angle.sin() * even - angle.cos() * odd) / (PI.sqrt() * z.sqrt().sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of PyTorch 2.13.0; for Airy those of SciPy 1.17.1, since PyTorch's keep 9 to 12 digits
    /// only.
    #[test]
    #[allow(clippy::excessive_precision)]
    fn known_values() {
        let close = |a: f64, b: f64| assert!((a - b).abs() <= 1e-12 * b.abs(), "{a} {b}");
        close(k(0.0, 0.3), 1.3724600605442967);
        close(k(0.0, 5.0), 0.0036910983340425942);
        close(k(1.0, 0.01), 99.97389411829623);
        close(k(1.0, 2.0), 0.13986588181652246);
        close(scaled_k(0.0, 30.0), 0.22788666561625373);
        close(scaled_k(1.0, 0.5), 2.7310097082117855);
        close(airy_ai(-20.0), -0.17640612707798434);
        close(airy_ai(-4.0), -0.07026553294928964);
        close(airy_ai(0.5), 0.23169360648083343);
        close(airy_ai(3.0), 0.006591139357460717);
        assert!(k(0.0, -1.0).is_nan());
    }
}
