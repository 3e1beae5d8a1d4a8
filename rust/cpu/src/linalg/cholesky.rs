//! Cholesky, row by row (Golub and Van Loan, 4.2), a block of columns at a time.

use super::matrix::{Matrix, inner};
use super::{BLOCK, Scalar};
use std::cmp::Ordering;

/// L with `L L^H = a`, and the order of the first minor that is not positive.
pub(crate) fn decompose<T: Scalar>(a: &Matrix<T>) -> Vec<Matrix<T>> {
    let (mut l, n) = (a.clone(), a.rows);
    let mut failed = None;
    for start in (0..n).step_by(BLOCK) {
        let end = (start + BLOCK).min(n);
        if start > 0 {
            let (left, top) = (l.part(start..n, 0..start), l.part(start..end, 0..start));
            l.add_product((start, start), -1.0, &left, &top.adjoint());
        }
        failed = (start..n).find(|&i| !row(&mut l, i, (start, end)));
        if failed.is_some() {
            break;
        }
    }
    for i in 0..n {
        let known = match i.cmp(&failed.unwrap_or(n)) {
            Ordering::Less => i + 1,
            Ordering::Equal => i,
            Ordering::Greater => 0,
        };
        l.row_mut(i)[known..].fill(T::ZERO);
    }
    let info = failed.map_or(0, |i| i + 1);
    vec![l, Matrix::vector(vec![T::real(info as f64)])]
}

/// The numbers of row `i` in the columns of a block; whether the one on the diagonal is positive.
fn row<T: Scalar>(l: &mut Matrix<T>, i: usize, (start, end): (usize, usize)) -> bool {
    for j in start..end.min(i) {
        let rest = l[(i, j)] - inner(&l.row(i)[start..j], &l.row(j)[start..j]);
        l[(i, j)] = rest.quotient(l[(j, j)]);
    }
    if i >= end {
        return true;
    }
    let known = &l.row(i)[start..i];
    let head = l[(i, i)].re() - inner(known, known).re();
    if head.is_nan() || head <= 0.0 {
        return false;
    }
    l[(i, i)] = T::real(head.sqrt());
    true
}
