//! The adjoint of `as_strided`: gradients of every place a window reaches, added up per element of
//! the input. Where elements of the input share a place, each gets an equal part.

use crate::map::NONE;
use crate::node::Linear;
use crate::{Var, binary};
use array::{Array, Operand, dispatch};
use base::{Layout, Result, Scalar};
use tape::Tensor;

/// Adds the gradient `g` of the view `to` into zeros with the input geometry `from`.
pub(crate) fn scatter(g: &Tensor, from: &Layout, to: &Layout) -> Result<Tensor> {
    let length = from.end().max(to.end());
    let memory = Array::zeros(&[length], g.dtype(), g.device())?;
    add_into(&memory, to, &g.array())?;
    part(&memory, from)?;
    let grad =
        memory.view(from.clone()).copied_as(base::layout::preserved_layout(from), g.dtype())?;
    let (from, to) = (from.clone(), to.clone());
    tape::record(grad, &[g], |_| {
        Ok(Linear::new("AsStridedBackward0", move |g: Var| g.then(|g| gather(g, &from, &to))))
    })
}

/// The view `to` of a tensor that lies where `from` lay, the mean where elements share a place.
fn gather(g: &Tensor, from: &Layout, to: &Layout) -> Result<Tensor> {
    let length = from.end().max(to.end());
    let memory = Array::zeros(&[length], g.dtype(), g.device())?;
    add_into(&memory, from, &g.array())?;
    part(&memory, from)?;
    let out = memory.view(to.clone()).copied()?;
    let (from, to) = (from.clone(), to.clone());
    tape::record(out, &[g], |_| {
        Ok(Linear::new("AsStridedBackward0", move |g: Var| g.then(|g| scatter(g, &from, &to))))
    })
}

/// Divides each place by the number of elements of `layout` that share it; places that none has
/// become undefined.
fn part(memory: &Array, layout: &Layout) -> Result<()> {
    if layout.is_non_overlapping() {
        return Ok(());
    }
    let (dtype, device) = (memory.dtype(), memory.device());
    let shared = Array::zeros(memory.dims(), dtype, device)?;
    add_into(&shared, layout, &Array::full(&layout.dims, Scalar::Int(1), dtype, device)?)?;
    let operands = [Operand::Array(memory), Operand::Array(&shared)];
    dispatch::map(&binary::div::OP.op, dtype, memory, &operands, &NONE)
}

/// `memory[layout] += g`, also where several indices reach one element: then one dimension is taken
/// index by index, until the rest no longer overlaps.
fn add_into(memory: &Array, layout: &Layout, g: &Array) -> Result<()> {
    if layout.is_non_overlapping() {
        let place = memory.view(layout.clone());
        let operands = [Operand::Array(&place), Operand::Array(g)];
        return dispatch::map(&binary::add::OP.op, g.dtype(), &place, &operands, &NONE);
    }
    let shortest =
        (0..layout.rank()).filter(|&d| layout.dims[d] > 1).min_by_key(|&d| layout.dims[d]);
    let Some(d) = shortest else {
        return Ok(());
    };
    for i in 0..layout.dims[d] {
        add_into(memory, &layout.select(d, i), &g.view(g.layout().select(d, i)))?;
    }
    Ok(())
}
