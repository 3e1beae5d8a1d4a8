//! Special functions beyond the rows of `unary.rs`.

use crate::{Var, map};
use cpu::math::Real;

crate::unary! { SPECIAL:
    /// The derivative of digamma.
    trigamma as "PolygammaBackward0" { out: Same, unary: [Float => |x| Real::polygamma(x, 1.0)], wgsl: "trigamma(x)", vjp: [|g, x| g * polygamma_var(2.0, x)], sample: 0.5..4.0 }
    /// The inverse of the error function.
    erfinv { out: Same, unary: [Float => |x| Real::erfinv(x)], wgsl: "erfinv(x)", vjp: [|g, y| 0.5 * std::f64::consts::PI.sqrt() * (g * y.square().exp())], sample: -0.9..0.9 }
    /// The derivative of digamma of order p[0].
    polygamma { out: Same, unary_with: [Float => |x, p| Real::polygamma(x, p[0])], wgsl: "polygamma(x)", vjp: [|g, x, p| g * polygamma_var(p[0] + 1.0, x)], sample: 0.5..4.0 }
}

fn polygamma_var(order: f64, x: Var) -> Var {
    match x {
        Var::Bad(error) => Var::Bad(error),
        x => map::apply(&polygamma::OP, &[x], [order, 0.0, 0.0, 0.0]).into(),
    }
}

/// The derivative of digamma.
pub(crate) fn trigamma(x: Var) -> Var {
    polygamma_var(1.0, x)
}
