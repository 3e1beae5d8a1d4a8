//! Eigenvalues of general matrices: Hessenberg form, then QR steps with Wilkinson's shift to an upper
//! triangle, whose eigenvectors follow by substitution (Golub and Van Loan, 7.4 to 7.6).

use super::Scalar;
use super::householder::{apply, reflect};
use super::matrix::{Matrix, add_scaled, inner, length};
use base::{Result, bail};

/// QR steps an eigenvalue may take.
const STEPS: usize = 60;

/// Eigenvalues, and eigenvectors of length 1 as columns, their largest entry real.
pub(crate) fn decompose<T: Scalar>(a: &Matrix<T>) -> Result<Vec<Matrix<T>>> {
    let n = a.rows;
    let (mut h, mut z) = hessenberg(a);
    let (mut end, mut steps) = (n, 0);
    while end > 1 {
        let start = block(&mut h, end);
        if start + 1 == end {
            (end, steps) = (end - 1, 0);
            continue;
        }
        if steps == STEPS {
            bail!(LinAlg, "failed to converge {end}");
        }
        steps += 1;
        let shift = if steps % 20 == 0 { h[(end - 1, end - 2)] } else { wilkinson(&h, end) };
        step(&mut h, &mut z, start..end, shift);
    }
    let values = (0..n).map(|i| h[(i, i)]).collect();
    Ok(vec![Matrix::vector(values), vectors(&h, &z)])
}

/// `a = Z H Z^H` with zeros below H's first subdiagonal.
fn hessenberg<T: Scalar>(a: &Matrix<T>) -> (Matrix<T>, Matrix<T>) {
    let n = a.rows;
    let (mut h, mut z) = (a.clone(), Matrix::identity(n, n));
    for k in 0..n.saturating_sub(2) {
        let mut x: Vec<T> = (k + 1..n).map(|i| h[(i, k)]).collect();
        let factor = reflect(&mut x);
        let head = std::mem::replace(&mut x[0], T::ONE);
        apply(&mut h, (k + 1, k + 1..n), factor.conj(), &x[1..]);
        let conjugate: Vec<T> = x.iter().map(|v| v.conj()).collect();
        for target in [&mut h, &mut z] {
            for i in 0..n {
                let row = &mut target.row_mut(i)[k + 1..];
                let sum = factor * inner(row, &conjugate);
                add_scaled(row, -sum, &conjugate);
            }
        }
        (k + 1..n).for_each(|i| h[(i, k)] = T::ZERO);
        h[(k + 1, k)] = head;
    }
    (h, z)
}

/// The start of the last block (ending before `end`) that does not fall apart.
fn block<T: Scalar>(h: &mut Matrix<T>, end: usize) -> usize {
    for k in (1..end).rev() {
        let around = h[(k, k)].magnitude() + h[(k - 1, k - 1)].magnitude();
        if h[(k, k - 1)].magnitude() <= f64::EPSILON * around {
            h[(k, k - 1)] = T::ZERO;
            return k;
        }
    }
    0
}

/// The eigenvalue of the trailing 2 x 2 block that is nearer to its last entry.
fn wilkinson<T: Scalar>(h: &Matrix<T>, end: usize) -> T {
    let (i, j) = (end - 2, end - 1);
    let half = (h[(i, i)] - h[(j, j)]) * T::real(0.5);
    let product = h[(i, j)] * h[(j, i)];
    let root = (half * half + product).sqrt();
    let (near, far) = (half + root, half - root);
    let larger = if near.magnitude() >= far.magnitude() { near } else { far };
    if larger == T::ZERO { h[(j, j)] } else { h[(j, j)] - product.quotient(larger) }
}

/// One QR step on a block: `H - shift = Q R`, then `R Q + shift`.
fn step<T: Scalar>(h: &mut Matrix<T>, z: &mut Matrix<T>, block: std::ops::Range<usize>, shift: T) {
    let n = h.rows;
    block.clone().for_each(|i| h[(i, i)] = h[(i, i)] - shift);
    let mut rotations = Vec::with_capacity(block.len());
    for k in block.start..block.end - 1 {
        let (a, b) = (h[(k, k)], h[(k + 1, k)]);
        let size = a.magnitude().hypot(b.magnitude());
        let scale = T::real(if size == 0.0 { 0.0 } else { 1.0 / size });
        let (c, s) = if size == 0.0 { (T::ONE, T::ZERO) } else { (a * scale, b * scale) };
        for j in k..n {
            let (x, y) = (h[(k, j)], h[(k + 1, j)]);
            h[(k, j)] = c.conj() * x + s.conj() * y;
            h[(k + 1, j)] = c * y - s * x;
        }
        rotations.push((c, s));
    }
    for (k, &(c, s)) in (block.start..).zip(&rotations) {
        let rows = (k + 2).min(block.end);
        for (target, rows) in [(&mut *h, rows), (&mut *z, n)] {
            for i in 0..rows {
                let (x, y) = (target[(i, k)], target[(i, k + 1)]);
                target[(i, k)] = x * c + y * s;
                target[(i, k + 1)] = y * c.conj() - x * s.conj();
            }
        }
    }
    block.for_each(|i| h[(i, i)] = h[(i, i)] + shift);
}

/// Eigenvectors of `Z T Z^H`.
fn vectors<T: Scalar>(t: &Matrix<T>, z: &Matrix<T>) -> Matrix<T> {
    let n = t.rows;
    let tiny = f64::EPSILON * length(t.values()).max(f64::MIN_POSITIVE);
    let mut out = Matrix::zeros(n, n);
    for k in 0..n {
        let mut x = vec![T::ZERO; n];
        x[k] = T::ONE;
        for i in (0..k).rev() {
            let sum = (i + 1..=k).fold(T::ZERO, |sum, j| sum + t[(i, j)] * x[j]);
            let gap = t[(i, i)] - t[(k, k)];
            let gap = if gap.magnitude() < tiny { T::real(tiny) } else { gap };
            x[i] = -sum.quotient(gap);
        }
        let product = |i: usize| (0..=k).fold(T::ZERO, |sum, j| sum + z[(i, j)] * x[j]);
        let v: Vec<T> = (0..n).map(product).collect();
        let largest =
            v.iter().fold(T::ZERO, |m, &v| if v.norm_squared() > m.norm_squared() { v } else { m });
        let turn = largest.sgn().conj() * T::real(1.0 / length(&v));
        v.iter().enumerate().for_each(|(i, &v)| out[(i, k)] = v * turn);
    }
    out
}
