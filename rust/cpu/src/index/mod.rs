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
use base::{DType, Error, Kind, Result, ensure};

/// How an op reads its indices and what it says about a bad one.
#[derive(Clone, Copy)]
pub(crate) struct Rule {
    /// Negative indices count from the end.
    pub wraps: bool,
    pub kind: Kind,
    pub text: Text,
}

/// Texts of a bad index.
#[derive(Clone, Copy)]
pub(crate) enum Text {
    Bounds,
    BoundsIn(&'static str),
    RangeInSelf,
    RangeOfElements,
}

impl Rule {
    pub fn error(&self, index: i64, dim: usize, size: usize) -> Error {
        let bounds = format!("index {index} is out of bounds for dimension {dim} with size {size}");
        let text = match self.text {
            Text::Bounds => bounds,
            Text::BoundsIn(op) => format!("{op}: {bounds}"),
            Text::RangeInSelf => "index out of range in self".to_string(),
            Text::RangeOfElements => format!(
                "out of range: tried to access index {index} on a tensor of {size} elements."
            ),
        };
        Error::new(self.kind, text)
    }

    /// Fails unless every index addresses a dimension of `size`.
    pub fn check(&self, index: View<'_>, dim: usize, size: usize) -> Result<()> {
        ensure!(index.dtype() == DType::I64, Runtime, "internal error: index is not int64");
        let nest = Nest::in_order(index.dims(), [index.strides()]);
        let (start, step) = (index.ptr::<i64>(), nest.inner_stride(0));
        let mut bad = None;
        nest.for_each_run(0..nest.numel(), |[at], n| {
            // SAFETY: an element of the view.
            let get = |k: usize| unsafe { *start.offset(at + k as isize * step) };
            let is_bad = |i: i64| self.position(i, size).is_none();
            let any = (0..n).fold(false, |any, k| any | is_bad(get(k)));
            if any && bad.is_none() {
                bad = (0..n).map(get).find(|&i| is_bad(i));
            }
        });
        match bad {
            Some(i) => Err(self.error(i, dim, size)),
            None => Ok(()),
        }
    }

    /// The position an index means, if it is one.
    #[inline(always)]
    pub fn position(&self, index: i64, size: usize) -> Option<usize> {
        let wrapped = if self.wraps && index < 0 { index.wrapping_add(size as i64) } else { index };
        usize::try_from(wrapped).ok().filter(|&i| i < size)
    }
}
