//! Cholesky, row by row (Golub and Van Loan, 4.2).

use super::Scalar;
use super::matrix::{Matrix, inner};

/// L with `L L^H = a`, and the order of the first minor that is not positive.
pub(crate) fn decompose<T: Scalar>(a: &Matrix<T>) -> Vec<Matrix<T>> {
    let n = a.rows;
    let mut l = Matrix::zeros(n, n);
    for i in 0..n {
        for j in 0..i {
            let rest = a[(i, j)] - inner(&l.row(i)[..j], &l.row(j)[..j]);
            l[(i, j)] = rest.quotient(l[(j, j)]);
        }
        let head = a[(i, i)].re() - inner(&l.row(i)[..i], &l.row(i)[..i]).re();
        if head.is_nan() || head <= 0.0 {
            return vec![l, Matrix::vector(vec![T::real((i + 1) as f64)])];
        }
        l[(i, i)] = T::real(head.sqrt());
    }
    vec![l, Matrix::vector(vec![T::ZERO])]
}
