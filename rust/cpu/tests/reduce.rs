//! Reductions against loops over the logical elements, in f64.
#![deny(unsafe_code)]
#![allow(clippy::unwrap_used)] // A test may end where its expectation does not hold.

#[allow(unsafe_code)]
mod kit;

use base::{DType, Result};
use cpu::arch::{Level, limit_level};
use cpu::reduce::{
    all, amax, amin, any, argmax, argmin, count_nonzero, logsumexp, max_dim, mean, min_dim, nansum,
    norm, prod, std, sum, var, var_mean,
};
use cpu::{View, ViewMut};
use kit::{Tensor, Values, close, tolerance};
use proptest::prelude::*;

fn cases(count: u32) -> ProptestConfig {
    ProptestConfig { cases: count, failure_persistence: None, ..ProptestConfig::default() }
}

/// The elements of `x` that meet in each output, outputs in row-major order.
fn groups(dims: &[usize], x: &[f64], mask: &[bool]) -> Vec<Vec<f64>> {
    let kept: usize = dims.iter().zip(mask).filter(|(_, m)| !**m).map(|(n, _)| n).product();
    let mut out = vec![Vec::new(); kept];
    for (i, &v) in x.iter().enumerate() {
        let (mut rest, mut at, mut step) = (i, 0, 1);
        for d in (0..dims.len()).rev() {
            let index = rest % dims[d];
            rest /= dims[d];
            if !mask[d] {
                at += index * step;
                step *= dims[d];
            }
        }
        out[at].push(v);
    }
    out
}

fn out_dims(dims: &[usize], mask: &[bool], keep: bool) -> Vec<usize> {
    let kept = dims.iter().zip(mask).filter(|(_, m)| keep || !**m);
    kept.map(|(&n, &m)| if m { 1 } else { n }).collect()
}

type Kernel = fn(ViewMut<'_>, View<'_>, &[bool]) -> Result<()>;

struct Case {
    dims: Vec<usize>,
    mask: Vec<bool>,
    keep: bool,
    order: Vec<usize>,
    gap: usize,
}

impl Case {
    fn check(
        &self,
        kernel: Kernel,
        x: &[f64],
        from: DType,
        to: DType,
        tol: f64,
        exact: fn(&[f64]) -> f64,
    ) {
        let input = Tensor::arranged(from, &self.dims, x, &self.order, self.gap);
        let dims = out_dims(&self.dims, &self.mask, self.keep);
        let blank = vec![55.0; dims.iter().product()];
        let order: Vec<usize> = (0..dims.len()).rev().collect();
        let out = Tensor::arranged(to, &dims, &blank, &order, self.gap);
        kernel(out.view_mut(), input.view(), &self.mask).unwrap();
        let expected: Vec<f64> =
            groups(&self.dims, &input.values(), &self.mask).iter().map(|g| exact(g)).collect();
        close(&out.values(), &expected, tol);
    }
}

fn any_case() -> impl Strategy<Value = Case> {
    let dims = prop_oneof![
        prop::collection::vec(0..6usize, 0..5),
        prop::collection::vec(1..90usize, 1..3),
        Just(vec![3, 5000]),
        Just(vec![5000, 3]),
        Just(vec![70_000]),
        Just(vec![2, 600, 9]),
    ];
    (dims, 0..16usize, prop::bool::ANY, 0..6usize, 0..2usize).prop_map(
        |(dims, bits, keep, which, gap)| {
            let rank = dims.len();
            let mask = (0..rank).map(|d| bits >> d & 1 == 1).collect();
            let mut order: Vec<usize> = (0..rank).collect();
            order.rotate_left(if rank > 0 { which % rank } else { 0 });
            if which >= 3 {
                order.reverse();
            }
            Case { dims, mask, keep, order, gap }
        },
    )
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:?} by {:?} keep {} order {:?} gap {}",
            self.dims, self.mask, self.keep, self.order, self.gap
        )
    }
}

fn variance(g: &[f64]) -> f64 {
    let mean = g.iter().sum::<f64>() / g.len() as f64;
    g.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (g.len() as f64 - 1.0).max(0.0)
}

const REAL: [DType; 9] = [
    DType::Bool,
    DType::U8,
    DType::I8,
    DType::I32,
    DType::I64,
    DType::F16,
    DType::BF16,
    DType::F32,
    DType::F64,
];

proptest! {
    #![proptest_config(cases(250))]

    #[test]
    fn sums_counts_and_truth(case in any_case(), kind in 0..9usize, level in 0..3usize, seed: u64) {
        limit_level(Level::ALL[level]);
        let x = Values::new(seed).integers(case.dims.iter().product());
        let x: Vec<f64> = x.iter().map(|v| v.abs()).collect();
        let from = REAL[kind];
        let to = if from.is_float() { DType::F64 } else { DType::I64 };
        case.check(sum, &x, from, to, 0.0, |g| g.iter().sum());
        case.check(sum, &x, DType::F32, DType::F32, 0.0, |g| g.iter().sum());
        case.check(sum, &x, from, DType::C64, 0.0, |g| g.iter().sum());
        case.check(count_nonzero, &x, from, DType::I64, 0.0, |g| {
            g.iter().filter(|v| **v != 0.0).count() as f64
        });
        case.check(any, &x, from, DType::Bool, 0.0, |g| f64::from(g.iter().any(|v| *v != 0.0)));
        case.check(all, &x, from, DType::Bool, 0.0, |g| f64::from(g.iter().all(|v| *v != 0.0)));
    }

    #[test]
    fn moments_norms_and_exponentials(case in any_case(), kind in 5..9usize, level in 0..3usize, seed: u64) {
        limit_level(Level::ALL[level]);
        let x = Values::new(seed).eighths(case.dims.iter().product());
        let dtype = REAL[kind];
        let tol = tolerance(dtype);
        case.check(mean, &x, dtype, dtype, tol, |g| g.iter().sum::<f64>() / g.len() as f64);
        case.check(|o, x, m| var(o, x, m, 1.0), &x, dtype, dtype, tol, variance);
        case.check(|o, x, m| std(o, x, m, 1.0), &x, dtype, dtype, tol, |g| variance(g).sqrt());
        let mixed: fn(&[f64]) -> f64 = |g| g.iter().map(|v| v.exp()).sum::<f64>().ln();
        case.check(logsumexp, &x, dtype, dtype, tol, mixed);
        // Small enough for the sums to be finite in f16.
        let x: Vec<f64> = x.iter().map(|v| v / 8.0).collect();
        case.check(|o, x, m| norm(o, x, m, 2.0), &x, dtype, dtype, tol, |g| {
            g.iter().map(|v| v * v).sum::<f64>().sqrt()
        });
        case.check(|o, x, m| norm(o, x, m, 1.0), &x, dtype, dtype, tol, |g| g.iter().map(|v| v.abs()).sum());
        case.check(|o, x, m| norm(o, x, m, 3.0), &x, dtype, dtype, tol, |g| {
            g.iter().map(|v| v.abs().powi(3)).sum::<f64>().cbrt()
        });
        case.check(|o, x, m| norm(o, x, m, 0.0), &x, dtype, DType::F32, 0.0, |g| {
            g.iter().filter(|v| **v != 0.0).count() as f64
        });
        case.check(|o, x, m| norm(o, x, m, f64::INFINITY), &x, dtype, dtype, tol, |g| {
            g.iter().fold(0.0, |a, v| a.max(v.abs()))
        });
    }

    #[test]
    fn extremes_and_their_places(case in any_case(), kind in 0..9usize, nans: bool, level in 0..3usize, seed: u64) {
        limit_level(Level::ALL[level]);
        let dtype = REAL[kind];
        let mut values = Values::new(seed);
        let mut x = values.eighths(case.dims.iter().product());
        if nans && dtype.is_float() {
            for v in &mut x {
                if values.below(40) == 0 {
                    *v = f64::NAN;
                }
            }
        }
        let empty = case.dims.iter().zip(&case.mask).any(|(&n, &m)| m && n == 0);
        if empty {
            return Ok(());
        }
        let top: fn(&[f64]) -> f64 = |g| g.iter().fold(f64::NEG_INFINITY, |a, &v| {
            if a.is_nan() || v.is_nan() { f64::NAN } else { a.max(v) }
        });
        let low: fn(&[f64]) -> f64 = |g| g.iter().fold(f64::INFINITY, |a, &v| {
            if a.is_nan() || v.is_nan() { f64::NAN } else { a.min(v) }
        });
        case.check(amax, &x, dtype, dtype, 0.0, top);
        case.check(amin, &x, dtype, dtype, 0.0, low);
        // One dimension at a time, with indices.
        for dim in (0..case.dims.len()).filter(|&d| case.dims[d] > 0) {
            let mask: Vec<bool> = (0..case.dims.len()).map(|d| d == dim).collect();
            let input = Tensor::arranged(dtype, &case.dims, &x, &case.order, case.gap);
            let dims = out_dims(&case.dims, &mask, case.keep);
            let groups = groups(&case.dims, &input.values(), &mask);
            let place = |g: &Vec<f64>, extreme: f64| {
                g.iter().position(|v| *v == extreme || v.is_nan() && extreme.is_nan()).unwrap() as f64
            };
            let tops: Vec<f64> = groups.iter().map(|g| top(g)).collect();
            let lows: Vec<f64> = groups.iter().map(|g| low(g)).collect();
            let top_at: Vec<f64> = groups.iter().zip(&tops).map(|(g, t)| place(g, *t)).collect();
            let low_at: Vec<f64> = groups.iter().zip(&lows).map(|(g, t)| place(g, *t)).collect();
            let (index, value) = (Tensor::stale(DType::I64, &dims), Tensor::stale(dtype, &dims));
            argmax(index.view_mut(), input.view(), dim).unwrap();
            close(&index.values(), &top_at, 0.0);
            argmin(index.view_mut(), input.view(), dim).unwrap();
            close(&index.values(), &low_at, 0.0);
            max_dim(value.view_mut(), index.view_mut(), input.view(), dim).unwrap();
            close(&index.values(), &top_at, 0.0);
            close(&value.values(), &tops, 0.0);
            min_dim(value.view_mut(), index.view_mut(), input.view(), dim).unwrap();
            close(&index.values(), &low_at, 0.0);
            close(&value.values(), &lows, 0.0);
        }
    }
}

#[test]
fn products_and_missing_numbers() {
    let x = Tensor::new(DType::F32, &[2, 3], &[1.0, 2.0, -3.0, 4.0, f64::NAN, 0.5]);
    let out = Tensor::stale(DType::F32, &[2]);
    prod(out.view_mut(), x.view(), &[false, true]).unwrap();
    close(&out.values(), &[-6.0, f64::NAN], 0.0);
    nansum(out.view_mut(), x.view(), &[false, true]).unwrap();
    close(&out.values(), &[0.0, 4.5], 0.0);
    let ints = Tensor::new(DType::U8, &[3], &[200.0, 2.0, 3.0]);
    let long = Tensor::stale(DType::I64, &[]);
    prod(long.view_mut(), ints.view(), &[true]).unwrap();
    assert_eq!(long.values(), [1200.0]);
}

#[test]
fn nothing_to_reduce() {
    let x = Tensor::new(DType::F32, &[2, 0], &[]);
    let out = Tensor::stale(DType::F32, &[2]);
    let mask = [false, true];
    sum(out.view_mut(), x.view(), &mask).unwrap();
    assert_eq!(out.values(), [0.0; 2]);
    prod(out.view_mut(), x.view(), &mask).unwrap();
    assert_eq!(out.values(), [1.0; 2]);
    mean(out.view_mut(), x.view(), &mask).unwrap();
    assert!(out.values().iter().all(|v| v.is_nan()));
    var(out.view_mut(), x.view(), &mask, 1.0).unwrap();
    assert!(out.values().iter().all(|v| v.is_nan()));
    logsumexp(out.view_mut(), x.view(), &mask).unwrap();
    assert_eq!(out.values(), [f64::NEG_INFINITY; 2]);
    assert!(amax(out.view_mut(), x.view(), &mask).is_err());
    let index = Tensor::stale(DType::I64, &[2]);
    assert!(argmax(index.view_mut(), x.view(), 1).is_err());
    argmax(Tensor::stale(DType::I64, &[0]).view_mut(), x.view(), 0).unwrap();
}

#[test]
fn infinities_do_not_become_nan() {
    let inf = f64::INFINITY;
    let x = Tensor::new(DType::F32, &[3, 2], &[-inf, -inf, inf, 1.0, -inf, 0.0]);
    for (mask, n) in [([false, true], 3), ([true, false], 2)] {
        let out = Tensor::stale(DType::F32, &[n]);
        logsumexp(out.view_mut(), x.view(), &mask).unwrap();
        let expected =
            if n == 3 { vec![-inf, inf, 0.0] } else { vec![inf, (1f64.exp() + 1.0).ln()] };
        close(&out.values(), &expected, 1e-6);
    }
}

#[test]
fn a_long_sum_is_accurate_and_the_same_on_any_number_of_threads() {
    let n = 1 << 21;
    let x = Tensor::new(DType::F32, &[n], &vec![0.1; n]);
    let out = Tensor::stale(DType::F32, &[]);
    let results = [1, 2, 7].map(|threads| {
        cpu::set_num_threads(threads);
        sum(out.view_mut(), x.view(), &[true]).unwrap();
        out.values()[0]
    });
    let exact = f64::from(0.1f32) * n as f64;
    assert!((results[0] / exact - 1.0).abs() < 2e-7);
    assert!(results.iter().all(|r| *r == results[0]));
    let (v, m) = (Tensor::stale(DType::F32, &[]), Tensor::stale(DType::F32, &[]));
    let far = Tensor::new(DType::F32, &[4], &[10_001.0, 10_002.0, 10_003.0, 10_004.0]);
    var_mean(v.view_mut(), m.view_mut(), far.view(), &[true], 1.0).unwrap();
    close(&[v.values()[0], m.values()[0]], &[5.0 / 3.0, 10_002.5], 1e-6);
}

#[test]
fn many_columns_are_folded_in_order_at_every_level() {
    let (rows, columns) = (203, 1300);
    let values = Values::new(5).eighths(rows * columns);
    for (level, dtype) in
        Level::ALL.into_iter().flat_map(|l| [DType::F32, DType::BF16, DType::I64].map(|d| (l, d)))
    {
        limit_level(level);
        let x = Tensor::new(dtype, &[rows, columns], &values);
        let kept = x.values();
        let column = |j: usize| kept.iter().skip(j).step_by(columns).copied();
        let out = Tensor::stale(dtype, &[columns]);
        let results = [1, 2, 3].map(|threads| {
            cpu::set_num_threads(threads);
            sum(out.view_mut(), x.view(), &[true, false]).unwrap();
            out.values()
        });
        let sums: Vec<f64> = (0..columns).map(|j| column(j).sum()).collect();
        close(&results[0], &sums, tolerance(dtype));
        assert!(results.iter().all(|r| *r == results[0]));
        amax(out.view_mut(), x.view(), &[true, false]).unwrap();
        let largest: Vec<f64> =
            (0..columns).map(|j| column(j).fold(f64::NEG_INFINITY, f64::max)).collect();
        assert_eq!(out.values(), largest);
    }
}

#[test]
fn complex_moments_and_norms() {
    let parts = [(3.0, 4.0), (0.0, -1.0)]
        .map(|(re, im)| base::Scalar::Complex(base::Complex64::new(re, im)));
    let x = Tensor::stale(DType::C64, &[2]);
    x.fill_scalars(&parts);
    let out = Tensor::stale(DType::F32, &[]);
    norm(out.view_mut(), x.view(), &[true], 2.0).unwrap();
    close(&out.values(), &[26f64.sqrt()], 1e-6);
    var(out.view_mut(), x.view(), &[true], 1.0).unwrap();
    close(&out.values(), &[4.5 + 12.5], 1e-6);
}

#[test]
fn wrong_shapes_are_errors() {
    let x = Tensor::new(DType::F32, &[2, 3], &[0.0; 6]);
    let out = Tensor::stale(DType::F32, &[3]);
    assert!(sum(out.view_mut(), x.view(), &[false, true]).is_err());
    assert!(sum(out.view_mut(), x.view(), &[true]).is_err());
    let floats = Tensor::stale(DType::F32, &[2]);
    assert!(argmax(floats.view_mut(), x.view(), 1).is_err());
    assert!(argmax(Tensor::stale(DType::I64, &[2]).view_mut(), x.view(), 2).is_err());
}
