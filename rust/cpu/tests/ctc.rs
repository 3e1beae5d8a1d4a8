//! The CTC loss against its meaning: the probability of every path that collapses to the target.

mod kit;

use base::DType;
use cpu::arch::{Level, limit_level};
use cpu::ctc::{Sample, ctc_loss, ctc_loss_backward};
use kit::{Tensor, Values, close, numeric_gradient};
use proptest::prelude::*;

/// What a path spells: repetitions merged, then blanks left out.
fn collapsed(path: &[i64], blank: i64) -> Vec<i64> {
    let mut merged = path.to_vec();
    merged.dedup();
    merged.retain(|&class| class != blank);
    merged
}

/// Losses of `[steps, samples, classes]` activations by going through all paths.
fn losses(x: &[f64], classes: usize, samples: &[Sample], blank: usize) -> Vec<f64> {
    let row = |step: usize, sample: usize| {
        let at = (step * samples.len() + sample) * classes;
        let total: f64 = x[at..at + classes].iter().map(|v| v.exp()).sum();
        x[at..at + classes].iter().map(|v| v.exp() / total).collect::<Vec<_>>()
    };
    let loss = |(i, sample): (usize, &Sample)| {
        let rows: Vec<_> = (0..sample.steps).map(|t| row(t, i)).collect();
        let mut probability = 0.0;
        for mut code in 0..classes.pow(sample.steps as u32) {
            let mut path = Vec::new();
            for _ in 0..sample.steps {
                path.push((code % classes) as i64);
                code /= classes;
            }
            if collapsed(&path, blank as i64) == sample.target {
                let each = path.iter().zip(&rows).map(|(&class, row)| row[class as usize]);
                probability += each.product::<f64>();
            }
        }
        -f64::ln(probability)
    };
    samples.iter().enumerate().map(loss).collect()
}

fn log_softmax(x: &[f64], classes: usize) -> Vec<f64> {
    let rows = x.chunks(classes).flat_map(|row| {
        let total: f64 = row.iter().map(|v| v.exp()).sum();
        row.iter().map(move |v| v - total.ln())
    });
    rows.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]
    #[test]
    fn losses_and_gradients_are_those_of_all_paths(
        lower in 0..3usize, steps in 1..6usize, count in 0..4usize, classes in 2..4usize,
        blank in 0..2usize, seed: u64,
    ) {
        limit_level(Level::ALL[lower]);
        let mut values = Values::new(seed);
        let samples: Vec<Sample> = (0..count).map(|_| {
            let length = values.below(4);
            let letter = |values: &mut Values| ((blank + 1 + values.below(classes - 1)) % classes) as i64;
            let target = (0..length).map(|_| letter(&mut values)).collect();
            Sample { target, steps: values.below(steps + 1) }
        }).collect();
        let x = values.eighths(steps * count * classes);
        let expected = losses(&x, classes, &samples, blank);
        let dims = [steps, count, classes];
        let input = Tensor::new(DType::F64, &dims, &log_softmax(&x, classes));
        let out = Tensor::stale(DType::F64, &[count]);
        ctc_loss(out.view_mut(), input.view(), &samples, blank).unwrap();
        close(&out.values(), &expected, 1e-10);

        let weights = values.eighths(count);
        let grad = Tensor::new(DType::F64, &[count], &weights);
        let grad_input = Tensor::stale(DType::F64, &dims);
        ctc_loss_backward(
            grad_input.view_mut(), (grad.view(), input.view()), &samples, blank, true,
        ).unwrap();
        let finite = |x: &[f64]| -> Vec<f64> {
            let all = losses(x, classes, &samples, blank);
            all.into_iter().map(|v| if v.is_finite() { v } else { 0.0 }).collect()
        };
        close(&grad_input.values(), &numeric_gradient(&x, &weights, finite), 1e-5);
    }
}
