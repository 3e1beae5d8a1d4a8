//! Eigenvalues of Hermitian matrices: Householder tridiagonalisation, then implicit QL steps
//! (Golub and Van Loan, 8.3).

use super::Scalar;
use super::householder::{apply, reflect};
use super::matrix::{Matrix, inner};
use base::{Result, bail};

/// QL steps an eigenvalue may take.
const STEPS: usize = 60;

/// A real symmetric tridiagonal matrix.
struct Tridiagonal {
    diagonal: Vec<f64>,
    /// Beside the diagonal, and a last 0.
    side: Vec<f64>,
}

/// Ascending eigenvalues, and eigenvectors as columns.
pub(crate) fn decompose<T: Scalar>(a: &Matrix<T>) -> Result<Vec<Matrix<T>>> {
    let n = a.rows;
    let (mut tridiagonal, q) = tridiagonal(a);
    // Rotations mix columns of Q: as rows they lie together.
    let mut vectors = transpose(&q);
    for l in 0..n {
        settle(&mut tridiagonal, l, &mut vectors)?;
    }
    let values = tridiagonal.diagonal;
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
    let mut sorted = Matrix::zeros(n, n);
    for (to, &from) in order.iter().enumerate() {
        sorted.row_mut(to).copy_from_slice(vectors.row(from));
    }
    let values = order.iter().map(|&i| T::real(values[i])).collect();
    Ok(vec![Matrix::vector(values), transpose(&sorted)])
}

pub(super) fn transpose<T: Scalar>(a: &Matrix<T>) -> Matrix<T> {
    let mut out = Matrix::zeros(a.columns, a.rows);
    for i in 0..a.rows {
        a.row(i).iter().enumerate().for_each(|(j, &v)| out[(j, i)] = v);
    }
    out
}

/// `a = Q T Q^H`, reading the lower triangle.
fn tridiagonal<T: Scalar>(a: &Matrix<T>) -> (Tridiagonal, Matrix<T>) {
    let n = a.rows;
    let mut a = a.clone();
    for i in 0..n {
        a[(i, i)] = T::real(a[(i, i)].re());
        (0..i).for_each(|j| a[(j, i)] = a[(i, j)].conj());
    }
    let mut reflectors = Vec::with_capacity(n);
    for k in 0..n.saturating_sub(1) {
        let mut x: Vec<T> = (k + 1..n).map(|i| a[(i, k)]).collect();
        let factor = reflect(&mut x);
        let side = std::mem::replace(&mut x[0], T::ONE);
        similar(&mut a, k + 1, factor, &x);
        a[(k + 1, k)] = side;
        reflectors.push((factor, x));
    }
    let mut q = Matrix::identity(n, n);
    for (k, (factor, v)) in reflectors.iter().enumerate().rev() {
        apply(&mut q, (k + 1, k + 1), *factor, &v[1..]);
    }
    let diagonal = (0..n).map(|i| a[(i, i)].re()).collect();
    let side = (0..n).map(|i| if i + 1 < n { a[(i + 1, i)].re() } else { 0.0 }).collect();
    (Tridiagonal { diagonal, side }, q)
}

/// `H^H a H` on the rows and columns from `first` on, `H = I - factor v v^H`.
fn similar<T: Scalar>(a: &mut Matrix<T>, first: usize, factor: T, v: &[T]) {
    apply(a, (first, first), factor.conj(), &v[1..]);
    let conjugate: Vec<T> = v.iter().map(|v| v.conj()).collect();
    for i in first..a.rows {
        let row = &mut a.row_mut(i)[first..];
        let sum = factor * inner(row, &conjugate);
        super::matrix::add_scaled(row, -sum, &conjugate);
    }
}

/// QL steps until entry `l` beside the diagonal is negligible.
fn settle<T: Scalar>(t: &mut Tridiagonal, l: usize, vectors: &mut Matrix<T>) -> Result<()> {
    for _ in 0..STEPS {
        let m = split(t, l);
        if m == l {
            return Ok(());
        }
        step(t, l..m, vectors);
    }
    bail!(LinAlg, "failed to converge {}", l + 1)
}

/// The first index from `l` on behind which the matrix falls apart.
fn split(t: &Tridiagonal, l: usize) -> usize {
    let last = t.diagonal.len() - 1;
    (l..last)
        .find(|&m| {
            let around = t.diagonal[m].abs() + t.diagonal[m + 1].abs();
            t.side[m].abs() <= f64::EPSILON * around
        })
        .unwrap_or(last)
}

/// One implicit QL step with Wilkinson's shift on the block of `range` and the row after it.
fn step<T: Scalar>(t: &mut Tridiagonal, range: std::ops::Range<usize>, vectors: &mut Matrix<T>) {
    let Tridiagonal { diagonal: d, side: e } = t;
    let (l, m) = (range.start, range.end);
    let slope = (d[l + 1] - d[l]) / (2.0 * e[l]);
    let mut g = d[m] - d[l] + e[l] / (slope + slope.hypot(1.0).copysign(slope));
    let (mut s, mut c, mut p) = (1.0, 1.0, 0.0);
    for i in range.rev() {
        let (f, b) = (s * e[i], c * e[i]);
        let r = f.hypot(g);
        e[i + 1] = r;
        if r == 0.0 {
            d[i + 1] -= p;
            e[m] = 0.0;
            return;
        }
        (s, c) = (f / r, g / r);
        let next = d[i + 1] - p;
        let turn = (d[i] - next) * s + 2.0 * c * b;
        p = s * turn;
        d[i + 1] = next + p;
        g = c * turn - b;
        let (low, high) = vectors.two_rows(i, i + 1);
        rotate(low, high, c, s);
    }
    d[l] -= p;
    e[l] = g;
    e[m] = 0.0;
}

/// `(x, y)` becomes `(c x - s y, s x + c y)`.
#[inline]
pub(super) fn rotate<T: Scalar>(x: &mut [T], y: &mut [T], c: f64, s: f64) {
    let (c, s) = (T::real(c), T::real(s));
    for (x, y) in x.iter_mut().zip(y) {
        (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
    }
}
