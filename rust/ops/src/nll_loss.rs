//! Classification: negative log-likelihood and cross-entropy over classes.
//!
//! The likelihood is linear in the log-probabilities, and its gradient is linear in the gradient of
//! the loss: the two maps below are each other's adjoint.

use crate::loss::Reduction;
use crate::node::Linear;
use crate::{Var, reduce, softmax, view};
use array::Array;
use array::dispatch::{self, LossReduction, NllLoss};
use base::{DType, Dims, Result, ensure, shape};
use std::sync::Arc;
use tape::Tensor;

/// A loss with the geometry of its input and the total weight of its targets.
struct Settled {
    loss: NllLoss,
    dims: Dims,
    result: Dims,
    total_weight: Array,
    node: &'static str,
}

fn kernel_reduction(reduction: Reduction) -> LossReduction {
    match reduction {
        Reduction::None => LossReduction::None,
        Reduction::Mean => LossReduction::Mean,
        Reduction::Sum => LossReduction::Sum,
    }
}

/// The losses of log-probabilities `x`.
fn forward(x: &Tensor, by: &Arc<Settled>) -> Result<Tensor> {
    let out = Array::empty_contiguous(&by.result, x.dtype(), x.device())?;
    dispatch::nll_loss(&out, &by.total_weight, &x.array(), &by.loss)?;
    let by = by.clone();
    tape::record(out, &[x], |_| {
        Ok(Linear::piecewise(by.node, move |g: Var| g.then(|g| adjoint(g, &by))))
    })
}

/// The gradient of [`forward`], spread to the classes.
fn adjoint(g: &Tensor, by: &Arc<Settled>) -> Result<Tensor> {
    let out = Array::empty_contiguous(&by.dims, g.dtype(), g.device())?;
    dispatch::nll_loss_backward(&out, &g.array(), &by.total_weight, &by.loss)?;
    let by = by.clone();
    tape::record(out, &[g], |_| {
        Ok(Linear::new("NllLossBackwardBackward0", move |g: Var| g.then(|g| forward(g, &by))))
    })
}

/// [`nll_loss_nd`] of a vector or a batch of vectors, with a message of its own.
fn nll_loss(
    x: &Tensor,
    target: &Tensor,
    weight: Option<&Tensor>,
    reduction: i64,
    ignore_index: i64,
) -> Result<Tensor> {
    ensure!(
        x.rank() != 2 || target.rank() != 1 || x.dims()[0] == target.dims()[0],
        Runtime,
        "size mismatch (got input: {}, target: {})",
        shape::show(&x.dims()),
        shape::show(&target.dims())
    );
    nll_loss_nd(x, target, weight, reduction, ignore_index)
}

/// Classes along dimension 1 (0 for a vector); targets hold one class a position.
pub fn nll_loss_nd(
    x: &Tensor,
    target: &Tensor,
    weight: Option<&Tensor>,
    reduction: i64,
    ignore_index: i64,
) -> Result<Tensor> {
    let reduction = Reduction::of(reduction)?;
    check(x, target, weight)?;
    let result = if reduction == Reduction::None { target.dims() } else { Dims::new() };
    let settled = Settled {
        loss: NllLoss {
            target: target.array(),
            weight: weight.map(Tensor::array),
            ignore_index,
            reduction: kernel_reduction(reduction),
        },
        dims: x.dims(),
        result,
        total_weight: Array::zeros(&[], x.dtype(), x.device())?,
        node: if x.rank() > 2 { "NllLoss2DBackward0" } else { "NllLossBackward0" },
    };
    forward(x, &Arc::new(settled))
}

fn check(x: &Tensor, target: &Tensor, weight: Option<&Tensor>) -> Result<()> {
    let (dims, places) = (x.dims(), target.dims());
    ensure!(!dims.is_empty(), Value, "Expected 1 or more dimensions (got 0)");
    let samples = if dims.len() == 1 { 1 } else { dims[0] };
    let given = places.first().copied().unwrap_or(1);
    ensure!(
        samples == given,
        Value,
        "Expected input batch_size ({samples}) to match target batch_size ({given})."
    );
    ensure!(
        dims.len() > 2 || places.len() <= 1,
        Runtime,
        "0D or 1D target tensor expected, multi-target not supported"
    );
    let wanted: Dims = if dims.len() == 1 {
        places.clone()
    } else {
        dims[..1].iter().chain(&dims[2..]).copied().collect()
    };
    ensure!(
        wanted == places,
        Runtime,
        "Expected target size {}, got {}",
        shape::show(&wanted),
        shape::show(&places)
    );
    ensure!(
        matches!(target.dtype(), DType::I64 | DType::U8),
        Runtime,
        "expected target dtype to be Long or Byte, but got {}",
        target.dtype().type_name()
    );
    if let Some(weight) = weight {
        ensure!(
            weight.dtype() == x.dtype(),
            Runtime,
            "expected scalar type {} but found {}",
            x.dtype().type_name(),
            weight.dtype().type_name()
        );
        let classes = dims[usize::from(dims.len() > 1)];
        ensure!(
            *weight.dims() == [classes],
            Runtime,
            "weight tensor should be defined either for all {classes} classes or no classes but got weight tensor of shape: {}",
            shape::show(&weight.dims())
        );
    }
    Ok(())
}

/// What cross-entropy is told.
#[derive(Clone, Copy)]
struct CrossEntropy {
    reduction: i64,
    ignore_index: i64,
    smoothing: f64,
}

/// Softmax cross-entropy of logits against classes or probabilities of classes.
fn cross_entropy(
    x: &Tensor,
    target: &Tensor,
    weight: Option<&Tensor>,
    by: CrossEntropy,
) -> Result<Tensor> {
    ensure!(
        (0.0..=1.0).contains(&by.smoothing),
        Runtime,
        "label_smoothing must be between 0.0 and 1.0. Got: {:?}",
        by.smoothing
    );
    let dim = i64::from(x.rank() > 1);
    let probabilities = x.dims() == target.dims();
    ensure!(
        !probabilities || target.dtype().is_float(),
        Runtime,
        "Expected floating point type for target with class probabilities, got {}",
        target.dtype().type_name()
    );
    ensure!(
        !probabilities || by.ignore_index < 0,
        Runtime,
        "ignore_index is not supported for floating point target"
    );
    let logs = softmax::log_softmax(x, dim, None)?;
    if probabilities {
        return against_probabilities(&logs, target, weight, by);
    }
    if by.smoothing > 0.0 {
        return smoothed(&logs, target, weight, by);
    }
    nll_loss_nd(&logs, target, weight, by.reduction, by.ignore_index)
}

/// Class weights lined up with the class dimension.
fn lined_up(weight: Option<&Tensor>, rank: usize, dim: usize) -> Option<Var> {
    weight.map(|w| {
        let mut dims = Dims::filled(1, rank);
        dims[dim] = w.numel();
        Var::from(view::reshape_to(w, &dims))
    })
}

fn against_probabilities(
    logs: &Tensor,
    target: &Tensor,
    weight: Option<&Tensor>,
    by: CrossEntropy,
) -> Result<Tensor> {
    let (rank, dims) = (logs.rank(), logs.dims());
    let dim = usize::from(rank > 1);
    let classes = dims[dim] as f64;
    let mut target = Var::from(target);
    if by.smoothing > 0.0 {
        target = target * (1.0 - by.smoothing) + by.smoothing / classes;
    }
    let mut terms = Var::from(logs) * target;
    if let Some(weight) = lined_up(weight, rank, dim) {
        terms = terms * weight;
    }
    match Reduction::of(by.reduction)? {
        Reduction::None => {
            (-terms).then(|t| reduce::sum(t, Some(&[dim as i64]), false, None)).tensor()
        }
        Reduction::Sum => (-terms.sum()).tensor(),
        Reduction::Mean => {
            let places = logs.numel() as f64 / classes;
            (-terms.sum() / Var::from(places)).tensor()
        }
    }
}

/// (1 - s) nll + s / classes times the mean loss over all classes.
fn smoothed(
    logs: &Tensor,
    target: &Tensor,
    weight: Option<&Tensor>,
    by: CrossEntropy,
) -> Result<Tensor> {
    let dim = usize::from(logs.rank() > 1);
    let classes = logs.dims()[dim] as f64;
    let sharp = nll_loss_nd(logs, target, weight, by.reduction, by.ignore_index)?;
    let mut terms = Var::from(logs);
    if let Some(weight) = lined_up(weight, logs.rank(), dim) {
        terms = terms * weight;
    }
    let ignored = Var::from(target).eq(by.ignore_index);
    let sums = (-terms).then(|t| reduce::sum(t, Some(&[dim as i64]), false, None));
    let even = Var::from(0.0).where_(ignored.clone(), sums);
    let even = match Reduction::of(by.reduction)? {
        Reduction::Mean => {
            let counted = total_weight(logs, target, weight, by.ignore_index)?;
            even.sum() / Var::from(counted)
        }
        reduction => reduction.apply(even),
    };
    let share = by.smoothing / classes;
    ((1.0 - by.smoothing) * Var::from(sharp) + share * even).tensor()
}

/// The sum of the targets' weights, as the likelihood of ones sees it.
fn total_weight(
    logs: &Tensor,
    target: &Tensor,
    weight: Option<&Tensor>,
    ignore_index: i64,
) -> Result<Tensor> {
    let ones = view::expand_to(
        &crate::create::full(&[], base::Scalar::Int(-1), logs.dtype(), logs.device())?,
        &logs.dims(),
    );
    nll_loss_nd(&ones, target, weight.map(Tensor::detach).as_ref(), 2, ignore_index)
}

crate::ops! {
    /// Losses over classes.
    CLASSES:
    /// The negative log-likelihood of classes.
    f f32 "nll_loss_nd(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, int ignore_index=-100) -> Tensor" => |x, t, w, r, i| nll_loss_nd(x, t, w, r, i);
    /// The negative log-likelihood of classes.
    fo f32 "nll_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, int ignore_index=-100) -> Tensor" => |x, t, w, r, i| nll_loss(x, t, w, r, i);
    /// Softmax cross-entropy against classes or their probabilities.
    f f32 "cross_entropy_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, int ignore_index=-100, float label_smoothing=0.0) -> Tensor" => |x, t, w, reduction, ignore_index, smoothing| cross_entropy(x, t, w, CrossEntropy { reduction, ignore_index, smoothing });
}
