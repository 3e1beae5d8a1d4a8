//! Integer products, wrapping around in the width of their type.

use super::{Addend, batches, matrix};
use crate::{View, ViewMut, parallel_chunks};
use base::{Element, Scalar};
use num_traits::{WrappingAdd, WrappingMul};

/// `out = alpha * a @ b + addend`, modulo 2 to the width of `T`.
pub(super) fn multiply<T: Element + WrappingAdd + WrappingMul>(
    out: ViewMut<'_>,
    a: View<'_>,
    b: View<'_>,
    alpha: Scalar,
    addend: Option<Addend<'_>>,
) {
    let rank = out.rank();
    let (m, n, k) = (out.dims()[rank - 2], out.dims()[rank - 1], a.dims()[rank - 1]);
    let add = addend.map_or(out.as_view(), |add| add.view);
    let walk = batches(out, a, b, add);
    let alpha = T::from_scalar(alpha);
    let beta = addend.map(|add| T::from_scalar(add.beta));
    let target = matrix::<T>(out.as_view());
    let (left, right, from) = (matrix::<T>(a), matrix::<T>(b), matrix::<T>(add));
    let rows = walk.numel() * m;
    parallel_chunks(rows, (1 << 15) / (n * k).clamp(1, 1 << 15), &|first, last| {
        let mut sums = vec![T::default(); n];
        for row in first..last {
            let (at, i) = (row / m, row % m);
            let [oc, oa, ob, os] = walk.offsets(at);
            sums.fill(T::default());
            for p in 0..k {
                // SAFETY: (at, i, p) lies in `a`.
                let x = unsafe { *left.from(i, p).ptr.offset(oa) };
                for (j, sum) in sums.iter_mut().enumerate() {
                    // SAFETY: (at, p, j) lies in `b`.
                    let y = unsafe { *right.from(p, j).ptr.offset(ob) };
                    *sum = sum.wrapping_add(&x.wrapping_mul(&y));
                }
            }
            for (j, sum) in sums.iter().enumerate() {
                let mut value = alpha.wrapping_mul(sum);
                // SAFETY: (at, i, j) lies in `out` and the addend; rows are disjoint.
                unsafe {
                    if let Some(beta) = beta {
                        let term = *from.from(i, j).ptr.offset(os);
                        value = value.wrapping_add(&beta.wrapping_mul(&term));
                    }
                    target.from(i, j).ptr.cast_mut().offset(oc).write(value);
                }
            }
        }
    });
}
