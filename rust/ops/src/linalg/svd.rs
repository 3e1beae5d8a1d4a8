//! Singular values and vectors.

use super::eigen::{all_finite, check_invariant, differences, not_converged, off_diagonal};
use super::{Sizes, check_float, check_kernel, check_matrix, decompose, exactly, qr};
use crate::node::{Formula, Keep};
use crate::{Var, join, view};
use array::Array;
use array::dispatch::linalg::Decomposition;
use base::{Result, ensure};
use tape::Tensor;

/// `a = U diag(S) V^H`.
pub fn svd(a: &Tensor, full: bool) -> Result<(Tensor, Tensor, Tensor)> {
    check_matrix(a, "linalg.svd", "A")?;
    check_float(a, "linalg.svd")?;
    check_kernel(a, "linalg_svd_cpu")?;
    ensure!(
        all_finite(a)?,
        LinAlg,
        "linalg.svd: The algorithm failed to converge because the input matrix contained non-finite values."
    );
    let s = Sizes::of(a);
    let (m, n, k) = (s.rows, s.columns, s.least());
    let dtype = a.dtype();
    let outs =
        [(s.with(&[m, k]), dtype), (s.with(&[k]), dtype.to_real()), (s.with(&[k, n]), dtype)];
    let made = decompose(Decomposition::Svd, &[a], &outs)
        .map_err(|e| not_converged(e, "linalg.svd", "singular values"))?;
    let [mut u, values, mut vh] = exactly(made)?;
    if full && m > k {
        u = completed(u)?;
    }
    if full && n > k {
        let v = Var::from(Tensor::new(vh)).mh().tensor()?;
        vh = Var::from(Tensor::new(completed(v.array())?)).mh().tensor()?.array();
    }
    let outs = tape::record_many(vec![u, values, vh], &[a], |outs| {
        let keeps =
            [Keep::Output(&outs[0], 0), Keep::Output(&outs[1], 1), Keep::Output(&outs[2], 2)];
        Formula::new("LinalgSvdBackward0", 1, &keeps, move |grads, saved| {
            let thin = |v: &Var, dim: i64| v.narrow(dim, 0, k);
            let [u, vh] = [thin(&saved.vars[0], -1), thin(&saved.vars[2], -2)];
            ensure!(
                !full || m == n || (grads[0].is_none() && grads[2].is_none()),
                Runtime,
                "svd_backward: The singular vectors in the case of full_matrices=True are not differentiable; use full_matrices=False"
            );
            Ok(vec![Some(gradient(grads, [&u, &saved.vars[1], &vh], (m, n))?)])
        })
    })?;
    let [u, values, vh] = exactly(outs)?;
    Ok((u, values, vh))
}

/// Orthonormal columns filled up to a basis.
fn completed(u: Array) -> Result<Array> {
    let _off = tape::set_grad_enabled(false);
    let u = Tensor::new(u);
    let (rows, columns) = (Sizes::of(&u).rows, Sizes::of(&u).columns);
    let (q, _) = qr::qr(&u, "complete")?;
    let rest = view::narrow(&q, -1, columns as i64, (rows - columns) as i64)?;
    Ok(join::cat(&[u, rest], -1)?.array())
}

/// `U [(skew(U^H gU) / E) S + S (skew(V^H gV) / E) + diag(gS)] V^H`, `E_ij = S_j^2 - S_i^2`, plus
/// the parts of gU and gV outside the columns of U and V; `skew(X) = X - X^H`.
fn gradient(
    grads: &[Option<Tensor>],
    [u, s, vh]: [&Var; 3],
    (m, n): (usize, usize),
) -> Result<Var> {
    let (gu, gs, gvh) = (grads[0].as_ref(), grads[1].as_ref(), grads[2].as_ref());
    if gu.is_none() && gvh.is_none() {
        let gs = gs.map_or_else(|| 0.0 * s, Var::from);
        return Ok(if m >= n {
            u.mm(&(gs.unsqueeze(-1) * vh))
        } else {
            (u * &gs.unsqueeze(-2)).mm(vh)
        });
    }
    let e = differences(&s.clone().square())?;
    let skew = |x: Var| &x - &x.mh();
    let su = gu.map(|g| skew(u.mh().mm(&Var::from(g))));
    let sv = gvh.map(|g| skew(vh.mm(&Var::from(g).mh())));
    let mut inner = Var::from(0.0);
    if let Some(su) = &su {
        inner = inner + off_diagonal(su, &e) * s.unsqueeze(-2);
    }
    if let Some(sv) = &sv {
        inner = inner + s.unsqueeze(-1) * off_diagonal(sv, &e);
    }
    if matches!(u, Var::T(t) if t.dtype().is_complex()) {
        let both = su.clone().unwrap_or(Var::from(0.0)) + sv.clone().unwrap_or(Var::from(0.0));
        let turned = both.diagonal();
        check_invariant(
            &turned,
            "svd_backward: The singular vectors in the complex case are specified up to multiplication by e^{i phi}. The specified loss function depends on this phase term, making it ill-defined.",
        )?;
        if let Some(su) = &su {
            // The phases of U and V are free together: one of them carries what is left.
            inner = inner + (su.diagonal() / (2.0 * s)).diagonal_matrix();
        }
    }
    if let Some(gs) = gs {
        inner = inner + Var::from(gs).diagonal_matrix();
    }
    let mut g = u.mm(&inner).mm(vh);
    if let (Some(gu), true) = (gu, m > n) {
        let scaled = Var::from(gu) / s.unsqueeze(-2);
        g = g + (&scaled - &u.mm(&u.mh().mm(&scaled))).mm(vh);
    }
    if let (Some(gvh), true) = (gvh, n > m) {
        let scaled = Var::from(gvh) / s.unsqueeze(-1);
        g = g + u.mm(&(&scaled - &scaled.mm(&vh.mh()).mm(vh)));
    }
    Ok(g)
}

fn linalg_svd(a: &Tensor, full: bool, driver: Option<&str>) -> Result<(Tensor, Tensor, Tensor)> {
    check_driver(driver)?;
    svd(a, full)
}

fn check_driver(driver: Option<&str>) -> Result<()> {
    ensure!(
        driver.is_none(),
        Runtime,
        "torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER backend."
    );
    Ok(())
}

/// The singular values in descending order.
pub fn svdvals(a: &Tensor, driver: Option<&str>) -> Result<Tensor> {
    check_driver(driver)?;
    Ok(svd(a, false)?.1)
}

/// The older form: V instead of V^H.
fn old_svd(a: &Tensor, some: bool, compute_uv: bool) -> Result<(Tensor, Tensor, Tensor)> {
    check_matrix(a, "linalg.svd", "A")?;
    if !compute_uv {
        let s = Sizes::of(a);
        let zeros = |n: usize| crate::create::zeros(&s.with(&[n, n]), a.dtype(), a.device());
        return Ok((zeros(s.rows)?, svdvals(a, None)?, zeros(s.columns)?));
    }
    let (u, s, vh) = svd(a, !some)?;
    Ok((u, s, Var::from(&vh).mh().tensor()?))
}

crate::ops! {
    /// Singular values.
    SINGULAR:
    /// Singular values and vectors.
    fo f32 "linalg_svd(Tensor A, bool full_matrices=True, *, str? driver=None) -> (Tensor U, Tensor S, Tensor Vh)" => |a, full, driver| linalg_svd(a, full, driver);
    /// Singular values.
    fo f32 "linalg_svdvals(Tensor A, *, str? driver=None) -> Tensor" => |a, driver| svdvals(a, driver);
    /// Singular values and vectors.
    fmo f32 "svd(Tensor self, bool some=True, bool compute_uv=True) -> (Tensor U, Tensor S, Tensor V)" => |a, some, uv| old_svd(a, some, uv);
}
