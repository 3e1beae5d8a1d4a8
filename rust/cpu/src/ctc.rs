//! Connectionist temporal classification (Graves et al. 2006): the probability of a target over all
//! alignments, forward and backward over the target with blanks in between.
//!
//! Log probabilities are `[time, sample, class]`, computed in f64.

use crate::stage::{In, Input, Output};
use crate::{View, ViewMut};
use base::{DType, Result, ensure};

/// One sample.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Its classes, without blanks.
    pub target: Vec<i64>,
    /// How many steps count.
    pub steps: usize,
}

/// The log probabilities of one sample.
#[derive(Clone, Copy)]
struct Steps<'a> {
    values: In<'a, f64>,
    sample: usize,
    samples: usize,
    classes: usize,
}

impl Steps<'_> {
    fn at(&self, step: usize, class: usize) -> f64 {
        self.values.at((step * self.samples + self.sample) * self.classes + class)
    }
}

/// A target with blanks around and between its classes.
struct Path<'a> {
    target: &'a [i64],
    blank: usize,
}

impl Path<'_> {
    fn len(&self) -> usize {
        2 * self.target.len() + 1
    }

    fn class(&self, s: usize) -> usize {
        if s.is_multiple_of(2) { self.blank } else { self.target[s / 2] as usize }
    }

    /// An alignment may go from `s - 2` to `s`: no blank, and another class.
    fn skips(&self, s: usize) -> bool {
        s % 2 == 1 && s >= 2 && self.target[s / 2] != self.target[s / 2 - 1]
    }
}

fn log_sum(terms: &[f64]) -> f64 {
    let largest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        return largest;
    }
    largest + terms.iter().map(|t| (t - largest).exp()).sum::<f64>().ln()
}

/// Log probabilities of all alignments up to each step and place.
fn forward(x: Steps<'_>, path: &Path<'_>, steps: usize) -> Vec<f64> {
    let n = path.len();
    let mut alpha = vec![f64::NEG_INFINITY; steps * n];
    for t in 0..steps {
        for s in 0..n {
            let from = match t {
                0 if s <= 1 => 0.0,
                0 => f64::NEG_INFINITY,
                _ => {
                    let before = &alpha[(t - 1) * n..t * n];
                    let at = |back: usize, open: bool| {
                        if open && s >= back { before[s - back] } else { f64::NEG_INFINITY }
                    };
                    log_sum(&[before[s], at(1, true), at(2, path.skips(s))])
                }
            };
            alpha[t * n + s] = from + x.at(t, path.class(s));
        }
    }
    alpha
}

/// Log probabilities of all alignments from each step and place on.
fn backward(x: Steps<'_>, path: &Path<'_>, steps: usize) -> Vec<f64> {
    let n = path.len();
    let mut beta = vec![f64::NEG_INFINITY; steps * n];
    for t in (0..steps).rev() {
        for s in 0..n {
            let from = if t + 1 == steps {
                if s + 2 >= n { 0.0 } else { f64::NEG_INFINITY }
            } else {
                let after = &beta[(t + 1) * n..(t + 2) * n];
                let at = |ahead: usize, open: bool| {
                    if open && s + ahead < n { after[s + ahead] } else { f64::NEG_INFINITY }
                };
                log_sum(&[after[s], at(1, true), at(2, s + 2 < n && path.skips(s + 2))])
            };
            beta[t * n + s] = from + x.at(t, path.class(s));
        }
    }
    beta
}

/// The log probability of the target: all alignments end at its last class or the blank behind it.
fn total(alpha: &[f64], n: usize, steps: usize) -> f64 {
    if steps == 0 {
        return if n == 1 { 0.0 } else { f64::NEG_INFINITY };
    }
    log_sum(&alpha[steps * n - n.min(2)..])
}

fn sizes(x: View<'_>, samples: &[Sample]) -> Result<[usize; 3]> {
    let &[steps, count, classes] = x.dims() else {
        base::bail!(Runtime, "internal error: ctc of {:?}", x.dims());
    };
    let fits = samples.len() == count
        && samples.iter().all(|s| {
            s.steps <= steps && s.target.iter().all(|&c| (0..classes as i64).contains(&c))
        });
    ensure!(fits, Runtime, "internal error: ctc targets");
    Ok([steps, count, classes])
}

/// The negative log likelihood of each sample's target.
pub fn ctc_loss(out: ViewMut<'_>, x: View<'_>, samples: &[Sample], blank: usize) -> Result<()> {
    let [_, count, classes] = sizes(x, samples)?;
    ensure!(out.numel() == count && blank < classes, Runtime, "internal error: ctc losses");
    let (input, output) = (Input::cast(x, DType::F64)?, Output::cast(out, DType::F64)?);
    let (values, losses) = (input.values::<f64>(), output.values::<f64>());
    crate::parallel_chunks(count, 1, &|first, last| {
        for i in first..last {
            let (x, path) = parts(values, i, (count, classes), (samples, blank));
            let alpha = forward(x, &path, samples[i].steps);
            losses.set(i, -total(&alpha, path.len(), samples[i].steps));
        }
    });
    output.finish()
}

fn parts<'a>(
    values: In<'a, f64>,
    sample: usize,
    (count, classes): (usize, usize),
    (samples, blank): (&'a [Sample], usize),
) -> (Steps<'a>, Path<'a>) {
    let steps = Steps { values, sample, samples: count, classes };
    (steps, Path { target: &samples[sample].target, blank })
}

/// The gradient towards the activations whose log-softmax the log probabilities are:
/// `exp(x) - exp(sum of alpha beta / x + loss)` for each class, times the sample's `grad`. With
/// `zero_infinity` samples of infinite loss have none.
pub fn ctc_loss_backward(
    grad_input: ViewMut<'_>,
    (grad, x): (View<'_>, View<'_>),
    samples: &[Sample],
    blank: usize,
    zero_infinity: bool,
) -> Result<()> {
    let [_, count, classes] = sizes(x, samples)?;
    ensure!(grad.numel() == count && blank < classes, Runtime, "internal error: ctc gradients");
    let (input, grad) = (Input::cast(x, DType::F64)?, Input::cast(grad, DType::F64)?);
    let output = Output::cast(grad_input, DType::F64)?;
    let (values, out) = (input.values::<f64>(), output.values::<f64>());
    ensure!(out.len() == values.len(), Runtime, "internal error: ctc gradients");
    out.fill(0.0);
    crate::parallel_chunks(count, 1, &|first, last| {
        for i in first..last {
            let (x, path) = parts(values, i, (count, classes), (samples, blank));
            let (steps, n) = (samples[i].steps, path.len());
            let alpha = forward(x, &path, steps);
            let loss = -total(&alpha, n, steps);
            if zero_infinity && loss == f64::INFINITY {
                continue;
            }
            let beta = backward(x, &path, steps);
            let scale = grad.values::<f64>().at(i);
            for t in 0..steps {
                let mut through = vec![f64::NEG_INFINITY; classes];
                for s in 0..n {
                    let sum = &mut through[path.class(s)];
                    *sum = log_sum(&[*sum, alpha[t * n + s] + beta[t * n + s]]);
                }
                for (class, through) in through.iter().enumerate() {
                    let p = x.at(t, class);
                    let share = (through + loss - p).exp();
                    out.set((t * count + i) * classes + class, (p.exp() - share) * scale);
                }
            }
        }
    });
    output.finish()
}
