//! Decompositions of dense matrices, one matrix of a batch after the other.
//!
//! Everything is computed in f64 or complex128 and rounded once, so that a single-precision result
//! is as good as its dtype allows and each algorithm exists for two types only. A kernel is a pure
//! function of row-major matrices; [`apply`] feeds it from views and stores what it returns.

mod cholesky;
mod eig;
mod eigh;
mod householder;
mod ldl;
mod least_squares;
mod lu;
mod matrix;
mod svd;
mod triangular;

use crate::math::Field;
use crate::matmul::{Matrix as Strided, Product, Start};
use crate::stage::{In, Input, Output};
use crate::{View, ViewMut, parallel_chunks};
use base::{Complex64, Result, ensure};
use matrix::Matrix;
use std::sync::Mutex;

/// Rows or columns that are worked on at once, so that most of the work is a matrix product.
const BLOCK: usize = 32;

/// The two types everything is computed in.
pub(crate) trait Scalar: Field<Part = f64> {
    /// `|x|^2`.
    #[inline(always)]
    fn norm_squared(self) -> f64 {
        self.re() * self.re() + self.im() * self.im()
    }

    /// The number itself.
    #[inline(always)]
    fn real(re: f64) -> Self {
        Self::from_parts(re, 0.0)
    }

    /// Adds `factor * a * b` to the block that `c` starts with, of rows `step` apart.
    fn add_product(c: &mut [Self], step: usize, factor: f64, ab: (&Matrix<Self>, &Matrix<Self>));
}

impl Scalar for f64 {
    fn add_product(c: &mut [f64], step: usize, alpha: f64, (a, b): (&Matrix<f64>, &Matrix<f64>)) {
        let (m, n, k) = (a.rows, b.columns, a.columns);
        assert!(c.len() >= (m - 1) * step + n && b.rows == k);
        let strided = |ptr: *const f64, row: usize| Strided { ptr, row: row as isize, col: 1 };
        let (c, c_row) = (c.as_mut_ptr(), step as isize);
        let start = Start::Scaled(1.0, strided(c, step));
        let (left, right) = (strided(a.values().as_ptr(), k), strided(b.values().as_ptr(), n));
        let product = Product { m, n, k, a: left, b: right, c, c_row, alpha, start };
        // SAFETY: the matrices have these sizes and `c` holds its block, by the assertion.
        unsafe { product.run() }
    }
}

impl Scalar for Complex64 {
    fn add_product(
        c: &mut [Complex64],
        step: usize,
        factor: f64,
        (a, b): (&Matrix<Complex64>, &Matrix<Complex64>),
    ) {
        for (i, row) in c.chunks_mut(step).take(a.rows).enumerate() {
            for (k, &left) in a.row(i).iter().enumerate() {
                matrix::add_scaled(&mut row[..b.columns], left * factor, b.row(k));
            }
        }
    }
}

/// What is computed, from which matrices (m, n) to which; k = min(m, n). Pivots count from 1, as
/// in LAPACK; `info` is 0, or the number of the first pivot that failed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Decomposition {
    /// a -> reflectors below R, factors (k).
    Reflectors,
    /// reflectors, factors -> the leading columns (m, columns) of their product.
    ReflectorProduct {
        /// How many.
        columns: usize,
    },
    /// a -> L below U, pivots (k), info.
    Lu,
    /// pivots (k) -> the order of m rows they bring about.
    RowOrder {
        /// m.
        rows: usize,
    },
    /// triangular a (n, n), b (n, r) -> x with a x = b.
    SolveTriangular {
        /// The elements above the diagonal count, else those below.
        upper: bool,
        /// The diagonal counts as ones.
        unit: bool,
    },
    /// Hermitian a (its lower triangle) -> lower L with L L^H = a, info.
    Cholesky,
    /// Symmetric a (its lower triangle) -> L below D, pivots (n), info.
    Ldl {
        /// Complex a is Hermitian instead.
        hermitian: bool,
    },
    /// L below D, pivots, b -> x with a x = b.
    LdlSolve {
        /// Complex a is Hermitian, else symmetric.
        hermitian: bool,
    },
    /// a, b (m, r) -> the shortest x (n, r) with the smallest `|a x - b|`, the rank of a.
    LeastSquares {
        /// Relative size of what does not count towards the rank.
        rcond: f64,
    },
    /// Hermitian a (its lower triangle) -> eigenvalues in ascending order, eigenvectors.
    Eigh,
    /// a -> U (m, k), singular values in descending order (k), V^H (k, n).
    Svd,
    /// Square complex a -> eigenvalues, eigenvectors of length 1.
    Eig,
}

fn kernel<T: Scalar>(kind: Decomposition, ins: &[Matrix<T>]) -> Result<Vec<Matrix<T>>> {
    use Decomposition as D;
    let [a, rest @ ..] = ins else {
        base::bail!(Runtime, "internal error: {kind:?} of nothing");
    };
    Ok(match (kind, rest) {
        (D::Reflectors, []) => householder::reflectors(a),
        (D::ReflectorProduct { columns }, [factors]) => {
            vec![householder::product(a, factors.values(), columns)]
        }
        (D::Lu, []) => lu::decompose(a),
        (D::RowOrder { rows }, []) => vec![lu::row_order(a, rows)],
        (D::SolveTriangular { upper, unit }, [b]) => vec![triangular::solve(a, b, upper, unit)],
        (D::Cholesky, []) => cholesky::decompose(a),
        (D::Ldl { hermitian }, []) => ldl::decompose(a, hermitian),
        (D::LdlSolve { hermitian }, [pivots, b]) => vec![ldl::solve((a, pivots), b, hermitian)],
        (D::LeastSquares { rcond }, [b]) => least_squares::solve(a, b, rcond),
        (D::Eigh, []) => eigh::decompose(a)?,
        (D::Svd, []) => svd::decompose(a)?,
        (D::Eig, []) => eig::decompose(a)?,
        _ => base::bail!(Runtime, "internal error: {kind:?} of {} matrices", ins.len()),
    })
}

/// Applies a decomposition to each matrix of the batch that `ins[0]` is. Any dtypes: values pass
/// through f64, or complex128 where an input is complex.
pub fn apply(kind: Decomposition, outs: &[ViewMut<'_>], ins: &[View<'_>]) -> Result<()> {
    if ins.iter().any(|v| v.dtype().is_complex()) || kind == Decomposition::Eig {
        typed::<Complex64>(kind, outs, ins)
    } else {
        typed::<f64>(kind, outs, ins)
    }
}

fn typed<T: Scalar>(kind: Decomposition, outs: &[ViewMut<'_>], ins: &[View<'_>]) -> Result<()> {
    let dims = ins.first().map_or(&[][..], |a| a.dims());
    let batch: usize = dims[..dims.len().saturating_sub(2)].iter().product();
    let inputs = ins.iter().map(|&v| Input::cast(v, T::DTYPE)).collect::<Result<Vec<_>>>()?;
    // A real result of complex matrices is the real part of what the kernel returns.
    let outputs = outs.iter().map(|&v| Output::cast(v, T::DTYPE)).collect::<Result<Vec<_>>>()?;
    let failed = Mutex::new(None);
    parallel_chunks(batch, grain(dims), &|first, last| {
        for i in first..last {
            let matrices: Vec<Matrix<T>> = inputs
                .iter()
                .zip(ins)
                .map(|(input, view)| read(input.values::<T>(), view, i, batch))
                .collect();
            let stored = kernel(kind, &matrices).and_then(|results| {
                ensure!(
                    results.len() == outputs.len(),
                    Runtime,
                    "internal error: {kind:?} results"
                );
                results.iter().zip(&outputs).try_for_each(|(result, output)| {
                    let values = result.values();
                    let fits = values.len() * batch == output.len();
                    ensure!(fits, Runtime, "internal error: {kind:?} result size");
                    let out = output.values::<T>().part(i * values.len(), values.len());
                    values.iter().enumerate().for_each(|(j, &v)| out.set(j, v));
                    Ok(())
                })
            });
            if let (Err(error), Ok(mut failed)) = (stored, failed.lock()) {
                failed.get_or_insert(error);
            }
        }
    });
    if let Ok(Some(error)) = failed.into_inner() {
        return Err(error);
    }
    outputs.into_iter().try_for_each(Output::finish)
}

/// Matrices a task should work on.
fn grain(dims: &[usize]) -> usize {
    const WORK: usize = 32 * 1024;
    let side = dims.iter().rev().take(2).copied().max().unwrap_or(1).max(1);
    (WORK / side.pow(3).max(1)).max(1)
}

fn read<T: Scalar>(values: In<'_, T>, view: &View<'_>, i: usize, batch: usize) -> Matrix<T> {
    let size = values.len() / batch.max(1);
    let columns = view.dims().last().copied().unwrap_or(1);
    let part = values.part(i * size, size);
    let rows = size
        .checked_div(columns)
        .unwrap_or_else(|| view.rank().checked_sub(2).map_or(1, |d| view.dims()[d]));
    Matrix::new(rows, columns, (0..size).map(|j| part.at(j)).collect())
}
