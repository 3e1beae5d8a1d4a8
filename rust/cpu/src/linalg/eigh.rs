//! Eigenvalues of Hermitian matrices: Householder tridiagonalisation, then implicit QL steps
//! (Golub and Van Loan, 8.3).

use super::Scalar;
use super::householder::{column, product, reflect};
use super::matrix::{Matrix, add_scaled, add_two_scaled, inner, rotate};
use base::{Result, bail};

/// QL steps an eigenvalue may take.
const STEPS: usize = 60;

/// A real symmetric tridiagonal matrix.
struct Tridiagonal {
    diagonal: Vec<f64>,
    /// Beside the diagonal, and a last 0.
    side: Vec<f64>,
    /// Smaller entries are rounding.
    floor: f64,
}

/// Ascending eigenvalues, and eigenvectors as columns.
pub(crate) fn decompose<T: Scalar>(a: &Matrix<T>) -> Result<Vec<Matrix<T>>> {
    let n = a.rows;
    let (mut tridiagonal, q) = tridiagonal(a);
    // Rotations mix columns of Q: as rows they lie together.
    let mut vectors = q.transpose();
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
    Ok(vec![Matrix::vector(values), sorted.transpose()])
}

/// `a = Q T Q^H`, reading the lower triangle.
fn tridiagonal<T: Scalar>(a: &Matrix<T>) -> (Tridiagonal, Matrix<T>) {
    let n = a.rows;
    let mut a = a.clone();
    for i in 0..n {
        a[(i, i)] = T::real(a[(i, i)].re());
        (0..i).for_each(|j| a[(j, i)] = a[(i, j)].conj());
    }
    let mut factors = Vec::with_capacity(n);
    for k in 0..n.saturating_sub(1) {
        let mut x = column(&a, k + 1, k);
        let factor = reflect(&mut x);
        x.iter().enumerate().for_each(|(i, &v)| a[(k + 1 + i, k)] = v);
        x[0] = T::ONE;
        similar(&mut a, k + 1, factor, &x);
        factors.push(factor);
    }
    let mut q = Matrix::identity(n, n);
    if n > 1 {
        let below = product(&a.part(1..n, 0..n - 1), &factors, n - 1);
        (1..n).for_each(|i| q.row_mut(i)[1..].copy_from_slice(below.row(i - 1)));
    }
    let diagonal: Vec<f64> = (0..n).map(|i| a[(i, i)].re()).collect();
    let side: Vec<f64> = (0..n).map(|i| if i + 1 < n { a[(i + 1, i)].re() } else { 0.0 }).collect();
    let size = diagonal.iter().chain(&side).fold(0.0, |m: f64, v| m.max(v.abs()));
    (Tridiagonal { diagonal, side, floor: f64::EPSILON * size }, q)
}

/// `H^H a H` on the rows and columns from `first` on, `H = I - factor v v^H`: as a is Hermitian,
/// `a - w v^H - v w^H` with `p = factor a v`, `w = p - conj(factor) (v^H p) v / 2`.
fn similar<T: Scalar>(a: &mut Matrix<T>, first: usize, factor: T, v: &[T]) {
    if factor == T::ZERO {
        return;
    }
    let conjugates = |x: &[T]| x.iter().map(|v| v.conj()).collect::<Vec<T>>();
    let vc = conjugates(v);
    let mut w: Vec<T> = (first..a.rows).map(|i| factor * inner(&a.row(i)[first..], &vc)).collect();
    let along = factor.conj() * inner(&w, v) * T::real(0.5);
    add_scaled(&mut w, -along, v);
    let wc = conjugates(&w);
    for (i, (&w, &v)) in (first..a.rows).zip(w.iter().zip(v)) {
        add_two_scaled(&mut a.row_mut(i)[first..], (-w, &vc), (-v, &wc));
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
            // Beside eigenvalues of 0, as those of a matrix of low rank, all is rounding.
            t.side[m].abs() <= t.floor
        })
        .unwrap_or(last)
}

/// One implicit QL step with Wilkinson's shift on the block of `range` and the row after it.
fn step<T: Scalar>(t: &mut Tridiagonal, range: std::ops::Range<usize>, vectors: &mut Matrix<T>) {
    let Tridiagonal { diagonal: d, side: e, .. } = t;
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
