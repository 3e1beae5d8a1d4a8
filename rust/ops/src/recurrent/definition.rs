//! What a recurrent layer computes, in primitive ops.

use super::{Cell, Hidden, Walk, linear};
use crate::{Var, join, view};
use base::Result;
use tape::Tensor;

/// The pieces of a list of gates.
fn pieces(x: &Tensor, count: usize) -> Result<Vec<Var>> {
    Ok(view::chunk(x, count as i64, -1)?.into_iter().map(Var::T).collect())
}

/// One step: the part of the gates that comes from the input, and the states before.
pub(super) fn step(
    cell: Cell,
    from_input: &Tensor,
    states: &[Tensor],
    by: Hidden<'_>,
) -> Result<Vec<Tensor>> {
    let h = &states[0];
    let from_hidden = linear(h, by.weight, by.bias)?;
    match cell {
        Cell::Tanh => Ok(vec![(Var::from(from_input) + Var::from(from_hidden)).tanh().tensor()?]),
        Cell::Relu => Ok(vec![(Var::from(from_input) + Var::from(from_hidden)).relu().tensor()?]),
        Cell::Gru => {
            let (x, g) = (pieces(from_input, 3)?, pieces(&from_hidden, 3)?);
            let reset = (&x[0] + &g[0]).sigmoid();
            let update = (&x[1] + &g[1]).sigmoid();
            let fresh = (&x[2] + &(reset * &g[2])).tanh();
            Ok(vec![(&fresh + &(update * (Var::from(h) - &fresh))).tensor()?])
        }
        Cell::Lstm => {
            let gates = (Var::from(from_input) + Var::from(from_hidden)).tensor()?;
            let g = pieces(&gates, 4)?;
            let kept = g[1].clone().sigmoid() * Var::from(&states[1]);
            let c = kept + g[0].clone().sigmoid() * g[2].clone().tanh();
            let mut h = (g[3].clone().sigmoid() * c.clone().tanh()).tensor()?;
            if let Some(projection) = by.projection {
                h = linear(&h, projection, None)?;
            }
            Ok(vec![h, c.tensor()?])
        }
    }
}

/// The first `count` rows.
fn head(x: &Tensor, count: usize) -> Result<Tensor> {
    if x.dims()[0] == count { Ok(x.clone()) } else { view::narrow(x, 0, 0, count as i64) }
}

/// The rows from `from` on.
fn tail(x: &Tensor, from: usize) -> Result<Tensor> {
    view::narrow(x, 0, from as i64, (x.dims()[0] - from) as i64)
}

/// One direction of one layer from its input gates; the outputs in the order of the data, and the
/// last state of each sequence.
pub(super) fn run(
    walk: Walk<'_>,
    gates: &Tensor,
    states: &[Tensor],
    by: Hidden<'_>,
) -> Result<(Tensor, Vec<Tensor>)> {
    let steps = walk.steps();
    let mut outputs: Vec<Tensor> = Vec::with_capacity(steps.len());
    let mut ended: Vec<Vec<Tensor>> = Vec::new();
    let begin = steps[0].1;
    let mut now: Vec<Tensor> = states.iter().map(|s| head(s, begin)).collect::<Result<_>>()?;
    for (start, want) in steps {
        let have = now[0].dims()[0];
        if want < have {
            ended.push(now.iter().map(|s| tail(s, want)).collect::<Result<_>>()?);
            now = now.iter().map(|s| head(s, want)).collect::<Result<_>>()?;
        } else if want > have {
            let fresh = |(s, first): (&Tensor, &Tensor)| {
                let rows = view::narrow(first, 0, have as i64, (want - have) as i64)?;
                join::cat(&[s.clone(), rows], 0)
            };
            now = now.iter().zip(states).map(fresh).collect::<Result<_>>()?;
        }
        let x = view::narrow(gates, 0, start as i64, want as i64)?;
        now = step(walk.cell, &x, &now, by)?;
        outputs.push(now[0].clone());
    }
    if walk.backwards {
        outputs.reverse();
    }
    let last = |i: usize| -> Result<Tensor> {
        let mut parts = vec![now[i].clone()];
        parts.extend(ended.iter().rev().map(|e| e[i].clone()));
        if parts.len() == 1 { Ok(parts.remove(0)) } else { join::cat(&parts, 0) }
    };
    let finals = (0..now.len()).map(last).collect::<Result<_>>()?;
    Ok((join::cat(&outputs, 0)?, finals))
}
