//! Softmax and log-softmax against their definitions.
#![allow(clippy::unwrap_used)]

mod kit;

use base::DType;
use cpu::arch::{Level, limit_level};
use cpu::softmax::{log_softmax, log_softmax_backward, softmax, softmax_backward};
use kit::{Tensor, Values, close, tolerance};
use proptest::prelude::*;

const DTYPES: [DType; 4] = [DType::F32, DType::F64, DType::F16, DType::BF16];

/// Calls `f` with the positions of each line along `dim`.
fn lines(dims: &[usize], dim: usize, mut f: impl FnMut(&[usize])) {
    let (n, inner) = (dims[dim], dims[dim + 1..].iter().product::<usize>());
    let outer: usize = dims[..dim].iter().product();
    for o in 0..outer {
        for i in 0..inner {
            f(&(0..n).map(|d| (o * n + d) * inner + i).collect::<Vec<_>>());
        }
    }
}

fn check(dtype: DType, dims: [usize; 3], dim: usize, flip: bool, seed: u64) {
    let mut values = Values::new(seed);
    let count = dims.iter().product();
    let (x, g) = (values.eighths(count), values.eighths(count));
    let (mut plain, mut log) = (vec![0.0; count], vec![0.0; count]);
    lines(&dims, dim, |at| {
        let total: f64 = at.iter().map(|&i| x[i].exp()).sum();
        for &i in at {
            plain[i] = x[i].exp() / total;
            log[i] = x[i] - total.ln();
        }
    });
    let order = if flip { [2, 0, 1] } else { [0, 1, 2] };
    let input = Tensor::arranged(dtype, &dims, &x, &order, 1);
    let out = Tensor::arranged(dtype, &dims, &x, &order, 0);
    let tol = tolerance(dtype);
    softmax(out.view_mut(), input.view(), dim).unwrap();
    close(&out.values(), &plain, tol);
    log_softmax(out.view_mut(), input.view(), dim).unwrap();
    close(&out.values(), &log, tol);

    let grad = Tensor::arranged(dtype, &dims, &g, &order, 2);
    let (mut plain_grad, mut log_grad) = (vec![0.0; count], vec![0.0; count]);
    let y = Tensor::new(dtype, &dims, &plain);
    let y_log = Tensor::new(dtype, &dims, &log);
    let (plain, log) = (y.values(), y_log.values());
    lines(&dims, dim, |at| {
        let dot: f64 = at.iter().map(|&i| g[i] * plain[i]).sum();
        let total: f64 = at.iter().map(|&i| g[i]).sum();
        for &i in at {
            plain_grad[i] = plain[i] * (g[i] - dot);
            log_grad[i] = g[i] - log[i].exp() * total;
        }
    });
    softmax_backward(out.view_mut(), grad.view(), y.view(), dim).unwrap();
    close(&out.values(), &plain_grad, tol);
    log_softmax_backward(out.view_mut(), grad.view(), y_log.view(), dim).unwrap();
    close(&out.values(), &log_grad, 4.0 * tol);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]
    #[test]
    fn definitions(
        which in 0..4usize, dims in [0..9usize, 0..80usize, 0..90usize], dim in 0..3usize,
        flip: bool, lower in 0..3usize, seed: u64,
    ) {
        limit_level(Level::ALL[lower]);
        check(DTYPES[which], dims, dim, flip, seed);
    }
}

#[test]
fn large_values_and_infinities() {
    let x = Tensor::new(
        DType::F32,
        &[2, 3],
        &[1e30, 1e30, -1e30, f64::NEG_INFINITY, 0.0, f64::NEG_INFINITY],
    );
    let y = Tensor::stale(DType::F32, &[2, 3]);
    softmax(y.view_mut(), x.view(), 1).unwrap();
    assert_eq!(y.values(), [0.5, 0.5, 0.0, 0.0, 1.0, 0.0]);
    log_softmax(y.view_mut(), x.view(), 1).unwrap();
    close(&y.values()[3..], &[f64::NEG_INFINITY, 0.0, f64::NEG_INFINITY], 0.0);
    let none = Tensor::new(DType::F32, &[2], &[f64::NEG_INFINITY; 2]);
    let y = Tensor::stale(DType::F32, &[2]);
    softmax(y.view_mut(), none.view(), 0).unwrap();
    assert!(y.values().iter().all(|v| v.is_nan()));
}

#[test]
fn in_place_and_zero_dims() {
    let x = Tensor::new(DType::F64, &[4], &[0.0, 1.0, 2.0, 3.0]);
    softmax(x.view_mut(), x.view(), 0).unwrap();
    close(&[x.values().iter().sum()], &[1.0], 1e-15);
    let scalar = Tensor::new(DType::F64, &[], &[5.0]);
    softmax(scalar.view_mut(), scalar.view(), 0).unwrap();
    assert_eq!(scalar.values(), [1.0]);
}
