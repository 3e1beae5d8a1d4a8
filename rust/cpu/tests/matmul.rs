//! Matrix multiplication against three loops.
#![allow(clippy::unwrap_used)]

mod kit;

use base::{DType, Kind, Scalar};
use cpu::arch::{Level, level, limit_level};
use cpu::matmul::{Addend, matmul};
use kit::{Tensor, Values, close, tolerance};
use proptest::prelude::*;

struct Case {
    batch: usize,
    m: usize,
    n: usize,
    k: usize,
    transposed: [bool; 3],
    gap: usize,
    addend: bool,
}

fn arranged(dtype: DType, dims: &[usize], values: &[f64], flip: bool, gap: usize) -> Tensor {
    let order: &[usize] = if flip { &[0, 2, 1] } else { &[0, 1, 2] };
    Tensor::arranged(dtype, dims, values, order, gap)
}

fn check(dtype: DType, case: &Case, seed: u64) {
    let Case { batch, m, n, k, transposed, gap, addend } = *case;
    let mut values = Values::new(seed);
    let (x, y) = (values.integers(batch * m * k), values.integers(batch * k * n));
    let z = values.integers(batch * m * n);
    let (alpha, beta) = if addend { (2.0, 3.0) } else { (1.0, 0.0) };
    let mut expected = vec![0.0; batch * m * n];
    for b in 0..batch {
        for i in 0..m {
            for j in 0..n {
                let sum: f64 =
                    (0..k).map(|p| x[(b * m + i) * k + p] * y[(b * k + p) * n + j]).sum();
                let at = (b * m + i) * n + j;
                expected[at] = alpha * sum + beta * z[at];
            }
        }
    }
    let a = arranged(dtype, &[batch, m, k], &x, transposed[0], gap);
    let b = arranged(dtype, &[batch, k, n], &y, transposed[1], gap);
    let out = arranged(dtype, &[batch, m, n], &z, transposed[2], gap);
    let add = Tensor::new(dtype, &[batch, m, n], &z);
    let add = Addend { view: add.view(), beta: Scalar::Float(beta) };
    let alpha = Scalar::Float(alpha);
    matmul(out.view_mut(), a.view(), b.view(), alpha, addend.then_some(add)).unwrap();
    close(&out.values(), &expected, tolerance(dtype));
    if addend {
        out.fill(&z);
        let add = Addend { view: out.view(), beta: Scalar::Float(beta) };
        matmul(out.view_mut(), a.view(), b.view(), alpha, Some(add)).unwrap();
        close(&out.values(), &expected, tolerance(dtype));
    }
}

const DTYPES: [DType; 7] =
    [DType::F32, DType::F64, DType::F16, DType::BF16, DType::I64, DType::C64, DType::C32];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn small(
        which in 0..DTYPES.len(), batch in 0..4usize, m in 0..20usize, n in 0..140usize, k in 0..40usize,
        t in any::<[bool; 3]>(), gap in 0..3usize, addend: bool, lower in 0..3usize, seed: u64,
    ) {
        limit_level(Level::ALL[lower]);
        let case = Case { batch, m, n, k, transposed: t, gap, addend };
        check(DTYPES[which], &case, seed);
    }

    #[test]
    fn vectors(
        which in 0..3usize, side in 0..3usize, n in 1..700usize, k in 1..900usize,
        t in any::<[bool; 3]>(), addend: bool, lower in 0..3usize, seed: u64,
    ) {
        limit_level(Level::ALL[lower]);
        let (m, n) = match side { 0 => (1, n), 1 => (n, 1), _ => (7, n) };
        let case = Case { batch: 1, m, n, k, transposed: t, gap: 0, addend };
        check(DTYPES[which], &case, seed);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn large(
        which in 0..2usize, batch in 1..3usize, m in 60..300usize, n in 1..700usize,
        k in 400..1200usize, t in any::<[bool; 3]>(), addend: bool, lower in 0..3usize, seed: u64,
    ) {
        limit_level(Level::ALL[lower]);
        let case = Case { batch, m, n, k, transposed: t, gap: 0, addend };
        check(DTYPES[which], &case, seed);
    }
}

#[test]
fn results_do_not_depend_on_threads() {
    let mut values = Values::new(5);
    for (m, n, k, flip) in [
        (300, 500, 700, false),
        (40, 900, 600, true),
        (1, 3000, 900, true),
        (1, 3000, 900, false),
        (9, 2000, 600, true),
    ] {
        let x: Vec<f64> = (0..m * k).map(|_| values.bits() as f64 / 1e15 - 4.0).collect();
        let y: Vec<f64> = (0..n * k).map(|_| values.bits() as f64 / 1e15 - 4.0).collect();
        let a = Tensor::new(DType::F32, &[1, m, k], &x);
        let b = arranged(DType::F32, &[1, k, n], &y, flip, 0);
        let run = |threads: usize| {
            cpu::set_num_threads(threads);
            let out = Tensor::stale(DType::F32, &[1, m, n]);
            matmul(out.view_mut(), a.view(), b.view(), Scalar::Int(1), None).unwrap();
            out.values()
        };
        let one = run(1);
        assert_eq!(one, run(2));
        assert_eq!(one, run(5));
    }
}

#[test]
fn a_repeated_row_is_a_bias() {
    let (m, n, k) = (70, 90, 33);
    let mut values = Values::new(3);
    let (x, y, z) = (values.integers(m * k), values.integers(k * n), values.integers(n));
    let (a, b) = (Tensor::new(DType::F32, &[m, k], &x), Tensor::new(DType::F32, &[k, n], &y));
    let mut bias = Tensor::new(DType::F32, &[n], &z);
    bias.layout = bias.layout.expand(&[m, n]);
    let out = Tensor::stale(DType::F32, &[m, n]);
    let add = Addend { view: bias.view(), beta: Scalar::Int(1) };
    matmul(out.view_mut(), a.view(), b.view(), Scalar::Int(1), Some(add)).unwrap();
    for (at, value) in out.values().into_iter().enumerate() {
        let (i, j) = (at / n, at % n);
        let sum: f64 = (0..k).map(|p| x[i * k + p] * y[p * n + j]).sum();
        assert_eq!(value, sum + z[j]);
    }
}

#[test]
fn complex_numbers_multiply_as_such() {
    let c = |re, im| Scalar::Complex(base::Complex64::new(re, im));
    let a = Tensor::stale(DType::C128, &[1, 2]);
    let b = Tensor::stale(DType::C128, &[2, 1]);
    a.fill_scalars(&[c(1.0, 2.0), c(3.0, -1.0)]);
    b.fill_scalars(&[c(0.0, 1.0), c(2.0, 2.0)]);
    let out = Tensor::stale(DType::C128, &[1, 1]);
    matmul(out.view_mut(), a.view(), b.view(), c(0.0, 1.0), None).unwrap();
    // (1+2i)i + (3-i)(2+2i) = -2+i + 8+4i = 6+5i; times i
    assert_eq!(out.scalars(), vec![c(-5.0, 6.0)]);
}

#[test]
fn a_zero_beta_does_not_read_the_addend() {
    let (a, b) =
        (Tensor::new(DType::F32, &[1, 1], &[2.0]), Tensor::new(DType::F32, &[1, 1], &[3.0]));
    let nan = Tensor::new(DType::F32, &[1, 1], &[f64::NAN]);
    let add = Addend { view: nan.view(), beta: Scalar::Float(0.0) };
    let out = Tensor::stale(DType::F32, &[1, 1]);
    matmul(out.view_mut(), a.view(), b.view(), Scalar::Int(1), Some(add)).unwrap();
    assert_eq!(out.values(), [6.0]);
}

#[test]
fn bool_and_wrong_dims_are_errors() {
    let b = Tensor::new(DType::Bool, &[2, 2], &[1.0; 4]);
    let err = matmul(b.view_mut(), b.view(), b.view(), Scalar::Int(1), None).unwrap_err();
    assert_eq!(err.kind(), Kind::NotImplemented);
    let (x, y) = (Tensor::new(DType::F32, &[2, 3], &[1.0; 6]), Tensor::stale(DType::F32, &[2, 2]));
    assert!(matmul(y.view_mut(), x.view(), x.view(), Scalar::Int(1), None).is_err());
    assert!(level() >= Level::Baseline);
}
