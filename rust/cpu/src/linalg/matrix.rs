//! A row-major matrix of numbers, and what all decompositions do with its rows.

use super::Scalar;
use std::ops::{Index, IndexMut};

/// `rows` times `columns` numbers, row after row.
#[derive(Clone, Debug)]
pub(crate) struct Matrix<T> {
    pub rows: usize,
    pub columns: usize,
    values: Vec<T>,
}

impl<T: Scalar> Matrix<T> {
    /// A matrix of these numbers, `rows * columns` of them.
    pub fn new(rows: usize, columns: usize, values: Vec<T>) -> Matrix<T> {
        debug_assert_eq!(values.len(), rows * columns);
        Matrix { rows, columns, values }
    }

    /// A matrix of zeros.
    pub fn zeros(rows: usize, columns: usize) -> Matrix<T> {
        Matrix::new(rows, columns, vec![T::ZERO; rows * columns])
    }

    /// Ones on the diagonal, zeros elsewhere.
    pub fn identity(rows: usize, columns: usize) -> Matrix<T> {
        let mut eye = Matrix::zeros(rows, columns);
        (0..rows.min(columns)).for_each(|i| eye[(i, i)] = T::ONE);
        eye
    }

    /// One row.
    pub fn vector(values: Vec<T>) -> Matrix<T> {
        Matrix::new(1, values.len(), values)
    }

    /// All numbers in order.
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// Row `i`.
    pub fn row(&self, i: usize) -> &[T] {
        &self.values[i * self.columns..(i + 1) * self.columns]
    }

    /// Row `i`, to be changed.
    pub fn row_mut(&mut self, i: usize) -> &mut [T] {
        &mut self.values[i * self.columns..(i + 1) * self.columns]
    }

    /// Rows `i` and `j`, different ones.
    pub fn two_rows(&mut self, i: usize, j: usize) -> (&mut [T], &mut [T]) {
        let n = self.columns;
        let (first, second) = (i.min(j), i.max(j));
        let (head, tail) = self.values.split_at_mut(second * n);
        let (low, high) = (&mut head[first * n..(first + 1) * n], &mut tail[..n]);
        if i < j { (low, high) } else { (high, low) }
    }

    /// Exchanges two rows.
    pub fn swap_rows(&mut self, i: usize, j: usize) {
        if i != j {
            let (a, b) = self.two_rows(i, j);
            a.swap_with_slice(b);
        }
    }

    /// The conjugate transpose.
    pub fn adjoint(&self) -> Matrix<T> {
        let mut out = Matrix::zeros(self.columns, self.rows);
        for i in 0..self.rows {
            for (j, &v) in self.row(i).iter().enumerate() {
                out[(j, i)] = v.conj();
            }
        }
        out
    }
}

impl<T> Index<(usize, usize)> for Matrix<T> {
    type Output = T;
    #[inline(always)]
    fn index(&self, (i, j): (usize, usize)) -> &T {
        &self.values[i * self.columns + j]
    }
}

impl<T> IndexMut<(usize, usize)> for Matrix<T> {
    #[inline(always)]
    fn index_mut(&mut self, (i, j): (usize, usize)) -> &mut T {
        &mut self.values[i * self.columns + j]
    }
}

/// `y += factor * x`.
#[inline]
pub(crate) fn add_scaled<T: Scalar>(y: &mut [T], factor: T, x: &[T]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = *y + factor * x;
    }
}

/// The sum of `x[i] * conj(y[i])`.
#[inline]
pub(crate) fn inner<T: Scalar>(x: &[T], y: &[T]) -> T {
    x.iter().zip(y).fold(T::ZERO, |sum, (&x, &y)| sum + x * y.conj())
}

/// Length of a vector, without overflow on the way.
pub(crate) fn length<T: Scalar>(x: &[T]) -> f64 {
    let largest = x.iter().fold(0.0, |m: f64, v| m.max(v.re().abs()).max(v.im().abs()));
    if largest == 0.0 || !largest.is_finite() {
        return if x.iter().any(|v| v.is_nan()) { f64::NAN } else { largest };
    }
    let scale = T::real(1.0 / largest);
    x.iter().map(|&v| (v * scale).norm_squared()).sum::<f64>().sqrt() * largest
}
