//! Negative log likelihood of class targets, forward and backward.
//!
//! Log-probabilities are `[n, classes, positions]` (or `[classes]`), targets `[n, positions]`. An
//! ignored target counts nothing; a target outside the classes is an error, found before anything
//! is written. Cross-entropy is this after `softmax::log_softmax`.

use crate::dispatch::dispatch;
use crate::float::Float;
use crate::stage::{In, Input, Output, Shared, input_or_none};
use crate::{View, ViewMut, parallel_chunks};
use base::{DType, IndexRule, Result, ensure};

/// Targets summed together before they join the total.
const PART: usize = 4096;

/// How the losses of all targets become the result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reduction {
    /// One loss per target.
    None,
    /// The sum divided by the sum of the targets' weights.
    Mean,
    /// The sum.
    Sum,
}

/// What the loss is given beside the log-probabilities.
#[derive(Clone, Copy)]
pub struct NllLoss<'a> {
    /// Class of each position, integers.
    pub target: View<'a>,
    /// Weight of each class, where present.
    pub weight: Option<View<'a>>,
    /// The target that counts nothing.
    pub ignore_index: i64,
    /// What becomes of the losses.
    pub reduction: Reduction,
}

/// `[n, classes, positions]` of log-probabilities.
fn sizes(x: View<'_>, target: View<'_>) -> Result<[usize; 3]> {
    let dims = x.dims();
    let shape = match dims.len() {
        1 => [1, dims[0], 1],
        0 => [0, 0, 0],
        _ => [dims[0], dims[1], dims[2..].iter().product()],
    };
    let fits = target.numel() == shape[0] * shape[2] && !dims.is_empty();
    ensure!(fits, Runtime, "internal error: nll_loss of {dims:?} and {:?}", target.dims());
    Ok(shape)
}

/// The targets, checked.
fn classes<'a>(loss: &NllLoss<'a>, classes: usize) -> Result<Input<'a>> {
    let target = Input::cast(loss.target, DType::I64)?;
    let values = target.values::<i64>();
    for i in 0..values.len() {
        let class = values.at(i);
        let inside = class == loss.ignore_index || (0..classes as i64).contains(&class);
        if !inside {
            return Err(IndexRule::TARGETS.error(class, 1, classes));
        }
    }
    Ok(target)
}

/// Losses `-weight[target] * x[target]`, reduced, to `out` (0-d, or of the targets' dims) and the
/// sum of the targets' weights to `total_weight` (0-d).
pub fn nll_loss(
    out: ViewMut<'_>,
    total_weight: ViewMut<'_>,
    x: View<'_>,
    loss: &NllLoss<'_>,
) -> Result<()> {
    let shape = sizes(x, loss.target)?;
    let count = shape[0] * shape[2];
    let wanted = if loss.reduction == Reduction::None { count } else { 1 };
    let fits = out.numel() == wanted && total_weight.numel() == 1;
    ensure!(fits, Runtime, "internal error: nll_loss into {:?}", out.dims());
    let target = classes(loss, shape[1])?;
    let x = Input::new(x)?;
    let dtype = x.dtype();
    let weight = input_or_none(loss.weight, dtype)?;
    let (y, total) = (Output::cast(out, dtype)?, Output::cast(total_weight, dtype)?);
    dispatch!("nll_loss", dtype, [float], T => {
        let terms = Terms::<T> {
            target: target.values(),
            weight: weight.as_ref().map(Input::values),
            ignore_index: loss.ignore_index,
            shape,
        };
        let (x, y) = (x.values::<T>(), y.values::<T>());
        let parts = Shared::<[f64; 2]>::new(count.div_ceil(PART))?;
        let parts = parts.values();
        parallel_chunks(count, PART, &|first, last| {
            let mut sums = [0.0; 2];
            for i in first..last {
                let (value, weight) = match terms.at(i) {
                    Some((at, weight)) => (-weight * x.at(at), weight),
                    None => (0.0, 0.0),
                };
                if loss.reduction == Reduction::None {
                    y.set(i, value);
                }
                sums = [sums[0] + value.to_f64(), sums[1] + weight.to_f64()];
            }
            parts.set(first / PART, sums);
        });
        let mut sums = [0.0; 2];
        for i in 0..parts.len() {
            sums = [sums[0] + parts.at(i)[0], sums[1] + parts.at(i)[1]];
        }
        match loss.reduction {
            Reduction::None => {}
            Reduction::Sum => y.set(0, T::of(sums[0])),
            Reduction::Mean => y.set(0, T::of(sums[0] / sums[1])),
        }
        total.values::<T>().set(0, T::of(sums[1]));
    });
    total.finish()?;
    y.finish()
}

/// Gradient of [`nll_loss`]: `-weight[target] * grad` at each target, divided by `total_weight` for
/// a mean, zero elsewhere.
pub fn nll_loss_backward(
    grad_input: ViewMut<'_>,
    grad: View<'_>,
    total_weight: View<'_>,
    loss: &NllLoss<'_>,
) -> Result<()> {
    let shape = sizes(grad_input.as_view(), loss.target)?;
    let count = shape[0] * shape[2];
    let single = loss.reduction != Reduction::None;
    let fits = grad.numel() == if single { 1 } else { count };
    ensure!(fits, Runtime, "internal error: nll_loss_backward of {:?}", grad.dims());
    let target = classes(loss, shape[1])?;
    let gx = Output::new(grad_input)?;
    let dtype = gx.dtype();
    let weight = input_or_none(loss.weight, dtype)?;
    let (grad, total) = (Input::cast(grad, dtype)?, Input::cast(total_weight, dtype)?);
    dispatch!("nll_loss_backward", dtype, [float], T => {
        let terms = Terms::<T> {
            target: target.values(),
            weight: weight.as_ref().map(Input::values),
            ignore_index: loss.ignore_index,
            shape,
        };
        let (gx, grad) = (gx.values::<T>(), grad.values::<T>());
        parallel_chunks(gx.len(), 1 << 16, &|first, last| {
            gx.part(first, last - first).fill(0.0);
        });
        let mean = loss.reduction == Reduction::Mean;
        let divisor = if mean { total.values::<T>().at(0) } else { 1.0 };
        for i in 0..count {
            if let Some((at, weight)) = terms.at(i) {
                gx.set(at, -weight * grad.at(if single { 0 } else { i }) / divisor);
            }
        }
    });
    gx.finish()
}

/// What each target selects.
#[derive(Clone, Copy)]
struct Terms<'a, T> {
    target: In<'a, i64>,
    weight: Option<In<'a, T>>,
    ignore_index: i64,
    shape: [usize; 3],
}

impl<T: Float> Terms<'_, T> {
    /// Position of the log-probability of target `i`, and its weight; `None` if ignored.
    fn at(&self, i: usize) -> Option<(usize, T)> {
        let [_, classes, positions] = self.shape;
        let class = self.target.at(i);
        if class == self.ignore_index {
            return None;
        }
        let (sample, position) = (i / positions, i % positions);
        let at = (sample * classes + class as usize) * positions + position;
        Some((at, self.weight.map_or(T::ONE, |w| w.at(class as usize))))
    }
}
