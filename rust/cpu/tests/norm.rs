//! Normalisation against its definition; gradients against central differences of the definition.
#![allow(clippy::unwrap_used)]

mod kit;

use base::DType;
use cpu::arch::{Level, limit_level};
use cpu::norm::*;
use kit::{Tensor, Values, close, numeric_gradient, tolerance};
use proptest::prelude::*;

const DTYPES: [DType; 4] = [DType::F32, DType::F64, DType::F16, DType::BF16];
const EPS: f64 = 1e-3;

/// Normalises the positions `at` of `x`: centred or by the mean square.
fn normalize(x: &[f64], at: &[usize], centered: bool) -> Vec<f64> {
    let n = at.len() as f64;
    let mean = if centered { at.iter().map(|&i| x[i]).sum::<f64>() / n } else { 0.0 };
    let var = at.iter().map(|&i| (x[i] - mean).powi(2)).sum::<f64>() / n;
    at.iter().map(|&i| (x[i] - mean) / (var + EPS).sqrt()).collect()
}

/// The set of positions normalised together, for each set, of `[n, c, s]`.
fn sets(kind: usize, [n, c, s]: [usize; 3], groups: usize) -> Vec<Vec<usize>> {
    let at = |i: usize, ch: usize, p: usize| (i * c + ch) * s + p;
    match kind {
        0 | 1 => (0..n).map(|i| (0..c * s).map(|j| i * c * s + j).collect()).collect(),
        2 => (0..n * groups)
            .map(|r| {
                let per = c / groups;
                let first = r % groups * per;
                (first..first + per)
                    .flat_map(|ch| (0..s).map(move |p| (ch, p)))
                    .map(|(ch, p)| at(r / groups, ch, p))
                    .collect()
            })
            .collect(),
        _ => (0..c)
            .map(|ch| (0..n).flat_map(|i| (0..s).map(move |p| at(i, ch, p))).collect())
            .collect(),
    }
}

/// Index of the affine parameter of a position.
fn parameter(kind: usize, [_, c, s]: [usize; 3], at: usize) -> usize {
    if kind < 2 { at % (c * s) } else { at / s % c }
}

/// The definition: kind 0 layer, 1 rms, 2 group, 3 batch.
fn definition(
    kind: usize,
    shape: [usize; 3],
    groups: usize,
    x: &[f64],
    w: &[f64],
    b: &[f64],
) -> Vec<f64> {
    let mut y = vec![0.0; x.len()];
    for set in sets(kind, shape, groups) {
        for (&i, hat) in set.iter().zip(normalize(x, &set, kind != 1)) {
            let p = parameter(kind, shape, i);
            y[i] = hat * w[p] + if kind == 1 { 0.0 } else { b[p] };
        }
    }
    y
}

struct Results {
    y: Vec<f64>,
    gradients: [Vec<f64>; 3],
}

/// Forward and backward by the kernels.
fn kernels(
    kind: usize,
    dtype: DType,
    shape: [usize; 3],
    groups: usize,
    [x, w, b, g]: [&[f64]; 4],
) -> Results {
    let [n, c, s] = shape;
    let (rows, params) = (sets(kind, shape, groups).len(), w.len());
    let order = if kind == 3 { [0, 2, 1] } else { [0, 1, 2] };
    let input = Tensor::arranged(dtype, &shape, x, &order, 0);
    let (weight, bias) = (Tensor::new(dtype, &[params], w), Tensor::new(dtype, &[params], b));
    let grad = Tensor::arranged(dtype, &shape, g, &[1, 0, 2], 1);
    let wide = dtype.compute();
    let (mean, rstd) = (Tensor::stale(wide, &[rows]), Tensor::stale(wide, &[rows]));
    let y = Tensor::stale(dtype, &shape);
    let affine = Affine { weight: Some(weight.view()), bias: Some(bias.view()) };
    let (gx, gw) = (Tensor::stale(dtype, &shape), Tensor::stale(dtype, &[params]));
    let gb = Tensor::stale(dtype, &[params]);
    let to = Gradients {
        input: Some(gx.view_mut()),
        weight: Some(gw.view_mut()),
        bias: (kind != 1).then_some(gb.view_mut()),
    };
    let (out, save) = (y.view_mut(), (mean.view_mut(), rstd.view_mut()));
    let (from, w) = (input.view(), Some(weight.view()));
    let saved = (mean.view(), rstd.view());
    match kind {
        0 => {
            layer_norm(out, save.0, save.1, from, affine, (c * s, EPS)).unwrap();
            layer_norm_backward(to, grad.view(), from, saved, w, c * s).unwrap();
        }
        1 => {
            rms_norm(out, save.1, from, w, (c * s, EPS)).unwrap();
            rms_norm_backward(to, grad.view(), from, saved.1, w, c * s).unwrap();
        }
        2 => {
            group_norm(out, save, from, affine, groups, EPS).unwrap();
            group_norm_backward(to, grad.view(), from, saved, w, groups).unwrap();
        }
        _ => {
            let norm = BatchNorm { affine, running: None, training: true, momentum: 0.1, eps: EPS };
            batch_norm(out, Some(save), from, &norm).unwrap();
            let from = BatchNormGradient {
                grad: grad.view(),
                x: from,
                mean: saved.0,
                invstd: saved.1,
                weight: w,
                training: true,
            };
            batch_norm_backward(to, &from).unwrap();
        }
    }
    let _ = n;
    let bias_gradient = if kind == 1 { vec![] } else { gb.values() };
    Results { y: y.values(), gradients: [gx.values(), gw.values(), bias_gradient] }
}

fn check(kind: usize, which: usize, shape: [usize; 3], groups: usize, seed: u64) {
    let mut values = Values::new(seed);
    let shape = [shape[0], shape[1] * groups, shape[2]];
    let [n, c, s] = shape;
    let params = if kind < 2 { c * s } else { c };
    let (x, g) = (values.eighths(n * c * s), values.eighths(n * c * s));
    let (w, b) = (values.eighths(params), values.eighths(params));
    let expected = definition(kind, shape, groups, &x, &w, &b);
    let exact = kernels(kind, DType::F64, shape, groups, [&x, &w, &b, &g]);
    close(&exact.y, &expected, 1e-9);
    let numeric = [
        numeric_gradient(&x, &g, |x| definition(kind, shape, groups, x, &w, &b)),
        numeric_gradient(&w, &g, |w| definition(kind, shape, groups, &x, w, &b)),
        if kind == 1 {
            vec![]
        } else {
            numeric_gradient(&b, &g, |b| definition(kind, shape, groups, &x, &w, b))
        },
    ];
    // A set of equal values has curvature 1/eps: allow the differences' own error.
    for (ours, theirs) in exact.gradients.iter().zip(&numeric) {
        close(ours, theirs, 2e-3);
    }
    let dtype = DTYPES[which];
    let ours = kernels(kind, dtype, shape, groups, [&x, &w, &b, &g]);
    close(&ours.y, &expected, 4.0 * tolerance(dtype));
    for (ours, theirs) in ours.gradients.iter().zip(&exact.gradients) {
        close(ours, theirs, 20.0 * tolerance(dtype));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(160))]
    #[test]
    fn definitions(
        kind in 0..4usize, which in 0..4usize, n in 2..5usize, c in 1..4usize, s in 1..12usize,
        groups in 1..4usize, lower in 0..3usize, seed: u64,
    ) {
        limit_level(Level::ALL[lower]);
        check(kind, which, [n, c, s], groups, seed);
    }
}

#[test]
fn long_rows_and_many_rows() {
    let mut values = Values::new(1);
    for shape in [[3, 1, 9000], [700, 1, 40], [64, 200, 1]] {
        let count: usize = shape.iter().product();
        let (x, g) = (values.eighths(count), values.eighths(count));
        for kind in 0..4 {
            let params = if kind < 2 { shape[1] * shape[2] } else { shape[1] };
            let (w, b) = (values.eighths(params), values.eighths(params));
            let single = kernels(kind, DType::F32, shape, 1, [&x, &w, &b, &g]);
            let exact = kernels(kind, DType::F64, shape, 1, [&x, &w, &b, &g]);
            let expected = definition(kind, shape, 1, &x, &w, &b);
            close(&exact.y, &expected, 1e-9);
            close(&single.y, &expected, 1e-4);
            for (ours, theirs) in single.gradients.iter().zip(&exact.gradients) {
                close(ours, theirs, 1e-3);
            }
        }
    }
}

#[test]
fn running_statistics_of_batch_norm() {
    let x = Tensor::new(DType::F32, &[4, 1], &[1.0, 2.0, 3.0, 6.0]);
    let (mean, var) =
        (Tensor::new(DType::F32, &[1], &[10.0]), Tensor::new(DType::F32, &[1], &[2.0]));
    let y = Tensor::stale(DType::F32, &[4, 1]);
    let running = Some((mean.view_mut(), var.view_mut()));
    let mut norm =
        BatchNorm { affine: Affine::default(), running, training: true, momentum: 0.25, eps: 0.0 };
    batch_norm(y.view_mut(), None, x.view(), &norm).unwrap();
    // mean 3, unbiased variance 14/3
    close(&mean.values(), &[0.75 * 10.0 + 0.25 * 3.0], 1e-6);
    close(&var.values(), &[0.75 * 2.0 + 0.25 * 14.0 / 3.0], 1e-6);
    norm.training = false;
    mean.fill(&[1.0]);
    var.fill(&[4.0]);
    batch_norm(y.view_mut(), None, x.view(), &norm).unwrap();
    close(&y.values(), &[0.0, 0.5, 1.0, 2.5], 1e-6);
    let grad = Tensor::new(DType::F32, &[4, 1], &[1.0, 0.0, 2.0, 0.0]);
    let (gx, invstd) = (Tensor::stale(DType::F32, &[4, 1]), Tensor::new(DType::F32, &[1], &[0.5]));
    let from = BatchNormGradient {
        grad: grad.view(),
        x: x.view(),
        mean: mean.view(),
        invstd: invstd.view(),
        weight: None,
        training: false,
    };
    let to = Gradients { input: Some(gx.view_mut()), ..Gradients::default() };
    batch_norm_backward(to, &from).unwrap();
    assert_eq!(gx.values(), [0.5, 0.0, 1.0, 0.0]);
}
