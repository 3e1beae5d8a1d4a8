//! Decompositions against what they promise: products by the textbook triple loop give back the
//! matrix, orthogonal factors are orthogonal, triangular ones triangular.
#![allow(clippy::unwrap_used)]

mod kit;

use base::{Complex64, DType, Scalar};
use cpu::arch::{Level, limit_level};
use cpu::linalg::{Decomposition, apply};
use kit::{Tensor, Values};
use proptest::prelude::*;

const DTYPES: [DType; 4] = [DType::F32, DType::F64, DType::C64, DType::C128];

type Matrix = Vec<Vec<Complex64>>;

fn build(rows: usize, columns: usize, mut f: impl FnMut(usize, usize) -> Complex64) -> Matrix {
    (0..rows).map(|i| (0..columns).map(|j| f(i, j)).collect()).collect()
}

fn unit(i: usize, j: usize) -> Complex64 {
    Complex64::new(f64::from(u8::from(i == j)), 0.0)
}

fn multiply(a: &Matrix, b: &Matrix) -> Matrix {
    let columns = b.first().map_or(0, Vec::len);
    build(a.len(), columns, |i, j| (0..b.len()).map(|k| a[i][k] * b[k][j]).sum())
}

fn adjoint(a: &Matrix, columns: usize) -> Matrix {
    build(columns, a.len(), |i, j| a[j][i].conj())
}

fn largest(a: &Matrix) -> f64 {
    a.iter().flatten().map(|v| v.norm()).fold(0.0, f64::max)
}

/// Mostly small ones, some of several blocks.
fn sizes() -> impl Strategy<Value = usize> {
    prop_oneof![9 => 1..7usize, 1 => 30..70usize]
}

#[track_caller]
fn near(found: &Matrix, expected: &Matrix, tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    let tolerance = tolerance * (found.len() as f64 / 7.0).max(1.0);
    for (row, wanted) in found.iter().zip(expected) {
        assert_eq!(row.len(), wanted.len());
        for (a, b) in row.iter().zip(wanted) {
            assert!((a - b).norm() <= tolerance, "{found:?} instead of {expected:?}");
        }
    }
}

/// One drawn problem: a batch of matrices and how exact its results are.
struct Case {
    dtype: DType,
    batch: usize,
    values: Values,
    flip: bool,
}

impl Case {
    fn new((lower, which, batch): (usize, usize, usize), flip: bool, seed: u64) -> Case {
        limit_level(Level::ALL[lower]);
        Case { dtype: DTYPES[which], batch, values: Values::new(seed), flip }
    }

    fn real(&self) -> DType {
        if self.single() { DType::F32 } else { DType::F64 }
    }

    fn single(&self) -> bool {
        matches!(self.dtype, DType::F32 | DType::C64)
    }

    fn tolerance(&self) -> f64 {
        if self.single() { 1e-5 } else { 1e-12 }
    }

    /// Matrices of small multiples of 1/8, many of them zero.
    fn draw(&mut self, rows: usize, columns: usize) -> Vec<Matrix> {
        let complex = self.dtype.is_complex();
        let values = &mut self.values;
        let mut part = || if values.below(4) == 0 { 0.0 } else { values.eighths(1)[0] };
        let mut number = |_, _| Complex64::new(part(), if complex { part() } else { 0.0 });
        (0..self.batch).map(|_| build(rows, columns, &mut number)).collect()
    }

    fn tensor(&self, all: &[Matrix], rows: usize, columns: usize) -> Tensor {
        let dims = [self.batch, rows, columns];
        let order = if self.flip { [0, 2, 1] } else { [0, 1, 2] };
        let zeros = vec![0.0; dims.iter().product()];
        let out = Tensor::arranged(self.dtype, &dims, &zeros, &order, 1);
        let numbers = all.iter().flatten().flatten().map(|&v| Scalar::Complex(v));
        out.fill_scalars(&numbers.collect::<Vec<_>>());
        out
    }

    fn out(&self, rows: usize, columns: usize) -> Tensor {
        Tensor::stale(self.dtype, &[self.batch, rows, columns])
    }

    fn vector(&self, dtype: DType, length: usize) -> Tensor {
        Tensor::stale(dtype, &[self.batch, 1, length])
    }
}

fn run(kind: Decomposition, ins: &[&Tensor], outs: &[&Tensor]) {
    let ins: Vec<_> = ins.iter().map(|t| t.view()).collect();
    let outs: Vec<_> = outs.iter().map(|t| t.view_mut()).collect();
    apply(kind, &outs, &ins).unwrap();
}

/// The matrices of a result; vectors are single rows.
fn matrices(t: &Tensor) -> Vec<Matrix> {
    let dims = t.layout.dims.to_vec();
    let all: Vec<_> = t.scalars().into_iter().map(Scalar::to_complex).collect();
    let element = |b, i, j| all[(b * dims[1] + i) * dims[2] + j];
    (0..dims[0]).map(|b| build(dims[1], dims[2], |i, j| element(b, i, j))).collect()
}

fn hermitian(a: &Matrix) -> Matrix {
    build(a.len(), a.len(), |i, j| (a[i][j] + a[j][i].conj()) * 0.5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn qr(at in (0..3usize, 0..4usize, 1..3usize), m in sizes(), n in sizes(), flip: bool,
          seed: u64) {
        let mut case = Case::new(at, flip, seed);
        let k = m.min(n);
        let a = case.draw(m, n);
        let (packed, factors, q) = (case.out(m, n), case.vector(case.dtype, k), case.out(m, k));
        run(Decomposition::Reflectors, &[&case.tensor(&a, m, n)], &[&packed, &factors]);
        run(Decomposition::ReflectorProduct { columns: k }, &[&packed, &factors], &[&q]);
        for ((a, packed), q) in a.iter().zip(matrices(&packed)).zip(matrices(&q)) {
            let zero = Complex64::ZERO;
            let r = build(k, n, |i, j| if i <= j { packed[i][j] } else { zero });
            near(&multiply(&q, &r), a, 10.0 * case.tolerance());
            near(&multiply(&adjoint(&q, k), &q), &build(k, k, unit), case.tolerance());
        }
    }

    #[test]
    fn lu(at in (0..3usize, 0..4usize, 1..3usize), m in sizes(), n in sizes(), flip: bool,
          seed: u64) {
        let mut case = Case::new(at, flip, seed);
        let k = m.min(n);
        let a = case.draw(m, n);
        let (packed, pivots) = (case.out(m, n), case.vector(DType::I32, k));
        let (info, order) = (case.vector(DType::I32, 1), case.vector(DType::I64, m));
        run(Decomposition::Lu, &[&case.tensor(&a, m, n)], &[&packed, &pivots, &info]);
        run(Decomposition::RowOrder { rows: m }, &[&pivots], &[&order]);
        for ((a, packed), order) in a.iter().zip(matrices(&packed)).zip(matrices(&order)) {
            let zero = Complex64::ZERO;
            let l = build(m, k, |i, j| if i > j { packed[i][j] } else { unit(i, j) });
            let u = build(k, n, |i, j| if i <= j { packed[i][j] } else { zero });
            let permuted: Matrix = order[0].iter().map(|from| a[from.re as usize].clone()).collect();
            near(&multiply(&l, &u), &permuted, 10.0 * case.tolerance());
            prop_assert!(l.iter().flatten().all(|v| v.norm() <= 1.5)); // partial pivoting
        }
    }

    #[test]
    fn cholesky(at in (0..3usize, 0..4usize, 1..3usize), n in sizes(), flip: bool, seed: u64) {
        let mut case = Case::new(at, flip, seed);
        let square = |g: &Matrix| {
            let product = multiply(g, &adjoint(g, n));
            build(n, n, |i, j| product[i][j] + unit(i, j) * 0.5)
        };
        let a: Vec<_> = case.draw(n, n).iter().map(square).collect();
        let (l, info) = (case.out(n, n), case.vector(DType::I32, 1));
        run(Decomposition::Cholesky, &[&case.tensor(&a, n, n)], &[&l, &info]);
        prop_assert!(info.values().iter().all(|&v| v == 0.0));
        for (a, l) in a.iter().zip(matrices(&l)) {
            near(&multiply(&l, &adjoint(&l, n)), a, 50.0 * case.tolerance());
            prop_assert!((0..n).all(|i| (i + 1..n).all(|j| l[i][j] == Complex64::ZERO)));
        }
    }

    #[test]
    fn triangular_systems(
        at in (0..3usize, 0..4usize, 1..3usize), n in sizes(), r in 1..4usize, upper: bool,
        unit_diagonal: bool, flip: bool, seed: u64,
    ) {
        let mut case = Case::new(at, flip, seed);
        let (mut a, b, x) = (case.draw(n, n), case.draw(n, r), case.out(n, r));
        for a in &mut a {
            (0..n).for_each(|i| a[i][i] += 3.0); // not singular
        }
        let kind = Decomposition::SolveTriangular { upper, unit: unit_diagonal };
        run(kind, &[&case.tensor(&a, n, n), &case.tensor(&b, n, r)], &[&x]);
        for ((a, b), x) in a.iter().zip(&b).zip(matrices(&x)) {
            let read = build(n, n, |i, j| match i.cmp(&j) {
                std::cmp::Ordering::Equal if unit_diagonal => unit(i, j),
                std::cmp::Ordering::Equal => a[i][j],
                order if (order == std::cmp::Ordering::Less) == upper => a[i][j],
                _ => Complex64::ZERO,
            });
            near(&multiply(&read, &x), b, case.tolerance() * (1.0 + 30.0 * largest(&x)));
        }
    }

    #[test]
    fn symmetric_indefinite_systems(
        at in (0..3usize, 0..4usize, 1..3usize), n in sizes(), r in 1..4usize, conjugate: bool,
        flip: bool, seed: u64,
    ) {
        let mut case = Case::new(at, flip, seed);
        let symmetric = |a: &Matrix| build(n, n, |i, j| a[i.max(j)][i.min(j)]);
        let mirror = |a: &Matrix| if conjugate { hermitian(a) } else { symmetric(a) };
        let a: Vec<_> = case.draw(n, n).iter().map(mirror).collect();
        let b = case.draw(n, r);
        let (packed, info) = (case.out(n, n), case.vector(DType::I32, 1));
        let (pivots, x) = (case.vector(DType::I32, n), case.out(n, r));
        let kind = Decomposition::Ldl { hermitian: conjugate };
        run(kind, &[&case.tensor(&a, n, n)], &[&packed, &pivots, &info]);
        prop_assume!(info.values().iter().all(|&v| v == 0.0));
        let kind = Decomposition::LdlSolve { hermitian: conjugate };
        run(kind, &[&packed, &pivots, &case.tensor(&b, n, r)], &[&x]);
        for ((a, b), x) in a.iter().zip(&b).zip(matrices(&x)) {
            near(&multiply(a, &x), b, case.tolerance() * (1.0 + 100.0 * largest(&x)));
        }
    }

    #[test]
    fn least_squares(
        at in (0..3usize, 0..4usize, 1..3usize), m in sizes(), n in sizes(), r in 1..4usize,
        flip: bool, seed: u64,
    ) {
        let mut case = Case::new(at, flip, seed);
        let (a, b) = (case.draw(m, n), case.draw(m, r));
        let (x, rank) = (case.out(n, r), case.vector(DType::I64, 1));
        let kind = Decomposition::LeastSquares { rcond: 1e-10 };
        run(kind, &[&case.tensor(&a, m, n), &case.tensor(&b, m, r)], &[&x, &rank]);
        for ((a, b), x) in a.iter().zip(&b).zip(matrices(&x)) {
            let product = multiply(a, &x);
            let rest = build(m, r, |i, j| product[i][j] - b[i][j]);
            let along = multiply(&adjoint(a, n), &rest);
            let scale = (m.max(n) as f64) * (1.0 + largest(&x));
            near(&along, &build(n, r, |_, _| Complex64::ZERO), 30.0 * scale * case.tolerance());
        }
        prop_assert!(rank.values().iter().all(|&v| 0.0 <= v && v <= m.min(n) as f64));
    }

    #[test]
    fn hermitian_eigenvalues(
        at in (0..3usize, 0..4usize, 1..3usize), n in sizes(), flip: bool, seed: u64,
    ) {
        let mut case = Case::new(at, flip, seed);
        let a: Vec<_> = case.draw(n, n).iter().map(hermitian).collect();
        let (w, v) = (case.vector(case.real(), n), case.out(n, n));
        run(Decomposition::Eigh, &[&case.tensor(&a, n, n)], &[&w, &v]);
        for ((a, w), v) in a.iter().zip(matrices(&w)).zip(matrices(&v)) {
            let scaled = build(n, n, |i, j| v[i][j] * w[0][j]);
            near(&multiply(a, &v), &scaled, 30.0 * case.tolerance());
            near(&multiply(&adjoint(&v, n), &v), &build(n, n, unit), case.tolerance());
            prop_assert!(w[0].is_sorted_by(|a, b| a.re <= b.re));
        }
    }

    #[test]
    fn singular_values(
        at in (0..3usize, 0..4usize, 1..3usize), m in sizes(), n in sizes(), flip: bool,
        seed: u64,
    ) {
        let mut case = Case::new(at, flip, seed);
        let k = m.min(n);
        let a = case.draw(m, n);
        let (u, s, v) = (case.out(m, k), case.vector(case.real(), k), case.out(k, n));
        run(Decomposition::Svd, &[&case.tensor(&a, m, n)], &[&u, &s, &v]);
        let results = matrices(&u).into_iter().zip(matrices(&s)).zip(matrices(&v));
        for (a, ((u, s), v)) in a.iter().zip(results) {
            let scaled = build(m, k, |i, j| u[i][j] * s[0][j]);
            near(&multiply(&scaled, &v), a, 10.0 * case.tolerance());
            near(&multiply(&adjoint(&u, k), &u), &build(k, k, unit), case.tolerance());
            near(&multiply(&v, &adjoint(&v, n)), &build(k, k, unit), case.tolerance());
            prop_assert!(s[0].is_sorted_by(|a, b| a.re >= b.re));
            prop_assert!(s[0].iter().all(|v| v.re >= 0.0));
        }
    }

    #[test]
    fn eigenvalues(at in (0..3usize, 2..4usize, 1..3usize), n in sizes(), flip: bool, seed: u64) {
        let mut case = Case::new(at, flip, seed);
        let a = case.draw(n, n);
        let (w, v) = (case.vector(case.dtype, n), case.out(n, n));
        run(Decomposition::Eig, &[&case.tensor(&a, n, n)], &[&w, &v]);
        for ((a, w), v) in a.iter().zip(matrices(&w)).zip(matrices(&v)) {
            let scaled = build(n, n, |i, j| v[i][j] * w[0][j]);
            near(&multiply(a, &v), &scaled, 100.0 * case.tolerance());
            let length = |j: usize| v.iter().map(|row| row[j].norm_sqr()).sum::<f64>();
            prop_assert!((0..n).all(|j| (length(j) - 1.0).abs() < case.tolerance()));
        }
    }
}

#[test]
fn failures_are_told_by_number() {
    let a = Tensor::new(DType::F64, &[1, 2, 2], &[1.0, 2.0, 2.0, 1.0]);
    let (l, info) = (Tensor::stale(DType::F64, &[1, 2, 2]), Tensor::stale(DType::I32, &[1]));
    run(Decomposition::Cholesky, &[&a], &[&l, &info]);
    assert_eq!(info.values(), [2.0]);
    a.fill(&[0.0, 1.0, 0.0, 1.0]);
    let pivots = Tensor::stale(DType::I32, &[1, 2]);
    run(Decomposition::Lu, &[&a], &[&l, &pivots, &info]);
    assert_eq!(info.values(), [1.0]);
}
