//! Sparse tensors, as far as the engine meets them as gradients. The object that shows such a tensor
//! holds its elements; its array only tells sizes, dtype and device. So what the engine computes
//! with one goes to the layer above, and ops, which read arrays, are given dense gradients.

use crate::{Tensor, grad_enabled};
use base::{Result, bail};
use std::borrow::Cow;
use std::sync::OnceLock;

/// What the engine asks of tensors whose elements are not in their array.
pub trait SparseAlgebra: Send + Sync {
    /// Elementwise sum, of which one operand at least is sparse.
    fn add(&self, a: &Tensor, b: &Tensor) -> Result<Tensor>;
    /// `into += value`, where `into` can hold the sum: not a dense value in a sparse tensor.
    fn add_assign(&self, into: &Tensor, value: &Tensor) -> Result<()>;
    /// The same elements without history, in a tensor of its own.
    fn detach(&self, value: &Tensor) -> Result<Tensor>;
    /// All elements, one by one, in an array.
    fn to_dense(&self, value: &Tensor) -> Result<Tensor>;
}

static ALGEBRA: OnceLock<Box<dyn SparseAlgebra>> = OnceLock::new();

/// Installs the process's algebra of sparse tensors; later calls are ignored.
pub fn install_sparse(algebra: Box<dyn SparseAlgebra>) {
    let _ = ALGEBRA.set(algebra);
}

fn algebra() -> Result<&'static dyn SparseAlgebra> {
    match ALGEBRA.get() {
        Some(algebra) => Ok(&**algebra),
        None => bail!(Runtime, "tape: a sparse gradient without an algebra of sparse tensors"),
    }
}

/// `a + b`.
pub(crate) fn add(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    if a.is_sparse() || b.is_sparse() {
        return algebra()?.add(a, b);
    }
    crate::algebra()?.add(a, b)
}

/// The tensor, its elements in an array.
pub(crate) fn dense(tensor: &Tensor) -> Result<Cow<'_, Tensor>> {
    Ok(if tensor.is_sparse() {
        Cow::Owned(algebra()?.to_dense(tensor)?)
    } else {
        Cow::Borrowed(tensor)
    })
}

/// What a leaf's gradient `have` becomes with `grad`, of which one at least is sparse: in place
/// where possible, so that holders see the sum.
#[cold]
pub(crate) fn accumulated(have: Option<Tensor>, grad: &Tensor) -> Result<Tensor> {
    let Some(have) = have else {
        return if grad_enabled() { Ok(grad.clone()) } else { algebra()?.detach(grad) };
    };
    if grad_enabled() || (have.is_sparse() && !grad.is_sparse()) {
        return algebra()?.add(&have, grad);
    }
    algebra()?.add_assign(&have, grad)?;
    Ok(have)
}
