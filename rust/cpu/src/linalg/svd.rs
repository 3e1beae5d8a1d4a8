//! Singular values: Householder bidiagonalisation, then implicit QR steps (Golub and Van Loan, 5.4
//! and 8.6).

use super::Scalar;
use super::householder::{column, product, reflect, reflectors};
use super::matrix::{Matrix, add_scaled, inner, rotate};
use base::{Result, bail, ensure};

/// QR steps a singular value may take.
const STEPS: usize = 60;

/// `a = U B V^H` with a real upper bidiagonal B. Columns of U and V are rows here: rotations mix
/// them.
struct Bidiagonal<T> {
    left: Matrix<T>,
    diagonal: Vec<f64>,
    /// Above the diagonal of each column: of the first, 0.
    above: Vec<f64>,
    right: Matrix<T>,
    /// Smaller entries are rounding.
    floor: f64,
}

/// U, the singular values in descending order, V^H.
pub(crate) fn decompose<T: Scalar>(a: &Matrix<T>) -> Result<Vec<Matrix<T>>> {
    let finite = a.values().iter().all(|v| v.is_finite());
    ensure!(finite, LinAlg, "failed to converge {}", a.rows.min(a.columns));
    // The steps multiply four entries: a power of 2 keeps them from overflow, exactly.
    let size = a.values().iter().fold(0.0, |m: f64, v| m.max(v.re().abs()).max(v.im().abs()));
    let unit = T::real(if size == 0.0 { 1.0 } else { size.log2().floor().exp2() });
    let scaled = a.values().iter().map(|&v| v.quotient(unit)).collect();
    let a = Matrix::new(a.rows, a.columns, scaled);
    let flat = a.rows < a.columns;
    let (u, values, v) = tall(&if flat { a.adjoint() } else { a })?;
    let values = Matrix::vector(values.into_iter().map(|v| T::real(v) * unit).collect());
    Ok(if flat { vec![v, values, u.adjoint()] } else { vec![u, values, v.adjoint()] })
}

/// U, values, V of a matrix with at least as many rows as columns.
fn tall<T: Scalar>(a: &Matrix<T>) -> Result<(Matrix<T>, Vec<f64>, Matrix<T>)> {
    let n = a.columns;
    if n > 0 && a.rows > 2 * n {
        let packed = reflectors(a);
        let mut r = packed[0].part(0..n, 0..n);
        (0..n).for_each(|i| r.row_mut(i)[..i].fill(T::ZERO));
        let (u, values, v) = tall(&r)?;
        return Ok((product(&packed[0], packed[1].values(), n).times(&u), values, v));
    }
    let mut b = bidiagonal(a);
    (0..n).rev().try_for_each(|k| settle(&mut b, k))?;
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| b.diagonal[j].total_cmp(&b.diagonal[i]));
    let values = order.iter().map(|&i| b.diagonal[i]).collect();
    let sorted = |rows: &Matrix<T>| {
        let mut out = Matrix::zeros(n, rows.columns);
        for (to, &from) in order.iter().enumerate() {
            out.row_mut(to).copy_from_slice(rows.row(from));
        }
        out.transpose()
    };
    Ok((sorted(&b.left), values, sorted(&b.right)))
}

fn bidiagonal<T: Scalar>(a: &Matrix<T>) -> Bidiagonal<T> {
    let (mut a, m, n) = (a.clone(), a.rows, a.columns);
    let (mut lefts, mut rights) = (Vec::with_capacity(n), Vec::with_capacity(n));
    for k in 0..n {
        let mut v = column(&a, k, k);
        let left = reflect(&mut v);
        v.iter().enumerate().for_each(|(i, &v)| a[(k + i, k)] = v);
        lefts.push(left);
        v[0] = T::ONE;
        if k + 1 == n {
            break;
        }
        // The row of the left reflection that v multiplies, and row k after it.
        let mut sums = vec![T::ZERO; n - k - 1];
        for (i, v) in v.iter().enumerate() {
            add_scaled(&mut sums, v.conj(), &a.row(k + i)[k + 1..]);
        }
        add_scaled(&mut a.row_mut(k)[k + 1..], -left.conj(), &sums);
        let mut u: Vec<T> = a.row(k)[k + 1..].iter().map(|v| v.conj()).collect();
        let right = reflect(&mut u);
        a.row_mut(k)[k + 1..].copy_from_slice(&u);
        rights.push(right);
        u[0] = T::ONE;
        for v in &mut u {
            *v = v.conj();
        }
        for (i, &v) in v.iter().enumerate().skip(1) {
            let row = &mut a.row_mut(k + i)[k + 1..];
            add_scaled(row, -(left.conj() * v), &sums);
            let along = right * inner(row, &u);
            add_scaled(row, -along, &u);
        }
    }
    let diagonal: Vec<f64> = (0..n).map(|i| a[(i, i)].re()).collect();
    let above: Vec<f64> = (0..n).map(|i| if i > 0 { a[(i - 1, i)].re() } else { 0.0 }).collect();
    let size = diagonal.iter().chain(&above).fold(0.0, |m: f64, v| m.max(v.abs()));
    let left = product(&a, &lefts, n).transpose();
    let mut right = Matrix::identity(n, n);
    if n > 1 && m > 0 {
        let v = product(&a.part(0..n - 1, 1..n).transpose(), &rights, n - 1).transpose();
        (1..n).for_each(|i| right.row_mut(i)[1..].copy_from_slice(v.row(i - 1)));
    }
    Bidiagonal { left, diagonal, above, right, floor: f64::EPSILON * size }
}

/// QR steps until the entry above diagonal entry `k` is negligible, and that one is not negative.
fn settle<T: Scalar>(b: &mut Bidiagonal<T>, k: usize) -> Result<()> {
    for _ in 0..STEPS {
        let l = split(b, k);
        if l == k {
            if b.diagonal[k] < 0.0 {
                b.diagonal[k] = -b.diagonal[k];
                b.right.row_mut(k).iter_mut().for_each(|v| *v = -*v);
            }
            return Ok(());
        }
        step(b, l, k);
    }
    bail!(LinAlg, "failed to converge {}", k + 1)
}

/// The first index of the block that ends with `k`; above it is a negligible entry, or one that
/// rotations remove because the diagonal entry beside it is negligible.
fn split<T: Scalar>(b: &mut Bidiagonal<T>, k: usize) -> usize {
    let floor = b.floor;
    let small = |v: f64| v.abs() <= floor;
    for l in (1..=k).rev() {
        if small(b.above[l]) {
            return l;
        }
        if small(b.diagonal[l - 1]) {
            let (mut c, mut s) = (0.0, 1.0);
            for i in l..=k {
                let f = s * b.above[i];
                b.above[i] *= c;
                if small(f) {
                    break;
                }
                let g = b.diagonal[i];
                let h = f.hypot(g);
                b.diagonal[i] = h;
                (c, s) = (g / h, -f / h);
                let (x, y) = b.left.two_rows(l - 1, i);
                rotate(x, y, c, -s);
            }
            return l;
        }
    }
    0
}

/// One implicit QR step on the block from `l` to `k`, with the shift of its last 2 x 2 block.
fn step<T: Scalar>(b: &mut Bidiagonal<T>, l: usize, k: usize) {
    let Bidiagonal { left, diagonal: d, above: e, right, .. } = b;
    let (mut x, y, z, g, h) = (d[l], d[k - 1], d[k], e[k - 1], e[k]);
    let slope = ((y - z) * (y + z) + (g - h) * (g + h)) / (2.0 * h * y);
    let root = slope + slope.hypot(1.0).copysign(slope);
    let mut f = ((x - z) * (x + z) + h * (y / root - h)) / x;
    let (mut c, mut s) = (1.0, 1.0);
    for j in l..k {
        let i = j + 1;
        let (h, g, y) = (s * e[i], c * e[i], d[i]);
        let z = f.hypot(h);
        e[j] = z;
        (c, s) = if z == 0.0 { (1.0, 0.0) } else { (f / z, h / z) };
        let (low, high) = right.two_rows(j, i);
        rotate(low, high, c, -s);
        f = x * c + g * s;
        let (g, h, y) = (g * c - x * s, y * s, y * c);
        let z = f.hypot(h);
        d[j] = z;
        (c, s) = if z == 0.0 { (c, s) } else { (f / z, h / z) };
        let (low, high) = left.two_rows(j, i);
        rotate(low, high, c, -s);
        (f, x) = (c * g + s * y, c * y - s * g);
    }
    e[l] = 0.0;
    e[k] = f;
    d[k] = x;
}
