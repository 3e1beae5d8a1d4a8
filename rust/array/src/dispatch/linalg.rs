//! Decompositions of matrices.

use super::on_cpu;
use crate::Array;
use base::Result;
use cpu::linalg as kernels;
pub use kernels::Decomposition;

fn name(kind: Decomposition) -> &'static str {
    match kind {
        Decomposition::Reflectors => "geqrf",
        Decomposition::ReflectorProduct { .. } => "orgqr",
        Decomposition::Lu => "linalg_lu_factor_ex",
        Decomposition::RowOrder { .. } => "lu_unpack",
        Decomposition::SolveTriangular { .. } => "linalg_solve_triangular",
        Decomposition::Cholesky => "linalg_cholesky_ex",
        Decomposition::Ldl { .. } => "linalg_ldl_factor_ex",
        Decomposition::LdlSolve { .. } => "linalg_ldl_solve",
        Decomposition::LeastSquares { .. } => "linalg_lstsq",
        Decomposition::Eigh => "linalg_eigh",
        Decomposition::Svd => "linalg_svd",
        Decomposition::Eig => "linalg_eig",
    }
}

/// Applies a decomposition to each matrix of the batch that the first input is.
pub fn decompose(kind: Decomposition, outs: &[Array], ins: &[&Array]) -> Result<()> {
    let Some(first) = outs.first() else { return Ok(()) };
    on_cpu(name(kind), first, |host, _| {
        let outs = outs.iter().map(|a| host.view_mut(a)).collect::<Result<Vec<_>>>()?;
        let ins = ins.iter().map(|a| host.view(a)).collect::<Result<Vec<_>>>()?;
        kernels::apply(kind, &outs, &ins)
    })
}
