//! Scans against loops over the elements of each line.
#![deny(unsafe_code)]
#![allow(clippy::unwrap_used)] // A test may end where its expectation does not hold.

#[allow(unsafe_code)]
mod kit;

use base::{DType, Result};
use cpu::scan::{cummax, cummin, cumprod, cumsum, logcumsumexp};
use cpu::{View, ViewMut};
use kit::{Tensor, Values, close, tolerance};
use proptest::prelude::*;

/// Positions of each line along `dim`, row-major.
fn lines(dims: &[usize], dim: usize) -> Vec<Vec<usize>> {
    let n = dims.get(dim).copied().unwrap_or(1);
    let inner: usize = dims.iter().skip(dim + 1).product();
    let outer: usize = dims.iter().take(dim).product();
    let line = |o: usize, i: usize| (0..n).map(|k| (o * n + k) * inner + i).collect();
    (0..outer).flat_map(|o| (0..inner).map(move |i| (o, i))).map(|(o, i)| line(o, i)).collect()
}

fn scanned(x: &[f64], dims: &[usize], dim: usize, f: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    let mut out = x.to_vec();
    for line in lines(dims, dim) {
        for pair in line.windows(2) {
            out[pair[1]] = f(out[pair[0]], x[pair[1]]);
        }
    }
    out
}

type Scan = fn(ViewMut<'_>, View<'_>, usize) -> Result<()>;

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn running_values(
        dims in prop_oneof![prop::collection::vec(0..6usize, 0..4), Just(vec![3000]), Just(vec![600, 7])],
        dim in 0..3usize, kind in 0..6usize, which in 0..3usize, gap in 0..2usize, seed: u64,
    ) {
        let dim = if dims.is_empty() { 0 } else { dim % dims.len() };
        let dtype = [DType::F32, DType::F64, DType::BF16, DType::I64, DType::U8, DType::Bool][kind];
        let mut values = Values::new(seed);
        let x = values.integers(dims.iter().product());
        let x: Vec<f64> = x.iter().map(|v| v.abs().min(if dtype == DType::Bool { 1.0 } else { 3.0 })).collect();
        let mut order: Vec<usize> = (0..dims.len()).collect();
        order.rotate_left(if dims.is_empty() { 0 } else { which % dims.len() });
        let input = Tensor::arranged(dtype, &dims, &x, &order, gap);
        let to = if dtype.is_float() { DType::F64 } else { DType::I64 };
        let out = Tensor::stale(to, &dims);
        let check = |scan: Scan, expected: Vec<f64>, tol: f64| {
            scan(out.view_mut(), input.view(), dim).unwrap();
            close(&out.values(), &expected, tol);
        };
        check(cumsum, scanned(&x, &dims, dim, |a, b| a + b), 0.0);
        let small: Vec<f64> = x.iter().map(|v| v.min(2.0)).collect();
        let factors = Tensor::arranged(dtype, &dims, &small, &order, gap);
        if dims.iter().all(|&n| n < 20) {
            cumprod(out.view_mut(), factors.view(), dim).unwrap();
            close(&out.values(), &scanned(&small, &dims, dim, |a, b| a * b), 0.0);
        }
        if dtype.is_float() {
            let sums = scanned(&x, &dims, dim, |a, b| a.max(b) + (-(a - b).abs()).exp().ln_1p());
            check(logcumsumexp, sums, 1e-9);
            let same = Tensor::stale(dtype, &dims);
            cumsum(same.view_mut(), input.view(), dim).unwrap();
            close(&same.values(), &scanned(&x, &dims, dim, |a, b| a + b), tolerance(dtype));
        }
        let (best, at) = (Tensor::stale(dtype, &dims), Tensor::stale(DType::I64, &dims));
        for largest in [true, false] {
            let pick = |a: f64, b: f64| if largest { a.max(b) } else { a.min(b) };
            let run = if largest { cummax } else { cummin };
            run(best.view_mut(), at.view_mut(), input.view(), dim).unwrap();
            let expected = scanned(&x, &dims, dim, pick);
            close(&best.values(), &expected, 0.0);
            let mut places = vec![0.0; x.len()];
            for line in lines(&dims, dim) {
                for k in 0..line.len() {
                    let last = (0..=k).rev().find(|&j| x[line[j]] == expected[line[k]]);
                    places[line[k]] = last.unwrap() as f64;
                }
            }
            close(&at.values(), &places, 0.0);
        }
    }
}

#[test]
fn nan_and_infinities() {
    let (nan, inf) = (f64::NAN, f64::INFINITY);
    let x = Tensor::new(DType::F32, &[5], &[3.0, nan, 1.0, 5.0, nan]);
    let (best, at) = (Tensor::stale(DType::F32, &[5]), Tensor::stale(DType::I64, &[5]));
    cummax(best.view_mut(), at.view_mut(), x.view(), 0).unwrap();
    close(&best.values(), &[3.0, nan, nan, nan, nan], 0.0);
    assert_eq!(at.values(), [0.0, 1.0, 1.0, 1.0, 4.0]);
    let x = Tensor::new(DType::F32, &[6], &[-inf, -inf, 1.0, 2.0, inf, 1.0]);
    let out = Tensor::stale(DType::F32, &[6]);
    logcumsumexp(out.view_mut(), x.view(), 0).unwrap();
    close(&out.values(), &[-inf, -inf, 1.0, 2.313_261_7, inf, inf], 1e-6);
}

#[test]
fn a_long_sum_does_not_drift() {
    let n = 1_000_000;
    let x = Tensor::new(DType::F32, &[n], &vec![0.1; n]);
    let out = Tensor::stale(DType::F32, &[n]);
    cumsum(out.view_mut(), x.view(), 0).unwrap();
    assert_eq!(out.values()[n - 1], 100_000.0);
}

#[test]
fn wrong_shapes_are_errors() {
    let x = Tensor::new(DType::F32, &[2, 3], &[0.0; 6]);
    assert!(cumsum(Tensor::stale(DType::F32, &[3, 2]).view_mut(), x.view(), 0).is_err());
    assert!(cumsum(Tensor::stale(DType::F32, &[2, 3]).view_mut(), x.view(), 2).is_err());
}
