//! Inverses, of any matrix in the sense of Moore and Penrose.

use super::norms::{Tolerance, tolerance};
use super::{
    Sizes, check_float, check_info, check_kernel, check_square, eigen, identity, solve, svd,
};
use crate::node::{Formula, Keep};
use crate::{Var, view};
use base::{Dims, Kind, Result, ensure, shape};
use tape::Tensor;

pub(crate) fn inv_ex(a: &Tensor, check: bool) -> Result<(Tensor, Tensor)> {
    check_square(a, "linalg.inv", "A")?;
    check_float(a, "linalg.inv")?;
    check_kernel(a, "linalg_inv_cpu")?;
    let n = Sizes::of(a).rows;
    let silent = tape::set_grad_enabled(false);
    let (value, info) = solve::solved(a, &identity(n, n, a)?)?;
    drop(silent);
    if check {
        check_info(&info, "linalg.inv", |i| {
            let text = format!(
                "The diagonal element {i} is zero, the inversion could not be completed because the input matrix is singular."
            );
            (Kind::LinAlg, text)
        })?;
    }
    let value = tape::record(value.array(), &[a], |y| {
        Formula::new("LinalgInvExBackward0", 1, &[Keep::Output(y, 0)], |grads, saved| {
            let back = saved.vars[0].mh();
            Ok(vec![Some(-back.mm(&Var::grad(grads).mm(&back)))])
        })
    })?;
    Ok((value, info))
}

/// The inverse.
pub fn inv(a: &Tensor) -> Result<Tensor> {
    Ok(inv_ex(a, true)?.0)
}

/// The pseudo-inverse; singular values up to the tolerance count as 0.
pub(crate) fn pinv(a: &Tensor, by: Tolerance, hermitian: bool) -> Result<Tensor> {
    ensure!(
        a.rank() >= 2 && a.dtype().is_differentiable(),
        Runtime,
        "linalg.pinv({}{{{}}}): expected a tensor with 2 or more dimensions of float, double, cfloat or cdouble types",
        a.dtype().type_name(),
        shape::show(&a.dims())
    );
    let silent = tape::set_grad_enabled(false);
    let value = pseudo(a, by, hermitian)?;
    drop(silent);
    tape::record(value.array(), &[a], |y| {
        let keeps = [Keep::Input(a), Keep::Output(y, 0)];
        Formula::new("LinalgPinvBackward0", 1, &keeps, |grads, saved| {
            Ok(vec![Some(gradient(&Var::grad(grads), &saved.vars[0], &saved.vars[1]))])
        })
    })
}

fn pseudo(a: &Tensor, by: Tolerance, hermitian: bool) -> Result<Tensor> {
    let s = Sizes::of(a);
    if a.numel() == 0 {
        return crate::create::zeros(&s.with(&[s.columns, s.rows]), a.dtype(), a.device());
    }
    let (u, values, vh) = if hermitian {
        let (l, v) = eigen::eigh(a, "L")?;
        let v = Var::T(v);
        (v.clone(), Var::T(l), v.mh())
    } else {
        let (u, values, vh) = svd::svd(a, false)?;
        (Var::T(u), Var::T(values), Var::T(vh))
    };
    let size = values.clone().abs();
    let limit = tolerance(&size.clone().tensor()?, by, &s)?;
    let inverse = values.reciprocal();
    let zero = 0.0 * &size;
    let inverse = inverse.where_(size.gt(limit), zero);
    let v = vh.mh() * inverse.unsqueeze(-2);
    let v = v.then(|t| crate::cast::to_dtype(t, a.dtype()));
    v.mm(&u.mh()).tensor()
}

/// `-(P G P)^H` on the row and column space and the parts beside it (Golub and Pereyra 1973).
fn gradient(g: &Var, a: &Var, p: &Var) -> Var {
    let gh = g.mh();
    let inside = -p.mm(&gh.mm(p)).mh();
    let rows = &gh - &a.mm(&p.mm(&gh));
    let columns = &gh - &gh.mm(p).mm(a);
    inside + rows.mm(p).mm(&p.mh()) + p.mh().mm(p).mm(&columns)
}

/// A tensor whose `tensordot` with `a` is the identity.
fn tensorinv(a: &Tensor, ind: i64) -> Result<Tensor> {
    ensure!(ind > 0, Runtime, "Expected a strictly positive integer for 'ind'");
    let dims = a.dims();
    let at = (ind as usize).min(dims.len());
    let (left, right) = (&dims[..at], &dims[at..]);
    let (rows, columns) = (left.iter().product::<usize>(), right.iter().product::<usize>());
    ensure!(
        rows == columns,
        Runtime,
        "Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got {columns} != {rows}"
    );
    let whole: Dims = right.iter().chain(left).copied().collect();
    view::reshape_to(&inv(&view::reshape_to(a, &[rows, columns])?)?, &whole)
}

fn pinverse(a: &Tensor, rcond: f64) -> Result<Tensor> {
    pinv(a, Tolerance { atol: Some(Var::from(0.0)), rtol: Some(Var::from(rcond)) }, false)
}

crate::ops! {
    /// Inverses.
    INVERSES:
    /// The inverse.
    fo f32 "linalg_inv(Tensor A) -> Tensor" => |a| inv(a);
    /// The inverse, and whether there is one.
    fo f32 "linalg_inv_ex(Tensor A, *, bool check_errors=False) -> (Tensor inverse, Tensor info)" => |a, check| inv_ex(a, check);
    /// The inverse.
    fmo f32 "inverse(Tensor self) -> Tensor" => |a| inv(a);
    /// The pseudo-inverse.
    fo "linalg_pinv(Tensor self, *, Operand? atol=None, Operand? rtol=None, bool hermitian=False) -> Tensor" => |a, atol, rtol, hermitian| pinv(a, Tolerance { atol, rtol }, hermitian);
    /// The pseudo-inverse.
    fo "linalg_pinv.rcond(Tensor self, Operand rcond, bool hermitian=False) -> Tensor" => |a, rcond, hermitian| pinv(a, Tolerance { atol: Some(Var::from(0.0)), rtol: Some(rcond) }, hermitian);
    /// The pseudo-inverse.
    fm f32 "pinverse(Tensor self, float rcond=1e-15) -> Tensor" => |a, rcond| pinverse(a, rcond);
    /// The inverse with respect to tensordot.
    fo f32 "linalg_tensorinv(Tensor self, int ind=2) -> Tensor" => |a, ind| tensorinv(a, ind);
}
