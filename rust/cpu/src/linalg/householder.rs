//! QR by Householder reflections (Golub and Van Loan, 5.2), in LAPACK's conventions: reflector i is
//! `I - tau v v^H` with `v[i] = 1`, the rest of v stored below the diagonal, and R's diagonal real.

use super::Scalar;
use super::matrix::{Matrix, add_scaled, length};

/// A reflection that maps `x` to `(beta, 0, ..)`: replaces the tail of `x` by that of v, the head by
/// beta, and returns tau.
pub(crate) fn reflect<T: Scalar>(x: &mut [T]) -> T {
    let [head, tail @ ..] = x else { return T::ZERO };
    let alpha = *head;
    let rest = length(tail);
    if rest == 0.0 && alpha.im() == 0.0 {
        return T::ZERO;
    }
    let beta = -alpha.magnitude().hypot(rest).copysign(alpha.re());
    let inverse = T::ONE.quotient(alpha - T::real(beta));
    for v in tail {
        *v = *v * inverse;
    }
    *head = T::real(beta);
    T::from_parts((beta - alpha.re()) / beta, -alpha.im() / beta)
}

/// `(I - factor v v^H)` times rows `first..` and columns `from..` of `a`; v is 1 and then `tail`.
pub(crate) fn apply<T: Scalar>(
    a: &mut Matrix<T>,
    (first, from): (usize, usize),
    factor: T,
    tail: &[T],
) {
    if factor == T::ZERO {
        return;
    }
    let mut sums = a.row(first)[from..].to_vec();
    for (i, v) in tail.iter().enumerate() {
        add_scaled(&mut sums, v.conj(), &a.row(first + 1 + i)[from..]);
    }
    add_scaled(&mut a.row_mut(first)[from..], -factor, &sums);
    for (i, &v) in tail.iter().enumerate() {
        add_scaled(&mut a.row_mut(first + 1 + i)[from..], -(factor * v), &sums);
    }
}

/// Rows `first..` of column `j`.
fn column<T: Scalar>(a: &Matrix<T>, first: usize, j: usize) -> Vec<T> {
    (first..a.rows).map(|i| a[(i, j)]).collect()
}

/// R, the reflectors below it, and their factors.
pub(crate) fn reflectors<T: Scalar>(a: &Matrix<T>) -> Vec<Matrix<T>> {
    let mut a = a.clone();
    let mut factors = Vec::with_capacity(a.rows.min(a.columns));
    for k in 0..a.rows.min(a.columns) {
        let mut x = column(&a, k, k);
        let factor = reflect(&mut x);
        apply(&mut a, (k, k + 1), factor.conj(), &x[1..]);
        x.iter().enumerate().for_each(|(i, &v)| a[(k + i, k)] = v);
        factors.push(factor);
    }
    vec![a, Matrix::vector(factors)]
}

/// The leading columns of the product of all reflectors.
pub(crate) fn product<T: Scalar>(
    reflectors: &Matrix<T>,
    factors: &Matrix<T>,
    columns: usize,
) -> Matrix<T> {
    let mut q = Matrix::identity(reflectors.rows, columns);
    for (k, &factor) in factors.values().iter().enumerate().rev() {
        apply(&mut q, (k, 0), factor, &column(reflectors, k + 1, k));
    }
    q
}
