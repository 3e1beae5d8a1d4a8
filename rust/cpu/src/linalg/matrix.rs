//! A row-major matrix of numbers, and what all decompositions do with its rows.

use super::Scalar;
use crate::arch::simd;
use std::ops::{Index, IndexMut, Range};

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

    /// A copy of these rows and columns.
    pub fn part(&self, rows: Range<usize>, columns: Range<usize>) -> Matrix<T> {
        let mut values = Vec::with_capacity(rows.len() * columns.len());
        let size = (rows.len(), columns.len());
        rows.for_each(|i| values.extend_from_slice(&self.row(i)[columns.clone()]));
        Matrix::new(size.0, size.1, values)
    }

    /// Adds `factor * a * b` to the block that starts at row and column `at`.
    pub fn add_product(&mut self, at: (usize, usize), factor: f64, a: &Matrix<T>, b: &Matrix<T>) {
        let (m, n, k) = (a.rows, b.columns, a.columns);
        assert!(at.0 + m <= self.rows && at.1 + n <= self.columns && k == b.rows);
        if m * n * k > 0 {
            T::add_product(
                &mut self.values[at.0 * self.columns + at.1..],
                self.columns,
                factor,
                (a, b),
            );
        }
    }

    /// The product `self * other`.
    pub fn times(&self, other: &Matrix<T>) -> Matrix<T> {
        let mut out = Matrix::zeros(self.rows, other.columns);
        out.add_product((0, 0), 1.0, self, other);
        out
    }

    /// The transpose.
    pub fn transpose(&self) -> Matrix<T> {
        let mut out = Matrix::zeros(self.columns, self.rows);
        for i in 0..self.rows {
            self.row(i).iter().enumerate().for_each(|(j, &v)| out[(j, i)] = v);
        }
        out
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

/// Elements from which a row is worth a call of a function for this machine's instruction set.
const WIDE: usize = 16;

/// `y += factor * x`.
#[inline]
pub(crate) fn add_scaled<T: Scalar>(y: &mut [T], factor: T, x: &[T]) {
    if x.len() < WIDE {
        return add_scaled_here(y, factor, x);
    }
    // SAFETY: any slices will do.
    unsafe { add_scaled_wide(y, factor, x) }
}

/// [`add_scaled`] as part of the caller.
#[inline(always)]
pub(crate) fn add_scaled_here<T: Scalar>(y: &mut [T], factor: T, x: &[T]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = *y + factor * x;
    }
}

/// `z += a x + b y`.
#[inline]
pub(crate) fn add_two_scaled<T: Scalar>(z: &mut [T], (a, x): (T, &[T]), (b, y): (T, &[T])) {
    // SAFETY: any slices will do.
    unsafe { add_two_scaled_wide(z, a, x, b, y) }
}

/// The sum of `x[i] * conj(y[i])`.
#[inline]
pub(crate) fn inner<T: Scalar>(x: &[T], y: &[T]) -> T {
    if x.len() < WIDE {
        return x.iter().zip(y).fold(T::ZERO, |sum, (&x, &y)| sum + x * y.conj());
    }
    // SAFETY: any slices will do.
    unsafe { inner_wide(x, y) }
}

/// `(x, y)` becomes `(c x - s y, s x + c y)`.
#[inline]
pub(crate) fn rotate<T: Scalar>(x: &mut [T], y: &mut [T], c: f64, s: f64) {
    // SAFETY: any slices will do.
    unsafe { rotate_wide(x, y, T::real(c), T::real(s)) }
}

simd! {
    unsafe fn add_scaled_wide[T: Scalar](y: &mut [T], factor: T, x: &[T]) {
        add_scaled_here(y, factor, x);
    }
}

simd! {
    unsafe fn add_two_scaled_wide[T: Scalar](z: &mut [T], a: T, x: &[T], b: T, y: &[T]) {
        for ((z, &x), &y) in z.iter_mut().zip(x).zip(y) {
            *z = *z + a * x + b * y;
        }
    }
}

simd! {
    unsafe fn inner_wide[T: Scalar](x: &[T], y: &[T]) -> T {
        // Independent sums, as many as fill a few vectors.
        const LANES: usize = 32;
        let mut sums = [T::ZERO; LANES];
        let (x, y) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
        let rest = x.remainder().iter().zip(y.remainder());
        let rest = rest.fold(T::ZERO, |sum, (&x, &y)| sum + x * y.conj());
        for (x, y) in x.zip(y) {
            for i in 0..LANES {
                sums[i] = sums[i] + x[i] * y[i].conj();
            }
        }
        let mut width = LANES / 2;
        while width > 0 {
            (0..width).for_each(|i| sums[i] = sums[i] + sums[i + width]);
            width /= 2;
        }
        sums[0] + rest
    }
}

simd! {
    unsafe fn rotate_wide[T: Scalar](x: &mut [T], y: &mut [T], c: T, s: T) {
        for (x, y) in x.iter_mut().zip(y) {
            (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
        }
    }
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
