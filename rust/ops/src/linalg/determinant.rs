//! Determinants.

use super::{Sizes, check_float, check_kernel, check_square, lu, svd};
use crate::node::{Formula, Keep};
use crate::{Var, cast, create, reduce};
use base::{Result, Scalar};
use tape::Tensor;

fn check(a: &Tensor, op: &str) -> Result<()> {
    check_square(a, op, "A")?;
    check_float(a, op)?;
    check_kernel(a, "lu_cpu")
}

/// 1 or -1: whether the exchanges of rows make an odd permutation.
fn parity(pivots: &Tensor, like: &Tensor) -> Result<Var> {
    let count = pivots.dims().last().copied().unwrap_or(0);
    let own = create::arange(1, count as i64 + 1, pivots.device())?;
    let moved = Var::from(pivots).ne(Var::T(own)).tensor()?;
    let dtype = like.dtype().to_real();
    let signs = 1.0 - 2.0 * Var::from(cast::to_dtype(&moved, dtype));
    Ok(signs.then(|s| reduce::prod(s, Some(-1), false, None)))
}

/// The determinant.
pub fn det(a: &Tensor) -> Result<Tensor> {
    check(a, "linalg.det")?;
    let silent = tape::set_grad_enabled(false);
    let factors = lu::factor(a)?;
    let diagonal = Var::from(&factors.lu).diagonal();
    let product = diagonal.then(|d| reduce::prod(d, Some(-1), false, None));
    let value = (product * parity(&factors.pivots, a)?).tensor()?;
    drop(silent);
    tape::record(value.array(), &[a], |y| {
        let keeps = [Keep::Input(a), Keep::Output(y, 0)];
        Formula::new("LinalgDetBackward0", 1, &keeps, |grads, saved| {
            let (a, y) = (&saved.vars[0], &saved.vars[1]);
            let g = Var::grad(grads);
            if any_zero(y)? {
                return Ok(vec![Some(g.unsqueeze(-1).unsqueeze(-1) * cofactors(a))]);
            }
            let n = Sizes::of(&a.clone().tensor()?).rows;
            let eye = Var::from(super::identity(n, n, &a.clone().tensor()?));
            let scaled = (g * y.clone().conj()).unsqueeze(-1).unsqueeze(-1) * eye;
            Ok(vec![Some(a.mh().solve(&scaled))])
        })
    })
}

fn any_zero(x: &Var) -> Result<bool> {
    let zero = x.clone().then(|t| Ok(t.detach())).eq(0.0).tensor()?;
    if zero.device().kind == base::DeviceKind::Meta {
        return Ok(false);
    }
    Ok(array::dispatch::item(&reduce::any(&zero, None, false)?.array())?.to_bool())
}

/// The conjugate cofactors, `conj(det(U) det(V^H)) U diag(products of the other values) V^H`: they
/// exist where the inverse does not.
fn cofactors(a: &Var) -> Var {
    a.clone().then(|a| {
        let (u, s, vh) = svd::svd(a, false)?;
        let n = Sizes::of(a).rows;
        let s = Var::T(s);
        let own = Var::from(super::identity(n, n, &s.clone().tensor()?));
        // Row i: all values but the i-th, whose place a 1 takes.
        let others = s.unsqueeze(-2) * (1.0 - &own) + own;
        let products = others.then(|t| reduce::prod(t, Some(-1), false, None));
        let turn = (Var::from(det(&u)) * Var::from(det(&vh))).unsqueeze(-1).unsqueeze(-1);
        (turn * (Var::T(u) * products.unsqueeze(-2)).mm(&Var::T(vh))).tensor()
    })
}

/// The sign of the determinant and the logarithm of its size.
fn slogdet(a: &Tensor) -> Result<(Tensor, Tensor)> {
    check(a, "linalg.slogdet")?;
    let silent = tape::set_grad_enabled(false);
    let factors = lu::factor(a)?;
    let diagonal = Var::from(&factors.lu).diagonal();
    let signs = diagonal.clone().sgn().then(|d| reduce::prod(d, Some(-1), false, None));
    let sign = (signs * parity(&factors.pivots, a)?).tensor()?;
    let size = diagonal.abs().log().then(|d| reduce::sum(d, Some(&[-1]), false, None)).tensor()?;
    drop(silent);
    let outs = tape::record_many(vec![sign.array(), size.array()], &[a], |outs| {
        let keeps = [Keep::Input(a), Keep::Output(&outs[0], 0)];
        Formula::new("LinalgSlogdetBackward0", 1, &keeps, |grads, saved| {
            let (a, sign) = (&saved.vars[0], &saved.vars[1]);
            let plain = a.clone().tensor()?;
            let mut g = 0.0 * sign;
            if let Some(size) = &grads[1] {
                g = g + Var::from(size);
            }
            if let (Some(turn), true) = (&grads[0], plain.dtype().is_complex()) {
                // A sign only turns: of its gradient the part along the circle counts.
                let along = Var::from(turn).conj() * sign;
                g = g - (along.clone() - along.real());
            }
            let n = Sizes::of(&plain).rows;
            let eye = Var::from(super::identity(n, n, &plain));
            Ok(vec![Some(a.mh().solve(&(g.unsqueeze(-1).unsqueeze(-1) * eye)))])
        })
    })?;
    let [sign, size] = super::exactly(outs)?;
    Ok((sign, size))
}

/// The logarithm of the determinant; NaN of a negative one.
fn logdet(a: &Tensor) -> Result<Tensor> {
    check(a, "logdet")?;
    let (sign, size) = slogdet(a)?;
    if a.dtype().is_complex() {
        return (Var::from(&sign).log() + Var::T(size)).tensor();
    }
    let nan = Var::S(Scalar::Float(f64::NAN));
    nan.where_(Var::from(&sign).eq(-1.0), Var::T(size)).tensor()
}

crate::ops! {
    /// Determinants.
    DETERMINANTS:
    /// The determinant.
    fo "linalg_det(Tensor A) -> Tensor" => |a| det(a);
    /// The determinant.
    fm "det(Tensor self) -> Tensor" => |a| det(a);
    /// The sign of the determinant and the logarithm of its size.
    fo "linalg_slogdet(Tensor A) -> (Tensor sign, Tensor logabsdet)" => |a| slogdet(a);
    /// The sign of the determinant and the logarithm of its size.
    fmo "slogdet(Tensor self) -> (Tensor sign, Tensor logabsdet)" => |a| slogdet(a);
    /// The logarithm of the determinant.
    fm "logdet(Tensor self) -> Tensor" => |a| logdet(a);
}
