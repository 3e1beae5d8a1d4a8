//! Decompositions of matrices.

use super::{on_cpu, view, view_mut};
use crate::Array;
use base::Result;
use cpu::linalg as kernels;
pub use kernels::Decomposition;

/// Applies a decomposition to each matrix of the batch that the first input is.
pub fn decompose(kind: Decomposition, outs: &[Array], ins: &[&Array]) -> Result<()> {
    let Some(first) = outs.first() else { return Ok(()) };
    on_cpu("linalg", first, |_| {
        let outs = outs.iter().map(view_mut).collect::<Result<Vec<_>>>()?;
        let ins = ins.iter().map(|&a| view(a)).collect::<Result<Vec<_>>>()?;
        kernels::apply(kind, &outs, &ins)
    })
}
