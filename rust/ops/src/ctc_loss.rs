//! Connectionist temporal classification: the loss of a sequence without alignment.

use crate::loss::Reduction;
use crate::node::{Formula, Keep};
use crate::{Var, cast, create, reduce, view};
use array::Array;
use array::dispatch::{self, ctc::Sample};
use base::{Result, bail, ensure};
use std::sync::Arc;
use tape::Tensor;

/// What the loss is told beside its operands.
#[derive(Clone, Copy)]
struct Settings {
    blank: i64,
    reduction: i64,
    zero_infinity: bool,
}

fn whole_numbers(x: &Tensor, name: &str) -> Result<Vec<i64>> {
    ensure!(x.dtype().is_integral(), Runtime, "{name} must be integral");
    Ok(dispatch::scalars(&x.array())?.iter().map(|s| s.to_i64()).collect())
}

/// The targets of all samples, from rows of a matrix or one after the other in a vector.
fn samples(
    targets: &Tensor,
    lengths: (&[i64], &[i64]),
    (steps, count, classes): (usize, usize, usize),
) -> Result<Vec<Sample>> {
    let (input, target) = lengths;
    ensure!(input.len() == count, Runtime, "input_lengths must be of size batch_size");
    ensure!(target.len() == count, Runtime, "target_lengths must be of size batch_size");
    let all = whole_numbers(targets, "targets")?;
    let stride = if targets.rank() == 2 { Some(targets.dims()[1]) } else { None };
    if let Some(rows) = stride.map(|_| targets.dims()[0]) {
        ensure!(
            rows == count,
            Runtime,
            "Expected tensor to have size {count} at dimension 0, but got size {rows} for argument #2 'targets' (while checking arguments for ctc_loss_cpu)"
        );
    }
    let mut offset = 0;
    let mut found = Vec::with_capacity(count);
    for (i, (&input, &length)) in input.iter().zip(target).enumerate() {
        ensure!(
            input >= 0,
            Runtime,
            "Expected input_lengths to have value at least 0, but got value {input} (while checking arguments for ctc_loss_cpu)"
        );
        ensure!(
            input as usize <= steps,
            Runtime,
            "Expected input_lengths to have value at most {steps}, but got value {input} (while checking arguments for ctc_loss_cpu)"
        );
        ensure!(
            length >= 0,
            Runtime,
            "Expected target_lengths to have value at least 0, but got value {length} (while checking arguments for ctc_loss_cpu)"
        );
        let start = stride.map_or(offset, |s| s * i);
        let end = start + length as usize;
        let room = stride.map_or(all.len(), |s| s * (i + 1));
        ensure!(
            end <= room,
            Runtime,
            "Expected tensor to have size at least {length} at dimension 1, but got size {} for argument #2 'targets' (while checking arguments for ctc_loss_cpu)",
            stride.unwrap_or(all.len())
        );
        offset = end;
        let target = all[start..end].to_vec();
        let inside = target.iter().all(|&c| (0..classes as i64).contains(&c));
        ensure!(inside, Runtime, "targets must be classes from 0 to {}", classes - 1);
        found.push(Sample { target, steps: input as usize });
    }
    ensure!(
        stride.is_some() || offset == all.len(),
        Runtime,
        "Expected tensor to have size {offset} at dimension 0, but got size {} for argument #2 'targets' (while checking arguments for ctc_loss_cpu)",
        all.len()
    );
    Ok(found)
}

/// One loss a sample: `(T, N, C)` log probabilities to `(N)`.
fn each(x: &Tensor, samples: Vec<Sample>, blank: usize, zero_infinity: bool) -> Result<Tensor> {
    let out = Array::empty_contiguous(&[samples.len()], x.dtype(), x.device())?;
    dispatch::ctc::ctc_loss(&out, &x.array(), &samples, blank)?;
    let samples = Arc::new(samples);
    tape::record(out, &[x], |_| {
        Formula::new("CtcLossBackward0", 1, &[Keep::Input(x)], move |grads, saved| {
            if tape::grad_enabled() {
                bail!(
                    NotImplemented,
                    "the derivative for '_ctc_loss_backward' is not implemented."
                );
            }
            let (g, x) = (Var::grad(grads).tensor()?, saved.vars[0].clone().tensor()?);
            let out = Array::empty_contiguous(&x.dims(), x.dtype(), x.device())?;
            let operands = (&g.array(), &x.array());
            dispatch::ctc::ctc_loss_backward(&out, operands, &samples, blank, zero_infinity)?;
            Ok(vec![Some(Var::T(Tensor::new(out)))])
        })
    })
}

fn ctc_loss(
    x: &Tensor,
    targets: &Tensor,
    lengths: (&[i64], &[i64]),
    by: Settings,
) -> Result<Tensor> {
    ensure!(
        matches!(x.dtype(), base::DType::F32 | base::DType::F64),
        NotImplemented,
        "\"ctc_loss_cpu\" not implemented for '{}'",
        x.dtype().type_name()
    );
    let batched = x.rank() == 3;
    ensure!(
        batched || x.rank() == 2,
        Runtime,
        "Expected 3-dimensional tensor, but got {}-dimensional tensor for argument #1 'log_probs' (while checking arguments for ctc_loss_cpu)",
        x.rank()
    );
    let probabilities = if batched { x.clone() } else { view::unsqueeze(x, 1)? };
    let dims = probabilities.dims();
    let (steps, count, classes) = (dims[0], dims[1], dims[2]);
    ensure!((0..classes as i64).contains(&by.blank), Runtime, "blank must be in label range");
    let samples = samples(targets, lengths, (steps, count, classes))?;
    let losses = Var::from(each(&probabilities, samples, by.blank as usize, by.zero_infinity)?);
    let losses = if by.zero_infinity {
        Var::from(0.0).where_(losses.clone().eq(f64::INFINITY), losses)
    } else {
        losses
    };
    match Reduction::of(by.reduction)? {
        Reduction::Mean => {
            let sizes: Vec<i64> = lengths.1.iter().map(|&n| n.max(1)).collect();
            let sizes = integers(&sizes, x)?;
            (losses / Var::from(cast::to_dtype(&sizes, x.dtype())?))
                .then(|t| reduce::mean(t, None, false, None))
                .tensor()
        }
        Reduction::Sum => losses.sum().tensor(),
        Reduction::None if batched => losses.tensor(),
        Reduction::None => losses.then(|t| view::squeeze(t, Some(&[0]))).tensor(),
    }
}

fn integers(values: &[i64], like: &Tensor) -> Result<Tensor> {
    let out = create::zeros(&[values.len()], base::DType::I64, like.device())?;
    let values: Vec<base::Scalar> = values.iter().map(|&v| base::Scalar::Int(v)).collect();
    dispatch::store(&out.array(), &values)?;
    Ok(out)
}

/// Lengths as tensors.
fn by_tensors(
    x: &Tensor,
    targets: &Tensor,
    (input, target): (&Tensor, &Tensor),
    by: Settings,
) -> Result<Tensor> {
    let (input, target) =
        (whole_numbers(input, "input_lengths")?, whole_numbers(target, "target_lengths")?);
    ctc_loss(x, targets, (&input, &target), by)
}

crate::ops! {
    /// CTC.
    CTC:
    /// Connectionist temporal classification.
    f f32 "ctc_loss.IntList(Tensor log_probs, Tensor targets, int[] input_lengths, int[] target_lengths, int blank=0, int reduction=1, bool zero_infinity=False) -> Tensor" => |x, targets, input, target, blank, reduction, zero_infinity| ctc_loss(x, targets, (input, target), Settings { blank, reduction, zero_infinity });
    /// Connectionist temporal classification.
    f f32 "ctc_loss.Tensor(Tensor log_probs, Tensor targets, Tensor input_lengths, Tensor target_lengths, int blank=0, int reduction=1, bool zero_infinity=False) -> Tensor" => |x, targets, input, target, blank, reduction, zero_infinity| by_tensors(x, targets, (input, target), Settings { blank, reduction, zero_infinity });
}
