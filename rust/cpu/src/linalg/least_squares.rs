//! Least squares by QR with column pivoting (Golub and Van Loan, 5.4 and 5.5), as LAPACK's gelsy.

use super::Scalar;
use super::householder::{apply, column, product, reflect, reflectors};
use super::matrix::{Matrix, length};
use super::triangular;

/// The shortest x with the smallest `|a x - b|`, and the rank of a: columns of which at most `rcond`
/// of the longest one's length is orthogonal to those before do not count.
pub(crate) fn solve<T: Scalar>(a: &Matrix<T>, b: &Matrix<T>, rcond: f64) -> Vec<Matrix<T>> {
    let (n, mut c) = (a.columns, b.clone());
    let (r, order) = pivoted(a, &mut c);
    let size = |i: usize| r[(i, i)].magnitude();
    let rank = (0..a.rows.min(n)).take_while(|&i| size(i) > rcond * size(0)).count();
    let known = c.part(0..rank, 0..c.columns);
    let z = if rank == n {
        triangular::solve(&r.part(0..n, 0..n), &known, true, false)
    } else {
        // R = S^H Z^H: of all solutions the one in the span of Z is the shortest.
        let packed = reflectors(&r.part(0..rank, 0..n).adjoint());
        let s = packed[0].part(0..rank, 0..rank).adjoint();
        let y = triangular::solve(&s, &known, false, false);
        product(&packed[0], packed[1].values(), rank).times(&y)
    };
    let mut x = Matrix::zeros(n, c.columns);
    for (i, &to) in order.iter().enumerate() {
        x.row_mut(to).copy_from_slice(z.row(i));
    }
    vec![x, Matrix::vector(vec![T::real(rank as f64)])]
}

/// R of `a` with its columns in the order returned, the longest rest first; `b` becomes `Q^H b`.
fn pivoted<T: Scalar>(a: &Matrix<T>, b: &mut Matrix<T>) -> (Matrix<T>, Vec<usize>) {
    let (mut a, n, right) = (a.clone(), a.columns, b.columns);
    let mut order: Vec<usize> = (0..n).collect();
    let mut rests: Vec<f64> = (0..n).map(|j| length(&column(&a, 0, j)).powi(2)).collect();
    let mut measured = rests.clone();
    for k in 0..a.rows.min(n) {
        let chosen = (k..n).fold(k, |best, j| if rests[j] > rests[best] { j } else { best });
        order.swap(k, chosen);
        rests.swap(k, chosen);
        measured.swap(k, chosen);
        (0..a.rows).for_each(|i| a.row_mut(i).swap(k, chosen));
        let mut x = column(&a, k, k);
        let factor = reflect(&mut x);
        apply(&mut a, (k, k + 1..n), factor.conj(), &x[1..]);
        apply(b, (k, 0..right), factor.conj(), &x[1..]);
        x[1..].fill(T::ZERO);
        x.iter().enumerate().for_each(|(i, &v)| a[(k + i, k)] = v);
        for j in k + 1..n {
            rests[j] -= a[(k, j)].norm_squared();
            // What is left of a long column is rounding: measured again.
            if rests[j] <= 1e-8 * measured[j] {
                rests[j] = length(&column(&a, k + 1, j)).powi(2);
                measured[j] = rests[j];
            }
        }
    }
    (a, order)
}
