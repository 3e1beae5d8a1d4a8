//! Negative log likelihood against its definition.

mod kit;

use base::{DType, Kind};
use cpu::loss::{NllLoss, Reduction, nll_loss, nll_loss_backward};
use kit::{Tensor, Values, close, tolerance};
use proptest::prelude::*;

const DTYPES: [DType; 3] = [DType::F32, DType::F64, DType::BF16];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn definition(
        which in 0..3usize, n in 0..6usize, classes in 1..7usize, positions in 1..9usize,
        weighted: bool, reduction in 0..3usize, ignored in -1..4i64, seed: u64,
    ) {
        let dtype = DTYPES[which];
        let reduction = [Reduction::None, Reduction::Mean, Reduction::Sum][reduction];
        let mut values = Values::new(seed);
        let x = values.eighths(n * classes * positions);
        let mut draw = || if weighted { 0.25 * (1 + values.below(8)) as f64 } else { 1.0 };
        let w: Vec<f64> = (0..classes).map(|_| draw()).collect();
        let t: Vec<usize> = (0..n * positions).map(|_| values.below(classes)).collect();
        let picked: Vec<(usize, f64)> = t.iter().enumerate().map(|(i, &c)| {
            let at = (i / positions * classes + c) * positions + i % positions;
            (at, if c as i64 == ignored { 0.0 } else { w[c] })
        }).collect();
        let total: f64 = picked.iter().map(|p| p.1).sum();
        let losses: Vec<f64> = picked.iter().map(|&(at, w)| -w * x[at]).collect();
        let sum: f64 = losses.iter().sum();
        let expected = match reduction {
            Reduction::None => losses,
            Reduction::Sum => vec![sum],
            Reduction::Mean => vec![sum / total],
        };
        let input = Tensor::new(dtype, &[n, classes, positions], &x);
        let target: Vec<f64> = t.iter().map(|&c| c as f64).collect();
        let target = Tensor::new(DType::I64, &[n, positions], &target);
        let weight = Tensor::new(dtype, &[classes], &w);
        let loss = NllLoss {
            target: target.view(),
            weight: weighted.then_some(weight.view()),
            ignore_index: ignored,
            reduction,
        };
        let dims: &[usize] = if reduction == Reduction::None { &[n, positions] } else { &[] };
        let (out, total_weight) = (Tensor::stale(dtype, dims), Tensor::stale(dtype, &[]));
        nll_loss(out.view_mut(), total_weight.view_mut(), input.view(), &loss).unwrap();
        close(&out.values(), &expected, tolerance(dtype));
        close(&total_weight.values(), &[total], tolerance(dtype));

        let g = values.eighths(expected.len());
        let grad = Tensor::new(dtype, dims, &g);
        let gx = Tensor::stale(dtype, &[n, classes, positions]);
        nll_loss_backward(gx.view_mut(), grad.view(), total_weight.view(), &loss).unwrap();
        let mut expected = vec![0.0; x.len()];
        for (i, &(at, w)) in picked.iter().enumerate() {
            let divisor = if reduction == Reduction::Mean && w != 0.0 { total } else { 1.0 };
            let g = g[if reduction == Reduction::None { i } else { 0 }];
            expected[at] = -w * g / divisor;
        }
        close(&gx.values(), &expected, 2.0 * tolerance(dtype));
    }
}

#[test]
fn a_mean_of_nothing_is_nan_and_wrong_targets_are_errors() {
    let x = Tensor::new(DType::F32, &[1, 2], &[-1.0, -2.0]);
    let target = Tensor::new(DType::I64, &[1], &[0.0]);
    let (out, total) = (Tensor::stale(DType::F32, &[]), Tensor::stale(DType::F32, &[]));
    let mut loss = NllLoss {
        target: target.view(),
        weight: None,
        ignore_index: 0,
        reduction: Reduction::Mean,
    };
    nll_loss(out.view_mut(), total.view_mut(), x.view(), &loss).unwrap();
    assert!(out.values()[0].is_nan());
    loss.ignore_index = -100;
    target.fill(&[2.0]);
    let err = nll_loss(out.view_mut(), total.view_mut(), x.view(), &loss).unwrap_err();
    assert_eq!((err.kind(), err.message()), (Kind::Index, "Target 2 is out of bounds."));
}
