//! Complex numbers: parts, pairs, conjugates.

use crate::node::Linear;
use crate::{Var, map, unary};
use base::Result;
use tape::Tensor;

/// The conjugate; a real tensor itself.
pub fn conj(x: &Tensor) -> Result<Tensor> {
    if !x.dtype().is_complex() {
        return Ok(x.clone());
    }
    map::apply(&unary::conj_physical::OP, &[x.into()], map::NONE)
}

/// The real part; a real tensor itself.
pub fn real(x: &Tensor) -> Result<Tensor> {
    if !x.dtype().is_complex() {
        return Ok(x.clone());
    }
    let out = x.array().copied_as(base::layout::preserved_layout(&x.layout()), x.dtype().to_real())?;
    let dtype = x.dtype();
    tape::record(out, &[x], |_| {
        Ok(Linear::new("RealBackward0", move |g: Var| g.then(|g| crate::cast::to_dtype(g, dtype))))
    })
}

/// The gradient of `sgn`: zero for real numbers, the rotated part for complex ones.
pub(crate) fn sgn_vjp(g: Var, x: Var, y: Var) -> Var {
    let complex = matches!(&x, Var::T(t) if t.dtype().is_complex());
    if !complex {
        return g * 0.0;
    }
    let size = x.abs();
    let along = (g.clone().conj() * &y).real();
    let grad = (g - along * y) / &size;
    let zero = 0.0 * &grad;
    zero.where_(size.eq(0.0), grad)
}

impl Var {
    /// The complex conjugate.
    pub fn conj(self) -> Var {
        match self {
            Var::T(t) => conj(&t).into(),
            Var::S(base::Scalar::Complex(c)) => Var::S(base::Scalar::Complex(c.conj())),
            other => other,
        }
    }

    /// The real part.
    pub fn real(self) -> Var {
        match self {
            Var::T(t) => real(&t).into(),
            Var::S(s) => Var::S(base::Scalar::Float(s.to_f64())),
            other @ Var::Bad(_) => other,
        }
    }
}
