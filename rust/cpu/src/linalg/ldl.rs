//! LDL^T (or LDL^H) with Bunch and Kaufman's diagonal pivoting (Golub and Van Loan, 4.4), packed as
//! LAPACK's sytrf and hetrf do: a negative pivot, twice, stands for a block of two.

use super::Scalar;
use super::matrix::{Matrix, add_scaled};

/// `(1 + sqrt(17)) / 8`: bounds the growth of entries.
const ALPHA: f64 = 0.640_388_203_202_207_6;

struct Factors<T> {
    a: Matrix<T>,
    hermitian: bool,
}

/// L below D, pivots, and the first block of D that is exactly singular.
pub(crate) fn decompose<T: Scalar>(a: &Matrix<T>, hermitian: bool) -> Vec<Matrix<T>> {
    let n = a.rows;
    let mut work = Factors { a: a.clone(), hermitian };
    let mut pivots = vec![T::ZERO; n];
    let (mut k, mut info) = (0, 0);
    while k < n {
        let Some((pivot, size)) = work.choose(k) else {
            info = if info == 0 { k + 1 } else { info };
            pivots[k] = T::real((k + 1) as f64);
            k += 1;
            continue;
        };
        work.exchange(k, k + size - 1, pivot);
        let number = (pivot + 1) as f64;
        if size == 1 {
            work.eliminate_one(k);
            pivots[k] = T::real(number);
        } else {
            work.eliminate_two(k);
            pivots[k..k + 2].fill(T::real(-number));
        }
        k += size;
    }
    for i in 0..n {
        work.a.row_mut(i)[i + 1..].fill(T::ZERO);
    }
    vec![work.a, Matrix::vector(pivots), Matrix::vector(vec![T::real(info as f64)])]
}

impl<T: Scalar> Factors<T> {
    /// LAPACK's size of an entry.
    fn size(&self, i: usize, j: usize) -> f64 {
        let v = self.a[(i, j)];
        if i == j && self.hermitian { v.re().abs() } else { v.re().abs() + v.im().abs() }
    }

    /// The mirror image of an entry.
    fn mirror(&self, v: T) -> T {
        if self.hermitian { v.conj() } else { v }
    }

    /// The row to be exchanged and the size of the block; nothing where the column is zero.
    fn choose(&self, k: usize) -> Option<(usize, usize)> {
        let n = self.a.rows;
        let own = self.size(k, k);
        let row = (k + 1..n).fold(k, |best, i| {
            if best == k || self.size(i, k) > self.size(best, k) { i } else { best }
        });
        let column = if row == k { 0.0 } else { self.size(row, k) };
        if own.max(column) == 0.0 {
            return None;
        }
        if own >= ALPHA * column {
            return Some((k, 1));
        }
        let left = (k..row).map(|j| self.size(row, j));
        let below = (row + 1..n).map(|i| self.size(i, row));
        let largest = left.chain(below).fold(0.0, f64::max);
        if own >= ALPHA * column * (column / largest) {
            return Some((k, 1));
        }
        Some((row, if self.size(row, row) >= ALPHA * largest { 1 } else { 2 }))
    }

    /// Exchanges rows and columns `at` and `pivot` of the part from `k` on.
    fn exchange(&mut self, k: usize, at: usize, pivot: usize) {
        if at == pivot {
            return;
        }
        let n = self.a.rows;
        for i in pivot + 1..n {
            let (x, y) = (self.a[(i, at)], self.a[(i, pivot)]);
            (self.a[(i, at)], self.a[(i, pivot)]) = (y, x);
        }
        for j in at + 1..pivot {
            let (x, y) = (self.a[(j, at)], self.a[(pivot, j)]);
            (self.a[(j, at)], self.a[(pivot, j)]) = (self.mirror(y), self.mirror(x));
        }
        self.a[(pivot, at)] = self.mirror(self.a[(pivot, at)]);
        let (x, y) = (self.a[(at, at)], self.a[(pivot, pivot)]);
        (self.a[(at, at)], self.a[(pivot, pivot)]) = (y, x);
        if at > k {
            let (x, y) = (self.a[(at, k)], self.a[(pivot, k)]);
            (self.a[(at, k)], self.a[(pivot, k)]) = (y, x);
        }
    }

    fn eliminate_one(&mut self, k: usize) {
        let n = self.a.rows;
        let head = self.a[(k, k)];
        let head = if self.hermitian { T::real(head.re()) } else { head };
        self.a[(k, k)] = head;
        for j in k + 1..n {
            let factor = self.mirror(self.a[(j, k)]).quotient(head);
            for i in j..n {
                self.a[(i, j)] = self.a[(i, j)] - self.a[(i, k)] * factor;
            }
        }
        (k + 1..n).for_each(|i| self.a[(i, k)] = self.a[(i, k)].quotient(head));
    }

    fn eliminate_two(&mut self, k: usize) {
        let n = self.a.rows;
        let (first, side, second) = (self.a[(k, k)], self.a[(k + 1, k)], self.a[(k + 1, k + 1)]);
        let determinant = first * second - side * self.mirror(side);
        for j in k + 2..n {
            let (x, y) = (self.a[(j, k)], self.a[(j, k + 1)]);
            let one = (x * second - y * side).quotient(determinant);
            let two = (y * first - x * self.mirror(side)).quotient(determinant);
            let (left, right) = (self.mirror(one), self.mirror(two));
            for i in j..n {
                let known = self.a[(i, k)] * left + self.a[(i, k + 1)] * right;
                self.a[(i, j)] = self.a[(i, j)] - known;
            }
            (self.a[(j, k)], self.a[(j, k + 1)]) = (one, two);
        }
    }
}

/// x with `a x = b`, by the factors of a.
pub(crate) fn solve<T: Scalar>(
    (ld, pivots): (&Matrix<T>, &Matrix<T>),
    b: &Matrix<T>,
    hermitian: bool,
) -> Matrix<T> {
    let n = ld.rows;
    let mirror = |v: T| if hermitian { v.conj() } else { v };
    let (mut x, mut blocks, mut k) = (b.clone(), Vec::new(), 0);
    while k < n {
        let number = pivots.values()[k].re();
        let size = if number < 0.0 && k + 1 < n { 2 } else { 1 };
        let pivot = ((number.abs() as usize).max(1) - 1).min(n - 1);
        blocks.push((k, size, pivot));
        x.swap_rows(k + size - 1, pivot);
        for (i, j) in (k + size..n).flat_map(|i| (k..k + size).map(move |j| (i, j))) {
            let (row, known) = x.two_rows(i, j);
            add_scaled(row, -ld[(i, j)], known);
        }
        divide(&mut x, ld, (k, size), mirror);
        k += size;
    }
    for (k, size, pivot) in blocks.into_iter().rev() {
        for (i, j) in (k + size..n).flat_map(|i| (k..k + size).map(move |j| (i, j))) {
            let (row, known) = x.two_rows(j, i);
            add_scaled(row, -mirror(ld[(i, j)]), known);
        }
        x.swap_rows(k + size - 1, pivot);
    }
    x
}

/// Divides the rows of one block by that block of D.
fn divide<T: Scalar>(
    x: &mut Matrix<T>,
    ld: &Matrix<T>,
    (k, size): (usize, usize),
    mirror: impl Fn(T) -> T,
) {
    let first = ld[(k, k)];
    if size == 1 {
        x.row_mut(k).iter_mut().for_each(|v| *v = v.quotient(first));
        return;
    }
    let (side, second) = (ld[(k + 1, k)], ld[(k + 1, k + 1)]);
    let determinant = first * second - side * mirror(side);
    let (above, below) = x.two_rows(k, k + 1);
    for (a, b) in above.iter_mut().zip(below) {
        let (one, two) = (second * *a - mirror(side) * *b, first * *b - side * *a);
        (*a, *b) = (one.quotient(determinant), two.quotient(determinant));
    }
}
