//! Special functions beyond the rows of `unary.rs`.

use crate::call::Dest;
use crate::{Var, map};
use base::{Result, ensure};
use cpu::math::{Field, Real};
use std::f64::consts::PI;
use tape::Tensor;

crate::unary! { SPECIAL:
    /// The derivative of digamma.
    trigamma as "PolygammaBackward0" { out: Same, unary: [Float => |x| Real::polygamma(x, 1.0)], wgsl: "trigamma(x)", vjp: [|g, x| g * polygamma_var(2.0, x)], sample: 0.5..4.0 }
    /// The inverse of the error function.
    erfinv { out: Same, unary: [Float => |x| Real::erfinv(x)], wgsl: "erfinv(x)", vjp: [|g, y| 0.5 * std::f64::consts::PI.sqrt() * (g * y.square().exp())], sample: -0.9..0.9 }
    /// sin(pi x) / (pi x), 1 at 0.
    sinc { out: Same, unary: [Field => |x| Field::sinc(x)], wgsl: "sinc(x)", vjp: [|g, x| sinc_vjp(g, x)], sample: 0.2..4.0 }
    /// The derivative of digamma of order p[0].
    polygamma { out: Same, unary_with: [Float => |x, p| Real::polygamma(x, p[0])], wgsl: "polygamma(x)", vjp: [|g, x, p| g * polygamma_var(p[0] + 1.0, x)], sample: 0.5..4.0 }
}

/// The gradient of `sinc`: 0 at 0, where the formula is undefined.
fn sinc_vjp(g: Var, x: Var) -> Var {
    let angle = PI * &x;
    let slope = (angle.clone().cos() * &angle - angle.sin()) / (PI * x.clone().square());
    let grad = g * slope.conj();
    Var::from(0.0).where_(x.eq(0i64), grad)
}

crate::filling_ops! {
    /// Special functions with parameters.
    SPECIAL_WITH:
    /// The derivative of digamma of order n.
    f "polygamma(int n, Tensor self) -> Tensor" => |dest, n, x| ordered(dest, n, x);
}

fn ordered(dest: Dest<'_>, n: i64, x: &Tensor) -> Result<Tensor> {
    ensure!(n >= 0, Runtime, "polygamma(n, x) does not support negative n.");
    map::map(&polygamma::OP, &[x.into()], [n as f64, 0.0, 0.0, 0.0], dest)
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
