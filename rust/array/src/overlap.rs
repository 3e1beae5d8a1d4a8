//! What an output may share with itself and with inputs.

use crate::Array;
use base::{Result, ensure};

/// Refuses an output in which one element has several indices.
pub fn check_output(out: &Array) -> Result<()> {
    ensure!(
        !out.layout().has_internal_overlap(),
        Runtime,
        "unsupported operation: more than one element of the written-to tensor refers to a single memory location. Please clone() the tensor before performing the operation."
    );
    Ok(())
}

/// Refuses an input that shares some memory with the output without being the same elements.
/// As in PyTorch only where both fill their spans; of others, such as channels of images, callers
/// take a copy when `partial` says that they may meet.
pub fn check_input(out: &Array, input: &Array) -> Result<()> {
    let dense = out.layout().is_dense() && input.layout().is_dense();
    ensure!(
        !(dense && partial(out, input)),
        Runtime,
        "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory location. Please clone() the tensor before performing the operation."
    );
    Ok(())
}

/// The same elements at the same places.
pub fn is_same(a: &Array, b: &Array) -> bool {
    a.shares_storage(b) && a.layout() == b.layout() && a.dtype() == b.dtype()
}

/// The spans of both overlap, though they are not the same elements.
pub fn partial(a: &Array, b: &Array) -> bool {
    if !a.shares_storage(b) || is_same(a, b) || a.numel() == 0 || b.numel() == 0 {
        return false;
    }
    let span =
        |x: &Array| (x.layout().offset * x.dtype().size(), x.layout().end() * x.dtype().size());
    let ((a0, a1), (b0, b1)) = (span(a), span(b));
    a0 < b1 && b0 < a1 && !interleaved(a, b)
}

/// Two slices that share their steps but never meet, such as the columns of a matrix.
fn interleaved(a: &Array, b: &Array) -> bool {
    let (x, y) = (a.layout(), b.layout());
    if x.strides != y.strides
        || x.dims != y.dims
        || a.dtype() != b.dtype()
        || !x.is_non_overlapping()
    {
        return false;
    }
    let gap = x.offset.abs_diff(y.offset) as isize;
    let mut order: Vec<usize> = (0..x.rank()).filter(|&d| x.dims[d] > 1).collect();
    order.sort_by_key(|&d| std::cmp::Reverse(x.strides[d]));
    let rest = order.iter().fold(gap, |rest, &d| {
        let steps = (rest / x.strides[d]).min(x.dims[d] as isize - 1);
        rest - steps * x.strides[d]
    });
    let reach: isize = order.iter().map(|&d| (x.dims[d] as isize - 1) * x.strides[d]).sum();
    rest != 0 && gap <= reach && order.iter().all(|&d| rest < x.strides[d])
}
