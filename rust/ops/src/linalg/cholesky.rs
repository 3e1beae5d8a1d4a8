//! Cholesky, and what is solved with it.

use super::solve::{CODE, Triangle, check_same_dtype, solve_triangular};
use super::{
    Sizes, check_float, check_info, check_kernel, check_square, decompose, exactly, identity,
    same_batch,
};
use crate::node::{Formula, Keep};
use crate::{Var, fused};
use array::dispatch::linalg::Decomposition;
use base::{Kind, Result, ensure};
use tape::Tensor;

fn cholesky_ex(a: &Tensor, upper: bool, check: bool, op: &str) -> Result<(Tensor, Tensor)> {
    check_square(a, "linalg.cholesky", "A")?;
    check_float(a, "linalg.cholesky")?;
    check_kernel(a, "cholesky_cpu")?;
    let silent = tape::set_grad_enabled(false);
    let flipped = |t: &Tensor| if upper { Var::from(t).mh().tensor() } else { Ok(t.clone()) };
    let outs = [(a.dims(), a.dtype()), (Sizes::of(a).batch, CODE)];
    let made = decompose(Decomposition::Cholesky, &[&flipped(a)?], &outs)?;
    let [l, info] = exactly(made)?.map(Tensor::new);
    let l = flipped(&l)?;
    drop(silent);
    if check {
        check_info(&info, op, |i| {
            let text = format!(
                "The factorization could not be completed because the input is not positive-definite (the leading minor of order {i} is not positive-definite)."
            );
            (Kind::LinAlg, text)
        })?;
    }
    let l = tape::record(l.array(), &[a], |y| {
        let rule = move |grads: &[Option<Tensor>], saved: &crate::node::Saved| {
            let (g, y) = (Var::grad(grads), &saved.vars[0]);
            Ok(vec![Some(if upper { gradient(&g.mh(), &y.mh()) } else { gradient(&g, y) })])
        };
        let node = if op == "cholesky" { "CholeskyBackward0" } else { "LinalgCholeskyExBackward0" };
        Formula::new(node, 1, &[Keep::Output(y, 0)], rule)
    })?;
    Ok((l, info))
}

/// `L^-H [B + tril(B, -1)^H] L^-1 / 2` with `B = tril(L^H gL)`.
fn gradient(g: &Var, l: &Var) -> Var {
    let inner = l.mh().mm(g);
    let symmetric = 0.5 * (inner.tril(0) + inner.tril(-1).mh());
    l.mh().solve_triangle(&l.solve_triangle_right(&symmetric, false), true)
}

fn cholesky(a: &Tensor, upper: bool, op: &str) -> Result<Tensor> {
    Ok(cholesky_ex(a, upper, true, op)?.0)
}

/// `a x = b` by the factor of a.
pub fn cholesky_solve(b: &Tensor, l: &Tensor, upper: bool) -> Result<Tensor> {
    for (x, name) in [(b, "b"), (l, "u")] {
        ensure!(
            x.rank() >= 2,
            Runtime,
            "{name} should have at least 2 dimensions, but has {} dimensions instead",
            x.rank()
        );
    }
    check_square(l, "cholesky_solve", "A")?;
    check_same_dtype(l, b, "cholesky_solve")?;
    let (l, b) = same_batch(l, b)?;
    let silent = tape::set_grad_enabled(false);
    let mh = Var::from(&l).mh().tensor()?;
    let (low, high) = if upper { (&mh, &l) } else { (&l, &mh) };
    let of = |upper| Triangle { upper, left: true, unit: false };
    let x = solve_triangular(high, &solve_triangular(low, &b, of(false))?, of(true))?;
    drop(silent);
    tape::record(x.array(), &[&b, &l], |x| {
        let keeps = [Keep::Input(&l), Keep::Output(x, 0)];
        Formula::new("CholeskySolveBackward0", 2, &keeps, move |grads, saved| {
            let (l, x) = (&saved.vars[0], &saved.vars[1]);
            let g = Var::grad(grads).then(|g| cholesky_solve(g, &l.clone().tensor()?, upper));
            // The gradient of a = l l^H is -g x^H; that of l has both triangles.
            let ga = g.mm(&x.mh());
            let both = &ga + &ga.mh();
            let gl = if upper { -l.mm(&both) } else { -both.mm(l) };
            Ok(vec![Some(g), saved.needs[1].then_some(gl)])
        })
    })
}

fn cholesky_inverse(l: &Tensor, upper: bool) -> Result<Tensor> {
    check_square(l, "cholesky_inverse", "A")?;
    let n = Sizes::of(l).rows;
    fused::composite("CholeskyInverseBackward0", &[l], move |inputs| {
        cholesky_solve(&identity(n, n, &inputs[0])?, &inputs[0], upper)
    })
}

crate::ops! {
    /// Cholesky.
    CHOLESKY:
    /// A lower triangle times its adjoint.
    fo f32 "linalg_cholesky(Tensor self, *, bool upper=False) -> Tensor" => |a, upper| cholesky(a, upper, "linalg.cholesky");
    /// A lower triangle times its adjoint, and whether there is one.
    fo f32 "linalg_cholesky_ex(Tensor self, *, bool upper=False, bool check_errors=False) -> (Tensor L, Tensor info)" => |a, upper, check| cholesky_ex(a, upper, check, "linalg.cholesky_ex");
    /// A lower triangle times its adjoint.
    fmo f32 "cholesky(Tensor self, bool upper=False) -> Tensor" => |a, upper| cholesky(a, upper, "cholesky");
    /// The solution of a linear system by a Cholesky factor.
    fmo f32 "cholesky_solve(Tensor self, Tensor input2, bool upper=False) -> Tensor" => |b, l, upper| cholesky_solve(b, l, upper);
    /// The inverse of a matrix by its Cholesky factor.
    fmo f32 "cholesky_inverse(Tensor self, bool upper=False) -> Tensor" => |l, upper| cholesky_inverse(l, upper);
}
