//! Triangular systems by substitution.

use super::Scalar;
use super::matrix::{Matrix, add_scaled};

/// x with `a x = b`; only one triangle of `a` is read.
pub(crate) fn solve<T: Scalar>(a: &Matrix<T>, b: &Matrix<T>, upper: bool, unit: bool) -> Matrix<T> {
    let n = a.rows;
    let mut x = b.clone();
    let mut step = |i: usize, known: std::ops::Range<usize>| {
        for j in known {
            let factor = a[(i, j)];
            if factor != T::ZERO {
                let (row, other) = x.two_rows(i, j);
                add_scaled(row, -factor, other);
            }
        }
        if !unit {
            let head = a[(i, i)];
            x.row_mut(i).iter_mut().for_each(|v| *v = v.quotient(head));
        }
    };
    if upper {
        (0..n).rev().for_each(|i| step(i, i + 1..n));
    } else {
        (0..n).for_each(|i| step(i, 0..i));
    }
    x
}
