//! Reading and writing elements at positions given by int64 tensors or by masks.
//!
//! Every index is checked before anything is written, with PyTorch's text. Another thread may change
//! an index afterwards, so each is checked again, silently, where an address is made from it.

mod advanced;
mod combine;
mod flip;
mod gather;
mod masked;
mod scatter;

pub use advanced::{index, index_put, put, take};
pub use flip::{flip, roll};
pub use gather::{gather, index_select};
pub use masked::{masked_scatter, masked_select, nonzero};
pub use scatter::{
    ScatterOp, identity, index_add, index_copy, index_fill, index_reduce, scatter, scatter_add,
    scatter_reduce,
};

use crate::View;
use base::iter::Nest;
use base::{DType, IndexRule, Result, ensure};

/// Fails unless every index addresses a dimension of `size`.
pub(crate) fn check(rule: IndexRule, index: View<'_>, dim: usize, size: usize) -> Result<()> {
    ensure!(index.dtype() == DType::I64, Runtime, "internal error: index is not int64");
    let nest = Nest::in_order(index.dims(), [index.strides()]);
    let (start, step) = (index.ptr::<i64>(), nest.inner_stride(0));
    let mut bad = None;
    nest.for_each_run(0..nest.numel(), |[at], n| {
        // SAFETY: an element of the view.
        let get = |k: usize| unsafe { *start.offset(at + k as isize * step) };
        let is_bad = |i: i64| rule.position(i, size).is_none();
        let any = (0..n).fold(false, |any, k| any | is_bad(get(k)));
        if any && bad.is_none() {
            bad = (0..n).map(get).find(|&i| is_bad(i));
        }
    });
    match bad {
        Some(i) => Err(rule.error(i, dim, size)),
        None => Ok(()),
    }
}
