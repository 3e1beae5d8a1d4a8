//! LU with partial pivoting (Golub and Van Loan, 3.4).

use super::Scalar;
use super::matrix::{Matrix, add_scaled};

/// L below U, the row each row was exchanged with, and the first zero pivot.
pub(crate) fn decompose<T: Scalar>(a: &Matrix<T>) -> Vec<Matrix<T>> {
    let mut a = a.clone();
    let size = a.rows.min(a.columns);
    let mut pivots = Vec::with_capacity(size);
    let mut info = 0;
    for k in 0..size {
        let chosen = largest(&a, k);
        pivots.push(T::real((chosen + 1) as f64));
        a.swap_rows(k, chosen);
        let head = a[(k, k)];
        if head == T::ZERO {
            info = if info == 0 { k + 1 } else { info };
            continue;
        }
        for i in k + 1..a.rows {
            let factor = a[(i, k)].quotient(head);
            let (row, above) = a.two_rows(i, k);
            row[k] = factor;
            if factor != T::ZERO {
                add_scaled(&mut row[k + 1..], -factor, &above[k + 1..]);
            }
        }
    }
    vec![a, Matrix::vector(pivots), Matrix::vector(vec![T::real(info as f64)])]
}

/// The row from `k` on with the largest element of column `k`; LAPACK's size of a complex number.
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
