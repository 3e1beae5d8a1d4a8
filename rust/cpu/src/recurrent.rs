//! The pointwise parts of LSTM and GRU cells, forward and backward; the products with the weights
//! are the caller's.
//!
//! Gates lie side by side, `[n, gates * hidden]`, in PyTorch's order: input, forget, cell, output
//! for an LSTM; reset, update, new for a GRU.

use crate::arch::simd;
use crate::dispatch::dispatch;
use crate::float::{Float, rows_per_task};
use crate::stage::{In, Input, Out, Output, input_or_none};
use crate::{View, ViewMut, parallel_chunks};
use base::{Result, ensure};

/// `[n, hidden]` of a state, when every view of `gates` has its number of gates.
fn sizes(state: View<'_>, gates: &[(View<'_>, usize)]) -> Result<(usize, usize)> {
    let hidden = state.dims().last().copied().unwrap_or(0);
    let fits = gates.iter().all(|(v, count)| v.numel() == count * state.numel());
    ensure!(fits, Runtime, "internal error: gates do not fit a state of {:?}", state.dims());
    Ok((state.numel() / hidden.max(1), hidden))
}

/// One step of an LSTM from its gates' sums: `c = sigmoid(f) * c_before + sigmoid(i) * tanh(g)`,
/// `h = sigmoid(o) * tanh(c)`. `activated` (of the gates' shape) keeps the activated gates for the
/// backward pass and may be `gates` itself.
pub fn lstm_cell(
    [h, c, activated]: [ViewMut<'_>; 3],
    gates: View<'_>,
    c_before: View<'_>,
) -> Result<()> {
    let views = [(h.as_view(), 1), (c.as_view(), 1), (activated.as_view(), 4), (gates, 4)];
    let (n, hidden) = sizes(c_before, &views)?;
    let gates = Input::new(gates)?;
    let dtype = gates.dtype();
    let before = Input::cast(c_before, dtype)?;
    let (h, c) = (Output::cast(h, dtype)?, Output::cast(c, dtype)?);
    let kept = Output::cast(activated, dtype)?;
    dispatch!("lstm_cell", dtype, [float], T => {
        let (gates, before) = (gates.values::<T>(), before.values::<T>());
        let to = [h.values::<T>(), c.values(), kept.values()];
        parallel_chunks(n, rows_per_task(5 * hidden), &|first, last| {
            for r in first..last {
                let gates = gates.part(r * 4 * hidden, 4 * hidden);
                let [h, c] = [to[0], to[1]].map(|v| v.part(r * hidden, hidden));
                let kept = to[2].part(r * 4 * hidden, 4 * hidden);
                // SAFETY: the arrays are bounds-checked.
                unsafe { lstm_row(gates, before.part(r * hidden, hidden), h, c, kept) }
            }
        });
    });
    h.finish()?;
    c.finish()?;
    kept.finish()
}

/// The gates of a row.
#[inline(always)]
fn split<T: Copy, const N: usize>(row: In<'_, T>, hidden: usize) -> [In<'_, T>; N] {
    std::array::from_fn(|i| row.part(i * hidden, hidden))
}

/// The gates of a row, for writing.
#[inline(always)]
fn split_out<T: Copy, const N: usize>(row: Out<'_, T>, hidden: usize) -> [Out<'_, T>; N] {
    std::array::from_fn(|i| row.part(i * hidden, hidden))
}

simd! {
    unsafe fn lstm_row[T: Float](
        gates: In<'_, T>, before: In<'_, T>, h: Out<'_, T>, c: Out<'_, T>, kept: Out<'_, T>
    ) {
        let hidden = h.len();
        let [i_gate, f_gate, g_gate, o_gate] = split(gates, hidden);
        let [i_kept, f_kept, g_kept, o_kept] = split_out(kept, hidden);
        for j in 0..hidden {
            let (i, f) = (i_gate.at(j).sigmoid(), f_gate.at(j).sigmoid());
            let (g, o) = (g_gate.at(j).tanh(), o_gate.at(j).sigmoid());
            let cell = f * before.at(j) + i * g;
            c.set(j, cell);
            h.set(j, o * cell.tanh());
            i_kept.set(j, i);
            f_kept.set(j, f);
            g_kept.set(j, g);
            o_kept.set(j, o);
        }
    }
}

/// Gradients of [`lstm_cell`] in the gates' sums and the cell before, from those of h and c (either
/// may be absent), the activated gates, and the cells before and after.
pub fn lstm_cell_backward(
    [grad_gates, grad_before]: [ViewMut<'_>; 2],
    [grad_h, grad_c]: [Option<View<'_>>; 2],
    activated: View<'_>,
    [c_before, c]: [View<'_>; 2],
) -> Result<()> {
    let mut views =
        vec![(grad_gates.as_view(), 4), (grad_before.as_view(), 1), (activated, 4), (c, 1)];
    views.extend([grad_h, grad_c].into_iter().flatten().map(|v| (v, 1)));
    let (n, hidden) = sizes(c_before, &views)?;
    let kept = Input::new(activated)?;
    let dtype = kept.dtype();
    let (before, c) = (Input::cast(c_before, dtype)?, Input::cast(c, dtype)?);
    let (gh, gc) = (input_or_none(grad_h, dtype)?, input_or_none(grad_c, dtype)?);
    let (gates, past) = (Output::cast(grad_gates, dtype)?, Output::cast(grad_before, dtype)?);
    dispatch!("lstm_cell_backward", dtype, [float], T => {
        let (kept, before, c) = (kept.values::<T>(), before.values::<T>(), c.values::<T>());
        let grads = [gh.as_ref().map(Input::values::<T>), gc.as_ref().map(Input::values::<T>)];
        let (gates, past) = (gates.values::<T>(), past.values::<T>());
        parallel_chunks(n, rows_per_task(5 * hidden), &|first, last| {
            for r in first..last {
                let at = r * hidden;
                let kept = kept.part(4 * at, 4 * hidden);
                let cells = [before.part(at, hidden), c.part(at, hidden)];
                let grads = grads.map(|g| g.map(|g| g.part(at, hidden)));
                let to = (gates.part(4 * at, 4 * hidden), past.part(at, hidden));
                // SAFETY: the arrays are bounds-checked.
                unsafe { lstm_row_backward(kept, cells, grads, to.0, to.1) }
            }
        });
    });
    gates.finish()?;
    past.finish()
}

simd! {
    unsafe fn lstm_row_backward[T: Float](
        kept: In<'_, T>, cells: [In<'_, T>; 2], grads: [Option<In<'_, T>>; 2],
        gates: Out<'_, T>, past: Out<'_, T>
    ) {
        let hidden = past.len();
        let ([before, c], [gh, gc]) = (cells, grads);
        let [i_kept, f_kept, g_kept, o_kept] = split(kept, hidden);
        let [i_grad, f_grad, g_grad, o_grad] = split_out(gates, hidden);
        for j in 0..hidden {
            let (i, f, g, o) = (i_kept.at(j), f_kept.at(j), g_kept.at(j), o_kept.at(j));
            let bent = c.at(j).tanh();
            let gh = gh.map_or(T::ZERO, |gh| gh.at(j));
            let gc = gc.map_or(T::ZERO, |gc| gc.at(j)) + gh * o * (T::ONE - bent * bent);
            let slope = |gate: T| gate * (T::ONE - gate);
            i_grad.set(j, gc * g * slope(i));
            f_grad.set(j, gc * before.at(j) * slope(f));
            g_grad.set(j, gc * i * (T::ONE - g * g));
            o_grad.set(j, gh * bent * slope(o));
            past.set(j, gc * f);
        }
    }
}

/// One step of a GRU from the sums of its input gates and hidden gates: `r = sigmoid(ir + hr)`, `z
/// = sigmoid(iz + hz)`, `n = tanh(in + r * hn)`, `h = (h_before - n) * z + n`. `kept [n, 4 *
/// hidden]` holds r, z, n and hn for the backward pass.
pub fn gru_cell(
    [h, kept]: [ViewMut<'_>; 2],
    [input_gates, hidden_gates]: [View<'_>; 2],
    h_before: View<'_>,
) -> Result<()> {
    let views = [(h.as_view(), 1), (kept.as_view(), 4), (input_gates, 3), (hidden_gates, 3)];
    let (n, hidden) = sizes(h_before, &views)?;
    let from_input = Input::new(input_gates)?;
    let dtype = from_input.dtype();
    let (from_hidden, before) = (Input::cast(hidden_gates, dtype)?, Input::cast(h_before, dtype)?);
    let (h, kept) = (Output::cast(h, dtype)?, Output::cast(kept, dtype)?);
    dispatch!("gru_cell", dtype, [float], T => {
        let gates = [from_input.values::<T>(), from_hidden.values()];
        let (before, h, kept) = (before.values::<T>(), h.values::<T>(), kept.values::<T>());
        parallel_chunks(n, rows_per_task(5 * hidden), &|first, last| {
            for r in first..last {
                let gates = gates.map(|g| g.part(r * 3 * hidden, 3 * hidden));
                let kept = kept.part(r * 4 * hidden, 4 * hidden);
                let before = before.part(r * hidden, hidden);
                // SAFETY: the arrays are bounds-checked.
                unsafe { gru_row(gates, before, h.part(r * hidden, hidden), kept) }
            }
        });
    });
    h.finish()?;
    kept.finish()
}

simd! {
    unsafe fn gru_row[T: Float](
        gates: [In<'_, T>; 2], before: In<'_, T>, h: Out<'_, T>, kept: Out<'_, T>
    ) {
        let hidden = h.len();
        let [r_kept, z_kept, n_kept, hn_kept] = split_out(kept, hidden);
        let [[i_r, i_z, i_n], [h_r, h_z, h_n]] = gates.map(|g| split(g, hidden));
        for j in 0..hidden {
            let r = (i_r.at(j) + h_r.at(j)).sigmoid();
            let z = (i_z.at(j) + h_z.at(j)).sigmoid();
            let hn = h_n.at(j);
            let n = (i_n.at(j) + r * hn).tanh();
            h.set(j, (before.at(j) - n) * z + n);
            r_kept.set(j, r);
            z_kept.set(j, z);
            n_kept.set(j, n);
            hn_kept.set(j, hn);
        }
    }
}

/// Gradients of [`gru_cell`] in the input gates, the hidden gates and the state before.
pub fn gru_cell_backward(
    [grad_input, grad_hidden, grad_before]: [ViewMut<'_>; 3],
    grad_h: View<'_>,
    kept: View<'_>,
    h_before: View<'_>,
) -> Result<()> {
    let to = [(grad_input.as_view(), 3), (grad_hidden.as_view(), 3), (grad_before.as_view(), 1)];
    let (n, hidden) = sizes(h_before, &[to[0], to[1], to[2], (grad_h, 1), (kept, 4)])?;
    let grad = Input::new(grad_h)?;
    let dtype = grad.dtype();
    let (kept, before) = (Input::cast(kept, dtype)?, Input::cast(h_before, dtype)?);
    let (gi, gh) = (Output::cast(grad_input, dtype)?, Output::cast(grad_hidden, dtype)?);
    let past = Output::cast(grad_before, dtype)?;
    dispatch!("gru_cell_backward", dtype, [float], T => {
        let (grad, kept, before) = (grad.values::<T>(), kept.values::<T>(), before.values::<T>());
        let (gi, gh, past) = (gi.values::<T>(), gh.values::<T>(), past.values::<T>());
        parallel_chunks(n, rows_per_task(5 * hidden), &|first, last| {
            for r in first..last {
                let at = r * hidden;
                let gates = [gi, gh].map(|g| g.part(3 * at, 3 * hidden));
                let from = [grad.part(at, hidden), before.part(at, hidden)];
                let (kept, past) = (kept.part(4 * at, 4 * hidden), past.part(at, hidden));
                // SAFETY: the arrays are bounds-checked.
                unsafe { gru_row_backward(kept, from, gates, past) }
            }
        });
    });
    gi.finish()?;
    gh.finish()?;
    past.finish()
}

simd! {
    unsafe fn gru_row_backward[T: Float](
        kept: In<'_, T>, from: [In<'_, T>; 2], gates: [Out<'_, T>; 2], past: Out<'_, T>
    ) {
        let hidden = past.len();
        let [grad, before] = from;
        let [[i_r, i_z, i_n], [h_r, h_z, h_n]] = gates.map(|g| split_out(g, hidden));
        let [r_kept, z_kept, n_kept, hn_kept] = split(kept, hidden);
        for j in 0..hidden {
            let (r, z, n) = (r_kept.at(j), z_kept.at(j), n_kept.at(j));
            let g = grad.at(j);
            let gn = g * (T::ONE - z) * (T::ONE - n * n);
            let gz = g * (before.at(j) - n) * z * (T::ONE - z);
            let gr = gn * hn_kept.at(j) * r * (T::ONE - r);
            i_r.set(j, gr);
            i_z.set(j, gz);
            i_n.set(j, gn);
            h_r.set(j, gr);
            h_z.set(j, gz);
            h_n.set(j, gn * r);
            past.set(j, g * z);
        }
    }
}
