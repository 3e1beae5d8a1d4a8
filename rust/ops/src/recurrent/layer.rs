//! One direction of a recurrent layer as one node: a product with the hidden weights and a cell's
//! kernel a step; gradients of the weights by one product over all steps.
//!
//! A state is one array of all sequences. Step t updates its first rows, the sequences that are
//! running: those that have not begun or have ended keep what they hold.

use super::{Cell, Hidden, Walk, definition};
use crate::fused::{self, Gradients};
use crate::node::{Keep, Saved};
use crate::{Var, cast, matmul, reduce};
use array::dispatch::recurrent as kernels;
use array::{Array, dispatch};
use base::{DType, DeviceKind, Layout, Result, Scalar};
use tape::Tensor;

/// The output in the order of the data and the last states, from the input gates `(rows, gates *
/// hidden)` and the first states `(sequences, hidden)`.
pub(super) fn run(
    walk: Walk<'_>,
    gates: &Tensor,
    states: &[Tensor],
    by: Hidden<'_>,
) -> Result<(Tensor, Vec<Tensor>)> {
    // What does not fit is the definition's to refuse, by the op that cannot take it.
    if !fits(walk, gates, states, by) {
        return definition::run(walk, gates, states, by);
    }
    let plan = Plan {
        cell: walk.cell,
        steps: walk.steps(),
        biased: by.bias.is_some(),
        projected: by.projection.is_some(),
    };
    let inputs: Vec<&Tensor> = [Some(gates), Some(by.weight), by.bias, by.projection]
        .into_iter()
        .flatten()
        .chain(states)
        .collect();
    let owned: Vec<Tensor> = inputs.iter().map(|&x| x.clone()).collect();
    let (results, kept) = plan.forward(&plan.operands(&owned)?)?;
    let (sizes, backwards) = (walk.sizes.to_vec(), walk.backwards);
    let mut results = tape::record_many(results, &inputs, |results| {
        let mut keeps: Vec<Keep<'_>> = kept.iter().map(Keep::Bare).collect();
        if matches!(walk.cell, Cell::Tanh | Cell::Relu) {
            keeps.push(Keep::Output(&results[0], 0));
        }
        let meaning = plan.clone();
        fused::node_many(
            "RecurrentLayerBackward0",
            &inputs,
            keeps,
            move |grads, saved| plan.backward(grads, saved),
            move |inputs| {
                let walk = Walk { cell: meaning.cell, sizes: &sizes, backwards };
                let (gates, by, states) = meaning.tensors(inputs);
                let (out, finals) = definition::run(walk, gates, states, by)?;
                Ok(std::iter::once(out).chain(finals).collect())
            },
        )
    })?;
    let finals = results.split_off(1);
    Ok((results.remove(0), finals))
}

/// Whether everything has the shapes, dtype and device that the kernels take.
fn fits(walk: Walk<'_>, gates: &Tensor, states: &[Tensor], by: Hidden<'_>) -> bool {
    let (count, rows) = (walk.cell.gates(), walk.sizes.iter().sum::<usize>());
    let (sequences, dims) = (walk.sizes[0], gates.dims());
    let Some(&[_, width]) = dims.get(..2).and_then(|d| d.first_chunk()) else { return false };
    let hidden = width / count;
    let (h, c) = (&states[0], states.get(1));
    let out = h.dims().last().copied().unwrap_or(0);
    let shaped = |t: Option<&Tensor>, dims: &[usize]| t.is_none_or(|t| *t.dims() == *dims);
    let all = [Some(gates), Some(by.weight), by.bias, by.projection, Some(h), c];
    let alike = |t: &Tensor| t.dtype() == gates.dtype() && t.device() == gates.device();
    gates.dtype().is_float()
        && gates.device().kind != DeviceKind::Gpu
        && !crate::autocast::is_enabled(gates.device().kind)
        && all.into_iter().flatten().all(alike)
        && walk.sizes.is_sorted_by(|a, b| a >= b)
        && hidden > 0
        && width == hidden * count
        && (by.projection.is_some() || out == hidden)
        && shaped(Some(gates), &[rows, width])
        && shaped(Some(by.weight), &[width, out])
        && shaped(by.bias, &[width])
        && shaped(by.projection, &[out, hidden])
        && shaped(Some(h), &[sequences, out])
        && shaped(c, &[sequences, hidden])
}

/// The first rows and those after a start, of an array of at least one dimension.
fn rows(x: &Array, (start, count): (usize, usize)) -> Array {
    x.view(x.layout().slice(0, start, count, 1))
}

/// A right operand of many products, in panels of columns that are read without being packed again.
struct Panels(Array);

/// Columns of the panels, by preference, and the elements of a panel that stay cached.
const WIDTHS: [usize; 3] = [64, 32, 16];
const PANEL: usize = 32 * 1024;

impl Panels {
    /// Panels of `columns`, a matrix.
    fn new(columns: &Array) -> Result<Panels> {
        let (depth, width) = (columns.dims()[0], columns.dims()[1]);
        let fits = |&w: &usize| width.is_multiple_of(w) && w * depth <= PANEL;
        let panel = WIDTHS.into_iter().find(fits).unwrap_or(width);
        Panels::split(columns, panel).copied().map(Panels)
    }

    /// `(m, n)` as `(n / panel, m, panel)`.
    fn split(x: &Array, panel: usize) -> Array {
        let layout = x.layout();
        let step = layout.strides[1];
        let (m, n) = (layout.dims[0], layout.dims[1]);
        let count = n.checked_div(panel).unwrap_or(0);
        let strides = [step * panel as isize, layout.strides[0], step];
        x.view(Layout {
            dims: base::Dims::from_slice(&[count, m, panel]),
            strides: base::Strides::from_slice(&strides),
            offset: layout.offset,
        })
    }

    /// `out = a @ columns`, plus an addend that broadcasts to it.
    fn multiply(&self, out: &Array, a: &Array, addend: Option<&Array>) -> Result<()> {
        let panel = self.0.dims()[2];
        let target = Self::split(out, panel);
        let a = a.view(a.layout().expand(&[self.0.dims()[0], a.dims()[0], a.dims()[1]]));
        match addend {
            None => dispatch::matmul(&target, &a, &self.0),
            Some(addend) => {
                let addend = addend.view(addend.layout().expand(out.dims()));
                dispatch::matmul_add(
                    &target,
                    &a,
                    &self.0,
                    &Self::split(&addend, panel),
                    [Scalar::Int(1); 2],
                )
            }
        }
    }
}

/// What the node does, on inputs in the order gates, weight, bias, projection, states.
#[derive(Clone)]
struct Plan {
    cell: Cell,
    /// First row and number of rows of each step, in the order they are taken.
    steps: Vec<(usize, usize)>,
    biased: bool,
    projected: bool,
}

/// The inputs in the dtype of the computation.
struct Operands {
    gates: Array,
    weight: Array,
    bias: Option<Array>,
    projection: Option<Array>,
    states: Vec<Array>,
    stored: DType,
}

impl Plan {
    fn tensors<'a>(&self, inputs: &'a [Tensor]) -> (&'a Tensor, Hidden<'a>, &'a [Tensor]) {
        let first = 2 + usize::from(self.biased);
        let by = Hidden {
            weight: &inputs[1],
            bias: self.biased.then(|| &inputs[2]),
            projection: self.projected.then(|| &inputs[first]),
        };
        (&inputs[0], by, &inputs[first + usize::from(self.projected)..])
    }

    fn operands(&self, inputs: &[Tensor]) -> Result<Operands> {
        let (gates, by, states) = self.tensors(inputs);
        let stored = gates.dtype();
        let wide = |t: &Tensor| t.array().cast(stored.compute());
        Ok(Operands {
            gates: wide(gates)?,
            weight: wide(by.weight)?,
            bias: by.bias.map(wide).transpose()?,
            projection: by.projection.map(wide).transpose()?,
            states: states.iter().map(wide).collect::<Result<_>>()?,
            stored,
        })
    }

    /// The output and the last states; then, for the gradient, of each row the state before, what the
    /// cell's kernel keeps, the cell before and the output before its projection.
    fn forward(&self, x: &Operands) -> Result<(Vec<Array>, Vec<Array>)> {
        let like = &x.gates;
        let (total, width) = (like.dims()[0], like.dims()[1]);
        let hidden = width / self.cell.gates();
        let empty = |rows: usize, columns: usize| {
            Array::empty_contiguous(&[rows, columns], like.dtype(), like.device())
        };
        let states: Vec<Array> = x.states.iter().map(Array::copied).collect::<Result<_>>()?;
        let (sequences, size) = (states[0].dims()[0], states[0].dims()[1]);
        let columns = Panels::new(&transposed(&x.weight))?;
        let projection = x.projection.as_ref().map(|p| Panels::new(&transposed(p))).transpose()?;
        let (out, sums) = (empty(total, size)?, empty(sequences, width)?);
        let raw = if self.projected { empty(total, hidden)? } else { out.clone() };
        let before: Vec<Array> =
            states.iter().map(|s| empty(total, s.dims()[1])).collect::<Result<_>>()?;
        let kept = match self.cell {
            Cell::Lstm | Cell::Gru => Some(empty(total, 4 * hidden)?),
            Cell::Tanh | Cell::Relu => None,
        };
        for &step in &self.steps {
            let now: Vec<Array> = states.iter().map(|s| rows(s, (0, step.1))).collect();
            before.iter().zip(&now).try_for_each(|(b, s)| dispatch::copy(&rows(b, step), s))?;
            let sums = rows(&sums, (0, step.1));
            columns.multiply(&sums, &now[0], x.bias.as_ref())?;
            let (h, gates) = (rows(&raw, step), rows(&x.gates, step));
            let from = [&gates, &sums];
            match (self.cell, &kept) {
                (Cell::Lstm, Some(kept)) => {
                    kernels::lstm_cell([&h, &now[1], &rows(kept, step)], from, &now[1])?;
                }
                (_, Some(kept)) => kernels::gru_cell([&h, &rows(kept, step)], from, &now[0])?,
                (cell, None) => kernels::elman_cell(&h, from, cell == Cell::Relu)?,
            }
            let out = rows(&out, step);
            if let Some(projection) = &projection {
                projection.multiply(&out, &h, None)?;
            }
            dispatch::copy(&now[0], &out)?;
        }
        let narrow = |a: Array| a.cast(x.stored);
        let results = std::iter::once(out).chain(states).map(narrow).collect::<Result<_>>()?;
        let raw = self.projected.then_some(raw);
        Ok((results, before.into_iter().chain(kept).chain(raw).collect()))
    }

    fn backward(&self, grads: &[Option<Tensor>], saved: &Saved) -> Result<Gradients> {
        let list: Vec<Tensor> =
            saved.vars.iter().map(|v| v.clone().tensor()).collect::<Result<_>>()?;
        let (inputs, kept) = list.split_at(saved.needs.len());
        let x = self.operands(inputs)?;
        let states = x.states.len();
        let before: Vec<Array> = kept[..states].iter().map(Tensor::array).collect();
        let kept: Vec<Array> = kept[states..].iter().map(Tensor::array).collect();
        let walked = self.walk_back(grads, &x, &before, &kept[0])?;
        let over_steps = |grad: &Array, by: &Array| {
            let (grad, by) = (Tensor::new(transposed(grad)), Tensor::new(by.clone()));
            matmul::mm(&grad, &by)
        };
        let mut needs = saved.needs.iter();
        let mut found = Vec::with_capacity(saved.needs.len());
        let mut push = |grad: &dyn Fn() -> Result<Tensor>| {
            let narrow = |g: Tensor| cast::to_dtype(&g, x.stored);
            let needed = needs.next().copied().unwrap_or(false);
            found.push(needed.then(|| Var::from(grad().and_then(narrow))));
        };
        push(&|| Ok(Tensor::new(walked.gates.clone())));
        push(&|| over_steps(&walked.sums, &before[0]));
        if self.biased {
            push(&|| reduce::sum(&Tensor::new(walked.sums.clone()), Some(&[0]), false, None));
        }
        if let Some(projected) = &walked.projected {
            push(&|| over_steps(projected, &kept[1]));
        }
        for state in &walked.states {
            push(&|| Ok(Tensor::new(state.clone())));
        }
        Ok(found)
    }

    /// The steps in reverse.
    fn walk_back(
        &self,
        grads: &[Option<Tensor>],
        x: &Operands,
        before: &[Array],
        kept: &Array,
    ) -> Result<Walked> {
        let like = &x.gates;
        let dtype = like.dtype();
        let empty = |dims: &[usize]| Array::empty_contiguous(dims, dtype, like.device());
        let states: Vec<Array> =
            grads[1..].iter().zip(&x.states).map(copied_or_zero).collect::<Result<_>>()?;
        let grad_out = grads[0].as_ref().map(|g| g.array().cast(dtype)).transpose()?;
        let columns = Panels::new(&x.weight)?;
        let projection = match &x.projection {
            Some(p) => {
                let raw = empty(&[states[0].dims()[0], p.dims()[1]])?;
                Some((Panels::new(p)?, empty(before[0].dims())?, raw))
            }
            None => None,
        };
        let gates = empty(like.dims())?;
        let sums = if self.cell == Cell::Gru { empty(like.dims())? } else { gates.clone() };
        for &step in self.steps.iter().rev() {
            let now: Vec<Array> = states.iter().map(|s| rows(s, (0, step.1))).collect();
            let (to, kept) = (rows(&gates, step), rows(kept, step));
            if let Some(grad) = &grad_out {
                let grad = Tensor::new(rows(grad, step));
                tape::algebra()?.add_assign(&Tensor::new(now[0].clone()), &grad)?;
            }
            let mut h = now[0].clone();
            if let Some((columns, projected, raw)) = &projection {
                dispatch::copy(&rows(projected, step), &h)?;
                let raw = rows(raw, (0, step.1));
                columns.multiply(&raw, &h, None)?;
                h = raw;
            }
            let from_hidden = rows(&sums, step);
            match self.cell {
                Cell::Lstm => {
                    let grads = [&h, &now[1]];
                    kernels::lstm_cell_backward(
                        [&to, &now[1]],
                        grads,
                        &kept,
                        &rows(&before[1], step),
                    )?;
                }
                Cell::Gru => {
                    let to = [&to, &from_hidden, &now[0]];
                    kernels::gru_cell_backward(to, &h, &kept, &rows(&before[0], step))?;
                }
                cell => kernels::elman_cell_backward(&to, &h, &kept, cell == Cell::Relu)?,
            }
            let direct = (self.cell == Cell::Gru).then_some(&now[0]);
            columns.multiply(&now[0], &from_hidden, direct)?;
        }
        let projected = projection.map(|(_, projected, _)| projected);
        Ok(Walked { gates, sums, projected, states })
    }
}

/// A copy of a gradient of `state` in its dtype.
fn copied_or_zero((grad, state): (&Option<Tensor>, &Array)) -> Result<Array> {
    match grad {
        Some(grad) => grad.array().copied_as(Layout::contiguous(state.dims()), state.dtype()),
        None => Array::zeros(state.dims(), state.dtype(), state.device()),
    }
}

/// Gradients a walk back leaves: of the input gates and hidden sums of all steps, of the projected
/// outputs, and of the first states.
struct Walked {
    gates: Array,
    sums: Array,
    projected: Option<Array>,
    states: Vec<Array>,
}

fn transposed(x: &Array) -> Array {
    x.view(x.layout().transpose(0, 1))
}
