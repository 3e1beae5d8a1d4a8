//! Gamma variates as functions of their shape: implicit reparametrisation.
//!
//! A variate x of shape a keeps its place in the distribution when a moves, so dx/da is minus the
//! derivative of the distribution function by a over the density. Source: Figurnov, Mohamed and
//! Mnih 2018, Implicit reparameterization gradients.

use crate::node::{Formula, Keep};
use crate::{Var, map};
use array::Array;
use base::Result;
use cpu::math::Real;
use tape::{Tensor, record};

/// From this shape on the expansion in powers of the shape is exact to a part in a million.
const LARGE: f64 = 1e5;
/// More terms than any variate below `LARGE` needs.
const TERMS: usize = 100_000;

crate::binary! { GAMMA:
    /// The derivative of a gamma variate `b` of scale 1 by its shape `a`.
    standard_gamma_grad { out: Same, binary: [Float => |a, b| path_of(a, b)], wgsl: "", a: [|_g| underivable()], b: [|_g| underivable()], sample: 0.5..4.0 }
}

fn underivable() -> Var {
    let text = "the derivative for '_standard_gamma_grad' is not implemented.".to_string();
    Var::Bad(base::Error::new(base::Kind::NotImplemented, text))
}

fn path_of<T: Real>(shape: T, variate: T) -> T {
    T::from_f64(path(shape.to_f64(), variate.to_f64()))
}

/// dx/da. The distribution function is a series in x whose terms are differentiated one by one:
/// dx/da = sum over k of x^(k+1) / (a (a+1) .. (a+k)) * (digamma(a+k+1) - ln x).
fn path(a: f64, x: f64) -> f64 {
    if !(a > 0.0 && x > 0.0 && a.is_finite() && x.is_finite()) {
        return if x == 0.0 { 0.0 } else { f64::NAN };
    }
    if a > LARGE {
        return path_of_large(a, x);
    }
    let (mut term, mut digamma, mut sum) = (x / a, Real::digamma(a) + 1.0 / a, 0.0);
    let log = x.ln();
    for k in 1..TERMS {
        let part = term * (digamma - log);
        sum += part;
        let next = a + k as f64;
        if next > x && part.abs() <= f64::EPSILON * f64::abs(sum) {
            break;
        }
        term *= x / next;
        digamma += 1.0 / next;
    }
    sum
}

/// By x = a + z sqrt(a) + (z^2 - 1) / 3 + .., where z, the normal variate in the same place, is kept.
fn path_of_large(a: f64, x: f64) -> f64 {
    let root = a.sqrt();
    let w = (x - a) / root;
    let z = w - (w * w - 1.0) / (3.0 * root);
    1.0 + z / (2.0 * root) - (z * z * z - 7.0 * z) / (72.0 * a * root)
}

/// The tensor of gamma variates drawn for shapes `x`, differentiable by these.
pub(crate) fn recorded(out: Array, x: &Tensor) -> Result<Tensor> {
    record(out, &[x], |y| {
        Formula::new(
            "StandardGammaBackward0",
            1,
            &[Keep::Input(x), Keep::Output(y, 0)],
            |grads, saved| {
                let (shape, variate) = (saved.vars[0].clone(), saved.vars[1].clone());
                let path = map::of2(&standard_gamma_grad::OP, shape, variate);
                Ok(vec![Some(Var::grad(grads) * path)])
            },
        )
    })
}

#[cfg(test)]
mod tests {
    use super::{path, path_of_large};

    /// Of the exponential distribution's variates, by the definition: -dF/da / density, with the
    /// derivative of the incomplete gamma function by central differences.
    #[test]
    fn is_the_implicit_derivative() {
        for (a, x) in
            [(0.1, 1e-4), (0.5, 0.2), (1.0, 3.0), (7.5, 4.0), (40.0, 55.0), (900.0, 870.0)]
        {
            let h = 1e-4 * a;
            let upper = |a: f64| cpu::math::Real::igammac(a, x);
            let lower = |a: f64| cpu::math::Real::igamma(a, x);
            let slope = if x > a {
                -(upper(a + h) - upper(a - h)) / (2.0 * h)
            } else {
                (lower(a + h) - lower(a - h)) / (2.0 * h)
            };
            let log_density = (a - 1.0) * f64::ln(x) - x - cpu::math::Real::lgamma(a);
            let wanted = -slope / log_density.exp();
            let found = path(a, x);
            assert!((found - wanted).abs() < 1e-5 * wanted.abs(), "{a} {x}: {found} {wanted}");
        }
    }

    #[test]
    fn both_forms_agree_where_they_meet() {
        for x in [9.9e4, 1e5, 1.012e5] {
            let (series, expansion) = (path(1e5, x), path_of_large(1e5, x));
            assert!((series - expansion).abs() < 1e-6, "{x}: {series} {expansion}");
        }
    }
}
