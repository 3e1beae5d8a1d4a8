//! QR by Householder reflections (Golub and Van Loan, 5.2), in LAPACK's conventions: reflector i is
//! `I - tau v v^H` with `v[i] = 1`, the rest of v stored below the diagonal, and R's diagonal real.

use super::matrix::{Matrix, add_scaled, inner, length};
use super::{BLOCK, Scalar};
use std::ops::Range;

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

/// `(I - factor v v^H)` times rows `first..` and some columns of `a`; v is 1 and then `tail`.
pub(crate) fn apply<T: Scalar>(
    a: &mut Matrix<T>,
    (first, columns): (usize, Range<usize>),
    factor: T,
    tail: &[T],
) {
    if factor == T::ZERO {
        return;
    }
    let mut sums = a.row(first)[columns.clone()].to_vec();
    for (i, v) in tail.iter().enumerate() {
        add_scaled(&mut sums, v.conj(), &a.row(first + 1 + i)[columns.clone()]);
    }
    add_scaled(&mut a.row_mut(first)[columns.clone()], -factor, &sums);
    for (i, &v) in tail.iter().enumerate() {
        add_scaled(&mut a.row_mut(first + 1 + i)[columns.clone()], -(factor * v), &sums);
    }
}

/// Rows `first..` of column `j`.
pub(crate) fn column<T: Scalar>(a: &Matrix<T>, first: usize, j: usize) -> Vec<T> {
    (first..a.rows).map(|i| a[(i, j)]).collect()
}

/// R, the reflectors below it, and their factors.
pub(crate) fn reflectors<T: Scalar>(a: &Matrix<T>) -> Vec<Matrix<T>> {
    let (mut a, size) = (a.clone(), a.rows.min(a.columns));
    let mut factors = Vec::with_capacity(size);
    for start in (0..size).step_by(BLOCK) {
        let end = (start + BLOCK).min(size);
        for k in start..end {
            let mut x = column(&a, k, k);
            let factor = reflect(&mut x);
            apply(&mut a, (k, k + 1..end), factor.conj(), &x[1..]);
            x.iter().enumerate().for_each(|(i, &v)| a[(k + i, k)] = v);
            factors.push(factor);
        }
        if end < a.columns {
            Block::new(&a, start, &factors[start..]).apply(&mut a, (start, end), true);
        }
    }
    vec![a, Matrix::vector(factors)]
}

/// The leading columns of the product of all reflectors.
pub(crate) fn product<T: Scalar>(
    reflectors: &Matrix<T>,
    factors: &[T],
    columns: usize,
) -> Matrix<T> {
    let mut q = Matrix::identity(reflectors.rows, columns);
    if columns <= BLOCK {
        for (k, &factor) in factors.iter().enumerate().rev() {
            apply(&mut q, (k, k.min(columns)..columns), factor, &column(reflectors, k + 1, k));
        }
        return q;
    }
    for start in (0..factors.len()).step_by(BLOCK).rev() {
        let block = &factors[start..(start + BLOCK).min(factors.len())];
        Block::new(reflectors, start, block).apply(&mut q, (start, start.min(columns)), false);
    }
    q
}

/// A product of reflections as `I - V T V^H`, T an upper triangle (Schreiber and Van Loan 1989).
struct Block<T> {
    v: Matrix<T>,
    adjoint: Matrix<T>,
    t: Matrix<T>,
}

impl<T: Scalar> Block<T> {
    /// Of the reflectors in columns `start..`, as many as there are factors.
    fn new(reflectors: &Matrix<T>, start: usize, factors: &[T]) -> Block<T> {
        let count = factors.len();
        let mut v = reflectors.part(start..reflectors.rows, start..start + count);
        for i in 0..count {
            v.row_mut(i)[i] = T::ONE;
            v.row_mut(i)[i + 1..].fill(T::ZERO);
        }
        let (adjoint, mut t) = (v.adjoint(), Matrix::zeros(count, count));
        for (j, &factor) in factors.iter().enumerate() {
            let angles: Vec<T> = (0..j).map(|i| inner(adjoint.row(i), adjoint.row(j))).collect();
            for i in 0..j {
                let sum = (i..j).fold(T::ZERO, |sum, k| sum + t[(i, k)] * angles[k]);
                t[(i, j)] = -factor * sum;
            }
            t[(j, j)] = factor;
        }
        Block { v, adjoint, t }
    }

    /// The product, or its adjoint, times the rows and columns of `c` from `at` on.
    fn apply(&self, c: &mut Matrix<T>, at: (usize, usize), adjoint: bool) {
        let sums = self.adjoint.times(&c.part(at.0..c.rows, at.1..c.columns));
        let sums = if adjoint { self.t.adjoint().times(&sums) } else { self.t.times(&sums) };
        c.add_product(at, -1.0, &self.v, &sums);
    }
}
