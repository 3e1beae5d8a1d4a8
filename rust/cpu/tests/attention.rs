//! Attention against its definition; gradients against central differences.
#![allow(clippy::unwrap_used)]

mod kit;

use base::DType;
use cpu::arch::{Level, limit_level};
use cpu::attention::{Attention, attention, attention_backward};
use kit::{Tensor, Values, close, numeric_gradient, tolerance};
use proptest::prelude::*;

/// heads, queries, keys, features of keys and of values.
type Sizes = [usize; 5];

fn definition(
    [h, t, s, d, e]: Sizes,
    [q, k, v]: [&[f64]; 3],
    mask: &[f64],
    scale: f64,
) -> Vec<f64> {
    let mut out = vec![0.0; h * t * e];
    for head in 0..h {
        for i in 0..t {
            let score = |j: usize| {
                let dot: f64 =
                    (0..d).map(|c| q[(head * t + i) * d + c] * k[(head * s + j) * d + c]).sum();
                (scale * dot + mask[(head * t + i) * s + j]).exp()
            };
            let weights: Vec<f64> = (0..s).map(score).collect();
            let total: f64 = weights.iter().sum();
            for c in 0..e {
                let sum: f64 = (0..s).map(|j| weights[j] * v[(head * s + j) * e + c]).sum();
                out[(head * t + i) * e + c] = if total > 0.0 { sum / total } else { 0.0 };
            }
        }
    }
    out
}

struct Case {
    sizes: Sizes,
    /// 0 none, 1 numbers, 2 bool, 3 bool repeated over heads.
    mask: usize,
    causal: bool,
    seed: u64,
}

fn check(case: &Case, dtype: DType, differences: bool) {
    let sizes @ [h, t, s, d, e] = case.sizes;
    let mut values = Values::new(case.seed);
    let (q, k, v) =
        (values.eighths(h * t * d), values.eighths(h * s * d), values.eighths(h * s * e));
    let g = values.eighths(h * t * e);
    let scale = 0.5;
    let heads = if case.mask == 3 { 1 } else { h };
    let shown: Vec<f64> =
        (0..heads * t * s).map(|_| f64::from(u8::from(values.below(4) > 0))).collect();
    let numbers = values.eighths(h * t * s);
    let mask: Vec<f64> = (0..h * t * s)
        .map(|at| {
            let (i, j) = (at / s % t, at % s);
            let hidden = case.causal && j > i || case.mask >= 2 && shown[at % shown.len()] == 0.0;
            if hidden {
                f64::NEG_INFINITY
            } else if case.mask == 1 {
                numbers[at]
            } else {
                0.0
            }
        })
        .collect();
    let expected = definition(sizes, [&q, &k, &v], &mask, scale);

    let make = |dims: [usize; 2], values: &[f64]| {
        Tensor::arranged(dtype, &[1, h, dims[0], dims[1]], values, &[0, 2, 1, 3], 0)
    };
    let (tq, tk, tv, tg) = (make([t, d], &q), make([s, d], &k), make([s, e], &v), make([t, e], &g));
    let mask_tensor = match case.mask {
        0 => None,
        1 => Some(Tensor::new(dtype, &[1, h, t, s], &numbers)),
        _ => {
            let mut m = Tensor::new(DType::Bool, &[1, heads, t, s], &shown);
            m.layout = m.layout.expand(&[1, h, t, s]);
            Some(m)
        }
    };
    let by = Attention { mask: mask_tensor.as_ref().map(Tensor::view), causal: case.causal, scale };
    let out = make([t, e], &g);
    let lse = Tensor::stale(dtype.compute(), &[1, h, t]);
    let operands = [tq.view(), tk.view(), tv.view()];
    attention(out.view_mut(), lse.view_mut(), operands, &by).unwrap();
    close(&out.values(), &expected, 4.0 * tolerance(dtype));

    let (gq, gk, gv) = (make([t, d], &q), make([s, d], &k), make([s, e], &v));
    let saved = [tg.view(), out.view(), lse.view()];
    attention_backward([gq.view_mut(), gk.view_mut(), gv.view_mut()], saved, operands, &by)
        .unwrap();
    if differences {
        let f = |q: &[f64], k: &[f64], v: &[f64]| definition(sizes, [q, k, v], &mask, scale);
        close(&gq.values(), &numeric_gradient(&q, &g, |q| f(q, &k, &v)), 1e-5);
        close(&gk.values(), &numeric_gradient(&k, &g, |k| f(&q, k, &v)), 1e-5);
        close(&gv.values(), &numeric_gradient(&v, &g, |v| f(&q, &k, v)), 1e-5);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]
    #[test]
    fn definitions(
        h in 1..3usize, t in 0..8usize, s in 0..8usize, d in 1..6usize, e in 1..6usize,
        mask in 0..4usize, causal: bool, lower in 0..3usize, seed: u64,
    ) {
        limit_level(Level::ALL[lower]);
        let case = Case { sizes: [h, t, s, d, e], mask, causal, seed };
        check(&case, DType::F64, true);
        check(&case, DType::F32, false);
        check(&case, DType::BF16, false);
    }
}

#[test]
fn several_blocks_and_tasks() {
    for (sizes, causal) in
        [([2, 400, 400, 16, 24], true), ([1, 70, 333, 8, 8], false), ([3, 1, 100, 4, 4], false)]
    {
        let case = Case { sizes, mask: 0, causal, seed: 3 };
        check(&case, DType::F64, false);
        check(&case, DType::F32, false);
    }
}

#[test]
fn gradients_over_several_blocks() {
    let sizes @ [h, t, s, d, e] = [1, 130, 120, 3, 2];
    let mut values = Values::new(4);
    let (q, k, v) =
        (values.eighths(h * t * d), values.eighths(h * s * d), values.eighths(h * s * e));
    let g = values.eighths(h * t * e);
    let mask: Vec<f64> =
        (0..t * s).map(|at| if at % s > at / s { f64::NEG_INFINITY } else { 0.0 }).collect();
    let make = |n, c, v: &[f64]| Tensor::new(DType::F64, &[h, n, c], v);
    let (tq, tk, tv, tg) = (make(t, d, &q), make(s, d, &k), make(s, e, &v), make(t, e, &g));
    let by = Attention { mask: None, causal: true, scale: 0.3 };
    let (out, lse) = (make(t, e, &g), Tensor::stale(DType::F64, &[h, t]));
    let operands = [tq.view(), tk.view(), tv.view()];
    attention(out.view_mut(), lse.view_mut(), operands, &by).unwrap();
    let (gq, gk, gv) = (make(t, d, &q), make(s, d, &k), make(s, e, &v));
    let saved = [tg.view(), out.view(), lse.view()];
    attention_backward([gq.view_mut(), gk.view_mut(), gv.view_mut()], saved, operands, &by)
        .unwrap();
    let f = |q: &[f64], k: &[f64], v: &[f64]| definition(sizes, [q, k, v], &mask, 0.3);
    close(&gq.values(), &numeric_gradient(&q, &g, |q| f(q, &k, &v)), 1e-5);
    close(&gk.values(), &numeric_gradient(&k, &g, |k| f(&q, k, &v)), 1e-5);
    close(&gv.values(), &numeric_gradient(&v, &g, |v| f(&q, &k, v)), 1e-5);
}
