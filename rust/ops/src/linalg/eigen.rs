//! Eigenvalues and eigenvectors.

use super::{Sizes, check_kernel, check_square, decompose, exactly, identity};
use crate::Var;
use crate::node::{Formula, Keep};
use array::dispatch::{self, linalg::Decomposition};
use base::{Error, Kind, Result, bail, ensure};
use tape::Tensor;

/// The error of an algorithm that did not converge, in PyTorch's words.
pub(crate) fn not_converged(error: Error, op: &str, what: &str) -> Error {
    let code = error.message().strip_prefix("failed to converge ").map(str::to_string);
    match code {
        Some(code) => Error::new(
            Kind::LinAlg,
            format!(
                "{op}: The algorithm failed to converge because the input matrix is ill-conditioned or has too many repeated {what} (error code: {code})."
            ),
        ),
        None => error,
    }
}

/// Real eigenvalues in ascending order and orthonormal eigenvectors of Hermitian matrices.
pub fn eigh(a: &Tensor, uplo: &str) -> Result<(Tensor, Tensor)> {
    check_square(a, "linalg.eigh", "A")?;
    check_kernel(a, "linalg_eigh_cpu")?;
    let upper = match uplo {
        "L" | "l" => false,
        "U" | "u" => true,
        other => bail!(Runtime, "Expected UPLO argument to be 'L' or 'U', but got {other}"),
    };
    let s = Sizes::of(a);
    let outs = [(s.with(&[s.rows]), a.dtype().to_real()), (a.dims(), a.dtype())];
    let lower = if upper { Var::from(&a.detach()).mh().tensor()? } else { a.clone() };
    let made = decompose(Decomposition::Eigh, &[&lower], &outs)
        .map_err(|e| not_converged(e, "linalg.eigh", "eigenvalues"))?;
    let outs = tape::record_many(made, &[a], |outs| {
        let keeps = [Keep::Output(&outs[0], 0), Keep::Output(&outs[1], 1)];
        Formula::new("LinalgEighBackward0", 1, &keeps, |grads, saved| {
            Ok(vec![Some(hermitian_gradient(grads, &saved.vars[0], &saved.vars[1])?)])
        })
    })?;
    let [values, vectors] = exactly(outs)?;
    Ok((values, vectors))
}

/// `V (diag(gL) + skew(V^H gV) / E) V^H`, `E_ij = L_j - L_i`, `skew(X) = (X - X^H) / 2`: eigenvectors
/// move within the unitary matrices.
fn hermitian_gradient(grads: &[Option<Tensor>], l: &Var, v: &Var) -> Result<Var> {
    let Some(gv) = &grads[1] else {
        let gl = Var::grad(grads);
        return Ok((v.clone() * gl.unsqueeze(-2)).mm(&v.mh()));
    };
    let inner = v.mh().mm(&Var::from(gv));
    if matches!(v, Var::T(t) if t.dtype().is_complex()) {
        let turned = inner.diagonal().then(crate::complex::imag_view);
        check_invariant(
            &turned,
            "linalg_eigh_backward: The eigenvectors in the complex case are specified up to multiplication by e^{i phi}. The specified loss function depends on this quantity, so it is ill-defined.",
        )?;
    }
    let skew = 0.5 * (&inner - &inner.mh());
    let mut inner = off_diagonal(&skew, &differences(l)?);
    if let Some(gl) = &grads[0] {
        inner = inner + Var::from(gl).diagonal_matrix();
    }
    Ok(v.mm(&inner).mm(&v.mh()))
}

/// `l_j - l_i`, and 1 on the diagonal.
pub(crate) fn differences(l: &Var) -> Result<Var> {
    let n = l.clone().tensor()?.dims().last().copied().unwrap_or(0);
    let eye = Var::from(identity(n, n, &l.clone().tensor()?));
    Ok(l.unsqueeze(-2) - l.unsqueeze(-1) + eye)
}

/// `x / e` beside the diagonal, 0 on it.
pub(crate) fn off_diagonal(x: &Var, e: &Var) -> Var {
    let whole = x / e;
    &whole - &whole.diagonal().diagonal_matrix()
}

/// Refuses a loss that depends on what a decomposition leaves open.
pub(crate) fn check_invariant(turned: &Var, text: &str) -> Result<()> {
    let size = turned.clone().then(|t| Ok(t.detach())).abs().tensor()?;
    if size.numel() == 0 || size.device().kind == base::DeviceKind::Meta {
        return Ok(());
    }
    let most = dispatch::scalars(&size.array())?.iter().map(|s| s.to_f64()).fold(0.0, f64::max);
    ensure!(most <= 1e-2, Runtime, "{text}");
    Ok(())
}

/// Complex eigenvalues and eigenvectors of length 1.
pub fn eig(a: &Tensor, op: &str) -> Result<(Tensor, Tensor)> {
    check_square(a, op, "A")?;
    ensure!(
        a.dtype().is_differentiable(),
        Runtime,
        "Unknown Complex ScalarType for {}",
        a.dtype().type_name()
    );
    check_kernel(a, "linalg_eig_out_cpu")?;
    ensure!(
        all_finite(a)?,
        Runtime,
        "torch.linalg.eig: input tensor should not contain infs or NaNs."
    );
    let s = Sizes::of(a);
    let complex = a.dtype().to_complex();
    let outs = [(s.with(&[s.rows]), complex), (a.dims(), complex)];
    let made = decompose(Decomposition::Eig, &[a], &outs)
        .map_err(|e| not_converged(e, "linalg.eig", "eigenvalues"))?;
    let real = !a.dtype().is_complex();
    let outs = tape::record_many(made, &[a], |outs| {
        let keeps = [Keep::Output(&outs[0], 0), Keep::Output(&outs[1], 1)];
        Formula::new("LinalgEigBackward0", 1, &keeps, move |grads, saved| {
            let g = general_gradient(grads, &saved.vars[0], &saved.vars[1])?;
            Ok(vec![Some(if real { g.real() } else { g })])
        })
    })?;
    let [values, vectors] = exactly(outs)?;
    Ok((values, vectors))
}

/// Whether all elements are finite; of no data, yes.
pub(crate) fn all_finite(a: &Tensor) -> Result<bool> {
    if a.device().kind == base::DeviceKind::Meta {
        return Ok(true);
    }
    Ok(dispatch::scalars(&a.array())?.iter().all(|s| match s {
        base::Scalar::Complex(c) => c.re.is_finite() && c.im.is_finite(),
        other => other.to_f64().is_finite(),
    }))
}

/// `V^-H [diag(gL) + (V^H gV - V^H V diag(Re(V^H gV))) / E*] V^H`, `E_ij = L_j - L_i`.
fn general_gradient(grads: &[Option<Tensor>], l: &Var, v: &Var) -> Result<Var> {
    let mut inner = match &grads[0] {
        Some(gl) => Var::from(gl).diagonal_matrix(),
        None => 0.0 * v,
    };
    if let Some(gv) = &grads[1] {
        let projected = v.mh().mm(&Var::from(gv));
        let diagonal = projected.diagonal();
        check_invariant(
            &diagonal.clone().then(crate::complex::imag_view),
            "linalg_eig_backward: The eigenvectors in the complex case are specified up to multiplication by e^{i phi}. The specified loss function depends on this quantity, so it is ill-defined.",
        )?;
        let lengths = v.mh().mm(v) * diagonal.real().unsqueeze(-2);
        inner = inner + off_diagonal(&(projected - lengths), &differences(l)?.conj());
    }
    Ok(v.mh().solve(&inner.mm(&v.mh())))
}

fn eigvalsh(a: &Tensor, uplo: &str) -> Result<Tensor> {
    Ok(eigh(a, uplo)?.0)
}

fn eigvals(a: &Tensor) -> Result<Tensor> {
    Ok(eig(a, "linalg.eigvals")?.0)
}

crate::ops! {
    /// Eigenvalues.
    EIGEN:
    /// Eigenvalues and eigenvectors of Hermitian matrices.
    fo f32 "linalg_eigh(Tensor self, str UPLO='L') -> (Tensor eigenvalues, Tensor eigenvectors)" => |a, uplo| eigh(a, uplo);
    /// Eigenvalues of Hermitian matrices.
    fo f32 "linalg_eigvalsh(Tensor self, str UPLO='L') -> Tensor" => |a, uplo| eigvalsh(a, uplo);
    /// Eigenvalues and eigenvectors.
    fo f32 "linalg_eig(Tensor self) -> (Tensor eigenvalues, Tensor eigenvectors)" => |a| eig(a, "linalg.eig");
    /// Eigenvalues.
    fo f32 "linalg_eigvals(Tensor self) -> Tensor" => |a| eigvals(a);
}
