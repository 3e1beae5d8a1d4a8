//! LU with partial pivoting (Golub and Van Loan, 3.4), a block of columns at a time.

use super::matrix::{Matrix, add_scaled, add_scaled_here};
use super::{BLOCK, Scalar};
use crate::arch::simd;
use std::ops::Range;

/// L below U, the row each row was exchanged with, and the first zero pivot.
pub(crate) fn decompose<T: Scalar>(a: &Matrix<T>) -> Vec<Matrix<T>> {
    let (mut a, size) = (a.clone(), a.rows.min(a.columns));
    let (rows, columns) = (a.rows, a.columns);
    let (mut pivots, mut info) = (Vec::with_capacity(size), 0);
    for start in (0..size).step_by(BLOCK) {
        let end = (start + BLOCK).min(size);
        // SAFETY: any matrix will do.
        unsafe { factor(&mut a, start..end, &mut pivots, &mut info) };
        if end == columns {
            break;
        }
        for i in start + 1..end {
            for j in start..i {
                let factor = -a[(i, j)];
                let (row, above) = a.two_rows(i, j);
                add_scaled(&mut row[end..], factor, &above[end..]);
            }
        }
        let (left, above) = (a.part(end..rows, start..end), a.part(start..end, end..columns));
        a.add_product((end, end), -1.0, &left, &above);
    }
    let pivots = pivots.into_iter().map(|p| T::real((p + 1) as f64)).collect();
    vec![a, Matrix::vector(pivots), Matrix::vector(vec![T::real(info as f64)])]
}

simd! {
    /// Factors a block of columns; whole rows are exchanged.
    unsafe fn factor[T: Scalar](
        a: &mut Matrix<T>, block: Range<usize>, pivots: &mut Vec<usize>, info: &mut usize,
    ) {
        for k in block.clone() {
            let chosen = largest(a, k);
            pivots.push(chosen);
            a.swap_rows(k, chosen);
            let head = a[(k, k)];
            if head == T::ZERO {
                *info = if *info == 0 { k + 1 } else { *info };
                continue;
            }
            for i in k + 1..a.rows {
                let factor = a[(i, k)].quotient(head);
                let (row, above) = a.two_rows(i, k);
                row[k] = factor;
                if factor != T::ZERO {
                    add_scaled_here(&mut row[k + 1..block.end], -factor, &above[k + 1..block.end]);
                }
            }
        }
    }
}

/// The row from `k` on with the largest element of column `k`; LAPACK's size of a complex number.
#[inline(always)]
fn largest<T: Scalar>(a: &Matrix<T>, k: usize) -> usize {
    let size = |i: usize| a[(i, k)].re().abs() + a[(i, k)].im().abs();
    (k + 1..a.rows).fold(k, |best, i| if size(i) > size(best) { i } else { best })
}

/// Where each of `rows` rows came from after the exchanges of `pivots`.
pub(crate) fn row_order<T: Scalar>(pivots: &Matrix<T>, rows: usize) -> Matrix<T> {
    let mut order: Vec<usize> = (0..rows).collect();
    for (i, pivot) in pivots.values().iter().enumerate() {
        let other = (pivot.re() as usize).wrapping_sub(1);
        if i < rows && other < rows {
            order.swap(i, other);
        }
    }
    Matrix::vector(order.into_iter().map(|i| T::real(i as f64)).collect())
}
