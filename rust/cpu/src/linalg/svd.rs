//! Singular values by one-sided Jacobi rotations (Golub and Van Loan, 8.6.3): columns are rotated in
//! pairs until all are orthogonal; their lengths are the singular values.

use super::Scalar;
use super::eigh::{rotate, transpose};
use super::householder;
use super::matrix::{Matrix, inner, length};
use base::{Result, bail, ensure};

/// Rounds over all pairs; convergence is quadratic, ten are many.
const SWEEPS: usize = 60;

/// U, the singular values in descending order, V^H.
pub(crate) fn decompose<T: Scalar>(a: &Matrix<T>) -> Result<Vec<Matrix<T>>> {
    if a.rows >= a.columns {
        let (u, values, v) = tall(a)?;
        return Ok(vec![u, values, v.adjoint()]);
    }
    let (u, values, v) = tall(&a.adjoint())?;
    Ok(vec![v, values, u.adjoint()])
}

/// U, values, V of a matrix with at least as many rows as columns.
fn tall<T: Scalar>(a: &Matrix<T>) -> Result<(Matrix<T>, Matrix<T>, Matrix<T>)> {
    let finite = a.values().iter().all(|v| v.is_finite());
    ensure!(finite, LinAlg, "failed to converge {}", a.columns);
    let n = a.columns;
    // Columns as rows, so that they lie together.
    let (mut columns, mut v) = (transpose(a), Matrix::identity(n, n));
    let mut sweeps = 0;
    // Shorter columns are rounding: no rotation makes them orthogonal to the others.
    let floor = f64::EPSILON * length(a.values());
    while sweep(&mut columns, &mut v, floor) {
        sweeps += 1;
        if sweeps == SWEEPS {
            bail!(LinAlg, "failed to converge {n}");
        }
    }
    let lengths: Vec<f64> = (0..n).map(|i| length(columns.row(i))).collect();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| lengths[j].total_cmp(&lengths[i]));
    let (mut left, mut right) = (Matrix::zeros(n, a.rows), Matrix::zeros(n, n));
    for (to, &from) in order.iter().enumerate() {
        right.row_mut(to).copy_from_slice(v.row(from));
        if lengths[from] > floor {
            let length = T::real(lengths[from]);
            for (u, &x) in left.row_mut(to).iter_mut().zip(columns.row(from)) {
                *u = x.quotient(length);
            }
        }
    }
    let rank = lengths.iter().filter(|&&l| l > floor).count();
    let values = order.iter().map(|&i| T::real(lengths[i])).collect();
    Ok((completed(&transpose(&left), rank), Matrix::vector(values), transpose(&right)))
}

/// Rotates each pair of rows that is not orthogonal yet; whether there was one.
fn sweep<T: Scalar>(columns: &mut Matrix<T>, v: &mut Matrix<T>, floor: f64) -> bool {
    let n = columns.rows;
    let mut rotated = false;
    for p in 0..n {
        for q in p + 1..n {
            let (x, y) = columns.two_rows(p, q);
            let square = |x: &[T]| x.iter().map(|v| v.norm_squared()).sum::<f64>();
            let (alpha, beta, gamma) = (square(x), square(y), inner(y, x));
            let size = gamma.magnitude();
            if alpha.min(beta) <= floor * floor {
                continue;
            }
            // Below this the inner product is rounding, which no rotation removes.
            if size <= 4.0 * x.len() as f64 * f64::EPSILON * (alpha * beta).sqrt() {
                continue;
            }
            rotated = true;
            let zeta = (beta - alpha) / (2.0 * size);
            let tangent = 1f64.copysign(zeta) / (zeta.abs() + zeta.hypot(1.0));
            let cosine = 1.0 / tangent.hypot(1.0);
            // The second column turned so that the inner product of both is real.
            let phase = gamma.conj() * T::real(1.0 / size);
            for (x, y) in [(x, y), v.two_rows(p, q)] {
                for value in y.iter_mut() {
                    *value = *value * phase;
                }
                rotate(x, y, cosine, cosine * tangent);
            }
        }
    }
    rotated
}

/// `u` with its columns from `rank` on (those of singular values 0) made orthonormal to the others.
fn completed<T: Scalar>(u: &Matrix<T>, rank: usize) -> Matrix<T> {
    if rank == u.columns {
        return u.clone();
    }
    let mut known = Matrix::zeros(u.rows, rank);
    (0..u.rows).for_each(|i| known.row_mut(i).copy_from_slice(&u.row(i)[..rank]));
    let packed = householder::reflectors(&known);
    let mut basis = householder::product(&packed[0], &packed[1], u.columns);
    (0..u.rows).for_each(|i| basis.row_mut(i)[..rank].copy_from_slice(&u.row(i)[..rank]));
    basis
}
